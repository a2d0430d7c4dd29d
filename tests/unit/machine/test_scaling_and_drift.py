"""More and fewer groups, and a leader StatefulSet that somebody else changed (spec 5.10, 5.16, D14, D15)."""

from typing import Any

import msgspec

from lws_events import events, subjects
from lws_events.commands import ApplyLeaderStatefulSet, DeleteLeaderPod
from lws_events.decisions import FailureLeftAlone, GroupChanged
from tests.scenario import Scenario

GOING = "2024-01-01T00:00:00Z"


def _applied(scenario: Scenario) -> list[int]:
    commands = scenario.commanded(ApplyLeaderStatefulSet)
    return [_replicas(each) for each in commands]


def _replicas(command: Any) -> int:
    replicas: int = msgspec.json.decode(command.manifest)["spec"]["replicas"]
    return replicas


def _scale(scenario: Scenario, replicas: int) -> None:
    before = scenario.spec["replicas"]
    scenario.at_ms += 10_000
    scenario.apply_set(replicas=replicas)
    scenario.carry_out()
    for index in range(before, replicas):
        scenario.run_group(index)
    for index in range(replicas, before):
        _remove(scenario, index)
    scenario.at_ms += 10_000
    scenario.leader_set()
    scenario.carry_out()


def _remove(scenario: Scenario, index: int) -> None:
    """The StatefulSet controller takes a leader, and the garbage collector the rest of its group."""
    group = f"sample-{index}"
    worker_set = scenario.group(index).worker_set
    assert worker_set is not None
    scenario.pod(group, deleting_since=GOING)
    scenario.pod_deleted(group)
    scenario.worker_set(group, uid=worker_set.uid, deleting_since=GOING)
    for worker in range(1, 3):
        scenario.pod(f"{group}-{worker}", deleting_since=GOING)
        scenario.pod_deleted(f"{group}-{worker}")
    scenario.worker_set_deleted(group, uid=worker_set.uid)


def test_up_and_down_and_to_zero_and_back() -> None:
    scenario = Scenario(replicas=3)
    scenario.run()
    for replicas in (5, 2, 0, 3):
        _scale(scenario, replicas)
        assert sorted(scenario.state.groups) == [f"sample-{index}" for index in range(replicas)]
        assert scenario.state.status.get("readyReplicas", 0) == replicas
    assert _applied(scenario) == [3, 5, 2, 0, 3]
    assert scenario.issued(DeleteLeaderPod) == []  # no worker that goes with its group is a failure
    assert scenario.facts(FailureLeftAlone) == []
    said = [each.announce.note if each.announce else "" for each in scenario.issued(ApplyLeaderStatefulSet)]
    assert said == [
        "Created leader statefulset sample",
        "",
        "deleting surge replicas from sample-2 to sample-4",
        "deleting surge replicas from sample-0 to sample-1",
        "",
    ]


def test_the_end_of_a_group_is_on_record() -> None:
    scenario = Scenario(replicas=2)
    scenario.run()
    _scale(scenario, 1)
    changes = [(fact.before, fact.after) for fact in scenario.facts(GroupChanged) if fact.group == "sample-1"]
    assert changes == [
        ("Absent", "Starting"),
        ("Starting", "Ready"),
        ("Ready", "Terminating"),
        ("Terminating", "Absent"),
    ]


def test_one_group_less_is_told_in_the_singular() -> None:
    scenario = Scenario(replicas=2)
    scenario.run()
    scenario.apply_set(replicas=1)
    announce = scenario.issued(ApplyLeaderStatefulSet)[-1].announce
    assert announce is not None
    assert (announce.reason, announce.action, announce.note) == (
        "GroupsProgressing",
        "Delete",
        "deleting surge replica sample-1",
    )


def test_d14_only_a_partition_that_falls_is_told() -> None:
    scenario = Scenario(replicas=4)
    scenario.run()
    for partition in (3, 2, 0, 4):
        scenario.apply_set(rolloutStrategy={"rollingUpdateConfiguration": {"partition": partition}})
        scenario.carry_out()
        scenario.leader_set(partition=partition, generation=1)
    notes = [each.announce.note if each.announce else "" for each in scenario.issued(ApplyLeaderStatefulSet)][1:]
    assert notes == ["", "Updating replica 2", "Updating replicas 0 to 1 (inclusive)", ""]


def test_what_somebody_else_changed_is_put_right_once() -> None:
    scenario = Scenario()
    scenario.run()
    before = len(scenario.issued(ApplyLeaderStatefulSet))
    scenario.leader_set(generation=2, replicas=7)
    scenario.leader_set(generation=2, replicas=7, status_replicas=7)
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == before + 1
    scenario.succeed(scenario.issued(ApplyLeaderStatefulSet)[-1], generation=3)
    scenario.leader_set(generation=3)
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == before + 1


def test_a_removed_label_is_put_back() -> None:
    scenario = Scenario()
    scenario.run()
    before = len(scenario.issued(ApplyLeaderStatefulSet))
    scenario.leader_set(labels={})
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == before + 1


def test_a_change_of_the_set_that_means_nothing_writes_nothing() -> None:
    scenario = Scenario()
    scenario.run()
    before = len(scenario.issued(ApplyLeaderStatefulSet))
    scenario.apply_set()
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == before


def _delete_leader_set(scenario: Scenario) -> None:
    fact = events.StatefulSetDeleted(uid="leader-set-uid", resource_version=scenario.next_version())
    scenario.see(subjects.STATEFULSET, "sample", fact)


def test_a_deleted_leader_statefulset_is_made_again_from_the_same_revision() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.leader_set(deleting_since=GOING)
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == 1
    _delete_leader_set(scenario)
    applied = scenario.issued(ApplyLeaderStatefulSet)
    assert len(applied) == 2
    assert applied[-1].announce is not None
    assert applied[-1].announce.note == "Created leader statefulset sample"
    scenario.leader_set(uid="second")
    scenario.succeed(applied[-1], uid="second")
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == 2
    assert len(scenario.state.revisions) == 1


def test_while_the_leader_statefulset_is_on_its_way_out_no_status_is_written() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.leader_set(deleting_since=GOING)
    count = len(scenario.issued())
    scenario.at_ms += 60_000
    scenario.pod("sample-0", ready=False)
    assert len(scenario.issued()) == count


def test_another_statefulset_in_its_place_gets_what_was_applied_to_the_first() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.leader_set()
    scenario.apply_set(replicas=3)
    applied = scenario.issued(ApplyLeaderStatefulSet)[-1]
    scenario.succeed(applied, uid="leader-set-uid", resource_version=scenario.next_version())
    before = len(scenario.issued(ApplyLeaderStatefulSet))
    scenario.leader_set(uid="orphans-took-its-place")
    command = scenario.commanded(ApplyLeaderStatefulSet)[before]
    assert command.uid == "orphans-took-its-place"
