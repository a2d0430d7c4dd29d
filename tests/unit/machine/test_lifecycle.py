"""The life of a group as recorded facts: what it is in, what it waits for, and every end."""

from lws_events.decisions import GroupChanged
from tests.scenario import Scenario

GOING = "2024-01-01T00:00:00Z"


def _life(scenario: Scenario) -> list[tuple[str, str]]:
    return [(fact.after, fact.because) for fact in scenario.facts(GroupChanged) if fact.group == "sample-0"]


def test_from_the_first_pod_to_the_end_of_a_recreation() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", phase="Pending", ready=False, node="", waiting="no node fits")
    scenario.carry_out()
    scenario.pod("sample-0", phase="Pending", ready=False)
    scenario.pod("sample-0")
    scenario.worker_set("sample-0", uid="sample-0-sts-of-sample-0-uid")
    scenario.worker_set("sample-0", uid="sample-0-sts-of-sample-0-uid", available=1, ready_replicas=1)
    scenario.worker_set("sample-0", uid="sample-0-sts-of-sample-0-uid")
    scenario.pod("sample-0-1", restarts=1)
    scenario.succeed(scenario.issued()[-1])
    scenario.pod("sample-0", deleting_since=GOING)
    scenario.pod_deleted("sample-0-1")
    scenario.worker_set_deleted("sample-0", uid="sample-0-sts-of-sample-0-uid")
    scenario.pod_deleted("sample-0")
    assert _life(scenario) == [
        ("Scheduling", "no node fits"),
        ("Starting", "the leader pod is not ready"),
        ("Ready", ""),
        ("Degraded", "1 of 2 workers ready"),
        ("Ready", ""),
        ("Recreating", ""),
        ("Absent", ""),
    ]
    assert scenario.state.groups == {}


def test_what_a_starting_group_waits_for() -> None:
    scenario = Scenario(startupPolicy="LeaderReady")
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", ready=False)
    assert _life(scenario) == [("Starting", "waiting for the leader pod to become ready (startupPolicy LeaderReady)")]


def test_a_leader_deleted_by_somebody_else_ends_the_group_without_a_recreation() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.pod("sample-0", deleting_since=GOING)
    scenario.pod_deleted("sample-0")
    scenario.pod("sample-0", uid="next")
    assert [after for after, _ in _life(scenario)] == ["Starting", "Ready", "Terminating", "Starting"]
    assert _life(scenario)[-1][1] == "waiting for the worker StatefulSet of an earlier leader to go"


def test_each_state_is_reached_by_leaving_the_one_before() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.pod("sample-0-1", restarts=1)
    for group in ("sample-0", "sample-1"):
        changes = [fact for fact in scenario.facts(GroupChanged) if fact.group == group]
        assert changes[0].before == "Absent"
        assert [fact.before for fact in changes[1:]] == [fact.after for fact in changes[:-1]]
