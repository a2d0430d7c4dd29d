"""Groups that fail again and again: back-off, its reset, its change, and what ends a wait (docs/annotations.md)."""

import msgspec
import pytest

from lws_events import decisions, events, names
from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import FailureLeftAlone, GroupRecreationPostponed, GroupRecreationStarted
from lws_events.fleet import Fleet
from tests.unit.machine.crash_looping import GOING, SECOND, TIMER, CrashLooping

BACKOFF = {"restart-backoff": "10s", "restart-backoff-max": "60s"}


def _waiting() -> CrashLooping:
    """The second failure in a row: group 0 waits for 10 s."""
    scenario = CrashLooping(BACKOFF)
    scenario.crash()
    scenario.come_back()
    scenario.crash()
    assert scenario.postponed() == [(2, 10)]
    return scenario


def test_without_annotations_every_failure_is_answered_at_once() -> None:
    scenario = CrashLooping({})
    for _ in range(5):
        scenario.crash()
        scenario.come_back()
    assert len(scenario.deleted()) == 5
    assert scenario.postponed() == []
    assert scenario.state.crash_loops == {}
    assert {fact.attempt for fact in scenario.facts(GroupRecreationStarted)} == {0}


def test_the_first_recreation_comes_at_once_then_delays_double_up_to_the_cap() -> None:
    scenario = CrashLooping(BACKOFF)
    for attempt in range(1, 7):
        scenario.crash()
        if attempt > 1:
            assert scenario.group(0).lifecycle == "BackOff"
            assert len(scenario.deleted()) == attempt - 1
            scenario.fire(TIMER)
        assert len(scenario.deleted()) == attempt
        scenario.come_back()
    assert scenario.postponed() == [(2, 10), (3, 20), (4, 40), (5, 60), (6, 60)]
    assert [fact.attempt for fact in scenario.facts(GroupRecreationStarted)] == [1, 2, 3, 4, 5, 6]


def test_what_is_said_of_a_group_that_waits() -> None:
    scenario = _waiting()
    [note] = scenario.warnings("RestartBackOff")
    assert note == (
        "Pod sample-0-1 failed (container restarted): back-off of 10s before recreation 2 in a row of group 0"
    )


def test_the_other_group_is_answered_at_once() -> None:
    scenario = _waiting()
    scenario.pod_deleted("sample-1-1")
    assert [each.name for each in scenario.commanded(DeleteLeaderPod)] == ["sample-0", "sample-1"]


def test_further_failures_during_the_wait_are_part_of_the_one() -> None:
    scenario = _waiting()
    scenario.crash("sample-0-2")
    scenario.crash("sample-0-1", restarts=2)
    scenario.crash("sample-0", restarts=1)
    scenario.pod_deleted("sample-0-2", uid="sample-0-2-uid-2")
    assert len(scenario.deleted()) == 1
    scenario.fire(TIMER)
    scenario.come_back()
    assert len(scenario.deleted()) == 2
    assert len(scenario.postponed()) == 1


def test_a_timer_that_fires_too_early_does_not_cut_the_wait_short() -> None:
    scenario = _waiting()
    scenario.state.timers[TIMER] = scenario.at_ms + SECOND
    scenario.fire(TIMER)
    assert len(scenario.deleted()) == 1
    assert scenario.state.timers[TIMER] == scenario.at_ms + 9 * SECOND
    scenario.fire(TIMER)
    assert len(scenario.deleted()) == 2


@pytest.mark.parametrize(("ready_seconds", "expected"), [(599, [(2, 10)]), (600, [])])
def test_a_group_that_was_ready_for_long_enough_starts_anew(
    ready_seconds: int, expected: list[tuple[int, int]]
) -> None:
    scenario = CrashLooping(BACKOFF)
    scenario.crash()
    scenario.come_back()
    scenario.at_ms += ready_seconds * SECOND
    scenario.crash()
    assert scenario.postponed() == expected


def test_a_stable_period_counts_also_when_the_group_degrades_before_it_fails() -> None:
    scenario = CrashLooping(BACKOFF | {"restart-stable-after": "30s"})
    scenario.crash()
    scenario.come_back()
    scenario.at_ms += 31 * SECOND
    scenario.leader(marked=False, ready=False)
    scenario.at_ms += 5 * SECOND
    scenario.crash()
    assert scenario.postponed() == []


def test_two_short_periods_are_no_stable_one() -> None:
    scenario = CrashLooping(BACKOFF | {"restart-stable-after": "30s"})
    scenario.crash()
    scenario.come_back()
    for ready in (False, True):
        scenario.at_ms += 20 * SECOND
        scenario.leader(marked=False, ready=ready)
    scenario.at_ms += 20 * SECOND
    scenario.crash()
    assert scenario.postponed() == [(2, 10)]


def test_a_shorter_backoff_takes_effect_at_once() -> None:
    scenario = _waiting()
    scenario.at_ms += 3 * SECOND
    scenario.annotate({"restart-backoff": "5s"})
    assert scenario.postponed() == [(2, 10), (2, 5)]
    assert scenario.state.timers[TIMER] == scenario.at_ms + 2 * SECOND
    scenario.annotate({"restart-backoff": "2s"})
    assert len(scenario.deleted()) == 2


def test_a_longer_backoff_takes_effect_at_once() -> None:
    scenario = _waiting()
    scenario.annotate({"restart-backoff": "1m"})
    scenario.fire(TIMER)
    assert scenario.postponed() == [(2, 10), (2, 60)]
    assert len(scenario.deleted()) == 2


def test_without_the_annotation_a_group_that_waits_is_recreated_and_forgotten() -> None:
    scenario = _waiting()
    scenario.annotate({})
    assert len(scenario.deleted()) == 2
    scenario.come_back()
    assert scenario.state.crash_loops == {}
    scenario.crash()
    assert len(scenario.deleted()) == 3


def test_another_annotation_or_scaling_leaves_a_wait_alone() -> None:
    scenario = _waiting()
    scenario.apply_set(annotations=scenario.annotations | {"example.com/a": "b"}, replicas=3)
    scenario.carry_out()
    assert scenario.postponed() == [(2, 10)]
    assert len(scenario.deleted()) == 1
    scenario.fire(TIMER)
    assert len(scenario.deleted()) == 2


def test_under_policy_none_a_group_that_waits_goes_on() -> None:
    scenario = _waiting()
    scenario.apply_set(leaderWorkerTemplate={"restartPolicy": "None"})
    scenario.carry_out()
    assert [(fact.pod, fact.because) for fact in scenario.facts(FailureLeftAlone)] == [
        ("sample-0-1", "restart policy None")
    ]
    assert scenario.group(0).lifecycle == "Ready"
    scenario.fire(TIMER)
    assert len(scenario.deleted()) == 1


def test_a_leader_that_goes_otherwise_ends_the_wait_and_keeps_the_count() -> None:
    scenario = _waiting()
    scenario.come_back()
    scenario.fire(TIMER)
    assert len(scenario.deleted()) == 1
    scenario.crash()
    assert scenario.postponed() == [(2, 10), (2, 10)]


def test_a_new_template_starts_anew() -> None:
    scenario = _waiting()
    scenario.go()
    scenario.pod("sample-0", uid=scenario.uid, labels={names.REVISION_KEY: "next", names.WORKER_INDEX: "0"})
    scenario.pod("sample-0", uid=scenario.uid, labels={names.REVISION_KEY: "next", names.WORKER_INDEX: "0"}, restarts=1)
    assert scenario.deleted()[-1] == scenario.uid
    assert len(scenario.postponed()) == 1


def test_scale_down_drops_the_count_of_the_group() -> None:
    scenario = CrashLooping(BACKOFF)
    scenario.pod_deleted("sample-1-1")
    scenario.carry_out()
    assert "sample-1" in scenario.state.crash_loops
    scenario.apply_set(replicas=1)
    scenario.carry_out()
    scenario.pod_deleted("sample-1")
    assert scenario.state.crash_loops == {}


def test_scale_down_while_the_group_is_absent_drops_its_count() -> None:
    scenario = CrashLooping(BACKOFF)
    scenario.crash()
    scenario.go()
    assert "sample-0" in scenario.state.crash_loops
    scenario.apply_set(replicas=0)
    scenario.carry_out()
    assert scenario.state.crash_loops == {}


def test_the_end_of_the_set_drops_everything() -> None:
    scenario = _waiting()
    assert scenario.state.set_ is not None
    going = msgspec.structs.replace(scenario.state.set_, resource_version=scenario.next_version(), deleting_since=GOING)
    scenario.see("set", "sample", going)
    scenario.fire(TIMER)
    assert len(scenario.deleted()) == 1, "a set on its way out is left alone"
    scenario.see("set", "sample", events.SetDeleted(uid=scenario.set_uid, resource_version=scenario.next_version()))
    assert scenario.state.crash_loops == {}


def test_ignored_pods_end_no_group() -> None:
    scenario = CrashLooping({})
    ignored = {names.IGNORE_FAILURE: "true", names.SIZE: "3"}
    scenario.pod("sample-0-1", annotations=ignored)
    scenario.pod("sample-0-1", annotations=ignored, restarts=1)
    scenario.pod("sample-0-1", annotations=ignored, restarts=1, deleting_since=GOING)
    scenario.pod_deleted("sample-0-1")
    assert scenario.deleted() == []
    assert {fact.because for fact in scenario.facts(FailureLeftAlone)} == {
        "the pod is annotated lws-events.io/ignore-failure"
    }
    scenario.pod("sample-0-2", annotations=ignored | {names.IGNORE_FAILURE: "false"}, restarts=1)
    assert len(scenario.deleted()) == 1


def test_values_that_admission_would_refuse_count_as_absent() -> None:
    scenario = CrashLooping({"restart-backoff": "soon", "restart-limit": "-1"})
    scenario.crash()
    scenario.come_back()
    scenario.crash()
    assert len(scenario.deleted()) == 2


def test_a_controller_that_restarts_during_the_wait_goes_on() -> None:
    scenario = _waiting()
    recorded = {decision.cause: decisions.decode(decisions.encode(decision)) for decision in scenario.decisions}
    restarted = Fleet()
    for sequence, subject, envelope in scenario.recorded:
        restarted.recall(sequence, subject, envelope, recorded.get(sequence))
    assert msgspec.json.encode(restarted.aggregates[scenario.name]) == msgspec.json.encode(scenario.state)
    scenario.fleet = restarted
    scenario.fire(TIMER)
    assert len(scenario.deleted()) == 2
    assert len(scenario.facts(GroupRecreationPostponed)) == 1
