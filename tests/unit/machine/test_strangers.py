"""What claims to be a set's and is not: nothing is done about it, and the timeline says so once (D7, D33, D34, D37)."""

from typing import Any

import msgspec

from lws_events import events, names, subjects
from lws_events.commands import (
    ApplyLeaderStatefulSet,
    CreateControllerRevision,
    CreateService,
    CreateWorkerStatefulSet,
    DeleteControllerRevision,
    DeleteLeaderPod,
)
from lws_events.decisions import ObjectLeftAlone
from lws_events.machine.strangers import TOLD_MAX
from tests.scenario import Scenario

OTHER_SET = events.Owner(names.KIND, "other", "other-uid")


def _left_alone(scenario: Scenario) -> list[tuple[str, str, str]]:
    return [(fact.kind, fact.name, fact.because) for fact in scenario.facts(ObjectLeftAlone)]


def _forged_pod(scenario: Scenario, name: str, *, uid: str, owner: events.Owner | None, **view: Any) -> None:
    fact = events.PodObserved(
        uid=uid,
        resource_version=scenario.next_version(),
        labels={names.SET_NAME: "sample", names.WORKER_INDEX: "0", names.GROUP_INDEX: "0"},
        owner=owner,
        **view,
    )
    scenario.see(subjects.POD, name, fact)


def test_forged_pods_that_fail_restart_nothing() -> None:
    scenario = Scenario()
    scenario.run()
    owner = events.Owner("ReplicaSet", "web", "r")
    for name in ("sample-0-1", "sample-1"):
        _forged_pod(scenario, name, uid=f"forged-{name}", owner=owner, phase="Failed")
        _forged_pod(scenario, name, uid=f"forged-{name}", owner=owner, phase="Running", restarts=7)
        gone = events.PodDeleted(uid=f"forged-{name}", resource_version=scenario.next_version())
        scenario.see(subjects.POD, name, gone)
    assert scenario.issued(DeleteLeaderPod) == []
    assert [each[:2] for each in _left_alone(scenario)] == [("Pod", "sample-0-1"), ("Pod", "sample-1")]
    assert scenario.state.strangers_told == {}  # gone, and forgotten


def test_what_was_seen_before_its_set_is_told_when_the_set_is_known() -> None:
    scenario = Scenario()
    _forged_pod(scenario, "web-0", uid="forged", owner=None)
    assert _left_alone(scenario) == []
    scenario.apply_set()
    assert _left_alone(scenario) == [("Pod", "web-0", "its name is not that of a pod of this set")]


def test_of_a_set_that_does_not_exist_nothing_is_kept_but_what_exists() -> None:
    scenario = Scenario()
    _forged_pod(scenario, "web-0", uid="forged", owner=None)
    assert list(scenario.fleet.aggregates) == [scenario.name]
    gone = events.PodDeleted(uid="forged", resource_version=scenario.next_version())
    scenario.see(subjects.POD, "web-0", gone)
    assert scenario.fleet.aggregates == {}


def test_a_crowd_of_strangers_is_bounded() -> None:
    scenario = Scenario()
    scenario.apply_set()
    for number in range(2 * TOLD_MAX):
        _forged_pod(scenario, f"web-{number}", uid=f"forged-{number}", owner=None)
    assert len(_left_alone(scenario)) == 2 * TOLD_MAX
    assert (len(scenario.state.strangers), len(scenario.state.strangers_told)) == (0, TOLD_MAX)


def test_a_pod_that_somebody_else_takes_over_is_no_failure_of_its_group() -> None:
    scenario = Scenario()
    scenario.run()
    taken = events.Owner("ReplicaSet", "web", "r")
    scenario.pod("sample-0-1", owner=taken)
    assert scenario.issued(DeleteLeaderPod) == []
    assert list(scenario.group(0).workers) == ["sample-0-2"]
    assert _left_alone(scenario) == [("Pod", "sample-0-1", "it is controlled by ReplicaSet web")]


def _worker_set(scenario: Scenario, name: str, *, uid: str, owner: events.Owner | None) -> None:
    fact = events.StatefulSetObserved(
        uid=uid,
        resource_version=scenario.next_version(),
        generation=1,
        labels={names.SET_NAME: "sample"},
        owner=owner,
    )
    scenario.see(subjects.STATEFULSET, name, fact)


def test_d33_statefulsets_that_no_leader_owns_are_no_workers() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    _worker_set(scenario, "sample-0", uid="f1", owner=events.Owner("Pod", "web", "p"))
    _worker_set(scenario, "sample-1", uid="f2", owner=None)
    _worker_set(scenario, "web", uid="f3", owner=OTHER_SET)
    assert scenario.state.groups == {}
    assert _left_alone(scenario) == [
        ("StatefulSet", "sample-0", "it is controlled by Pod web"),
        ("StatefulSet", "sample-1", "no pod controls it"),
        ("StatefulSet", "web", "it is controlled by LeaderWorkerSet other"),
    ]


def test_a_worker_statefulset_that_is_orphaned_counts_no_more() -> None:
    scenario = Scenario()
    scenario.run()
    known = scenario.group(0).worker_set
    assert known is not None
    _worker_set(scenario, "sample-0", uid=known.uid, owner=None)
    assert scenario.group(0).worker_set is None
    assert _left_alone(scenario) == [("StatefulSet", "sample-0", "no pod controls it")]


def test_revisions_of_another_set_are_neither_used_nor_deleted() -> None:
    scenario = Scenario()
    scenario.run()
    ((name, ours),) = scenario.state.revisions.items()
    foreign = msgspec.structs.replace(ours, uid="f", number=9, owner=OTHER_SET, resource_version="900")
    scenario.see(subjects.REVISION, "other-1", foreign)
    scenario.carry_out()
    assert scenario.issued(DeleteControllerRevision) == []
    assert list(scenario.state.revisions) == [name, "other-1"]
    assert _left_alone(scenario) == [("ControllerRevision", "other-1", "it is controlled by LeaderWorkerSet other")]


def test_a_revisions_name_that_somebody_else_has_is_passed_over_at_once() -> None:
    scenario = Scenario()
    scenario.apply_set()
    (first,) = scenario.issued(CreateControllerRevision)
    error = "ControllerRevision sample-x exists and has other content"
    scenario.fail(first, code=409, reason="AlreadyExists", message=error)
    (_, second) = scenario.commanded(CreateControllerRevision)
    assert (first.command.name[-2:], second.name[-2:]) == ("-1", "-2")  # type: ignore[attr-defined]
    assert _left_alone(scenario) == [("ControllerRevision", first.command.name, error)]  # type: ignore[attr-defined]
    assert scenario.state.timers == {}
    scenario.carry_out()
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == 1


def test_an_api_that_always_says_already_exists_is_not_asked_in_a_hot_loop() -> None:
    scenario = Scenario()
    scenario.apply_set()
    for _ in range(100):
        if "revision" not in " ".join(scenario.state.in_flight):
            break
        issued = scenario.issued(CreateControllerRevision)[-1]
        scenario.fail(issued, code=409, reason="AlreadyExists")
    else:
        raise AssertionError("it never backs off")
    assert [timer for timer in scenario.state.timers if timer.startswith("retry/revision/")]


def test_d34_names_that_another_set_has_taken_are_told() -> None:
    scenario = Scenario()
    scenario.apply_set()
    revision = scenario.issued(CreateControllerRevision)[0]
    scenario.show_result(revision)
    scenario.succeed(revision)
    error = "StatefulSet sample belongs to Pod sample (uid p)"
    scenario.fail(scenario.issued(ApplyLeaderStatefulSet)[0], code=0, reason="Foreign", message=error)
    scenario.fire("retry/statefulset/sample")
    scenario.fail(scenario.issued(ApplyLeaderStatefulSet)[1], code=0, reason="Foreign", message=error)
    service = "Service sample exists and belongs to Pod sample (uid p)"
    scenario.fail(scenario.issued(CreateService)[0], code=409, reason="AlreadyExists", message=service)
    assert _left_alone(scenario) == [("StatefulSet", "sample", error), ("Service", "sample", service)]


def test_d34_a_group_whose_workers_name_is_taken_is_told_once() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-1")
    error = "StatefulSet sample-1 exists and belongs to LeaderWorkerSet sample-1 (uid y)"
    for _ in range(3):
        scenario.fail(scenario.issued(CreateWorkerStatefulSet)[-1], code=409, reason="AlreadyExists", message=error)
        scenario.fire("retry/statefulset/sample-1")
    assert _left_alone(scenario) == [("StatefulSet", "sample-1", error)]


def test_a_spec_that_cannot_be_read_is_told_and_mended() -> None:
    scenario = Scenario()
    scenario.apply_set(replicas="many")
    assert scenario.issued() == []
    ((kind, name, because),) = _left_alone(scenario)
    assert (kind, name) == ("LeaderWorkerSet", "sample")
    assert because.startswith("its spec cannot be read: ")
    assert "$.replicas" in because
    scenario.apply_set(replicas=2)
    scenario.carry_out()
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == 1
    scenario.apply_set(replicas="many")
    assert len(_left_alone(scenario)) == 2


def test_d33_a_service_of_another_set_is_told() -> None:
    scenario = Scenario()
    service = events.ServiceObserved(
        uid="s", resource_version=scenario.next_version(), owner=OTHER_SET, headless=True, selector={"a": "b"}
    )
    scenario.see(subjects.SERVICE, "sample", service)
    scenario.apply_set()
    scenario.carry_out()
    assert scenario.issued(CreateService) == []
    assert _left_alone(scenario) == [("Service", "sample", "controlled by LeaderWorkerSet other")]
