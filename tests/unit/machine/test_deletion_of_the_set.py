"""A set that is deleted: nothing more is done about it, and nothing of it is kept (spec 4.2 step 2, 5.17)."""

from lws_events import events, subjects
from lws_events.commands import DeleteLeaderPod, SetTimer
from tests.scenario import Scenario

GOING = "2024-01-01T00:00:00Z"


def _going(scenario: Scenario) -> None:
    last = scenario.state.set_
    assert last is not None
    fact = events.SetObserved(
        uid=last.uid,
        resource_version=scenario.next_version(),
        deleting_since=GOING,
        generation=last.generation + 1,
        spec=last.spec,
    )
    scenario.see(subjects.SET, "sample", fact)


def _gone(scenario: Scenario) -> None:
    fact = events.SetDeleted(uid="set-uid", resource_version=scenario.next_version())
    scenario.see(subjects.SET, "sample", fact)


def _collect(scenario: Scenario) -> None:
    """The garbage collector takes everything."""
    for index in range(2):
        worker_set = scenario.group(index).worker_set
        assert worker_set is not None
        scenario.worker_set_deleted(f"sample-{index}", uid=worker_set.uid)
        scenario.pod_deleted(f"sample-{index}-1")
        scenario.pod_deleted(f"sample-{index}-2")
        scenario.pod_deleted(f"sample-{index}")
    gone = scenario.next_version()
    scenario.see(subjects.STATEFULSET, "sample", events.StatefulSetDeleted(uid="leader-set-uid", resource_version=gone))
    service = scenario.state.service
    assert service is not None
    scenario.see(subjects.SERVICE, "sample", events.ServiceDeleted(uid=service.uid, resource_version=gone))
    for name, revision in list(scenario.state.revisions.items()):
        scenario.see(subjects.REVISION, name, events.RevisionDeleted(uid=revision.uid, resource_version=gone))


def test_in_foreground_nothing_is_done_and_nothing_is_kept() -> None:
    scenario = Scenario()
    scenario.run()
    before = len(scenario.issued())
    _going(scenario)
    scenario.pod("sample-0-1", deleting_since=GOING)
    _collect(scenario)
    _gone(scenario)
    assert len(scenario.issued()) == before
    assert scenario.fleet.aggregates == {}


def test_in_background_nothing_is_done_and_nothing_is_kept() -> None:
    scenario = Scenario()
    scenario.run()
    before = len(scenario.issued())
    _gone(scenario)
    _collect(scenario)
    assert len(scenario.issued()) == before
    assert scenario.fleet.aggregates == {}


def test_it_is_kept_as_long_as_a_command_is_in_flight() -> None:
    scenario = Scenario()
    scenario.apply_set()
    _gone(scenario)
    pending = list(scenario.state.in_flight.values())
    assert len(pending) == 2
    for issued in pending:
        scenario.fail(issued, code=404, reason="NotFound")
    assert scenario.fleet.aggregates == {}
    assert scenario.issued(SetTimer) == []


def test_a_timer_that_fires_afterwards_leaves_nothing_behind() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.fail(scenario.issued()[0], code=500, reason="InternalError")
    (timer,) = scenario.state.timers
    scenario.fail(scenario.issued()[1], code=500, reason="InternalError")
    for issued in list(scenario.state.in_flight.values()):
        scenario.succeed(issued)
    _gone(scenario)
    assert scenario.fleet.aggregates == {}
    assert scenario.see(subjects.TIMER, timer, events.TimerFired(timer=timer)) is None
    assert scenario.fleet.aggregates == {}


def test_a_recreation_under_way_is_given_up() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.pod("sample-0-1", restarts=1)
    _going(scenario)
    scenario.fail(scenario.issued(DeleteLeaderPod)[0], code=500, reason="InternalError")
    assert len(scenario.issued(DeleteLeaderPod)) == 1
    assert "retry/pod/sample-0" not in scenario.state.timers


def test_a_late_deletion_of_an_earlier_set_of_the_name_is_ignored() -> None:
    scenario = Scenario()
    scenario.run()
    late = events.SetDeleted(uid="another", resource_version=scenario.next_version())
    assert scenario.see(subjects.SET, "sample", late) is None
    assert scenario.state.is_active
