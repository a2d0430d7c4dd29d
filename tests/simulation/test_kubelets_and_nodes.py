"""Faults of containers, pods and nodes, as they show in the status of pods."""

import pytest

from adapters.simulation import ApiError, Simulation, kinds, node, objects
from adapters.simulation.objects import Object
from tests.simulation.manifests import IMAGE, pod, statefulset

NS = "default"


@pytest.fixture
def simulation() -> Simulation:
    simulation = Simulation(seed=8, nodes=[node("one"), node("two")])
    simulation.api.create(kinds.PODS, pod("a"), namespace=NS)
    simulation.settle()
    return simulation


def get(simulation: Simulation, name: str = "a") -> Object:
    return simulation.api.get(kinds.PODS, name, namespace=NS)


def test_a_started_pod_is_running_ready_and_addressed(simulation: Simulation) -> None:
    status = get(simulation)["status"]
    assert status["phase"] == "Running"
    assert objects.is_true(get(simulation), "Ready")
    assert status["podIP"]
    assert status["hostIP"]
    assert status["containerStatuses"][0]["restartCount"] == 0


def test_a_container_restart_shows_exit_code_and_count(simulation: Simulation) -> None:
    simulation.kubelets.restart_container("a", exit_code=3)
    assert not objects.is_true(get(simulation), "Ready")
    simulation.settle()
    container = get(simulation)["status"]["containerStatuses"][0]
    assert container["restartCount"] == 1
    assert container["lastState"]["terminated"]["exitCode"] == 3
    assert objects.is_true(get(simulation), "Ready")
    simulation.kubelets.kill_for_memory("a")
    simulation.settle()
    container = get(simulation)["status"]["containerStatuses"][0]
    assert container["restartCount"] == 2
    assert container["lastState"]["terminated"]["reason"] == "OOMKilled"


def test_a_pod_that_never_restarts_ends_with_its_container(simulation: Simulation) -> None:
    for name, exit_code, phase in (("fails", 1, "Failed"), ("succeeds", 0, "Succeeded")):
        simulation.api.create(kinds.PODS, pod(name, restartPolicy="Never"), namespace=NS)
        simulation.settle()
        simulation.kubelets.restart_container(name, exit_code=exit_code)
        simulation.settle()
        assert objects.phase(get(simulation, name)) == phase


def test_an_evicted_pod_stays_as_failed(simulation: Simulation) -> None:
    simulation.kubelets.evict("a")
    simulation.settle()
    status = get(simulation)["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    with pytest.raises(ApiError, match="not Running"):
        simulation.kubelets.restart_container("a")


def test_a_missing_image_holds_pods_until_it_is_there(simulation: Simulation) -> None:
    simulation.kubelets.make_image_unavailable(IMAGE)
    simulation.api.create(kinds.PODS, pod("b"), namespace=NS)
    simulation.settle()
    status = get(simulation, "b")["status"]
    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"
    simulation.kubelets.make_image_available(IMAGE)
    simulation.settle()
    assert objects.is_true(get(simulation, "b"), "Ready")


def test_a_lost_node_keeps_its_terminating_pods_until_it_is_back(simulation: Simulation) -> None:
    where = get(simulation)["spec"]["nodeName"]
    simulation.node_lifecycle.lose(where)
    simulation.advance(39)
    assert objects.is_true(get(simulation), "Ready")
    simulation.advance(2)
    assert not objects.is_true(get(simulation), "Ready")
    assert not objects.is_true(simulation.api.get(kinds.NODES, where), "Ready")
    simulation.settle()
    assert objects.terminating(get(simulation))
    simulation.node_lifecycle.recover(where)
    simulation.settle()
    assert simulation.api.find(kinds.PODS, "a", namespace=NS) is None
    assert "taints" not in simulation.api.get(kinds.NODES, where).get("spec", {})


def test_a_short_absence_costs_nothing(simulation: Simulation) -> None:
    where = get(simulation)["spec"]["nodeName"]
    before = get(simulation)["metadata"]["uid"]
    simulation.node_lifecycle.lose(where)
    simulation.advance(10)
    simulation.node_lifecycle.recover(where)
    simulation.settle()
    assert objects.is_true(get(simulation), "Ready")
    assert get(simulation)["metadata"]["uid"] == before


def test_pods_of_a_removed_node_are_collected_and_replaced(simulation: Simulation) -> None:
    simulation.api.create(kinds.STATEFULSETS, statefulset("s", replicas=2), namespace=NS)
    simulation.settle()
    simulation.api.delete(kinds.NODES, "one")
    simulation.settle()
    pods = simulation.api.select(kinds.PODS, namespace=NS)
    assert [obj["spec"]["nodeName"] for obj in pods if objects.name(obj).startswith("s-")] == ["two", "two"]
