"""``why-not`` of a pod: the decision that followed from its end, or the machine's reason for none."""

import pytest

from lws_events import names, subjects
from lws_events.events import SetDeleted
from projections.why.decision import Point
from projections.why.verdict import verdicts
from tests.scenario import Scenario
from tests.unit.machine.crash_looping import CrashLooping
from tests.unit.why.told import GOING, steps, verdict


@pytest.fixture
def scenario() -> Scenario:
    running = Scenario()
    running.run()
    return running


def test_a_recreation_followed(scenario: Scenario) -> None:
    scenario.pod_deleted("sample-0-1")
    found = verdict(scenario, "sample-0-1")
    assert found.decision.startswith("group sample-0 is recreated as a whole, because of pod sample-0-1 (deleted)")
    assert (found.decision_sequence, found.sequence, found.because) == (scenario.sequence, scenario.sequence, "")


def test_the_second_failure_of_a_group_is_part_of_the_first_ones_recreation(scenario: Scenario) -> None:
    scenario.pod_deleted("sample-0-1")
    decided = scenario.sequence
    scenario.pod_deleted("sample-0-2")
    found = verdict(scenario, "sample-0-2")
    assert found.because == "the recreation of its group had been decided before, because of pod sample-0-1 (deleted)"
    assert decided < found.sequence
    scenario.pod("sample-0", deleting_since=GOING)
    scenario.pod_deleted("sample-0")
    ours = verdict(scenario, "sample-0")
    assert ours.cause.category == "deleted-by-this-controller"


def test_a_policy_that_recreates_nothing() -> None:
    scenario = Scenario(leaderWorkerTemplate={"restartPolicy": "None"})
    scenario.run()
    scenario.pod_deleted("sample-0-1")
    assert verdict(scenario, "sample-0-1").decision.endswith("because restart policy None")


def test_failures_that_are_ignored_or_of_another_revision(scenario: Scenario) -> None:
    annotations = {names.SIZE: "3", names.IGNORE_FAILURE: "true"}
    scenario.pod("sample-0-1", annotations=annotations)
    scenario.pod("sample-0-1", annotations=annotations, restarts=1)
    assert names.IGNORE_FAILURE in verdict(scenario, "sample-0-1").decision
    scenario.pod("sample-1-1", labels={names.REVISION_KEY: "other"}, phase="Failed", ready=False)
    assert "the pod is of another revision than the leader" in verdict(scenario, "sample-1-1").decision


def test_after_start_only() -> None:
    scenario = Scenario(leaderWorkerTemplate={"restartPolicy": "RecreateGroupAfterStart"})
    scenario.run()
    scenario.pod("sample-0-2", phase="Pending", ready=False)
    scenario.pod("sample-0-1", restarts=1)
    assert "still pending" in verdict(scenario, "sample-0-1").decision


def test_a_leader_takes_its_group_along(scenario: Scenario) -> None:
    scenario.pod("sample-0", deleting_since=GOING)
    found = verdict(scenario, "sample-0")
    assert found.because.startswith("it is the leader: its end takes its group along by ownership")
    scenario.pod_deleted("sample-0-1")
    assert verdict(scenario, "sample-0-1").because.startswith("the leader of its group was on its way out already")


def test_an_end_that_was_judged_when_it_began(scenario: Scenario) -> None:
    scenario.pod("sample-0-1", deleting_since=GOING)
    decided = verdict(scenario, "sample-0-1")
    assert decided.decision
    scenario.pod_deleted("sample-0-1")
    assert verdict(scenario, "sample-0-1") == decided


def test_a_worker_whose_statefulset_has_not_been_seen(scenario: Scenario) -> None:
    scenario.pod_deleted("sample-0")
    scenario.pod("sample-0", uid="second")
    scenario.pod("sample-0-1", uid="third", owner=None)
    owner = scenario.group(1).workers["sample-1-1"].view.owner
    assert owner is not None
    scenario.pod("sample-0-2", uid="fourth", owner=type(owner)("StatefulSet", "sample-0", "unseen"))
    scenario.pod_deleted("sample-0-2", uid="fourth")
    assert verdict(scenario, "sample-0-2").because == "its StatefulSet has not been seen yet: it is judged when it is"


def test_a_set_that_is_on_its_way_out_or_gone(scenario: Scenario) -> None:
    scenario.see(subjects.SET, "sample", SetDeleted(uid=scenario.set_uid, resource_version=scenario.next_version()))
    scenario.pod_deleted("sample-1-1")
    found = verdict(scenario, "sample-1-1")
    assert found.because == "the LeaderWorkerSet was not known, or gone: nothing is decided then"
    assert found.cause.category == "set-deleted"


def test_a_group_that_waits_because_of_an_earlier_failure() -> None:
    scenario = CrashLooping({"restart-backoff": "10s"})
    scenario.crash()
    scenario.come_back()
    scenario.crash()
    assert "waits until" in verdict(scenario, "sample-0-1").decision
    scenario.pod_deleted("sample-0-2", uid=scenario.group(0).workers["sample-0-2"].view.uid)
    assert verdict(scenario, "sample-0-2").because.startswith(
        "its group waits, or is kept, because of an earlier failure"
    )


def test_at_a_point_it_is_the_end_before_it_else_the_first_one(scenario: Scenario) -> None:
    scenario.pod_deleted("sample-0-1")
    first = scenario.sequence
    scenario.run_group(0, incarnation="-new")
    scenario.pod_deleted("sample-0-1", uid="sample-0-1-uid-new")

    def at(sequence: int) -> list[int]:
        found = verdicts(steps(scenario), scenario.name, "sample-0-1", at=Point(sequence=sequence))
        return [one.sequence for one in found]

    assert at(first - 1) == at(first) == at(scenario.sequence - 1) == [first]
    assert at(scenario.sequence) == [scenario.sequence]
    assert len(verdicts(steps(scenario), scenario.name, "sample-0-1")) == 2
