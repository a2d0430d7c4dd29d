"""A command is answered before any watch shows its effect: nothing is done twice, and nothing waits for ever."""

import msgspec
import pytest

from lws_events import commands, events, subjects
from lws_events.commands import (
    ApplyLeaderStatefulSet,
    CreateControllerRevision,
    CreateService,
    CreateWorkerStatefulSet,
    DeleteControllerRevision,
    DeleteLeaderPod,
    UpdateSetStatus,
)
from lws_events.decisions import Issued
from lws_events.machine.sight import GONE_MAX, UNSEEN_MS_MAX
from tests.scenario import Scenario


def _only(scenario: Scenario, kind: type[commands.Command]) -> Issued:
    (issued,) = scenario.issued(kind)
    return issued


def _running(**spec: object) -> Scenario:
    scenario = Scenario(**spec)
    scenario.run()
    return scenario


def test_a_created_revision_is_waited_for() -> None:
    scenario = Scenario()
    scenario.apply_set()
    revision = _only(scenario, CreateControllerRevision)
    scenario.succeed(revision, uid="r", resource_version=scenario.next_version())
    scenario.pod("sample-0")
    assert len(scenario.issued(CreateControllerRevision)) == 1
    scenario.show_result(revision)
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == 1


def test_created_services_and_worker_statefulsets_are_waited_for() -> None:
    scenario = Scenario(networkConfig={"subdomainPolicy": "UniquePerReplica"})
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", ready=False)
    for kind in (CreateService, CreateWorkerStatefulSet):
        scenario.succeed(_only(scenario, kind), uid=f"{kind.__name__}-uid", resource_version=scenario.next_version())
    scenario.pod("sample-0")
    assert len(scenario.issued(CreateService)) == len(scenario.issued(CreateWorkerStatefulSet)) == 1


@pytest.mark.parametrize("kind", [CreateWorkerStatefulSet, CreateService])
def test_what_was_shown_and_went_before_its_command_was_answered_is_made_again(kind: type[commands.Command]) -> None:
    scenario = Scenario(networkConfig={"subdomainPolicy": "UniquePerReplica"})
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", ready=False)
    made = _only(scenario, kind)
    scenario.show_result(made)
    state = scenario.group(0)
    view = state.worker_set if kind is CreateWorkerStatefulSet else state.service
    assert view is not None
    gone = events.StatefulSetDeleted if kind is CreateWorkerStatefulSet else events.ServiceDeleted
    version = scenario.next_version()
    kind_of_object = "statefulset" if kind is CreateWorkerStatefulSet else "service"
    scenario.see(kind_of_object, "sample-0", gone(uid=view.uid, resource_version=version))
    scenario.succeed(made, uid=view.uid, resource_version=view.resource_version)
    assert len(scenario.issued(kind)) == 2
    assert scenario.state.unseen == {}


def test_an_applied_leader_statefulset_is_waited_for() -> None:
    scenario = Scenario()
    scenario.apply_set()
    revision = _only(scenario, CreateControllerRevision)
    scenario.show_result(revision)
    scenario.succeed(revision)
    scenario.succeed(_only(scenario, ApplyLeaderStatefulSet), uid="leader-set-uid", resource_version="300")
    scenario.pod("sample-0")
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == 1


def test_an_old_view_says_nothing_about_a_later_apply() -> None:
    scenario = _running()
    scenario.apply_set(replicas=3)
    scenario.succeed(scenario.issued(ApplyLeaderStatefulSet)[-1], uid="leader-set-uid", resource_version="9999")
    scenario.pod("sample-0", ready=False)
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == 2


def test_a_leader_whose_deletion_was_accepted_is_not_deleted_again() -> None:
    scenario = _running()
    scenario.pod("sample-0-1", restarts=1)
    scenario.succeed(_only(scenario, DeleteLeaderPod))
    scenario.pod("sample-0", ready=False)
    scenario.pod("sample-0-2", restarts=1)
    assert len(scenario.issued(DeleteLeaderPod)) == 1


@pytest.mark.parametrize("reason", ["NotFound", "Conflict"])
def test_a_leader_that_had_gone_before_is_not_deleted_again(reason: str) -> None:
    scenario = _running()
    scenario.pod("sample-0-1", restarts=1)
    scenario.fail(_only(scenario, DeleteLeaderPod), code=404, reason=reason)
    scenario.pod_deleted("sample-0-2")
    assert len(scenario.issued(DeleteLeaderPod)) == 1
    assert [timer for timer in scenario.state.timers if timer.startswith("retry/")] == []


@pytest.mark.parametrize("reason", ["", "NotFound", "Conflict"])
def test_a_deleted_revision_is_not_deleted_again(reason: str) -> None:
    scenario = _running()
    _see_old_revision(scenario)
    deletion = _only(scenario, DeleteControllerRevision)
    if reason:
        scenario.fail(deletion, code=404, reason=reason)
    else:
        scenario.succeed(deletion)
    scenario.pod("sample-0", ready=False)
    assert len(scenario.issued(DeleteControllerRevision)) == 1


def test_a_status_from_before_our_write_is_ignored() -> None:
    scenario = _running()
    written = scenario.state.status
    scenario.at_ms += 10_000
    scenario.apply_set(replicas=3)
    scenario.succeed(scenario.issued(ApplyLeaderStatefulSet)[-1])
    scenario.succeed(scenario.issued(UpdateSetStatus)[-1], resource_version="5000")
    count = len(scenario.issued(UpdateSetStatus))
    late = events.SetStatusObserved(uid="set-uid", resource_version="4999", status=_raw(written))
    scenario.see(subjects.SET_STATUS, "sample", late)
    assert len(scenario.issued(UpdateSetStatus)) == count
    assert scenario.state.status != written


def test_the_same_status_shown_by_the_watch_changes_nothing() -> None:
    scenario = _running()
    shown = events.SetStatusObserved(
        uid="set-uid", resource_version=scenario.next_version(), status=_raw(scenario.state.status)
    )
    assert scenario.see(subjects.SET_STATUS, "sample", shown) is None


def test_what_went_in_a_gap_of_the_watch_is_made_again_in_the_end() -> None:
    scenario = Scenario()
    scenario.apply_set()
    revision, service = scenario.issued()
    scenario.succeed(service, uid="never-seen")
    scenario.at_ms += UNSEEN_MS_MAX
    scenario.show_result(revision)
    assert len(scenario.issued(CreateService)) == 2


def test_an_outcome_reported_twice_counts_once() -> None:
    scenario = Scenario()
    scenario.apply_set()
    revision = _only(scenario, CreateControllerRevision)
    scenario.show_result(revision)
    scenario.succeed(revision)
    assert scenario.succeed(revision) is None


def test_a_view_from_before_the_known_one_changes_nothing() -> None:
    scenario = _running()
    before = scenario.next_version()
    scenario.pod("sample-0-1", ready=False)
    assert scenario.pod("sample-0-1", resource_version=before, phase="Pending") is None
    assert scenario.group(0).workers["sample-0-1"].view.phase == "Running"


def test_a_view_of_a_pod_that_is_gone_does_not_bring_it_back() -> None:
    scenario = _running()
    before = scenario.next_version()
    scenario.pod_deleted("sample-0-1")
    scenario.pod("sample-0-1", resource_version=before)
    assert "sample-0-1" not in scenario.group(0).workers


def test_a_deletion_inferred_from_an_old_listing_is_put_right_by_a_later_view() -> None:
    scenario = _running()
    gone = events.PodDeleted(uid="sample-0-1-uid", resource_version="50", inferred=True)
    scenario.see(subjects.POD, "sample-0-1", gone)
    scenario.pod("sample-0-1")
    assert "sample-0-1" in scenario.group(0).workers


def test_only_so_many_ends_are_remembered() -> None:
    scenario = _running()
    for number in range(GONE_MAX + 10):
        scenario.pod_deleted("sample-0-1", uid=f"never-seen-{number}")
    assert len(scenario.state.gone) == GONE_MAX
    assert list(scenario.state.gone)[-1] == f"never-seen-{GONE_MAX + 9}"


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _see_old_revision(scenario: Scenario) -> None:
    old = events.RevisionObserved(
        uid="old",
        resource_version=scenario.next_version(),
        key="old",
        number=0,
        owner=events.Owner("LeaderWorkerSet", "sample", "set-uid"),
    )
    scenario.see(subjects.REVISION, "sample-old-0", old)
