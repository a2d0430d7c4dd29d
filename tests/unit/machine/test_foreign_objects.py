"""Objects of the expected name that are somebody else's, or an earlier set's (spec D12, D33, D34, D37)."""

from typing import Any

from lws_events import events, names, subjects
from lws_events.commands import (
    ApplyLeaderStatefulSet,
    CreateControllerRevision,
    CreateService,
    CreateWorkerStatefulSet,
    RecordEvent,
)
from lws_events.decisions import ObjectLeftAlone
from tests.scenario import Scenario


def _leader_set(scenario: Scenario, **view: Any) -> None:
    defaults: dict[str, Any] = {"uid": "there-before", "resource_version": scenario.next_version(), "generation": 1}
    scenario.see(subjects.STATEFULSET, "sample", events.StatefulSetObserved(**(defaults | view)))


def _notes(scenario: Scenario) -> list[str]:
    return [each.note for each in scenario.commanded(RecordEvent)]


def test_d33_a_leader_statefulset_of_another_owner_is_not_touched() -> None:
    scenario = Scenario()
    _leader_set(scenario, owner=events.Owner("Application", "other", "x"))
    scenario.apply_set()
    scenario.carry_out()
    assert scenario.issued(ApplyLeaderStatefulSet) == []
    error = "statefulset sample exists and is controlled by Application other"
    assert _notes(scenario) == [f"Failed to update leader statefulset sample: {error}"]
    assert len(scenario.facts(ObjectLeftAlone)) == 1


def test_d33_a_leader_statefulset_of_nobody_is_adopted() -> None:
    scenario = Scenario()
    _leader_set(scenario)
    scenario.apply_set()
    scenario.carry_out()
    command = scenario.commanded(ApplyLeaderStatefulSet)[0]
    assert isinstance(command, ApplyLeaderStatefulSet)
    assert command.uid == "there-before"


def test_d37_what_an_earlier_set_of_the_name_left_is_waited_for_without_complaint() -> None:
    scenario = Scenario()
    earlier = events.Owner("LeaderWorkerSet", "sample", "earlier")
    _leader_set(scenario, owner=earlier)
    service = events.ServiceObserved(uid="svc", resource_version=scenario.next_version(), owner=earlier, headless=True)
    scenario.see(subjects.SERVICE, "sample", service)
    scenario.apply_set()
    scenario.carry_out()
    assert scenario.issued(ApplyLeaderStatefulSet) == []
    assert _notes(scenario) == []
    gone = scenario.next_version()
    scenario.see(subjects.STATEFULSET, "sample", events.StatefulSetDeleted(uid="there-before", resource_version=gone))
    scenario.see(subjects.SERVICE, "sample", events.ServiceDeleted(uid="svc", resource_version=gone))
    assert [each.uid for each in scenario.commanded(ApplyLeaderStatefulSet)] == [""]
    assert len(scenario.issued(CreateService)) == 1


def test_d37_a_name_that_an_earlier_sets_revision_holds_is_passed_over() -> None:
    scenario = Scenario()
    scenario.run()
    (first,) = scenario.commanded(CreateControllerRevision)
    again = Scenario()
    again.set_uid = "next-set"
    taken = events.RevisionObserved(
        uid="r",
        resource_version="90",
        key=scenario.state.target_key,
        number=1,
        owner=events.Owner("LeaderWorkerSet", "sample", "set-uid"),
        data=scenario.state.revisions[first.name].data,
    )
    again.see(subjects.REVISION, first.name, taken)
    again.apply_set()
    (created,) = again.commanded(CreateControllerRevision)
    assert created.name == f"sample-{scenario.state.target_key}-2"


def test_a_set_recreated_under_its_name_starts_anew() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.set_uid = "next-set"
    scenario.apply_set()
    # The old StatefulSet and revisions are still there: nothing of them counts for the new set.
    assert scenario.state.status == {}
    (_, created) = scenario.issued(CreateControllerRevision)
    assert created.announce is not None
    assert created.announce.regarding_uid == "next-set"


def test_d34_a_worker_statefulset_of_somebody_else_is_reported_and_tried_again() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    foreign = events.StatefulSetObserved(
        uid="f", resource_version="90", generation=1, owner=events.Owner("LeaderWorkerSet", "sample-0", "y")
    )
    scenario.see(subjects.STATEFULSET, "sample-0", foreign)
    scenario.pod("sample-0", ready=False)
    for _ in range(3):
        issued = scenario.issued(CreateWorkerStatefulSet)[-1]
        scenario.fail(issued, code=409, reason="AlreadyExists", message="StatefulSet sample-0 exists")
        scenario.fire("retry/statefulset/sample-0")
    text = "Failed to create worker statefulset for leader pod sample-0: StatefulSet sample-0 exists"
    assert _notes(scenario) == [text]  # not at the first clash, which an earlier leader's may cause, and then once


def test_a_set_with_a_dashed_number_is_no_group_of_another() -> None:
    scenario = Scenario()
    scenario.run()
    before = dict(scenario.state.groups)
    pod = events.PodObserved(
        uid="p",
        resource_version=scenario.next_version(),
        labels={names.SET_NAME: "sample", names.WORKER_INDEX: "0"},
        owner=events.Owner("StatefulSet", "sample-1", "leader-set-of-sample-1"),
    )
    scenario.see(subjects.POD, "other-1-1", pod)
    assert scenario.state.groups == before
    assert [fact.because for fact in scenario.facts(ObjectLeftAlone)] == ["it is controlled by StatefulSet sample-1"]
