"""What an answer says of a set that does not get where it is to be, and of what is out of the ordinary."""

import time

from adapters.simulation import kinds
from adapters.what_if.asking import OfJournal, Request, SetTold, Times, Told, ask_twice
from lws_events import names
from tests.modelled_cluster import SET, LivingCluster, manifest


def ask(cluster: LivingCluster, request: Request, *, times: Times | None = None) -> Told:
    return ask_twice(OfJournal(cluster.past(), nodes=()), request, times=times or Times())


def the_set(told: Told) -> SetTold:
    [found] = told.sets
    assert found.forecast.set_name == str(SET)
    return found


def test_a_rollout_is_blocked_by_a_group_that_is_broken_today() -> None:
    cluster = LivingCluster(2)
    cluster.create(replicas=4, size=2, policy="None")
    cluster.settle()
    cluster.simulation.kubelets.restart_container("sample-0-1")
    cluster.simulation.advance(5)
    cluster.simulation.kubelets.set_ready("sample-0-1", ready=False)
    cluster.settle()
    told = ask(cluster, Request(manifest=manifest(replicas=4, size=2, image="other:2", policy="None")))
    forecast = the_set(told).forecast
    assert not told.finishes
    assert forecast.restarts == ()
    assert "the rolling update is blocked by groups that are not ready: sample-0" in forecast.holds
    assert any("sample-0-1 is not ready" in hold for hold in forecast.holds)
    assert any("cannot go below partition 4" in step.what for step in forecast.steps)


def test_how_often_a_group_was_recreated_counts() -> None:
    """The journal knows the recreations in a row: the next failure waits for the back-off, the one after it is kept."""
    cluster = LivingCluster(3)
    cluster.create(replicas=2, size=2, annotations={names.RESTART_BACKOFF: "40s", names.RESTART_LIMIT: "2"})
    cluster.settle()
    cluster.simulation.kubelets.restart_container("sample-1-1")
    cluster.simulation.advance(20)
    cluster.simulation.kubelets.restart_container("sample-1-1")
    cluster.simulation.advance(2)  # the container has restarted
    [restart] = the_set(ask(cluster, Request(set_name="sample"))).forecast.restarts
    assert (restart.group, 30 < restart.at_seconds < 40) == (1, True)
    cluster.simulation.advance(60)
    cluster.simulation.kubelets.restart_container("sample-1-1")
    cluster.simulation.advance(2)  # the container has restarted
    kept = ask(cluster, Request(set_name="sample"))
    assert the_set(kept).forecast.restarts == ()


def test_groups_of_a_gang_scheduler_are_foretold() -> None:
    cluster = LivingCluster(4, gang=True)
    cluster.create(replicas=2, size=3)
    cluster.settle()
    assert len(cluster.simulation.api.select(kinds.POD_GROUPS)) == 2
    told = ask(cluster, Request(manifest=manifest(replicas=3, size=3, image="other:2")))
    assert told.finishes
    assert [one.group for one in the_set(told).forecast.restarts] == [1, 0]


def test_times_are_those_recorded_unless_others_are_given() -> None:
    cluster = LivingCluster(5)
    cluster.create(replicas=3, size=2)
    cluster.settle()
    request = Request(manifest=manifest(replicas=3, size=2, image="other:2"))
    recorded = ask(cluster, request)
    assert (recorded.time_to_ready.origin, recorded.time_to_ready.samples) == ("recorded", 3)
    assert recorded.time_to_stop.origin == "default"
    assert the_set(recorded).duration_p99_seconds is not None
    given = ask(cluster, request, times=Times(ready_seconds=100.0, end_seconds=1.0))
    assert (given.time_to_ready.origin, given.time_to_stop.origin) == ("given", "given")
    assert the_set(given).duration_p99_seconds is None
    assert 300 < the_set(given).forecast.summary.duration_seconds < 315


def test_workers_that_wait_for_their_leader_share_the_time_of_their_group() -> None:
    cluster = LivingCluster(6)
    cluster.create(replicas=1, size=2, startupPolicy="LeaderReady")
    cluster.settle()
    request = Request(manifest=manifest(replicas=2, size=2, startupPolicy="LeaderReady"))
    told = ask(cluster, request, times=Times(ready_seconds=100.0))
    assert 100 <= the_set(told).forecast.summary.duration_seconds < 102


def test_a_hundred_groups_of_eight_are_answered_in_seconds() -> None:
    cluster = LivingCluster(7, rack_count=10, nodes_per_rack=4)
    cluster.create(replicas=100, size=8)
    cluster.settle()
    request = Request(manifest=manifest(replicas=100, size=8, image="other:2"))
    began = time.monotonic()
    told = ask(cluster, request, times=Times(ready_seconds=60.0))
    assert time.monotonic() - began < 60  # two seconds, on a machine that has nothing else to do
    assert the_set(told).forecast.summary.pods_replaced == 800
