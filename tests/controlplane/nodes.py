"""The nodes that the test kubelets answer for: their manifests, and the leases that keep them alive."""

from typing import Any, Final, NamedTuple

from tests.controlplane.api import grouped

Json = dict[str, Any]

RACK: Final = "topology.test/rack"
LEASE_NAMESPACE: Final = "kube-node-lease"


class NodeSpec(NamedTuple):
    """A node to register: its name, labels beyond the usual ones, and what it offers beyond CPU, memory and pods."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    resources: tuple[tuple[str, str], ...] = ()
    pods_max: int = 500


def flat(count: int, *, prefix: str = "node") -> list[NodeSpec]:
    """Nodes ``node-0`` to ``node-<count-1>`` without topology."""
    return [NodeSpec(f"{prefix}-{i}") for i in range(count)]


def racks(
    count: int, *, nodes_per_rack: int = 2, key: str = RACK, prefix: str = "rack", pods_max: int = 500
) -> list[NodeSpec]:
    """Nodes ``rack-<r>-node-<n>``, labelled ``key=rack-<r>``."""
    return [
        NodeSpec(f"{prefix}-{rack}-node-{n}", ((key, f"{prefix}-{rack}"),), pods_max=pods_max)
        for rack in range(count)
        for n in range(nodes_per_rack)
    ]


def manifest(spec: NodeSpec, *, now: str, kubelet_port: int = 0) -> Json:
    """The Node object as a kubelet registers it: ready from the start; with a port it can be asked on loopback."""
    reached = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}},
    }
    resources = {"cpu": "100000", "memory": "1000Ti", "pods": str(spec.pods_max), **dict(spec.resources)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": spec.name,
            "labels": {"kubernetes.io/hostname": spec.name, "kubernetes.io/os": "linux", **dict(spec.labels)},
        },
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "conditions": ready_conditions(now=now),
            **(reached if kubelet_port else {}),
        },
    }


def ready_conditions(*, now: str) -> list[Json]:
    """The conditions of a healthy node."""
    truths = {"Ready": "True", "MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False"}
    return [
        {"type": name, "status": truth, "reason": "Test", "lastHeartbeatTime": now, "lastTransitionTime": now}
        for name, truth in truths.items()
    ]


def lease_path(name: str = "") -> str:
    """The path of a node's lease, or of all of them."""
    return grouped("coordination.k8s.io/v1", "leases", LEASE_NAMESPACE, name)


def lease(name: str, *, now: str) -> Json:
    """A node's lease, renewed now."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": LEASE_NAMESPACE},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now},
    }
