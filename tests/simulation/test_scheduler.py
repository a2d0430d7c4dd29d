"""Placement by node selector, affinity, anti-affinity and capacity, and what an unschedulable pod says."""

from typing import Any

import pytest

from adapters.simulation import Simulation, kinds, node, objects, racks
from adapters.simulation.nodes import RACK
from adapters.simulation.objects import Object
from tests.simulation.manifests import exclusive, pod

NS = "default"
KEY = "example.com/group"


def group_pod(name: str, group: str) -> Object:
    return pod(name, labels={KEY: group}, affinity=exclusive(KEY, group, topology_key=RACK))


def rack_of(simulation: Simulation, name: str) -> str:
    found = simulation.api.get(kinds.PODS, name, namespace=NS)
    return str(objects.labels(simulation.api.get(kinds.NODES, found["spec"]["nodeName"]))[RACK])


def scheduled(simulation: Simulation, name: str) -> Object:
    found = objects.condition(simulation.api.get(kinds.PODS, name, namespace=NS), "PodScheduled")
    assert found is not None
    return found


def test_exclusive_groups_get_a_rack_each_and_the_next_one_waits() -> None:
    simulation = Simulation(seed=1, nodes=racks(3, nodes_per_rack=2))
    for group in "abcd":
        simulation.api.create(kinds.PODS, group_pod(f"{group}-0", group), namespace=NS)
    simulation.settle()
    pods = simulation.api.select(kinds.PODS, namespace=NS)
    placed = [objects.name(obj) for obj in pods if obj["spec"].get("nodeName")]
    waiting = [objects.name(obj) for obj in pods if not obj["spec"].get("nodeName")]
    assert len({rack_of(simulation, name) for name in placed}) == 3
    assert len(waiting) == 1
    refused = scheduled(simulation, waiting[0])
    assert (refused["status"], refused["reason"]) == ("False", "Unschedulable")
    assert refused["message"].startswith("0/6 nodes are available: 6 node(s) didn't ")
    simulation.api.delete(kinds.PODS, placed[0], namespace=NS)
    simulation.settle()
    assert objects.is_true(simulation.api.get(kinds.PODS, waiting[0], namespace=NS), "Ready")


def test_the_second_pod_of_a_group_follows_the_first() -> None:
    simulation = Simulation(seed=2, nodes=racks(4, nodes_per_rack=2))
    for name in ("a-0", "a-1", "a-2"):
        simulation.api.create(kinds.PODS, group_pod(name, "a"), namespace=NS)
    simulation.settle()
    assert len({rack_of(simulation, name) for name in ("a-0", "a-1", "a-2")}) == 1


def test_a_placed_pod_keeps_others_away_though_they_have_no_terms_themselves() -> None:
    simulation = Simulation(seed=3, nodes=racks(2, nodes_per_rack=2))
    simulation.api.create(kinds.PODS, group_pod("a-0", "a"), namespace=NS)
    simulation.settle()
    for index in range(8):
        simulation.api.create(kinds.PODS, pod(f"plain-{index}", labels={KEY: "b"}), namespace=NS)
    simulation.settle()
    taken = rack_of(simulation, "a-0")
    assert all(rack_of(simulation, f"plain-{index}") != taken for index in range(8))


def test_terms_look_at_their_own_namespace_only() -> None:
    simulation = Simulation(seed=4, nodes=racks(1, nodes_per_rack=2))
    simulation.api.create(kinds.NAMESPACES, {"metadata": {"name": "other"}})
    simulation.api.create(kinds.PODS, group_pod("a-0", "a"), namespace=NS)
    simulation.settle()
    simulation.api.create(kinds.PODS, group_pod("b-0", "b"), namespace="other")
    simulation.settle()
    assert simulation.api.get(kinds.PODS, "b-0", namespace="other")["spec"].get("nodeName")


def test_affinity_to_nobody_waits_until_somebody_comes() -> None:
    simulation = Simulation(seed=5, nodes=racks(2, nodes_per_rack=1))
    term = {"topologyKey": RACK, "labelSelector": {"matchLabels": {"app": "db"}}}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    simulation.api.create(kinds.PODS, pod("web", affinity=affinity), namespace=NS)
    simulation.settle()
    assert "2 node(s) didn't match pod affinity rules" in scheduled(simulation, "web")["message"]
    simulation.api.create(kinds.PODS, pod("db", labels={"app": "db"}), namespace=NS)
    simulation.settle()
    assert rack_of(simulation, "web") == rack_of(simulation, "db")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"nodeSelector": {RACK: "rack-1"}}, "rack-1"),
        (
            {
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {
                                    "matchExpressions": [
                                        {"key": RACK, "operator": "NotIn", "values": ["rack-0", "rack-1"]}
                                    ]
                                }
                            ]
                        }
                    }
                }
            },
            "rack-2",
        ),
    ],
)
def test_nodes_are_chosen_by_label(spec: dict[str, Any], expected: str) -> None:
    simulation = Simulation(seed=6, nodes=racks(3, nodes_per_rack=1))
    simulation.api.create(kinds.PODS, pod("a", **spec), namespace=NS)
    simulation.settle()
    assert rack_of(simulation, "a") == expected


def test_full_unready_and_cordoned_nodes_are_left_out() -> None:
    simulation = Simulation(seed=7, nodes=[node("small", pods_max=1), node("big")])
    for name in ("a", "b", "c"):
        simulation.api.create(kinds.PODS, pod(name), namespace=NS)
    simulation.settle()
    nodes = [obj["spec"]["nodeName"] for obj in simulation.api.select(kinds.PODS, namespace=NS)]
    assert sorted(nodes) == ["big", "big", "small"]
    simulation.api.patch(kinds.NODES, "big", {"spec": {"unschedulable": True}}, type_="merge")
    simulation.api.create(kinds.PODS, pod("d"), namespace=NS)
    simulation.settle()
    message = scheduled(simulation, "d")["message"]
    assert message == "0/2 nodes are available: 1 Too many pods, 1 node(s) were unschedulable."
    simulation.api.patch(kinds.NODES, "big", {"spec": {"unschedulable": None}}, type_="merge")
    simulation.settle()
    assert simulation.api.get(kinds.PODS, "d", namespace=NS)["spec"]["nodeName"] == "big"
