"""The two tables of spec 4.7, row by row, with the fixes of D1 and D2: from a pod's JSON to the leader's deletion.

Each row begins with a set whose groups are complete. What the pod's API object says goes through the observer's
reduction, since it decides which containers count.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from adapters.kubernetes import wire
from adapters.kubernetes.nodes import NodeLabels
from adapters.kubernetes.reduce import reduce_pod
from lws_events import events, names, subjects
from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import FailureLeftAlone
from tests.scenario import Scenario

ON_RESTART, AFTER_START, NONE = "RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None"
RECREATING: Final = (ON_RESTART, AFTER_START)
GOING: Final = "2024-01-01T00:00:00Z"
WORKER_SET: Final = "sample-0-sts-of-sample-0-uid"
_POD: Final = msgspec.json.Decoder(wire.Pod)


def see(scenario: Scenario, name: str, *, going: bool = False, **status: Any) -> None:
    """The API object of a pod of group 0 as the watch shows it, the status changed by ``status``."""
    known = scenario.group(0).leader if name == "sample-0" else scenario.group(0).workers[name]
    assert known is not None
    owner = known.view.owner
    assert owner is not None
    metadata: dict[str, Any] = {
        "name": name,
        "uid": known.view.uid,
        "resourceVersion": scenario.next_version(),
        "labels": known.view.labels,
        "annotations": known.view.annotations,
        "ownerReferences": [{"kind": owner.kind, "name": owner.name, "uid": owner.uid, "controller": True}],
    }
    if going:
        metadata["deletionTimestamp"] = GOING
    full = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]} | status
    raw = msgspec.json.encode({"metadata": metadata, "spec": {"nodeName": known.view.node}, "status": full})
    scenario.see(subjects.POD, name, reduce_pod(_POD.decode(raw), NodeLabels()))


def restarted(kind: str, *, count: int = 1) -> dict[str, Any]:
    return {kind: [{"name": "c", "restartCount": count}]}


def _replace_unscheduled(scenario: Scenario) -> None:
    scenario.pod("sample-0-1", uid="next", phase="Pending", ready=False, node="")
    scenario.pod_deleted("sample-0-1", uid="next")


def _fail_and_delete(scenario: Scenario) -> None:
    see(scenario, "sample-0-1", phase="Failed")
    scenario.pod_deleted("sample-0-1")


def _sts(scenario: Scenario, *, foreground: bool) -> None:
    if foreground:
        scenario.worker_set("sample-0", uid=WORKER_SET, deleting_since=GOING)
        see(scenario, "sample-0-1", going=True)
    else:
        scenario.worker_set_deleted("sample-0", uid=WORKER_SET)
        see(scenario, "sample-0-1", going=True)
        scenario.pod_deleted("sample-0-1")


def _of_older_revision(scenario: Scenario) -> None:
    labels = {names.SET_NAME: "sample", names.REVISION_KEY: "older", names.GROUP_INDEX: "0", names.WORKER_INDEX: "1"}
    scenario.pod("sample-0-1", labels=labels)
    scenario.pod("sample-0-1", labels=labels, deleting_since=GOING)
    scenario.pod_deleted("sample-0-1")


def _node_lost(scenario: Scenario, *, evicted: bool) -> None:
    see(scenario, "sample-0-1", conditions=[{"type": "Ready", "status": "Unknown"}])
    if evicted:
        see(scenario, "sample-0-1", going=True, conditions=[{"type": "Ready", "status": "Unknown"}])


class Row(NamedTuple):
    """What happens, and whether it ends the group under the recreating policies, in a complete group."""

    happens: Callable[[Scenario], object]
    counts: bool


TABLE: Final = {
    "a container restarts": Row(lambda s: see(s, "sample-0-1", **restarted("containerStatuses")), counts=True),
    "an init container restarts": Row(
        lambda s: see(s, "sample-0-1", **restarted("initContainerStatuses")), counts=True
    ),
    "a sidecar restarts": Row(
        lambda s: see(s, "sample-0-1", **restarted("initContainerStatuses"), containerStatuses=[{"name": "m"}]),
        counts=True,
    ),
    "an ephemeral container restarts": Row(
        lambda s: see(s, "sample-0-1", **restarted("ephemeralContainerStatuses")), counts=False
    ),
    "phase Failed (D2)": Row(lambda s: see(s, "sample-0-1", phase="Failed"), counts=True),
    "evicted by the kubelet (D2)": Row(lambda s: see(s, "sample-0-1", phase="Failed", reason="Evicted"), counts=True),
    "phase Succeeded (D2)": Row(lambda s: see(s, "sample-0-1", phase="Succeeded"), counts=True),
    "phase Unknown, with a restart": Row(
        lambda s: see(s, "sample-0-1", phase="Unknown", **restarted("containerStatuses")), counts=False
    ),
    "deleted gracefully": Row(lambda s: see(s, "sample-0-1", going=True), counts=True),
    "deleted by force (D1)": Row(lambda s: s.pod_deleted("sample-0-1"), counts=True),
    "deleted by force in phase Failed (D1)": Row(_fail_and_delete, counts=True),
    "replaced unseen (D1)": Row(lambda s: s.pod("sample-0-1", uid="next"), counts=True),
    "a node falls silent": Row(lambda s: _node_lost(s, evicted=False), counts=False),
    "a pod of a lost node is evicted": Row(lambda s: _node_lost(s, evicted=True), counts=True),
    "worker StatefulSet deleted in background": Row(lambda s: _sts(s, foreground=False), counts=False),
    "worker StatefulSet deleted in foreground": Row(lambda s: _sts(s, foreground=True), counts=True),
    "the leader's container restarts": Row(lambda s: see(s, "sample-0", **restarted("containerStatuses")), counts=True),
    "the leader is deleted by someone (D6)": Row(lambda s: see(s, "sample-0", going=True), counts=False),
    "a pod of an older revision is deleted": Row(_of_older_revision, counts=False),
}


def _running(policy: str, **spec: Any) -> Scenario:
    scenario = Scenario(leaderWorkerTemplate={"restartPolicy": policy}, **spec)
    scenario.run()
    return scenario


def _deleted(scenario: Scenario) -> list[str]:
    return [each.uid for each in scenario.commanded(DeleteLeaderPod)]


@pytest.mark.parametrize("policy", [*RECREATING, NONE, "Default"])
@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_row(row: Row, policy: str) -> None:
    scenario = _running(policy)
    row.happens(scenario)
    scenario.carry_out()
    ends = row.counts and policy in RECREATING
    assert _deleted(scenario) == (["sample-0-uid"] if ends else [])
    if row.counts and not ends:
        assert {fact.because for fact in scenario.facts(FailureLeftAlone)} == {f"restart policy {policy}"}


PENDING_ROWS: Final = {name: row for name, row in TABLE.items() if row.counts}


@pytest.mark.parametrize("row", PENDING_ROWS.values(), ids=PENDING_ROWS)
@pytest.mark.parametrize("policy", RECREATING)
def test_row_while_another_pod_of_the_group_is_pending(row: Row, policy: str) -> None:
    """The second table: after start, nothing counts as long as something of the group is pending."""
    scenario = _running(policy)
    scenario.pod("sample-0-2", phase="Pending", ready=False)
    row.happens(scenario)
    scenario.carry_out()
    assert _deleted(scenario) == (["sample-0-uid"] if policy == ON_RESTART else [])


@pytest.mark.parametrize("policy", RECREATING)
def test_a_pod_that_was_never_scheduled_is_deleted(policy: str) -> None:
    """The group lacks a pod all the time, so that only the strict policy counts it (D1)."""
    scenario = Scenario(leaderWorkerTemplate={"restartPolicy": policy})
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0")
    scenario.carry_out()
    scenario.pod("sample-0-2")
    _replace_unscheduled(scenario)
    assert _deleted(scenario) == (["sample-0-uid"] if policy == ON_RESTART else [])


def test_the_event_names_the_leader_twice_where_it_restarted_itself() -> None:
    scenario = _running(ON_RESTART)
    see(scenario, "sample-0", **restarted("containerStatuses"))
    [issued] = scenario.issued(DeleteLeaderPod)
    assert issued.announce is not None
    assert issued.announce.note == ("Worker pod sample-0 failed, deleted leader pod sample-0 to recreate group 0")


def test_workers_removed_by_a_scale_down_are_no_failures() -> None:
    scenario = _running(ON_RESTART)
    scenario.apply_set(replicas=1)
    scenario.carry_out()
    scenario.pod("sample-1", deleting_since=GOING)
    scenario.pod("sample-1-1", deleting_since=GOING)
    scenario.pod_deleted("sample-1-2")
    scenario.pod_deleted("sample-1")
    scenario.worker_set_deleted("sample-1", uid="sample-1-sts-of-sample-1-uid")
    scenario.pod_deleted("sample-1-1")
    assert _deleted(scenario) == []


@pytest.mark.parametrize("change", [{"size": 5}, {"size": 2}, {"workerTemplate": {"metadata": {"labels": {"v": "2"}}}}])
def test_workers_removed_by_a_rollout_or_a_resize_are_no_failures(change: dict[str, Any]) -> None:
    """The StatefulSet controller replaces the leader; the workers of the old one follow, seen in any order."""
    scenario = _running(ON_RESTART)
    scenario.apply_set(leaderWorkerTemplate=change)
    scenario.carry_out()
    scenario.pod("sample-1", deleting_since=GOING, labels=_labels(scenario, 1), annotations={names.SIZE: "3"})
    scenario.pod_deleted("sample-1")
    scenario.pod("sample-1", uid="new-leader")
    scenario.pod("sample-1-1", deleting_since=GOING, labels=_labels(scenario, 1, worker=1))
    scenario.pod_deleted("sample-1-2")
    scenario.worker_set_deleted("sample-1", uid="sample-1-sts-of-sample-1-uid")
    scenario.pod_deleted("sample-1-1")
    assert _deleted(scenario) == []


def _labels(scenario: Scenario, index: int, *, worker: int = 0) -> dict[str, str]:
    """Labels of a pod of the group as it was before."""
    group = scenario.group(index)
    pod = group.workers[f"sample-{index}-{worker}"] if worker else group.leader
    assert pod is not None
    return pod.view.labels


def test_a_leader_that_the_rollout_deletes_for_being_stuck_is_no_failure() -> None:
    """D24: the deletion is ours, but no recreation; what follows it is no failure either."""
    scenario = _running(ON_RESTART)
    scenario.pod("sample-1", ready=False, deleting_since=GOING)
    scenario.pod("sample-1-1", deleting_since=GOING)
    scenario.pod("sample-1-2", phase="Failed", deleting_since=GOING)
    scenario.pod_deleted("sample-1-1")
    assert _deleted(scenario) == []
    assert scenario.facts(FailureLeftAlone) == []


def test_workers_of_an_earlier_incarnation_are_no_failures() -> None:
    scenario = _running(ON_RESTART)
    scenario.pod_deleted("sample-0")
    scenario.pod("sample-0", uid="next")
    owner = events.Owner("StatefulSet", "sample-0", WORKER_SET)
    scenario.pod("sample-0-1", owner=owner, deleting_since=GOING)
    scenario.pod("sample-0-2", owner=owner, phase="Failed")
    scenario.pod_deleted("sample-0-1")
    assert _deleted(scenario) == []


def test_after_a_restart_of_the_controller_the_present_count_is_the_base_line_of_an_incomplete_group() -> None:
    """D3: what happened before is not known; a complete group is judged as the reference does it."""
    scenario = Scenario(leaderWorkerTemplate={"restartPolicy": AFTER_START})
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0")
    scenario.carry_out()
    scenario.pod("sample-0-1", restarts=4)  # first seen so, and sample-0-2 is not there
    scenario.pod("sample-0-2")
    scenario.pod("sample-0-1", restarts=4, ready=False)
    assert _deleted(scenario) == []
    scenario.pod("sample-0-1", restarts=5)
    assert _deleted(scenario) == ["sample-0-uid"]
