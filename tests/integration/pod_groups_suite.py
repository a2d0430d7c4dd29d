"""PodGroups through executor and observer, against an API server that serves them: inherited for both kinds of it."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest_asyncio

from adapters.journal.memory import MemoryJournal
from lws_events import commands, events, gang, names
from tests.contract.cluster.port import Cluster, ClusterSuite
from tests.controlplane.api import Json, core
from tests.controlplane.volcano import install_pod_groups, pod_groups, remove_pod_groups
from tests.integration.kubernetes_suite import adapters, facts

NAME = "set-0-key"
LABELS = {names.SET_NAME: "set", names.GROUP_INDEX: "0", names.WORKER_INDEX: "0", names.REVISION_KEY: "key"}
GANG = gang.configured("volcano")


def create(leader: Json, *, owner_uid: str = "") -> commands.CreatePodGroup:
    uid = leader["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "set-0", "uid": uid, "controller": True}
    manifest = {
        "apiVersion": "scheduling.volcano.sh/v1beta1",
        "kind": "PodGroup",
        "metadata": {"name": NAME, "labels": LABELS, "ownerReferences": [owner]},
        "spec": {"minMember": 2, "minResources": {"cpu": "2"}},
    }
    raw = msgspec.Raw(msgspec.json.encode(manifest))
    return commands.CreatePodGroup(name=NAME, leader="set-0", owner_uid=owner_uid or uid, manifest=raw)


class PodGroupsSuite(ClusterSuite):
    """Against any API server."""

    @pytest_asyncio.fixture
    async def served(self, cluster: Cluster) -> AsyncIterator[Cluster]:
        """A cluster that serves PodGroups, at least while the test runs."""
        missing = await cluster.api.find("/apis/scheduling.volcano.sh/v1beta1/podgroups") is None
        if missing:
            await install_pod_groups(cluster.api)
        yield cluster
        if missing:
            await remove_pod_groups(cluster.api)

    async def leader(self, cluster: Cluster) -> Json:
        """A leader pod that nobody places."""
        container = {"name": "main", "image": "a"}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "set-0", "labels": LABELS, "annotations": {gang.VOLCANO.group_annotation: NAME}},
            "spec": {"schedulerName": "volcano", "containers": [container]},
        }
        return await cluster.api.create(core("pods", cluster.namespace), pod)

    async def test_one_is_made_once_for_its_leader_and_followed_until_it_is_gone(self, served: Cluster) -> None:
        leader = await self.leader(served)
        path = pod_groups(served.namespace, NAME)
        async with adapters(served, MemoryJournal("c"), gang=GANG) as running:
            await running.recorded("set-0", events.PodObserved, gang_group=NAME)
            first = await running.outcome(create(leader))
            assert isinstance(first, events.CommandSucceeded), first
            assert (await served.api.get(path))["metadata"]["uid"] == first.uid
            assert (await running.outcome(create(leader))).uid == first.uid
            foreign = await running.outcome(create(leader, owner_uid="another"))
            assert (foreign.code, foreign.reason) == (409, "AlreadyExists")
            assert "belongs to Pod set-0" in foreign.message
            seen = await running.recorded(NAME, events.PodGroupObserved, uid=first.uid, phase="", min_member=2)
            assert seen.owner == events.Owner("Pod", "set-0", leader["metadata"]["uid"])
            await served.api.merge(f"{path}/status", {"status": {"phase": "Inqueue"}})
            await running.recorded(NAME, events.PodGroupObserved, phase="Inqueue")
            await served.api.delete(core("pods", served.namespace, "set-0"), grace_seconds=0)
            await running.recorded(NAME, events.PodGroupDeleted, uid=first.uid, inferred=False)

    async def test_one_that_went_while_nobody_watched_is_found_to_be_gone(self, served: Cluster) -> None:
        leader = await self.leader(served)
        journal = MemoryJournal("c")
        async with adapters(served, journal, gang=GANG) as running:
            made = await running.outcome(create(leader))
        await served.api.delete(pod_groups(served.namespace, NAME))
        async with adapters(served, journal, gang=GANG) as running:
            await running.recorded(NAME, events.PodGroupDeleted, uid=made.uid, inferred=True)

    async def test_switching_the_provider_on_or_off_shows_itself_at_the_next_listing(self, served: Cluster) -> None:
        await self.leader(served)
        journal = MemoryJournal("c")
        for configured, expected in ((None, ""), (GANG, NAME), (None, "")):
            async with adapters(served, journal, gang=configured) as running:
                await asyncio.wait_for(running.observer.synced.wait(), 30)
                pods = [fact for name, fact in facts(journal) if isinstance(fact, events.PodObserved) and name]
                assert pods[-1].gang_group == expected
