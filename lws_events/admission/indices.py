"""A pod's place in its set: group index and key, worker index, subdomain, from name and labels (spec 3.2, 3.3)."""

import re
from typing import Final

from lws_events import names
from lws_events.admission.errors import PodDeniedError
from lws_events.admission.lookup import Object, annotations, text

LEADER_INDEX: Final = "0"
_INT64: Final = (-(2**63), 2**63 - 1)
_DIGITS_MAX: Final = 19  # of a 64-bit number; Python refuses to read very long ones


def integer(value: str, *, what: str) -> int:
    """A decimal number as in an annotation: sign and leading zeros allowed, 64 bits.

    Raises:
        PodDeniedError: it is none; ``what`` names it, for example ``annotation … of pod …``.
    """
    if re.fullmatch("[+-]?[0-9]+", value) and len(value.lstrip("+-0")) <= _DIGITS_MAX:
        number = int(value)
        if _INT64[0] <= number <= _INT64[1]:
            return number
    raise PodDeniedError(f'{what} must be a number, not "{value}"')


def pod_title(pod: Object, namespace: str) -> str:
    """``<namespace>/<name>``, as the messages name a pod."""
    return f"{namespace}/{text(pod, 'metadata', 'name')}"


def leader_labels(pod: Object, labels: dict[str, str], *, namespace: str) -> dict[str, str]:
    """The leader's labels with group index and group key. Labels that are there already are trusted.

    Raises:
        PodDeniedError: the name does not end in an ordinal.
    """
    name = text(pod, "metadata", "name")
    placed = dict(labels)
    if names.GROUP_INDEX not in placed:
        placed[names.GROUP_INDEX] = str(_ordinal(name))
    if names.GROUP_KEY not in placed:
        placed[names.GROUP_KEY] = names.topology_group_key(namespace, name)
    return placed


def worker_labels(pod: Object, labels: dict[str, str]) -> dict[str, str]:
    """The worker's labels with its index, which is always the ordinal of the pod's name.

    Raises:
        PodDeniedError: the name does not end in an ordinal.
    """
    return {**labels, names.WORKER_INDEX: str(_ordinal(text(pod, "metadata", "name")))}


def leader_subdomain(pod: Object) -> str:
    """The Service below which the leader's name resolves: its own where each group has one."""
    if annotations(pod).get(names.SUBDOMAIN_POLICY) == "UniquePerReplica":
        return text(pod, "metadata", "name")
    return text(pod, "spec", "subdomain")


def _ordinal(name: str) -> int:
    ordinal = names.pod_ordinal(name).ordinal
    if ordinal < 0:
        raise PodDeniedError(f"parsing pod ordinal for pod {name}")
    return ordinal
