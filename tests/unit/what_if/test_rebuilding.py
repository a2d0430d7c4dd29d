"""A cluster rebuilt from a journal is the one that the journal speaks of: a listing of it is no news."""

from typing import Any

import pytest

from adapters.simulation import kinds, objects
from adapters.what_if import inventory
from adapters.what_if.course import Course
from adapters.what_if.past import Beginning, past_of
from adapters.what_if.world import Pace, World, rebuilt
from lws_events import names
from projections.replay import Until
from tests.modelled_cluster import RACK, SET, LivingCluster

PACE = Pace(pod_ready_seconds=1.0, pod_end_seconds=0.5)


def rebuild(cluster: LivingCluster) -> World:
    """The cluster that its journal speaks of, with the nodes that it has."""
    nodes = [inventory.as_known(node) for node in cluster.simulation.api.select(kinds.NODES)]
    world = rebuilt(cluster.past(), nodes=nodes, pace=PACE)
    world.begin()
    return world


SETS: list[dict[str, Any]] = [
    {"replicas": 3, "size": 3},
    {"replicas": 2, "size": 1},
    {"replicas": 0, "size": 2},
    {"replicas": 2, "size": 2, "annotations": {names.EXCLUSIVE_TOPOLOGY: RACK}},
    {"replicas": 2, "size": 3, "networkConfig": {"subdomainPolicy": "UniquePerReplica"}},
    {"replicas": 2, "size": 2, "startupPolicy": "LeaderReady"},
    {"replicas": 7, "size": 2, "annotations": {names.EXCLUSIVE_TOPOLOGY: RACK}},
]


@pytest.mark.parametrize("spec", SETS)
@pytest.mark.parametrize("seconds", [0.05, 0.4, 1.2, 30.0])
def test_nothing_is_news_at_any_moment(spec: dict[str, Any], seconds: float) -> None:
    cluster = LivingCluster(3)
    cluster.create(**spec)
    cluster.simulation.advance(seconds)
    assert rebuild(cluster).differences == []


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("moments", [1, 5, 9, 16])
def test_nothing_is_news_in_the_middle_of_an_update(moments: int, *, gate: bool) -> None:
    cluster = LivingCluster(5, gate=gate)
    rolling = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxUnavailable": 2, "maxSurge": 1}}
    cluster.create(replicas=4, size=3, rolloutStrategy=rolling)
    cluster.settle()
    containers = [{"name": "main", "image": "example.test/main:2"}]
    patch = {"spec": {"leaderWorkerTemplate": {"workerTemplate": {"spec": {"containers": containers}}}}}
    cluster.simulation.api.patch(kinds.LEADERWORKERSETS, SET.name, patch, type_="merge", namespace=SET.namespace)
    cluster.simulation.advance(0.3 * moments)
    assert rebuild(cluster).differences == []


def test_nothing_is_news_of_containers_that_failed() -> None:
    cluster = LivingCluster(6)
    cluster.create(replicas=2, size=2, policy="None")
    cluster.settle()
    cluster.simulation.kubelets.kill_for_memory("sample-0-1")
    cluster.simulation.kubelets.evict("sample-1")
    cluster.simulation.advance(0.1)
    assert rebuild(cluster).differences == []


def test_pods_are_what_admission_and_the_template_made_them() -> None:
    cluster = LivingCluster(7)
    cluster.create(replicas=2, size=3, annotations={names.EXCLUSIVE_TOPOLOGY: RACK})
    cluster.settle()
    world = rebuild(cluster)
    for pod in cluster.simulation.api.select(kinds.PODS):
        again = world.simulation.api.get(kinds.PODS, objects.name(pod), namespace=SET.namespace)
        assert again["spec"] == pod["spec"]
        assert objects.labels(again) == objects.labels(pod) | {
            "controller-revision-hash": objects.labels(again)["controller-revision-hash"]
        }
        assert objects.annotations(again) == objects.annotations(pod)


def test_a_cluster_at_rest_stays_at_rest() -> None:
    cluster = LivingCluster(8)
    cluster.create(replicas=3, size=2)
    cluster.settle()
    world = rebuild(cluster)
    course = Course(world.simulation)
    world.simulation.settle()
    assert course.entries == []


def test_nodes_are_made_up_from_what_pods_tell() -> None:
    cluster = LivingCluster(9)
    cluster.create(replicas=2, size=2, annotations={names.EXCLUSIVE_TOPOLOGY: RACK})
    cluster.settle()
    world = rebuilt(cluster.past(), nodes=(), pace=PACE)
    world.begin()
    assert world.differences == []
    for node in world.simulation.api.select(kinds.NODES):
        real = cluster.simulation.api.get(kinds.NODES, objects.name(node))
        assert objects.labels(node) == objects.labels(real)


def test_the_past_stays_as_it_is() -> None:
    cluster = LivingCluster(10)
    cluster.create(replicas=2, size=2)
    cluster.settle()
    past = cluster.past()
    first = rebuilt(past, nodes=(), pace=PACE)
    first.begin()
    first.simulation.api.delete(kinds.PODS, "sample-0-1", namespace=SET.namespace, grace_seconds=0)
    first.simulation.settle()
    second = rebuilt(past, nodes=(), pace=PACE)
    second.begin()
    assert second.differences == []
    uids = {objects.uid(pod) for pod in cluster.simulation.api.select(kinds.PODS)}
    assert {objects.uid(pod) for pod in second.simulation.api.select(kinds.PODS)} == uids


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 1.0])
def test_a_journal_without_its_beginning_tells_the_same_from_a_snapshot(share: float) -> None:
    cluster = LivingCluster(11)
    cluster.create(replicas=3, size=3, networkConfig={"subdomainPolicy": "UniquePerReplica"})
    cluster.settle()
    cluster.simulation.kubelets.kill_for_memory("sample-1-1")
    cluster.simulation.advance(1.5)
    at = int(len(cluster.steps) * share)
    before = past_of(iter(cluster.steps[:at]), until=Until())
    past = past_of(iter(cluster.steps[at:]), until=Until(), beginning=Beginning(before.fleet, before.at_ms))
    assert (past.sequence, past.at_ms) == (cluster.past().sequence, cluster.past().at_ms)
    world = rebuilt(past, nodes=(), pace=PACE)
    world.begin()
    assert world.differences == []
    pods = {objects.uid(pod) for pod in cluster.simulation.api.select(kinds.PODS)}
    assert {objects.uid(pod) for pod in world.simulation.api.select(kinds.PODS)} == pods
