"""Groups that are kept for debugging after too many recreations: the mark, and every way to go on."""

import pytest

from lws_events import names
from lws_events.commands import ApplyLeaderStatefulSet, MarkLeaderPod
from lws_events.decisions import FailureLeftAlone, GroupRecreationStarted
from tests.unit.machine.crash_looping import TIMER, CrashLooping

LIMIT = {"restart-limit": "2"}


def _kept(**annotations: str) -> CrashLooping:
    scenario = CrashLooping(LIMIT | annotations)
    scenario.keep()
    assert len(scenario.deleted()) == 2
    assert scenario.group(0).lifecycle == "Kept"
    return scenario


def test_after_the_limit_the_group_is_kept_marked_and_told() -> None:
    scenario = _kept()
    [fact] = scenario.kept()
    assert (fact.group, fact.failed_pod, fact.recreations) == ("sample-0", "sample-0-1", 2)
    [mark] = scenario.commanded(MarkLeaderPod)
    assert (mark.name, mark.uid, mark.labels) == ("sample-0", scenario.uid, {names.KEPT_FOR_DEBUGGING: "true"})
    reason = "pod sample-0-1 failed (container restarted) after 2 recreations in a row"
    assert mark.annotations == {names.KEPT_FOR_DEBUGGING: reason}
    assert scenario.warnings("GroupKept") == [
        f"Group 0 is kept for debugging: {reason}. To recreate it, remove the label lws-events.io/kept-for-debugging "
        "from pod sample-0, or delete that pod"
    ]


def test_a_kept_group_is_left_as_it_is_whatever_fails() -> None:
    scenario = _kept()
    scenario.crash("sample-0-2")
    scenario.pod_deleted("sample-0-1", uid=f"sample-0-1-uid-{scenario.incarnation}")
    scenario.leader(restarts=3)
    assert len(scenario.deleted()) == 2
    assert len(scenario.kept()) == 1
    assert len(scenario.marks()) == 1


@pytest.mark.parametrize("part", ["label", "annotation"])
def test_removing_the_mark_recreates_the_group_and_starts_anew(part: str) -> None:
    scenario = _kept()
    scenario.leader(**{part: False})
    assert len(scenario.deleted()) == 3
    assert [fact.attempt for fact in scenario.facts(GroupRecreationStarted)] == [1, 2, 1]
    scenario.come_back()
    scenario.crash()
    assert len(scenario.deleted()) == 4
    scenario.come_back()
    scenario.crash()
    assert len(scenario.kept()) == 2


def test_deleting_the_leader_starts_anew() -> None:
    scenario = _kept()
    scenario.come_back()
    assert scenario.state.crash_loops == {}
    scenario.crash()
    assert len(scenario.deleted()) == 3
    assert scenario.facts(GroupRecreationStarted)[-1].attempt == 1


def test_raising_the_limit_goes_on_with_the_count() -> None:
    scenario = _kept()
    scenario.annotate({"restart-limit": "3"})
    assert scenario.facts(GroupRecreationStarted)[-1].attempt == 3
    scenario.come_back()
    scenario.crash()
    assert [fact.recreations for fact in scenario.kept()] == [2, 3]


def test_raising_the_limit_keeps_to_the_backoff_which_counts_from_the_failure() -> None:
    scenario = _kept(**{"restart-backoff": "10s"})
    scenario.at_ms += 5_000
    scenario.annotate({"restart-limit": "3", "restart-backoff": "10s"})
    assert scenario.postponed()[-1] == (3, 20)
    assert scenario.state.timers[TIMER] == scenario.at_ms + 15_000
    scenario.fire(TIMER)
    assert len(scenario.deleted()) == 3


def test_removing_the_limit_recreates_the_group() -> None:
    scenario = _kept()
    scenario.annotate({})
    assert len(scenario.deleted()) == 3
    assert scenario.state.crash_loops == {}


def test_lowering_the_limit_keeps_a_group_that_waits() -> None:
    scenario = CrashLooping({"restart-limit": "5", "restart-backoff": "10s"})
    scenario.crash()
    scenario.come_back()
    scenario.crash()
    scenario.annotate({"restart-limit": "1", "restart-backoff": "10s"})
    assert [fact.recreations for fact in scenario.kept()] == [1]
    scenario.fire(TIMER)
    assert len(scenario.deleted()) == 1


def test_a_stable_period_resets_the_count_of_the_limit() -> None:
    scenario = CrashLooping(LIMIT)
    for _ in range(4):
        scenario.crash()
        scenario.come_back()
        scenario.at_ms += 600_000
    assert scenario.kept() == []
    assert len(scenario.deleted()) == 4


def test_a_refused_mark_is_tried_again_and_holds_nothing_up() -> None:
    scenario = CrashLooping(LIMIT)
    while not scenario.kept():
        scenario.crash()
        if not scenario.kept():
            scenario.come_back()
    scenario.fail(scenario.issued(MarkLeaderPod)[-1], code=403, reason="Forbidden")
    scenario.fire("retry/mark/sample-0")
    assert len(scenario.marks()) == 2
    scenario.annotate({})
    assert len(scenario.deleted()) == 3


def test_a_mark_for_a_leader_that_is_gone_is_not_tried_again() -> None:
    scenario = CrashLooping({"restart-limit": "1"})
    scenario.crash()
    scenario.come_back()
    scenario.crash()
    scenario.fail(scenario.issued(MarkLeaderPod)[-1], code=409, reason="Conflict")
    assert "retry/mark/sample-0" not in scenario.state.timers
    scenario.leader(marked=False, ready=False)
    assert len(scenario.marks()) == 1


def test_a_mark_that_no_watch_has_shown_is_not_taken_for_removed() -> None:
    scenario = CrashLooping({"restart-limit": "1"})
    scenario.crash()
    scenario.come_back()
    scenario.crash()
    scenario.carry_out()
    scenario.leader(marked=False, ready=False)
    assert len(scenario.deleted()) == 1
    scenario.leader()
    scenario.leader(marked=False)
    assert len(scenario.deleted()) == 2


def test_a_kept_group_stays_kept_under_another_policy_and_then_goes_on() -> None:
    scenario = _kept()
    scenario.apply_set(leaderWorkerTemplate={"restartPolicy": "None"})
    scenario.carry_out()
    assert scenario.group(0).lifecycle == "Kept"
    scenario.leader(marked=False)
    assert scenario.group(0).lifecycle == "Ready"
    assert scenario.facts(FailureLeftAlone)[-1].because == "restart policy None"
    assert len(scenario.deleted()) == 2


def test_a_leader_that_was_marked_before_is_kept_at_its_next_failure() -> None:
    """The journal may be lost, or a person wants to see the next failure."""
    scenario = CrashLooping(LIMIT)
    scenario.leader()
    assert scenario.kept() == []
    scenario.crash()
    assert len(scenario.kept()) == 1
    assert scenario.marks() == []
    assert "and its leader carries the mark" in scenario.warnings("GroupKept")[0]
    scenario.leader(marked=False)
    assert len(scenario.deleted()) == 1


def test_without_a_limit_a_mark_means_nothing() -> None:
    scenario = CrashLooping({})
    scenario.leader()
    scenario.crash()
    assert len(scenario.deleted()) == 1


def test_rollout_scale_down_and_deletion_go_on_around_a_kept_group() -> None:
    scenario = _kept()
    before = len(scenario.commanded(ApplyLeaderStatefulSet))
    scenario.apply_set(
        leaderWorkerTemplate={"workerTemplate": {"metadata": {"labels": {"a": "b"}}}},
    )
    scenario.carry_out()
    assert len(scenario.commanded(ApplyLeaderStatefulSet)) > before
    scenario.come_back()  # its leader is replaced by the rollout
    assert scenario.state.crash_loops == {}
    scenario.apply_set(replicas=0)
    scenario.carry_out()
    assert scenario.group(0).held is None
