"""Owners, labels and annotations of the written objects (spec 2.1, 2.6)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from lws_events.names import (
    API_VERSION,
    EXCLUSIVE_TOPOLOGY,
    KIND,
    LAST_APPLIED,
    SUBGROUP_EXCLUSIVE_TOPOLOGY,
    SUBGROUP_POLICY_TYPE,
    SUBGROUP_SIZE,
)

JSON = dict[str, Any]


class LeaderRef(msgspec.Struct, frozen=True, kw_only=True):
    """What the objects of a group need to know of its leader pod."""

    name: str
    namespace: str
    uid: str
    labels: dict[str, str]
    requests_tpus: bool = False
    """``accelerators.requests_tpus`` of the pod's spec."""


def owned_by_set(lws: Mapping[str, Any]) -> JSON:
    """The owner reference to a LeaderWorkerSet."""
    metadata = lws["metadata"]
    return _owner(api_version=API_VERSION, kind=KIND, name=metadata["name"], uid=metadata["uid"])


def owned_by_leader(leader: LeaderRef) -> JSON:
    """The owner reference to a leader pod, whose deletion takes the group along."""
    return _owner(api_version="v1", kind="Pod", name=leader.name, uid=leader.uid)


def _owner(*, api_version: str, kind: str, name: str, uid: str) -> JSON:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def set_labels(lws: Mapping[str, Any]) -> dict[str, str]:
    """The user's labels of the set; StatefulSets carry them in their metadata."""
    return dict(lws["metadata"].get("labels") or {})


def set_annotations(lws: Mapping[str, Any]) -> dict[str, str]:
    """The user's annotations of the set, but kubectl's bookkeeping, which speaks of another kind of object (D39)."""
    annotations = lws["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key != LAST_APPLIED}


def exclusive_topology(lws: Mapping[str, Any]) -> str:
    """The topology key of exclusive placement; empty means not set, in every place that asks (D22)."""
    annotations = lws["metadata"].get("annotations") or {}
    return str(annotations.get(EXCLUSIVE_TOPOLOGY, ""))


def placement_annotations(lws: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, str]:
    """Annotations of both pod templates that tell admission where pods may go.

    The topology keys are read from the live set, the subgroup policy from ``template``, which is the
    ``leaderWorkerTemplate`` of the live set for leaders and of the revision for workers.
    """
    found = {EXCLUSIVE_TOPOLOGY: exclusive_topology(lws)}
    policy = template.get("subGroupPolicy")
    if policy is not None:
        annotations = lws["metadata"].get("annotations") or {}
        found[SUBGROUP_EXCLUSIVE_TOPOLOGY] = annotations.get(SUBGROUP_EXCLUSIVE_TOPOLOGY, "")
        found[SUBGROUP_POLICY_TYPE] = policy.get("subGroupPolicyType") or ""
        size = policy.get("subGroupSize")
        found[SUBGROUP_SIZE] = "" if size is None else str(size)
    return {key: value for key, value in found.items() if value}


def object_metadata(*, name: str, namespace: str, labels: JSON, annotations: JSON, owner: JSON) -> JSON:
    """Metadata of a new object; empty maps are left out."""
    metadata: JSON = {"name": name, "namespace": namespace, "ownerReferences": [owner]}
    if labels:
        metadata["labels"] = labels
    if annotations:
        metadata["annotations"] = annotations
    return metadata
