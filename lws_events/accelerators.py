"""Which containers ask for TPUs (spec 3.7): the leader's answer is written on its workers."""

from collections.abc import Mapping
from typing import Any, Final

from lws_events.canonical.quantity import canonical_quantity

TPU: Final = "google.com/tpu"


def requests_tpus(pod_spec: Mapping[str, Any]) -> bool:
    """Whether any container or init container of a pod's spec requests TPUs. Raises ``QuantityError``."""
    containers = (*(pod_spec.get("containers") or ()), *(pod_spec.get("initContainers") or ()))
    return any(container_requests_tpus(container) for container in containers)


def container_requests_tpus(container: Mapping[str, Any]) -> bool:
    """Whether a container's limit, or else its request, of TPUs is not zero. Raises ``QuantityError``."""
    resources = container.get("resources") or {}
    amounts = ((resources.get(side) or {}).get(TPU) for side in ("limits", "requests"))
    return any(amount is not None and canonical_quantity(amount) != "0" for amount in amounts)
