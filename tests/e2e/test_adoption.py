"""Sets of the reference are taken over without touching what is settled, and handed back (test catalogue E23 to E25).

The reference is played by hand (``played_reference``), everything else of the cluster is real. All sets live at the
same time, so that each step is waited for once; the tests are steps of one story and run in the order of the file.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio

from lws_events.names import LAST_APPLIED, REPLICAS
from lws_events.revisions import revision_data
from tests.controlplane import nodes
from tests.controlplane.api import Api, ApiError, Json, core, eventually, leaderworkersets, statefulsets
from tests.controlplane.audit import AuditLog, writes_of
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.fixtures import create_namespace, remove_namespace
from tests.controlplane.installation import remove_webhooks
from tests.controlplane.kubelets import Kubelets
from tests.e2e.controller import USER_AGENT, Controller
from tests.e2e.features.sets import GROUP_INDEX, NAME, REVISION_KEY, Sets, a_set, a_template, conditions_of
from tests.e2e.played_reference import PlayedReference, in_an_older_form

pytestmark = [
    pytest.mark.controlplane,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.catalogue("E23", "E24", "E25"),
]

SETTLED: Final = ("claims", "duplicates", "kubectl", "older", "partition", "plain", "single", "unique")
"""Sets about which the reference has nothing more to do, in the order of the alphabet."""
VOLUMES: Final = "/api/v1/persistentvolumes"
AVAILABLE: Final = {"Progressing": "False", "Available": "True"}

CLAIM: Final[Json] = {
    "metadata": {"name": "data", "labels": {"dropped": "by-the-reference"}},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "adoption",
        "resources": {"requests": {"storage": "1Gi"}},
    },
}


class Story:
    """The cluster, the reference and our controller, which act in turns."""

    def __init__(self, sets: Sets, *, hooks: Controller, controller: Controller, audit: AuditLog) -> None:
        self.sets = sets
        self.reference = PlayedReference(sets)
        self.hooks = hooks
        """Serves nothing but the hooks, while the reference is played."""
        self.controller = controller
        self.audit = audit
        self.keys: dict[str, str] = {}

    async def settle(self, manifest: Json, **record: Any) -> None:
        """The reference creates a set, and nothing is left to do."""
        name = manifest["metadata"]["name"]
        await self.sets.create(manifest)
        self.keys[name] = await self.reference.record(name, **record)
        await self.reference.apply(name, key=self.keys[name])
        await self.reference.run_groups(name)
        await self.reference.put_status(name, conditions=AVAILABLE)

    async def versions(self, *names: str) -> dict[str, tuple[str, str]]:
        """uid and resourceVersion of all that belongs to sets."""
        found = {}
        for name in names:
            objects = [("set", await self.sets.get(name))]
            objects += [("revision", each) for each in await self.sets.revisions(name)]
            for kind, path in (
                ("statefulset", statefulsets(self.sets.namespace)),
                ("service", core("services", self.sets.namespace)),
                ("pod", core("pods", self.sets.namespace)),
            ):
                objects += [(kind, each) for each in await self.sets.api.items(path, labels=f"{NAME}={name}")]
            for kind, each in objects:
                meta = each["metadata"]
                found[f"{kind} {meta['name']}"] = (meta["uid"], meta["resourceVersion"])
        return found

    def written(self) -> Counter[tuple[str, str, str]]:
        """Our writes since the mark, Events included: verb, kind and name (of Events: none)."""
        found = Counter(
            (request.verb, request.kind.partition(" ")[2], request.object_ref.name)
            for request in writes_of(self.audit.since_mark(), USER_AGENT)
            if request.object_ref.namespace == self.sets.namespace
        )
        return Counter({key: count for key, count in found.items() if key[1] != "pods"})

    async def take_over(self) -> None:
        """The reference is stopped, ours is started."""
        self.audit.mark()
        await self.controller.start()
        await self.controller.register_webhooks()
        await self.at_rest()

    async def hand_back(self, *names: str) -> None:
        """Ours is stopped; the reference makes a pass over these sets."""
        await self.controller.verify()
        await self.controller.stop()
        await self.hooks.register_webhooks()
        for name in names:
            await self.reference.look_again(name)
            await self.reference.pass_over(name)

    async def at_rest(self) -> None:
        """Wait until our controller has nothing more to do."""
        await self.controller.at_rest(self.sets.namespace)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    async with (
        control_plane.api() as api,
        Kubelets(control_plane.connection, nodes.racks(4, nodes_per_rack=2)),
    ):
        namespace = await create_namespace(api, prefix="adoption")
        controllers = [
            Controller(
                api, kubeconfig=control_plane.kubeconfig, directory=tmp_path_factory.mktemp(name), arguments=more
            )
            for name, more in (("hooks", ("--only-webhooks",)), ("controller", ()))
        ]
        hooks, ours = controllers
        try:
            await _make_volumes(api, count=12)
            await hooks.start()
            await hooks.register_webhooks()
            audit = AuditLog(control_plane.audit_log)
            yield Story(Sets(api, namespace), hooks=hooks, controller=ours, audit=audit)
        finally:
            for controller in controllers:
                await controller.kill()
            await remove_webhooks(api)
            await remove_namespace(api, namespace)
            for volume in await api.items(VOLUMES, labels="for=adoption"):
                await api.delete(f"{VOLUMES}/{volume['metadata']['name']}")


async def _make_volumes(api: Api, *, count: int) -> None:
    for number in range(count):
        spec = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "adoption",
            "hostPath": {"path": f"/volumes/{number}"},
        }
        metadata = {"name": f"adoption-{number}", "labels": {"for": "adoption"}}
        await api.create(VOLUMES, {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec})


async def test_the_reference_runs_sets_of_every_kind(story: Story) -> None:
    """E23. Nothing of ours runs but the hooks."""
    claims = {"volumeClaimTemplates": [CLAIM]}
    await asyncio.gather(
        story.settle(a_set("plain", replicas=2, size=3)),
        story.settle(a_set("unique", replicas=2, networkConfig={"subdomainPolicy": "UniquePerReplica"})),
        story.settle(a_set("single", replicas=2, size=1)),
        story.settle(a_set("claims", replicas=2, template=claims)),
        story.settle(a_set("kubectl", annotations={LAST_APPLIED: "{}", "note": "kept"})),
        _older(story),
        _duplicates(story),
        _at_a_partition(story),
        _without_revision(story),
        _without_annotation(story),
        _with_changed_claims(story),
        _in_mid_rollout(story),
    )


async def _older(story: Story) -> None:
    await story.sets.create(a_set("older"))
    data, key = in_an_older_form(revision_data((await story.sets.get("older"))["spec"]))
    story.keys["older"] = await story.reference.record("older", key=key, data=data)
    await _complete(story, "older")


async def _duplicates(story: Story) -> None:
    """Truncation has been going on for ever: only those of the present key are left, all of which are kept."""
    await story.sets.create(a_set("duplicates"))
    for number in (1, 2, 3):
        story.keys["duplicates"] = await story.reference.record("duplicates", number=number)
    await _complete(story, "duplicates")


async def _at_a_partition(story: Story) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"partition": 1, "maxUnavailable": 1}}
    await _update_half(story, a_set("partition", replicas=2, rolloutStrategy=rolling), partition=1)
    await story.reference.put_status("partition", updated=1, conditions={**AVAILABLE, "UpdateInProgress": "False"})


async def _in_mid_rollout(story: Story) -> None:
    """One surge group is updated; the reference was stopped before it went on."""
    rolling = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxSurge": 1, "maxUnavailable": 1}}
    await _update_half(story, a_set("rolling", replicas=2, rolloutStrategy=rolling), partition=2, replicas=3)
    conditions = {"Progressing": "True", "Available": "False", "UpdateInProgress": "True"}
    await story.reference.put_status("rolling", updated=1, conditions=conditions)


async def _update_half(story: Story, manifest: Json, *, partition: int, replicas: int | None = None) -> None:
    name = manifest["metadata"]["name"]
    await story.sets.create(manifest)
    await story.reference.apply(name, key=await story.reference.record(name))
    await story.reference.run_groups(name)
    await story.sets.change(name, {"leaderWorkerTemplate": {"workerTemplate": a_template("example.test/main:2")}})
    story.keys[name] = await story.reference.record(name, number=2)
    await story.reference.apply(name, key=story.keys[name], partition=partition, replicas=replicas)
    await story.reference.run_groups(name)


async def _without_revision(story: Story) -> None:
    await story.sets.create(a_set("unrecorded"))
    story.keys["unrecorded"] = await story.reference.record("unrecorded", key="ancient", stored=False)
    await _complete(story, "unrecorded")


async def _without_annotation(story: Story) -> None:
    await story.settle(a_set("unannotated"))
    change = {"metadata": {"annotations": {REPLICAS: None}}}
    await story.sets.api.merge(statefulsets(story.sets.namespace, "unannotated"), change)


async def _with_changed_claims(story: Story) -> None:
    """The claims were changed while nobody denied it; the leader StatefulSet keeps the first ones."""
    changed = {**CLAIM, "spec": {**CLAIM["spec"], "resources": {"requests": {"storage": "2Gi"}}}}
    await story.sets.create(a_set("blocked", template={"volumeClaimTemplates": [changed]}))
    spec = (await story.sets.get("blocked"))["spec"]
    template = {**spec["leaderWorkerTemplate"], "volumeClaimTemplates": [CLAIM]}
    story.reference.believe("blocked", {**spec, "leaderWorkerTemplate": template})
    story.keys["blocked"] = await story.reference.record("blocked")
    await _complete(story, "blocked")


async def _complete(story: Story, name: str) -> None:
    await story.reference.apply(name, key=story.keys[name])
    await story.reference.run_groups(name)
    await story.reference.put_status(name, conditions=AVAILABLE)


async def test_what_is_settled_is_taken_over_without_a_request(story: Story) -> None:
    """E24, and no write at all: the audit log of the API server is the witness."""
    before, pods = await story.versions(*SETTLED), await _pods(story, *SETTLED, *UNSETTLED)
    await story.take_over()
    after = await story.versions(*SETTLED)
    gone = {f"revision {(await _first_revision(story))[: -len('3')]}{number}" for number in (1, 2)}
    assert {name: version for name, version in before.items() if name not in gone} == after

    async def caught_up() -> bool:
        return len(await story.sets.revisions("unrecorded")) == 1

    await eventually(caught_up, what="the missing revision to be made")
    await story.sets.available("rolling")
    await story.at_rest()
    assert await story.versions(*SETTLED) == after
    written = story.written()
    about = Counter({key: count for key, count in written.items() if key[1] != "events" and "rolling" not in key[2]})
    revision = (await story.sets.revisions("unrecorded"))[0]["metadata"]["name"]
    assert about == Counter(
        {
            **{("delete", "controllerrevisions", name.removeprefix("revision ")): 1 for name in gone},
            ("create", "controllerrevisions", revision): 1,
            ("patch", "statefulsets", "unannotated"): 1,
        }
    )
    for name in SETTLED:
        assert await story.sets.notes(name) == []
    assert await _pods(story, *SETTLED, *UNSETTLED) == pods


UNSETTLED: Final = ("blocked", "unannotated", "unrecorded")
"""Sets about which there is something to do, and nothing that restarts a pod."""


async def _pods(story: Story, *names: str) -> dict[str, str]:
    """uid of every pod of these sets."""
    found = await asyncio.gather(*(story.sets.uids(name) for name in names))
    return {pod: uid for uids in found for pod, uid in uids.items()}


async def _first_revision(story: Story) -> str:
    """The newest of the three revisions."""
    return str((await story.sets.revisions("duplicates"))[-1]["metadata"]["name"])


async def test_what_was_not_settled_is_brought_to_an_end(story: Story) -> None:
    sets = story.sets
    annotations = (await sets.statefulset("unannotated"))["metadata"]["annotations"]
    assert annotations[REPLICAS] == "1"
    [revision] = await sets.revisions("unrecorded")
    assert revision["metadata"]["labels"][REVISION_KEY] == "ancient"
    note = "Creating missing revision with key ancient for existing LeaderWorkerSet"
    assert await sets.notes("unrecorded") == [("Normal", "CreatingRevision", note)]

    # The rollout went on where the reference had left it, and the surge group is gone.
    lws = await sets.get("rolling")
    assert conditions_of(lws) == {"Progressing": "False", "Available": "True", "UpdateInProgress": "False"}
    pods = await sets.pods("rolling")
    assert {pod["metadata"]["labels"][GROUP_INDEX] for pod in pods.values()} == {"0", "1"}
    assert {pod["metadata"]["labels"][REVISION_KEY] for pod in pods.values()} == {story.keys["rolling"]}

    # One Warning, no revision of what cannot come true.
    [warning] = await sets.notes("blocked")
    assert warning[:2] == ("Warning", "FailedUpdate")
    assert "volumeClaimTemplates: field is immutable" in warning[2]
    assert len(await sets.revisions("blocked")) == 1


async def test_handed_back_and_taken_over_again_nothing_changes(story: Story) -> None:
    names = [name for name in (*SETTLED, *UNSETTLED) if name != "blocked"]
    before = await story.versions(*names)
    await story.hand_back(*names)
    assert await story.versions(*names) == before

    # The reference is in charge for a while, so what we last applied is no longer what is there.
    await story.sets.scale("single", 3)
    await story.reference.apply("single", key=story.keys["single"])
    await story.reference.run_groups("single")
    await story.reference.put_status("single", conditions=AVAILABLE)
    before = await story.versions(*names)
    await story.take_over()
    assert story.written() == Counter()
    assert await story.versions(*names) == before


async def test_ours_goes_on_with_a_set_of_the_reference(story: Story) -> None:
    """E25 and what a user does next: scale, change the template, label, annotate."""
    sets = story.sets
    plain, claims = await sets.uids("plain"), await sets.uids("claims")
    older, workers = await sets.uids("older"), await sets.statefulset("older-0")
    await sets.scale("plain", 3)
    await sets.scale("claims", 3)
    await sets.change("unique", {"leaderWorkerTemplate": {"workerTemplate": a_template("example.test/main:2")}})
    labels = {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}}
    await sets.api.merge(leaderworkersets(sets.namespace, "older"), labels)
    await sets.create(a_set("new", replicas=1, template={"volumeClaimTemplates": [CLAIM]}))
    await sets.available("plain", "claims", "unique", "new")

    assert plain.items() <= (await sets.uids("plain")).items()
    assert len(await sets.uids("plain", group=2)) == 3
    assert claims.items() <= (await sets.uids("claims")).items()
    for name in ("claims", "claims-2"):  # as the other groups have them
        [claim] = (await sets.statefulset(name))["spec"]["volumeClaimTemplates"]
        assert "labels" not in claim["metadata"]
    for name in ("new", "new-0"):  # D11
        [claim] = (await sets.statefulset(name))["spec"]["volumeClaimTemplates"]
        assert claim["metadata"]["labels"] == CLAIM["metadata"]["labels"]
    await eventually(lambda: _has_metadata(sets, "older-0", team="a", note="b"), what="the label to reach the workers")
    assert (await sets.statefulset("older-0"))["metadata"]["generation"] == workers["metadata"]["generation"]
    assert await sets.uids("older") == older
    unique = await sets.revisions("unique")
    assert [each["revision"] for each in unique] == [2]


async def _has_metadata(sets: Sets, statefulset: str, *, team: str | None, note: str | None) -> bool:
    metadata = (await sets.statefulset(statefulset))["metadata"]
    return (metadata["labels"].get("team"), metadata.get("annotations", {}).get("note")) == (team, note)


async def test_metadata_that_the_set_has_no_longer_goes_also_from_what_the_reference_made(story: Story) -> None:
    sets = story.sets
    labels = {"metadata": {"labels": {"team": None}, "annotations": {"note": None}}}
    await sets.api.merge(leaderworkersets(sets.namespace, "older"), labels)
    await eventually(lambda: _has_metadata(sets, "older-0", team=None, note=None), what="the label to go again")
    # This one was created by the reference with the annotation.
    await sets.api.merge(leaderworkersets(sets.namespace, "kubectl"), {"metadata": {"annotations": {"note": None}}})
    await eventually(lambda: _has_metadata(sets, "kubectl-0", team=None, note=None), what="the annotation to go")


async def test_claims_are_protected_and_a_blocked_set_can_be_reverted(story: Story) -> None:
    sets = story.sets
    larger = [{**CLAIM, "spec": {**CLAIM["spec"], "resources": {"requests": {"storage": "2Gi"}}}}]
    with pytest.raises(ApiError) as refused:
        await sets.change("claims", {"leaderWorkerTemplate": {"volumeClaimTemplates": larger}})
    assert refused.value.code == 403
    assert "volumeClaimTemplates: Invalid value" in str(refused.value)
    assert "field is immutable" in str(refused.value)
    before = await sets.uids("blocked")
    await sets.scale("blocked", 2)  # everything else takes effect all the time
    await sets.available("blocked")
    await sets.change("blocked", {"leaderWorkerTemplate": {"volumeClaimTemplates": [CLAIM]}})
    await story.at_rest()
    assert before.items() <= (await sets.uids("blocked")).items()
    assert len(await sets.revisions("blocked")) == 1
    assert [note[:2] for note in await sets.notes("blocked") if note[0] == "Warning"] == [("Warning", "FailedUpdate")]


async def test_and_back_again(story: Story) -> None:
    """What ours has done since is as the reference would have it."""
    names = ("plain", "unique", "claims", "older", "rolling")
    await story.at_rest()
    before = await story.versions(*names)
    await story.hand_back(*names)
    assert await story.versions(*names) == before
