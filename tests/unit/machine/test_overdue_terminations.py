"""D5: a group that does not end is told of, once, with the pods and nodes that hold it; nothing is forced."""

from typing import Any

import pytest

from lws_events.commands import DeleteLeaderPod, RecordEvent
from lws_events.decisions import GroupTerminationOverdue
from tests.scenario import Scenario

GOING = "2024-01-01T00:00:00Z"
TIMER = "terminating"


def _terminating(**leader: Any) -> Scenario:
    scenario = Scenario()
    scenario.run()
    scenario.pod_deleted("sample-0-2")
    scenario.carry_out()
    scenario.pod("sample-0", deleting_since=GOING, ready=False, **leader)
    scenario.pod("sample-0-1", deleting_since=GOING, node="dead")
    return scenario


def _told(scenario: Scenario) -> list[tuple[str, tuple[str, ...]]]:
    return [(fact.leader_uid, fact.pods) for fact in scenario.facts(GroupTerminationOverdue)]


def test_after_the_grace_period_and_a_minute_the_pods_and_nodes_are_named() -> None:
    scenario = _terminating()
    began_ms = scenario.at_ms
    scenario.fire(TIMER)
    assert scenario.at_ms == began_ms + 90_000
    assert _told(scenario) == [("sample-0-uid", ("sample-0-1 on node dead",))]
    [warning] = [each for each in scenario.commanded(RecordEvent) if each.reason == "GroupTerminationOverdue"]
    assert warning.type == "Warning"
    assert warning.note.startswith(
        "Group 0 has been terminating for 90 s and cannot be created again until these pods are gone: "
        "sample-0-1 on node dead."
    )
    assert len(scenario.commanded(DeleteLeaderPod)) == 1, "nothing is forced"


def test_it_is_told_once_for_each_leader() -> None:
    scenario = _terminating()
    scenario.fire(TIMER)
    scenario.pod("sample-0", deleting_since=GOING, ready=False, waiting="still there")
    assert TIMER not in scenario.state.timers
    assert len(_told(scenario)) == 1
    scenario.pod_deleted("sample-0-1")
    scenario.worker_set_deleted("sample-0", uid="sample-0-sts-of-sample-0-uid")
    scenario.pod_deleted("sample-0")
    scenario.run_group(0, incarnation="-2")
    scenario.pod("sample-0", uid="sample-0-uid-2", deleting_since=GOING)
    scenario.fire(TIMER)
    assert [uid for uid, _ in _told(scenario)] == ["sample-0-uid", "sample-0-uid-2"]


def test_the_largest_grace_period_of_the_group_counts() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.pod("sample-0-1", grace_seconds=600)
    scenario.pod("sample-0", deleting_since=GOING)
    began_ms = scenario.at_ms
    scenario.fire(TIMER)
    assert scenario.at_ms == began_ms + 660_000
    assert len(_told(scenario)) == 1


def test_a_group_that_ends_in_time_is_not_told_of() -> None:
    scenario = _terminating()
    scenario.pod_deleted("sample-0-1")
    scenario.worker_set_deleted("sample-0", uid="sample-0-sts-of-sample-0-uid")
    scenario.pod_deleted("sample-0")
    scenario.fire(TIMER)
    assert _told(scenario) == []
    assert scenario.state.terminations == {}


def test_where_only_the_leader_is_left_it_is_named() -> None:
    scenario = _terminating(node="dead-too")
    scenario.pod_deleted("sample-0-1")
    scenario.fire(TIMER)
    assert _told(scenario) == [("sample-0-uid", ("sample-0 on node dead-too",))]


def test_one_timer_watches_over_all_groups() -> None:
    scenario = _terminating()
    scenario.at_ms += 30_000
    scenario.pod("sample-1", deleting_since=GOING)
    assert [timer for timer in scenario.state.timers if timer.startswith(TIMER)] == [TIMER]
    scenario.fire(TIMER)
    assert [uid for uid, _ in _told(scenario)] == ["sample-0-uid"]
    scenario.fire(TIMER)
    assert [uid for uid, _ in _told(scenario)] == ["sample-0-uid", "sample-1-uid"]


@pytest.mark.parametrize("policy", ["None", "RecreateGroupAfterStart"])
def test_the_policy_does_not_matter(policy: str) -> None:
    scenario = Scenario(leaderWorkerTemplate={"restartPolicy": policy})
    scenario.run()
    scenario.pod("sample-1", deleting_since=GOING)
    scenario.fire(TIMER)
    assert [uid for uid, _ in _told(scenario)] == ["sample-1-uid"]
