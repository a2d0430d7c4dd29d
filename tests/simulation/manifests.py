"""Manifests that the tests of the cluster post, as small as they can be."""

from typing import Any

from adapters.simulation import objects
from adapters.simulation.objects import Object

IMAGE = "registry.example/app:1"


def pod(name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> Object:
    """A Pod with one container."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"containers": [{"name": "main", "image": IMAGE}], **spec},
    }


def statefulset(
    name: str,
    *,
    replicas: int,
    labels: dict[str, str] | None = None,
    owner: Object | None = None,
    start: int = 0,
    policy: str = "Parallel",
    image: str = IMAGE,
    pod_spec: dict[str, Any] | None = None,
    **spec: Any,
) -> Object:
    """A StatefulSet whose template carries ``labels`` (``app: <name>`` by default)."""
    labels = labels or {"app": name}
    metadata: Object = {"name": name, "labels": labels}
    if owner is not None:
        metadata["ownerReferences"] = [objects.owner_reference(owner)]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata,
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "podManagementPolicy": policy,
            "selector": {"matchLabels": labels},
            "ordinals": {"start": start},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 5,
                    "containers": [{"name": "main", "image": image}],
                    **(pod_spec or {}),
                },
            },
            **spec,
        },
    }


def exclusive(key: str, value: str, *, topology_key: str) -> dict[str, Any]:
    """The affinity that places a group alone in a topology domain (spec 3.5)."""
    own: dict[str, Any] = {"key": key, "operator": "In", "values": [value]}
    others: list[dict[str, Any]] = [
        {"key": key, "operator": "Exists"},
        {"key": key, "operator": "NotIn", "values": [value]},
    ]

    def required(expressions: list[dict[str, Any]]) -> dict[str, Any]:
        term = {"topologyKey": topology_key, "labelSelector": {"matchExpressions": expressions}}
        return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}

    return {"podAffinity": required([own]), "podAntiAffinity": required(others)}
