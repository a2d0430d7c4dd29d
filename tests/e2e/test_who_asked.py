"""Who asked for what, as ``deploy/manifests`` are installed: webhook servers apart from the controller and its journal.

With ``deploy/components/record-deletions``. People are impersonated; the API server tells admission of them as it would
of anybody.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio

from adapters.nats.connection import connect
from adapters.nats.embedded import server_for_reading
from adapters.nats.journal import open_journal_for_reading
from lws_events import subjects
from lws_events.events import Fact, SetDeleted, decode
from lws_events.requests import DeletionRequested, SpecChangeRequested
from tests.controlplane.api import Api, ApiError, Json, User, core, eventually, leaderworkersets
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.kubelets import Kubelets
from tests.e2e.controller import CLUSTER, asked
from tests.e2e.deployed import CONTROLLER, WEBHOOK_SERVER, Installed, answers, installation
from tests.e2e.features.sets import Sets, a_set, a_template

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="function")]

SET: Final = "llama"
PEOPLE: Final = {
    name: User(name, (group, "system:masters"))
    for name, group in (
        ("alice", "platform"),
        ("bob", "owners"),
        ("carol", "ops"),
        ("dave", "research"),
        ("erin", "ops"),
    )
}


class Stage(NamedTuple):
    """A set, people who do things to it, and who tells of them."""

    sets: Sets
    people: dict[str, Api]
    installed: Installed

    @property
    def data_dir(self) -> Path:
        return self.installed.processes[CONTROLLER].data_dir

    async def ask(self, *arguments: str) -> Any:
        return await asked(*arguments, "--data-dir", str(self.data_dir))

    async def replaced(self, uids: dict[str, str]) -> None:
        """Once a group is another one, and ready."""
        old = set(uids.values())
        await self.sets.when(
            SET, what="another group", holds=lambda pods: not old & {pod["metadata"]["uid"] for pod in pods.values()}
        )
        await self.sets.available(SET)

    async def last_facts(self, kind: str) -> list[Fact]:
        """The last fact of each object of a kind, as recorded so far; of requests: of each user."""
        async with server_for_reading(self.data_dir) as settings:
            connection = await connect(settings, name="lws-events tests")
            try:
                journal = await open_journal_for_reading(connection, CLUSTER)
                namespace = self.sets.namespace
                found = await journal.events.latest(f"lws.events.{CLUSTER}.*.{namespace}.*.{kind}.*")
            finally:
                await connection.close()
        return [decode(record.data).fact for record in found.records]


@pytest_asyncio.fixture
async def stage(
    control_plane: ControlPlane, api: Api, namespace: str, kubelets: Kubelets, tmp_path: Path
) -> AsyncIterator[Stage]:
    assert kubelets is not None
    people = {name: Api(control_plane.connection, user=user) for name, user in PEOPLE.items()}
    async with installation(control_plane, api, tmp_path) as installed:
        for person in people.values():
            await person.__aenter__()
        try:
            yield Stage(Sets(api, namespace), people, installed)
        finally:
            for person in people.values():
                await person.__aexit__(None, None, None)


async def test_everybody_is_named(stage: Stage) -> None:
    await eventually(lambda: _is_told_of(stage), what="the API server to tell us of deletions")
    await _live(stage)
    # Webhook servers send in the background.
    await eventually(lambda: _all_recorded(stage), what="everybody to be recorded")

    about = f"{stage.sets.namespace}/{SET}"
    rows: list[Json] = await stage.ask("audit", about, "--kind", "request,change")
    created, scaled, gone = (
        next(row for row in rows if wanted.items() <= row.items())
        for wanted in ({"what": "the set was created"}, {"path": "spec.replicas"}, {"kind": "change", "user": "bob"})
    )
    assert (created["user"], created["user_groups"].split(", ")[0]) == ("dave", "research")
    assert created["manager"] == "dave-cli (server-side apply)"
    assert (scaled["user"], scaled["before"], scaled["after"]) == ("alice", "2", "3")
    assert scaled["manager"].endswith("(update of scale)")
    assert gone["user_groups"].split(", ")[0] == "owners"
    asked_for = [(row["user"], row["what"]) for row in rows if row["kind"] == "request"]
    assert asked_for.count(("bob", "deletion of the set was asked for")) == 1
    assert ("carol", f"eviction of pod {SET}-1-1 was asked for") in asked_for
    assert ("erin", f"deletion of pod {SET}-2 was asked for, grace period 0 s") in asked_for

    chains: list[Json] = await stage.ask("why", about)
    created, scaled = [chain for chain in chains if chain["kind"] == "rollout"][:2]
    assert created["links"][0]["what"].startswith("dave (groups research) asked to CREATE the LeaderWorkerSet")
    assert "changed by field manager dave-cli (server-side apply)" in created["links"][1]["what"]
    assert scaled["links"][0]["what"].startswith("alice (groups platform) asked to scale the LeaderWorkerSet to 3")
    [evicted] = [chain["cause"] for chain in chains if chain["kind"] == "recreation"]
    assert (evicted["user"], evicted["groups"][0]) == ("carol", "ops")
    assert "carol (groups ops)" in evicted["what"]
    verdicts = (await stage.ask("why-not", f"{stage.sets.namespace}/{SET}-2"))["verdicts"]
    assert verdicts[0]["cause"]["what"] == "erin (groups ops) deleted it with a grace period of 0 s"
    assert (await stage.ask("verify"))["differences"] == 0, "who asked decides nothing"


async def _live(stage: Stage) -> None:
    """Dave applies, alice scales, carol evicts, erin deletes a leader, bob deletes the set."""
    sets, people = stage.sets, stage.people
    path = leaderworkersets(sets.namespace, SET)
    template = {"workerTemplate": a_template(terminationGracePeriodSeconds=0)}
    await people["dave"].apply(path, a_set(SET, replicas=2, template=template), manager="dave-cli")
    await sets.available(SET)
    await people["alice"].merge(path + "/scale", {"spec": {"replicas": 3}})
    await sets.available(SET)
    before = await sets.uids(SET, group=1)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": f"{SET}-1-1"}}
    await people["carol"].call("POST", core("pods", sets.namespace, f"{SET}-1-1") + "/eviction", eviction)
    await stage.replaced(before)
    before = await sets.uids(SET, group=2)
    await people["erin"].delete(core("pods", sets.namespace, f"{SET}-2"), grace_seconds=0)
    await stage.replaced(before)
    await people["bob"].delete(path)  # the garbage collector takes its time with the rest


async def _all_recorded(stage: Stage) -> bool:
    requests = await stage.last_facts(subjects.REQUEST)
    users = {fact.user for fact in requests if isinstance(fact, SpecChangeRequested | DeletionRequested)}
    sets = await stage.last_facts(subjects.SET)
    return users >= PEOPLE.keys() and all(isinstance(fact, SetDeleted) for fact in sets)


async def test_nobody_waits_for_a_webhook_server_that_is_gone(stage: Stage) -> None:
    """Also the way back: a configuration that is left behind holds nothing up."""
    sets, people = stage.sets, stage.people
    await eventually(lambda: _is_told_of(stage), what="the API server to tell us of deletions")
    await sets.create(a_set(SET, replicas=1, template={"workerTemplate": a_template()}))
    await sets.available(SET)
    before = await sets.uids(SET)
    webhook_server = stage.installed.processes[WEBHOOK_SERVER]
    webhook_server.child.kill()
    await people["alice"].merge(leaderworkersets(sets.namespace, SET) + "/scale", {"spec": {"replicas": 1}})
    await people["erin"].delete(core("pods", sets.namespace, f"{SET}-0-1"), grace_seconds=0)
    await sets.when(SET, what="the pod to go", holds=lambda pods: before[f"{SET}-0-1"] not in _uids(pods))
    webhook_server.child.start()
    await eventually(lambda: answers(webhook_server, check="webhooks"), what="the webhooks to be served again")
    await sets.available(SET)
    await people["bob"].delete(leaderworkersets(sets.namespace, SET))


def _uids(pods: dict[str, Json]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods.values()}


async def _is_told_of(stage: Stage) -> bool:
    """Whether the recording webhook is asked: the API server takes it up with a delay."""
    api, probe = stage.sets.api, leaderworkersets(stage.sets.namespace, "probe")
    try:
        await api.apply(probe, a_set("probe", replicas=0))
    except ApiError:
        return False  # the other hooks are not there yet
    await api.delete(probe)
    return any(isinstance(fact, DeletionRequested) for fact in await stage.last_facts(subjects.REQUEST))
