"""Reports about the reference whose cause is in the play of controllers, by number, on a real control plane.

The others are in ``tests/unit/machine/test_upstream_reports.py``; report 508 (a dead node) is a test of
``test_restart_policies``, report 998 at full size is ``tests/e2e/test_nothing_is_missed.py``.
"""

import asyncio

import pytest

from tests.controlplane.api import Json, core
from tests.controlplane.audit import AuditLog, pod_deletions, writes_of
from tests.controlplane.cluster import ControlPlane
from tests.e2e.controller import USER_AGENT
from tests.e2e.features.sets import REVISION_KEY, Sets, a_set, a_template, is_ready
from tests.e2e.incarnations import Incarnations

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

NEXT = "example.test/main:2"


@pytest.fixture
def audit(control_plane: ControlPlane) -> AuditLog:
    """What the API server was asked for from now on."""
    log = AuditLog(control_plane.audit_log)
    log.mark()
    return log


def _deleted(log: AuditLog, sets: Sets) -> list[str]:
    """Pods that the controller has deleted since the mark."""
    deletions = pod_deletions(writes_of(log.since_mark(), USER_AGENT), namespace=sets.namespace)
    return sorted(request.object_ref.name for request in deletions)


def _all_others(before: dict[str, str], pods: dict[str, Json]) -> bool:
    return pods.keys() == before.keys() and all(
        pods[name]["metadata"]["uid"] != uid and is_ready(pods[name]) for name, uid in before.items()
    )


def _images(pods: dict[str, Json], *, group: int) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for name, pod in pods.items() if name.startswith(f"s-{group}")}


async def test_issue_291_an_update_restarts_each_group_once(sets: Sets, audit: AuditLog) -> None:
    """Old workers that die after their leader was replaced must not end the new group."""
    await sets.create(a_set("s", replicas=3, size=3))
    await sets.available("s")
    before = await sets.uids("s")
    async with Incarnations(sets.api, sets.namespace) as incarnations:
        await sets.change("s", {"leaderWorkerTemplate": {"workerTemplate": a_template(NEXT)}})
        await sets.when("s", what="all pods to be updated", holds=lambda pods: _all_others(before, pods))
        await sets.available("s")
    assert {group: len(uids) for group, uids in incarnations.leaders.items()} == {"s-0": 2, "s-1": 2, "s-2": 2}
    assert _deleted(audit, sets) == []
    assert await sets.notes("s", reason="RecreateGroup") == []


async def test_issue_804_leaders_deleted_in_background_are_replaced_once(sets: Sets, audit: AuditLog) -> None:
    """Their workers go after the new leaders have come: they are not the new leaders' workers."""
    await sets.create(a_set("s", replicas=3, size=3))
    await sets.available("s")
    before = await sets.uids("s")
    async with Incarnations(sets.api, sets.namespace) as incarnations:
        await asyncio.gather(
            *(sets.api.delete(core("pods", sets.namespace, f"s-{group}"), grace_seconds=0) for group in range(3))
        )
        await sets.when("s", what="all groups to be other ones", holds=lambda pods: _all_others(before, pods))
        await sets.available("s")
    assert {group: len(uids) for group, uids in incarnations.leaders.items()} == {"s-0": 2, "s-1": 2, "s-2": 2}
    assert _deleted(audit, sets) == []
    assert await sets.notes("s", reason="RecreateGroup") == []


async def test_issue_998_workers_deleted_by_force_end_their_groups_once(sets: Sets, audit: AuditLog) -> None:
    """Two of each group at once: the StatefulSet controller replaces them faster than anybody could look."""
    await sets.create(a_set("s", replicas=3, size=3))
    await sets.available("s")
    before = await sets.uids("s")
    victims = [f"s-{group}-{worker}" for group in range(3) for worker in (1, 2)]
    async with Incarnations(sets.api, sets.namespace) as incarnations:
        await asyncio.gather(*(sets.api.delete(core("pods", sets.namespace, pod), grace_seconds=0) for pod in victims))
        await sets.when("s", what="all groups to be recreated", holds=lambda pods: _all_others(before, pods))
        await sets.available("s")
    assert _deleted(audit, sets) == ["s-0", "s-1", "s-2"]
    assert not incarnations.overlaps
    assert len(await sets.notes("s", reason="RecreateGroup")) == 3


async def test_pull_963_a_group_below_the_partition_comes_back_as_it_was(sets: Sets) -> None:
    """Another template, size and subdomain are rolled out to group 1; group 0 fails and keeps its own of each."""
    rolling = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"partition": 1}}
    await sets.create(a_set("s", replicas=2, size=3, rolloutStrategy=rolling))
    await sets.available("s")
    old = await sets.statefulset("s-0")
    before = await sets.uids("s", group=0)
    template = {"size": 2, "workerTemplate": a_template(NEXT)}
    await sets.change("s", {"leaderWorkerTemplate": template, "networkConfig": {"subdomainPolicy": "UniquePerReplica"}})
    await sets.when(
        "s",
        what="group 1 to be updated",
        holds=lambda pods: (
            _images(pods, group=1) == {NEXT}
            and {name for name in pods if name.startswith("s-1")} == {"s-1", "s-1-1"}
            and all(map(is_ready, pods.values()))
        ),
    )
    await sets.api.delete(core("pods", sets.namespace, "s-0-1"), grace_seconds=0)
    pods = await sets.when(
        "s",
        what="group 0 to be recreated",
        holds=lambda pods: (
            before.keys() <= pods.keys()
            and _all_others(before, {name: pod for name, pod in pods.items() if name in before})
        ),
    )
    new = await sets.statefulset("s-0")
    assert _images(pods, group=0) == {"example.test/main:1"}
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert new["metadata"]["labels"][REVISION_KEY] == old["metadata"]["labels"][REVISION_KEY]
    assert new["spec"] == old["spec"]
