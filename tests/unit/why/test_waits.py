"""``why-not`` of a group: what it waits for, in the machine's own words where it has some."""

from lws_events.commands import CreateWorkerStatefulSet
from projections.why.decision import Point
from projections.why.waits import waits
from tests.scenario import Scenario
from tests.unit.machine.crash_looping import TIMER, CrashLooping
from tests.unit.why.told import GOING, steps, waiting


def _running() -> Scenario:
    scenario = Scenario()
    scenario.run()
    return scenario


def test_a_ready_group_waits_for_nothing() -> None:
    scenario = _running()
    found = waiting(scenario)
    assert (found.ready, found.waits_for, found.state) == (True, (), "Ready")
    assert waits(steps(scenario), scenario.name) == []


def test_a_group_without_leader_waits_for_the_statefulset_controller_or_has_no_place() -> None:
    scenario = Scenario()
    scenario.apply_set()
    assert any("the leader StatefulSet sample of this set to exist" in one for one in waiting(scenario).waits_for)
    scenario.carry_out()
    assert waiting(scenario).waits_for == ("the StatefulSet controller to create its leader pod",)
    assert waiting(scenario, 7).waits_for[0].startswith("a place: the leader StatefulSet has 2 replicas")


def test_a_leader_that_is_not_scheduled_waits_with_the_schedulers_words() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", node="", phase="Pending", ready=False, waiting="0/4 nodes are available")
    found = waiting(scenario)
    assert found.state == "Scheduling"
    assert found.waits_for[0] == "the scheduler to place its leader: 0/4 nodes are available"


def test_workers_wait_for_their_leader_in_the_machines_words() -> None:
    scenario = Scenario(startupPolicy="LeaderReady")
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", ready=False)
    found = waiting(scenario)
    assert found.waits_for[0] == "the leader pod to become ready (startupPolicy LeaderReady)"
    assert found.waits_for[1] == "a ready pod: pod sample-0 is Running, not ready on node node-1"
    scenario.at_ms += 240_000
    later = waits(steps(scenario), scenario.name, group="0", until=Point(at_ms=scenario.at_ms))[0]
    assert later.for_ms == 240_000
    now = waits(steps(scenario), scenario.name, group="0", now_ms=scenario.at_ms)[0]
    assert now.for_ms == 240_000


def test_a_command_that_was_refused_is_told_with_its_next_attempt() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0")
    [issued] = scenario.issued(CreateWorkerStatefulSet)
    assert waiting(scenario).waits_for[0].startswith(f"the API server to answer command {issued.id}: create worker")
    scenario.fail(issued, code=403, reason="Forbidden", message="quota")
    [reason, *_] = waiting(scenario).waits_for
    assert reason.startswith("an attempt that succeeds, after 1 that did not, the next one is at 2023-11-14T")
    assert reason.endswith("Failed to create worker statefulset for leader pod sample-0: quota")


def test_pods_that_are_missing_pulling_or_terminating() -> None:
    scenario = _running()
    scenario.pod("sample-0-1", phase="Pending", ready=False, waiting="c: ImagePullBackOff", node="node-3")
    scenario.worker_set("sample-0", uid=_worker_set_uid(scenario), available=1)
    assert waiting(scenario).waits_for == (
        "a ready pod: pod sample-0-1 is Pending on node node-3, waiting: c: ImagePullBackOff",
    )
    scenario.pod("sample-0", deleting_since=GOING, node="node-9")
    [reason] = waiting(scenario).waits_for
    going = f"which is being deleted (its grace period ends at {GOING})"
    assert reason == f"the end of pod sample-0 on node node-9, {going}"
    scenario.pod_deleted("sample-0")
    assert waiting(scenario).waits_for[-1] == "the StatefulSet controller to create its leader pod"


def test_a_group_in_back_off_or_kept() -> None:
    scenario = CrashLooping({"restart-backoff": "10s", "restart-limit": "2"})
    scenario.crash()
    assert waiting(scenario).waits_for[0] == "the deletion of its leader, which was decided, to be carried out"
    scenario.come_back()
    scenario.crash()
    [reason, *_] = waiting(scenario).waits_for
    assert reason.startswith("its back-off to end at 2023-11-14T22:13:30.000Z, because pod sample-0-1 failed")
    scenario.fire(TIMER)
    scenario.come_back()
    scenario.crash()
    [reason, *_] = waiting(scenario).waits_for
    assert reason.startswith("a person: it is kept for debugging after 2 recreations in a row")


def test_a_group_waits_for_its_turn_in_a_rolling_update_and_for_whom() -> None:
    scenario = _running()
    containers = [{"name": "c", "image": "changed", "resources": {}}]
    scenario.apply_set(leaderWorkerTemplate={"workerTemplate": {"spec": {"containers": containers}}})
    scenario.carry_out()
    scenario.pod("sample-1", ready=False)
    found = waiting(scenario)
    [reason] = [one for one in found.waits_for if "rolling update" in one]
    assert reason.startswith("its turn in the rolling update, which is at partition ")
    assert "sample-1" in reason


def test_a_set_that_is_going_or_unknown() -> None:
    scenario = _running()
    scenario.pod("sample-0", ready=False)
    unknown = waits(steps(scenario)[:1], scenario.name, group="0")[0]
    assert unknown.waits_for[0] == "the LeaderWorkerSet, which is not there"
    assert [one.group for one in waits(steps(scenario), scenario.name)] == ["0"]


def test_a_gang_scheduler_is_waited_for() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", gang_group="sample-0-pg", node="", phase="Pending", ready=False)
    assert waiting(scenario).waits_for[0].startswith("the scheduler to place its leader")
    scenario.pod("sample-0", gang_group="sample-0-pg", ready=False)
    assert waiting(scenario).waits_for[0] == "its PodGroup sample-0-pg to exist"
    scenario.pod_group("sample-0-pg", phase="Inqueue", min_member=3, leader_uid="sample-0-uid")
    assert "the gang scheduler: PodGroup sample-0-pg is Inqueue, for 3 pods at least" in waiting(scenario).waits_for


def _worker_set_uid(scenario: Scenario) -> str:
    current = scenario.group(0).worker_set
    assert current is not None
    return current.uid
