"""Nodes of a simulated cluster: one, or racks of them."""

from collections.abc import Mapping

from adapters.simulation import objects
from adapters.simulation.objects import Object

RACK = "example.com/rack"
"""The topology label that ``racks`` puts on nodes, unless told otherwise."""

HOSTNAME = "kubernetes.io/hostname"
PODS_MAX = 110
"""Pods per node: the default of a real kubelet."""


def node(name: str, *, labels: Mapping[str, str] | None = None, pods_max: int = PODS_MAX) -> Object:
    """A ready Node with the labels given, and its host name."""
    capacity = {"pods": str(pods_max), "cpu": "64", "memory": "256Gi"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {HOSTNAME: name, **(labels or {})}},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    }


def racks(count: int, *, nodes_per_rack: int, key: str = RACK, pods_max: int = PODS_MAX) -> list[Object]:
    """Nodes ``rack-<r>-node-<n>`` with label ``key=rack-<r>``."""
    return [
        node(f"rack-{rack}-node-{index}", labels={key: f"rack-{rack}"}, pods_max=pods_max)
        for rack in range(count)
        for index in range(nodes_per_rack)
    ]


def is_ready(obj: Object) -> bool:
    """Whether the node's Ready condition is True."""
    return objects.is_true(obj, "Ready")
