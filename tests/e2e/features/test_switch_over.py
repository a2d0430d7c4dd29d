"""A controller that comes to what is already there, without a memory or after a crash, and edits made by others."""

import asyncio
from collections import Counter

import pytest

from tests.controlplane.api import Json, core, eventually, leaderworkersets, statefulsets
from tests.controlplane.audit import AuditLog, Request, writes_of
from tests.controlplane.cluster import ControlPlane
from tests.e2e.controller import USER_AGENT, Controller
from tests.e2e.features.sets import NAME, REVISION_KEY, Sets, a_set, a_template, conditions_of
from tests.e2e.incarnations import Incarnations

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

Written = Counter[tuple[str, str, str]]


@pytest.fixture
def audit(control_plane: ControlPlane) -> AuditLog:
    """The API server's own account of who wrote what, from now on."""
    log = AuditLog(control_plane.audit_log)
    log.mark()
    return log


def written(log: AuditLog, namespace: str) -> Written:
    """The controller's writes in a namespace since the mark, without its Events: verb, kind and name."""
    requests: list[Request] = writes_of(log.since_mark(), USER_AGENT)
    return Counter(
        (request.verb, request.object_ref.resource + _sub(request), request.object_ref.name)
        for request in requests
        if request.object_ref.namespace == namespace and request.object_ref.resource != "events"
    )


def _sub(request: Request) -> str:
    return f"/{request.object_ref.subresource}" if request.object_ref.subresource else ""


async def _versions(sets: Sets, *names: str) -> dict[str, str]:
    """The resource versions of everything that sets have."""
    found = {}
    for name in names:
        found[f"set {name}"] = (await sets.get(name))["metadata"]["resourceVersion"]
        for kind, path in (("sts", statefulsets(sets.namespace)), ("service", core("services", sets.namespace))):
            for item in await sets.api.items(path, labels=f"{NAME}={name}"):
                found[f"{kind} {item['metadata']['name']}"] = item["metadata"]["resourceVersion"]
        for pod_name, pod in (await sets.pods(name)).items():
            found[f"pod {pod_name}"] = pod["metadata"]["resourceVersion"]
        for revision in await sets.revisions(name):
            found[f"revision {revision['metadata']['name']}"] = revision["metadata"]["resourceVersion"]
    return found


async def test_a_controller_without_a_memory_takes_over_and_changes_nothing(
    sets: Sets, controller: Controller, audit: AuditLog
) -> None:
    """As when it replaces the reference: the objects are there, its journal is empty."""
    unique = {"subdomainPolicy": "UniquePerReplica"}
    await sets.create(a_set("shared", replicas=2, size=3))
    await sets.create(a_set("unique", replicas=2, size=2, networkConfig=unique))
    await sets.available("shared", "unique")
    await controller.verify()
    await controller.stop()
    controller.forget()
    before = await _versions(sets, "shared", "unique")
    notes = await sets.notes("shared") + await sets.notes("unique")

    audit.mark()
    await controller.start()

    await controller.at_rest(sets.namespace)
    assert written(audit, sets.namespace) == Counter()
    assert await _versions(sets, "shared", "unique") == before
    assert await sets.notes("shared") + await sets.notes("unique") == notes

    # It is in charge: the next failure is its to handle.
    await sets.api.delete(core("pods", sets.namespace, "shared-1-1"), grace_seconds=0)

    async def recreated() -> list[tuple[str, str, str]]:
        return await sets.notes("shared", reason="RecreateGroup")

    await eventually(recreated, what="the group to be recreated")
    await sets.available("shared", "unique")


async def test_a_missed_failure_is_made_up_for_after_a_crash(sets: Sets, controller: Controller) -> None:
    await sets.create(a_set("crashed", replicas=2, size=3))
    await sets.available("crashed")
    before = await sets.uids("crashed")
    await controller.kill()
    try:
        # The hooks are gone with the controller, so the pod is not replaced before it is back.
        await sets.api.delete(core("pods", sets.namespace, "crashed-1-2"), grace_seconds=0)
    finally:
        await controller.start()
    async with Incarnations(sets.api, sets.namespace) as incarnations:
        await sets.when(
            "crashed",
            what="group 1 to be recreated",
            holds=lambda pods: (
                sorted(pods) == sorted(before)
                and all((pods[name]["metadata"]["uid"] == uid) == _stays(name) for name, uid in before.items())
            ),
        )
        await sets.available("crashed")
    assert not incarnations.overlaps
    note = "Worker pod crashed-1-2 failed, deleted leader pod crashed-1 to recreate group 1"
    assert await sets.notes("crashed", reason="RecreateGroup") == [("Normal", "RecreateGroup", note)]
    await controller.verify()


def _stays(pod: str) -> bool:
    return not pod.startswith("crashed-1")


async def test_a_changed_template_rolls_and_old_revisions_go(sets: Sets) -> None:
    await sets.create(a_set("rolled", replicas=2, size=2))
    await sets.available("rolled")
    [first] = await sets.revisions("rolled")
    old = set((await sets.uids("rolled")).values())
    await sets.change("rolled", {"leaderWorkerTemplate": {"workerTemplate": a_template("example.test/main:2")}})
    pods = await sets.when(
        "rolled",
        what="every pod to run the new image",
        holds=lambda pods: (
            len(pods) == 4 and all(p["spec"]["containers"][0]["image"].endswith(":2") for p in pods.values())
        ),
    )
    [lws] = await sets.available("rolled")
    assert not old & {pod["metadata"]["uid"] for pod in pods.values()}
    assert conditions_of(lws) == {"Available": "True", "Progressing": "False", "UpdateInProgress": "False"}

    async def truncated() -> list[Json]:
        revisions = await sets.revisions("rolled")
        return revisions if len(revisions) == 1 else []

    [second] = await eventually(truncated, what="the old revision to be deleted")
    assert second["revision"] == 2
    key = second["metadata"]["labels"][REVISION_KEY]
    assert key != first["metadata"]["labels"][REVISION_KEY]
    keys = {pod["metadata"]["labels"][REVISION_KEY] for pod in (await sets.pods("rolled")).values()}
    assert keys == {key}
    assert ("Normal", "CreatingRevision", f"Creating revision with key {key} for updated LWS") in (
        await sets.notes("rolled")
    )


async def test_what_others_change_is_put_right_once(sets: Sets, controller: Controller, audit: AuditLog) -> None:
    await sets.create(a_set("drifting", replicas=2, size=2))
    await sets.available("drifting")
    pods = await sets.uids("drifting")
    await controller.at_rest(sets.namespace)

    audit.mark()
    await sets.api.merge(statefulsets(sets.namespace, "drifting"), {"spec": {"replicas": 1}})

    async def two_again() -> bool:
        return bool((await sets.statefulset("drifting"))["spec"]["replicas"] == 2)

    await eventually(two_again, what="the leader StatefulSet to be put right")
    await sets.available("drifting")
    await controller.at_rest(sets.namespace)
    writes = written(audit, sets.namespace)
    assert writes["patch", "statefulsets", "drifting"] == 1
    assert (await sets.uids("drifting", group=0)).items() <= pods.items()

    audit.mark()
    service = await sets.api.get(core("services", sets.namespace, "drifting"))
    await sets.api.delete(core("services", sets.namespace, "drifting"))

    async def another() -> bool:
        found = await sets.api.find(core("services", sets.namespace, "drifting"))
        return found is not None and found["metadata"]["uid"] != service["metadata"]["uid"]

    await eventually(another, what="the Service to come back")
    await controller.at_rest(sets.namespace)
    assert written(audit, sets.namespace) == Counter({("create", "services", "drifting"): 1})


async def test_metadata_of_the_set_reaches_its_leader_statefulset_and_restarts_nothing(sets: Sets) -> None:
    await sets.create(a_set("labelled", replicas=1, size=2))
    await sets.available("labelled")
    before = await sets.uids("labelled")
    change = {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}}
    await sets.api.merge(leaderworkersets(sets.namespace, "labelled"), change)

    async def copied() -> bool:
        meta = (await sets.statefulset("labelled"))["metadata"]
        return bool(meta["labels"].get("team") == "a" and meta["annotations"].get("note") == "b")

    await eventually(copied, what="label and annotation to be copied")
    await sets.available("labelled")
    assert await sets.uids("labelled") == before


async def test_idle_is_silent(sets: Sets, controller: Controller, audit: AuditLog) -> None:
    """A settled set causes no write and no event, however long one watches; here for eight seconds."""
    unique = {"subdomainPolicy": "UniquePerReplica"}
    await sets.create(a_set("calm", replicas=3, size=3))
    await sets.create(a_set("quiet", replicas=2, size=2, networkConfig=unique))
    await sets.available("calm", "quiet")
    await controller.at_rest(sets.namespace)
    before = await _versions(sets, "calm", "quiet")
    audit.mark()
    heard = await controller.hear(sets.namespace, seconds=8)
    assert heard is None, f"a settled cluster was recorded to do {heard}"
    assert not [w for w in writes_of(audit.since_mark(), USER_AGENT) if w.object_ref.namespace == sets.namespace]
    assert await _versions(sets, "calm", "quiet") == before

    # The silence is not deafness: whatever happens next is heard.
    listening = asyncio.create_task(controller.hear(sets.namespace, seconds=30))
    await sets.scale("calm", 2)
    assert await listening is not None
