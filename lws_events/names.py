"""Every literal name of the LeaderWorkerSet contract, and the few strings computed from names.

These strings are the public interface shared with the reference controller (spec sections 1.5, 2.6, 3.2-3.4):
changing one restarts pods or orphans objects.
"""

import functools
import hashlib
from typing import Final, NamedTuple

GROUP: Final = "leaderworkerset.x-k8s.io"
VERSION: Final = "v1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "LeaderWorkerSet"
PLURAL: Final = "leaderworkersets"

FIELD_MANAGER: Final = "lws"

PREFIX: Final = "leaderworkerset.sigs.k8s.io/"

# Labels
SET_NAME: Final = f"{PREFIX}name"
WORKER_INDEX: Final = f"{PREFIX}worker-index"
GROUP_INDEX: Final = f"{PREFIX}group-index"
GROUP_KEY: Final = f"{PREFIX}group-key"
SUBGROUP_INDEX: Final = f"{PREFIX}subgroup-index"
SUBGROUP_KEY: Final = f"{PREFIX}subgroup-key"
REVISION_KEY: Final = f"{PREFIX}template-revision-hash"

# Annotations
SIZE: Final = f"{PREFIX}size"
REPLICAS: Final = f"{PREFIX}replicas"
LEADER_NAME: Final = f"{PREFIX}leader-name"
EXCLUSIVE_TOPOLOGY: Final = f"{PREFIX}exclusive-topology"
SUBGROUP_EXCLUSIVE_TOPOLOGY: Final = f"{PREFIX}subgroup-exclusive-topology"
TOPOLOGY_KEYS: Final = (EXCLUSIVE_TOPOLOGY, SUBGROUP_EXCLUSIVE_TOPOLOGY)
"""Of a set, copied into its leaders' template although no revision holds them (spec 4.3, D21)."""
SUBGROUP_SIZE: Final = f"{PREFIX}subgroup-size"
SUBGROUP_POLICY_TYPE: Final = f"{PREFIX}subgroup-policy-type"
SUBDOMAIN_POLICY: Final = f"{PREFIX}subdomainPolicy"
LEADER_REQUESTS_TPUS: Final = f"{PREFIX}leader-requests-tpus"
RECREATE_GROUP_AFTER_START: Final = f"{PREFIX}experimental-recreate-group-after-start"
# Annotations of our own: all opt in, and none of them ever goes into a pod template by our doing.
OWN_PREFIX: Final = "lws-events.io/"
RESTART_BACKOFF: Final = f"{OWN_PREFIX}restart-backoff"
RESTART_BACKOFF_MAX: Final = f"{OWN_PREFIX}restart-backoff-max"
RESTART_STABLE_AFTER: Final = f"{OWN_PREFIX}restart-stable-after"
RESTART_LIMIT: Final = f"{OWN_PREFIX}restart-limit"
IGNORE_FAILURE: Final = f"{OWN_PREFIX}ignore-failure"
"""On a pod, so in a template: its failures do not end the group."""
KEPT_FOR_DEBUGGING: Final = f"{OWN_PREFIX}kept-for-debugging"
"""Annotation and label that the controller writes on the leader pod of a group that is kept."""
REPLACE_BROKEN_GROUPS_FIRST: Final = f"{OWN_PREFIX}replace-broken-groups-first"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

_INT32_MAX: Final = 2**31 - 1
_INT32_DIGITS: Final = 10


class PodOrdinal(NamedTuple):
    """A pod name taken apart: ``parent`` is empty and ``ordinal`` -1 where there is none."""

    parent: str
    ordinal: int


_SPLIT_MAX: Final = 16_384
"""How many names stay split: the pods of a set are told of again and again."""


@functools.lru_cache(maxsize=_SPLIT_MAX)
def pod_ordinal(pod_name: str) -> PodOrdinal:
    """Split ``<parent>-<ordinal>`` greedily (spec 3.1). Digits beyond int32 keep the parent, with ordinal -1."""
    parent, _, digits = pod_name.rpartition("-")
    if pod_name == digits or not (digits.isascii() and digits.isdigit()):
        return PodOrdinal("", -1)
    significant = digits.lstrip("0")
    # Python refuses to read very long numbers.
    ordinal = int(significant or "0") if len(significant) <= _INT32_DIGITS else -1
    return PodOrdinal(parent, ordinal if ordinal <= _INT32_MAX else -1)


def topology_group_key(first: str, second: str) -> str:
    """SHA-1 (lower-case hex) of ``first/second``: the value of the group and subgroup key labels (spec 3.3, 3.4)."""
    return hashlib.sha1(f"{first}/{second}".encode(), usedforsecurity=False).hexdigest()
