"""Sets of the reference are taken over without touching what is settled, and handed back (test catalogue E23 to E25).

The reference is played by hand (``played_reference``), everything else of the cluster is real. All sets live at the
same time, so that each step is waited for once; the tests are steps of one story and run in the order of the file.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from lws_events.names import REPLICAS
from tests.controlplane import nodes
from tests.controlplane.api import Api, ApiError, eventually, leaderworkersets
from tests.controlplane.audit import AuditLog
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.fixtures import create_namespace, remove_namespace
from tests.controlplane.installation import remove_webhooks
from tests.controlplane.kubelets import Kubelets
from tests.e2e.adopted_sets import AVAILABLE, CLAIM, SETTLED, UNSETTLED, Story, create_all
from tests.e2e.controller import Controller
from tests.e2e.features.sets import GROUP_INDEX, REVISION_KEY, Sets, a_set, a_template, conditions_of

VOLUMES: Final = "/api/v1/persistentvolumes"

pytestmark = [
    pytest.mark.controlplane,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.catalogue("E23", "E24", "E25"),
]


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
    await create_all(story)


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
    await story.sets.available("rolling", "rewritten")
    await story.at_rest()
    assert await story.versions(*SETTLED) == after
    written = story.written()
    about = Counter({key: count for key, count in written.items() if key[1] != "events" and not _is_rolled(key[2])})
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


async def _pods(story: Story, *names: str) -> dict[str, str]:
    """uid of every pod of these sets."""
    found = await asyncio.gather(*(story.sets.uids(name) for name in names))
    return {pod: uid for uids in found for pod, uid in uids.items()}


def _is_rolled(name: str) -> bool:
    return name.startswith(("rolling", "rewritten"))


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

    # Rolled like any change, under a key of its own: the old one never gets data that are not its own.
    pods = await sets.pods("rewritten")
    assert {pod["spec"]["containers"][0]["image"] for pod in pods.values()} == {"example.test/main:2"}
    [revision] = await sets.revisions("rewritten")
    assert revision["metadata"]["labels"][REVISION_KEY] != "lost"
    notes = await sets.notes("rewritten", reason="GroupsUpdating")
    assert [note[2] for note in notes if note[2].startswith("Updating")] == ["Updating replica 1", "Updating replica 0"]

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
