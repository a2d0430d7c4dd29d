"""One pod fails: which pods are replaced, by whom, and what is said of it (spec 4.7; defects D1, D2, D6).

Each policy has one set for each kind of failure, all at once in one namespace. Group 1 of two is hurt; group 0 shows
that a failure stays within its group.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import pytest

from lws_events.decisions import FailureLeftAlone
from tests.controlplane.api import Json, core, eventually, statefulsets
from tests.controlplane.audit import AuditLog, pod_deletions, writes_of
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.kubelets import Kubelets
from tests.e2e.controller import USER_AGENT, Controller
from tests.e2e.features.sets import PREFIX, Sets, a_set, a_template, is_ready
from tests.e2e.incarnations import Incarnations

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

ON_POD_RESTART: Final = "RecreateGroupOnPodRestart"
AFTER_START: Final = "RecreateGroupAfterStart"
NONE: Final = "None"

RECREATED: Final = "recreated"
"""The controller deletes the leader, and says so; every pod of the group is another one."""
FOLLOWS: Final = "follows"
"""Every pod of the group is another one, because the leader went: ownership does it, nothing is sent or said."""
ONE_POD: Final = "one pod"
"""Only the pod that failed is another one."""
NOTHING: Final = "nothing"
"""Every pod stays; the kubelet restarts the container in place."""

SIZE: Final = 3


class Failure(NamedTuple):
    """A way for a pod to fail: what to do to it, and what comes of it when groups are recreated and when not."""

    set_name: str
    pod: str
    cause: Callable[[Sets, Kubelets, str], Awaitable[object]]
    recreating: str
    without: str


def _deleting(*, grace_seconds: int | None = None) -> Callable[[Sets, Kubelets, str], Awaitable[object]]:
    async def cause(sets: Sets, kubelets: Kubelets, pod: str) -> object:
        return await sets.api.delete(core("pods", sets.namespace, pod), grace_seconds=grace_seconds)

    return cause


async def _restart(sets: Sets, kubelets: Kubelets, pod: str) -> None:
    await kubelets.restart_container(sets.namespace, pod)


async def _evict(sets: Sets, kubelets: Kubelets, pod: str) -> None:
    await kubelets.evict(sets.namespace, pod)


async def _kill_for_memory(sets: Sets, kubelets: Kubelets, pod: str) -> None:
    await kubelets.kill_out_of_memory(sets.namespace, pod)


async def _drain(sets: Sets, kubelets: Kubelets, pod: str) -> None:
    """As ``kubectl drain`` does it."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": sets.namespace}}
    await sets.api.create(core("pods", sets.namespace, pod) + "/eviction", eviction)


WORKER: Final = "1-2"
LEADER: Final = "1"
FAILURES: Final = (
    Failure("worker-restart", WORKER, _restart, RECREATED, NOTHING),
    Failure("worker-memory", WORKER, _kill_for_memory, RECREATED, NOTHING),
    Failure("leader-restart", LEADER, _restart, RECREATED, NOTHING),
    Failure("worker-deleted", WORKER, _deleting(), RECREATED, ONE_POD),
    Failure("worker-forced", WORKER, _deleting(grace_seconds=0), RECREATED, ONE_POD),
    Failure("worker-drained", WORKER, _drain, RECREATED, ONE_POD),
    Failure("worker-evicted", WORKER, _evict, RECREATED, ONE_POD),
    Failure("leader-deleted", LEADER, _deleting(), FOLLOWS, FOLLOWS),
    Failure("leader-forced", LEADER, _deleting(grace_seconds=0), FOLLOWS, FOLLOWS),
)


def a_victim(name: str, *, policy: str, **template: Json) -> Json:
    """A set of two groups under a restart policy."""
    return a_set(name, replicas=2, size=SIZE, template={"restartPolicy": policy, **template})


def replaced(before: dict[str, str], names: set[str]) -> Callable[[dict[str, Json]], bool]:
    """Whether exactly these pods are others than before, and all are ready."""

    def holds(pods: dict[str, Json]) -> bool:
        others = {name for name, pod in pods.items() if before.get(name) != pod["metadata"]["uid"]}
        return sorted(pods) == sorted(before) and others == names and all(map(is_ready, pods.values()))

    return holds


def _others(failure: Failure, outcome: str) -> set[str]:
    """The pods that are others after a failure."""
    group = {f"{failure.set_name}-1", *(f"{failure.set_name}-1-{i}" for i in range(1, SIZE))}
    return {NOTHING: set(), ONE_POD: {f"{failure.set_name}-{failure.pod}"}}.get(outcome, group)


@pytest.mark.parametrize("policy", [ON_POD_RESTART, AFTER_START, NONE])
async def test_one_pod_fails(
    policy: str, sets: Sets, kubelets: Kubelets, controller: Controller, control_plane: ControlPlane
) -> None:
    names = [failure.set_name for failure in FAILURES]
    for failure in FAILURES:
        await sets.create(a_victim(failure.set_name, policy=policy))
    await sets.available(*names)
    before = {name: await sets.uids(name) for name in names}
    log = AuditLog(control_plane.audit_log)
    log.mark()

    async with Incarnations(sets.api, sets.namespace) as incarnations:
        for failure in FAILURES:
            await failure.cause(sets, kubelets, f"{failure.set_name}-{failure.pod}")
        for failure in FAILURES:
            outcome = failure.without if policy == NONE else failure.recreating
            await sets.when(
                failure.set_name,
                what=f"{failure.set_name} under {policy}: {outcome}",
                holds=replaced(before[failure.set_name], _others(failure, outcome)),
            )
            if outcome in (ONE_POD, NOTHING):
                await _left_alone(sets, controller, f"{failure.set_name}-{failure.pod}", "restart policy None")
        await sets.available(*names)

    deletions = pod_deletions(writes_of(log.since_mark(), USER_AGENT), namespace=sets.namespace)
    deleted = sorted(request.object_ref.name for request in deletions)
    recreated = [] if policy == NONE else [f for f in FAILURES if f.recreating == RECREATED]
    assert deleted == sorted(f"{failure.set_name}-1" for failure in recreated), "each leader exactly once"
    for failure in FAILURES:
        await _assert_told(sets, failure, is_recreated=failure in recreated)
        if failure in recreated and failure.cause is _kill_for_memory:
            [chain] = await controller.ask("why", f"{sets.namespace}/{failure.set_name}", "--kind", "recreation")
            assert chain["failed_pod"] == f"{failure.set_name}-{failure.pod}"
            assert chain["complete"]
            assert "OOMKilled" in str(chain["links"])
    followers = [f.set_name for f in FAILURES if f.recreating == FOLLOWS]
    overlaps = [one for one in incarnations.overlaps if not any(name in one for name in followers)]
    assert not overlaps, "an old worker stood beside a new leader"


async def _left_alone(sets: Sets, controller: Controller, pod: str, because: str) -> None:
    """The controller has seen the failure of a pod, and it is on record why it does nothing."""

    async def noted() -> bool:
        decided = await controller.decided(sets.namespace)
        alone = [fact for _, fact in decided if isinstance(fact, FailureLeftAlone) and fact.pod == pod]
        return any(because in fact.because for fact in alone)

    assert await eventually(noted, what=f"the failure of {pod} to be left alone on record")


async def _assert_told(sets: Sets, failure: Failure, *, is_recreated: bool) -> None:
    name = failure.set_name
    note = f"Worker pod {name}-{failure.pod} failed, deleted leader pod {name}-1 to recreate group 1"
    expected = [("Normal", "RecreateGroup", note)] if is_recreated else []
    assert await sets.notes(name, reason="RecreateGroup") == expected


async def test_an_evicted_leader_takes_its_group_along(sets: Sets, kubelets: Kubelets) -> None:
    """The StatefulSet controller deletes a failed leader at once, so two may send the deletion; the outcome is one."""
    policies = {"strict": ON_POD_RESTART, "late": AFTER_START, "loose": NONE}
    for name, policy in policies.items():
        await sets.create(a_victim(name, policy=policy))
    await sets.available(*policies)
    before = {name: await sets.uids(name) for name in policies}
    for name in policies:
        await kubelets.evict(sets.namespace, f"{name}-1")
    for name in policies:
        group = {f"{name}-1", f"{name}-1-1", f"{name}-1-2"}
        await sets.when(name, what=f"group 1 of {name} to follow", holds=replaced(before[name], group))
    assert not await sets.notes("loose", reason="RecreateGroup")


async def test_a_deleted_worker_statefulset_is_replaced_or_ends_its_group(sets: Sets) -> None:
    """In background its pods do not belong to the group any more; in foreground they do while they go (spec 4.7)."""
    for name in ("background", "foreground"):
        await sets.create(a_victim(name, policy=ON_POD_RESTART))
    await sets.available("background", "foreground")
    before = {name: await sets.uids(name) for name in ("background", "foreground")}
    for name in before:
        path = statefulsets(sets.namespace, f"{name}-1")
        await sets.api.delete(path, propagation=name.capitalize())
    workers, group = {"background-1-1", "background-1-2"}, {"foreground-1", "foreground-1-1", "foreground-1-2"}
    await sets.when("background", what="new workers", holds=replaced(before["background"], workers))
    await sets.when("foreground", what="a new group", holds=replaced(before["foreground"], group))
    await sets.available("background", "foreground")
    assert not await sets.notes("background", reason="RecreateGroup")
    assert len(await sets.notes("foreground", reason="RecreateGroup")) == 1


async def test_after_start_forgives_what_happens_before_the_group_is_complete(
    sets: Sets, kubelets: Kubelets, controller: Controller
) -> None:
    """A restart while a pod still pulls its image is forgiven for good; one that comes later is not (D3)."""
    namespace, forgiving = sets.namespace, ("late", "annotated")
    annotation = {f"{PREFIX}experimental-recreate-group-after-start": ""}
    await kubelets.hold_starts(lambda pod: pod.metadata.namespace == namespace and pod.metadata.name.endswith("-0-2"))
    try:
        await sets.create(a_set("strict", size=SIZE, template={"restartPolicy": ON_POD_RESTART}))
        await sets.create(a_set("late", size=SIZE, template={"restartPolicy": AFTER_START}))
        await sets.create(
            a_set("annotated", size=SIZE, annotations=annotation, template={"restartPolicy": ON_POD_RESTART})
        )
        before = {}
        for name in ("strict", *forgiving):
            pods = await sets.when(name, what=f"all but one pod of {name} to be ready", holds=_all_but_one_ready)
            before[name] = {pod: found["metadata"]["uid"] for pod, found in pods.items()}
        for name in before:
            await kubelets.restart_container(namespace, f"{name}-0-1")
        await sets.when(
            "strict",
            what="the strict group to be recreated although a pod was pending",
            holds=lambda pods: _others_than(before["strict"], pods) == {"strict-0", "strict-0-1", "strict-0-2"},
        )
        for name in forgiving:
            await _left_alone(sets, controller, f"{name}-0-1", "was still pending")
    finally:
        await kubelets.release_starts()
    await sets.available(*before)
    for name in forgiving:
        assert await sets.uids(name) == before[name]
        assert not await sets.notes(name, reason="RecreateGroup")

    for name in forgiving:
        await kubelets.restart_container(namespace, f"{name}-0-1")
    for name in forgiving:
        group = {f"{name}-0", f"{name}-0-1", f"{name}-0-2"}
        await sets.when(name, what=f"the complete group of {name} again", holds=replaced(before[name], group))
        assert len(await sets.notes(name, reason="RecreateGroup")) == 1


def _all_but_one_ready(pods: dict[str, Json]) -> bool:
    return len(pods) == SIZE and sum(map(is_ready, pods.values())) == SIZE - 1


def _others_than(before: dict[str, str], pods: dict[str, Json]) -> set[str]:
    return {name for name, pod in pods.items() if pod["metadata"]["uid"] != before.get(name)}


async def test_issue_508_a_lost_node_recreates_its_groups_once_it_is_back(sets: Sets, kubelets: Kubelets) -> None:
    """Pods of a dead node are evicted after a while; old and new pods of a group never overlap, so it waits (H13)."""
    lost, kept = "rack-3-node-1", "rack-0-node-0"
    template = {
        "leaderTemplate": a_template(nodeSelector={"kubernetes.io/hostname": kept}),
        "workerTemplate": a_template(nodeSelector={"kubernetes.io/hostname": lost}),
    }
    policies = {"strict": ON_POD_RESTART, "late": AFTER_START, "loose": NONE}
    for name, policy in policies.items():
        await sets.create(a_set(name, size=2, template={"restartPolicy": policy, **template}))
    await sets.available(*policies)
    before = {name: await sets.uids(name) for name in policies}

    async with Incarnations(sets.api, sets.namespace) as incarnations:
        await kubelets.lose_node(lost)
        try:
            for name in ("strict", "late"):
                # The worker is on its way out and stays; the leader is deleted in foreground and waits for it.
                await sets.when(name, what=f"the group of {name} to be on its way out", holds=_all_terminating)
            pods = await sets.when("loose", what="the lost worker to be evicted", holds=_worker_terminating)
            assert "deletionTimestamp" not in pods["loose-0"]["metadata"]
            for name in policies:
                assert await sets.uids(name) == before[name]
        finally:
            await kubelets.restore_node(lost)
        await asyncio.gather(
            sets.when("strict", what="a new group", holds=replaced(before["strict"], {"strict-0", "strict-0-1"})),
            sets.when("late", what="a new group", holds=replaced(before["late"], {"late-0", "late-0-1"})),
            sets.when("loose", what="a new worker", holds=replaced(before["loose"], {"loose-0-1"})),
        )
    assert not incarnations.overlaps
    for name, recreations in (("strict", 1), ("late", 1), ("loose", 0)):
        assert len(await sets.notes(name, reason="RecreateGroup")) == recreations


def _all_terminating(pods: dict[str, Json]) -> bool:
    return len(pods) == 2 and all("deletionTimestamp" in pod["metadata"] for pod in pods.values())


def _worker_terminating(pods: dict[str, Json]) -> bool:
    return "loose-0-1" in pods and "deletionTimestamp" in pods["loose-0-1"]["metadata"]
