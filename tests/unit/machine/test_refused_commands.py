"""Commands that the API server refuses: tried again by timer with back-off, reported once (spec 1.7, 4.10, 5.16)."""

import pytest

from lws_events.commands import (
    ApplyLeaderStatefulSet,
    CreateControllerRevision,
    CreateService,
    CreateWorkerStatefulSet,
    RecordEvent,
    SetTimer,
    UpdateSetStatus,
)
from lws_events.machine.retry import delay_ms
from tests.scenario import Scenario


def _until_first_apply() -> Scenario:
    scenario = Scenario()
    scenario.apply_set()
    revision, service = scenario.issued()
    for issued in (revision, service):
        scenario.show_result(issued)
        scenario.succeed(issued)
    return scenario


def _delays(scenario: Scenario, timer: str) -> list[int]:
    found = scenario.commanded(SetTimer)
    return [each.fire_at_ms - scenario.at_ms for each in found if isinstance(each, SetTimer) and each.timer == timer]


def test_the_delay_doubles_up_to_a_minute() -> None:
    assert [delay_ms(attempts) for attempts in (1, 2, 3, 6, 7, 100)] == [1000, 2000, 4000, 32000, 60000, 60000]


def test_what_is_invalid_is_tried_again_slowly() -> None:
    """Nothing but a change of the set cures it, and that is tried at once."""
    delays = [delay_ms(attempts, of_content=True) for attempts in (1, 2, 3, 4, 5, 100)]
    assert delays == [60_000, 120_000, 240_000, 480_000, 600_000, 600_000]


def test_a_refused_apply_is_tried_again_later_and_reported_once() -> None:
    scenario = _until_first_apply()
    for attempt in range(1, 4):
        applied = scenario.issued(ApplyLeaderStatefulSet)
        assert len(applied) == attempt
        scenario.fail(applied[-1], code=422, reason="Invalid", message="bad template")
        assert _delays(scenario, "retry/statefulset/sample")[-1] == delay_ms(attempt, of_content=True)
        scenario.pod("sample-0")  # no other event is a reason to try before its time
        assert len(scenario.issued(ApplyLeaderStatefulSet)) == attempt
        scenario.fire("retry/statefulset/sample")
    notes = [each.note for each in scenario.commanded(RecordEvent)]
    assert notes == ["Failed to create leader statefulset sample: bad template"]
    # H3: the reference makes one more revision with every retry.
    assert len(scenario.issued(CreateControllerRevision)) == 1


def test_another_error_is_reported_anew() -> None:
    scenario = _until_first_apply()
    for message in ("first", "second"):
        scenario.fail(scenario.issued(ApplyLeaderStatefulSet)[-1], code=422, reason="Invalid", message=message)
        for issued in scenario.issued(RecordEvent):
            scenario.succeed(issued)
        scenario.fire("retry/statefulset/sample")
    assert len(scenario.issued(RecordEvent)) == 2


def test_after_a_success_the_same_error_is_news_and_the_delay_starts_again() -> None:
    scenario = _until_first_apply()
    scenario.fail(scenario.issued(ApplyLeaderStatefulSet)[-1], code=500, reason="InternalError")
    scenario.fire("retry/statefulset/sample")
    scenario.carry_out()
    scenario.apply_set(replicas=3)
    scenario.fail(scenario.issued(ApplyLeaderStatefulSet)[-1], code=500, reason="InternalError")
    assert _delays(scenario, "retry/statefulset/sample")[-1] == delay_ms(1)
    notes = [each.note for each in scenario.commanded(RecordEvent)]
    assert notes == [f"Failed to {verb} leader statefulset sample: InternalError" for verb in ("create", "update")]


def test_a_changed_spec_is_tried_at_once() -> None:
    scenario = _until_first_apply()
    scenario.fail(scenario.issued(ApplyLeaderStatefulSet)[-1], code=422, reason="Invalid")
    scenario.apply_set(replicas=5)
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == 2


def test_a_refused_worker_statefulset_names_the_leader() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", ready=False)
    scenario.fail(scenario.issued(CreateWorkerStatefulSet)[-1], code=403, reason="Forbidden", message="quota")
    (warning,) = scenario.issued(RecordEvent)
    assert isinstance(warning.command, RecordEvent)
    assert warning.command.note == "Failed to create worker statefulset for leader pod sample-0: quota"
    assert (warning.command.related_kind, warning.command.related_uid) == ("Pod", "sample-0-uid")
    scenario.fire("retry/statefulset/sample-0")
    assert len(scenario.issued(CreateWorkerStatefulSet)) == 2


def test_a_new_leader_does_not_inherit_the_wait_of_the_old_one() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", ready=False)
    scenario.fail(scenario.issued(CreateWorkerStatefulSet)[-1], code=403, reason="Forbidden", message="quota")
    scenario.pod_deleted("sample-0")
    scenario.pod("sample-0", uid="next", ready=False)
    assert scenario.commanded(CreateWorkerStatefulSet)[-1].owner_uid == "next"


def test_a_refused_service_does_not_hold_up_the_rest() -> None:
    scenario = Scenario()
    scenario.apply_set()
    (service,) = scenario.issued(CreateService)
    scenario.fail(service, code=500, reason="InternalError", message="no")
    scenario.carry_out()
    notes = [each.note for each in scenario.commanded(RecordEvent)]
    assert notes == ["Failed to create headless service for error: no"]
    assert scenario.state.status["observedGeneration"] == 1
    scenario.fire("retry/service/sample")
    assert len(scenario.issued(CreateService)) == 2


@pytest.mark.parametrize("reason", ["Conflict", "NotFound", "InternalError"])
def test_a_refused_status_is_written_again_after_a_while_not_at_once(reason: str) -> None:
    scenario = _until_first_apply()
    scenario.leader_set()
    (status,) = scenario.issued(UpdateSetStatus)
    scenario.fail(status, code=409, reason=reason)
    scenario.pod("sample-0")
    assert len(scenario.issued(UpdateSetStatus)) == 1
    scenario.fire("retry/setstatus/sample")
    assert len(scenario.issued(UpdateSetStatus)) == 2


def test_a_superseded_command_is_not_tried_again_by_timer() -> None:
    scenario = _until_first_apply()
    scenario.leader_set()
    (status,) = scenario.issued(UpdateSetStatus)
    scenario.fail(status, code=0, reason="Superseded")
    assert scenario.issued(SetTimer) == []
    assert len(scenario.issued(UpdateSetStatus)) == 2


def test_an_event_that_could_not_be_recorded_is_let_go() -> None:
    scenario = _until_first_apply()
    scenario.fail(scenario.issued(ApplyLeaderStatefulSet)[-1], code=422, reason="Invalid", message="bad")
    before = len(scenario.issued())
    scenario.fail(scenario.issued(RecordEvent)[-1], code=500, reason="InternalError")
    assert len(scenario.issued()) == before


def test_a_percent_sign_survives_and_a_long_error_is_cut() -> None:
    scenario = _until_first_apply()
    message = "100% " + "ß" * 2000
    scenario.fail(scenario.issued(ApplyLeaderStatefulSet)[-1], code=422, reason="Invalid", message=message)
    note = scenario.commanded(RecordEvent)[-1].note
    assert note.startswith("Failed to create leader statefulset sample: 100% ß")
    assert 1020 < len(note.encode()) <= 1024


def test_a_timer_that_fires_twice_counts_once() -> None:
    scenario = _until_first_apply()
    scenario.fail(scenario.issued(ApplyLeaderStatefulSet)[-1], code=500, reason="InternalError")
    scenario.fire("retry/statefulset/sample")
    scenario.fail(scenario.issued(ApplyLeaderStatefulSet)[-1], code=500, reason="InternalError")
    assert list(scenario.state.timers) == ["retry/statefulset/sample"]
