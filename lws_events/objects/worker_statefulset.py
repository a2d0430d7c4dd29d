"""The worker StatefulSet of one group (spec 2.3): created once beside its leader, never updated.

Two steps, because all groups of a revision share nearly everything: ``prepare_worker_template`` once for a revision,
``worker_statefulset`` for each group. Whether the group may have its workers yet is decided elsewhere.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lws_events.names import (
    GROUP_INDEX,
    GROUP_KEY,
    LEADER_NAME,
    LEADER_REQUESTS_TPUS,
    REVISION_KEY,
    SET_NAME,
    SIZE,
)
from lws_events.objects.claims import claim_retention, effective_claims, whole_claims
from lws_events.objects.metadata import (
    JSON,
    LeaderRef,
    exclusive_topology,
    object_metadata,
    owned_by_leader,
    placement_annotations,
    set_annotations,
    set_labels,
)
from lws_events.objects.templates import overlaid, pod_template

_UNIQUE: Final = "UniquePerReplica"


class TopologyUnknownError(ValueError):
    """The set wants exclusive placement, and the domain of the group's leader is not known (yet)."""


class WorkerTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker StatefulSets of one revision have in common. Not to be modified: results share its parts."""

    size: int
    """Pods of a group, its leader included. D29: this, never the live size, says whether a group has workers."""
    unique_subdomains: bool
    pod_template: JSON
    set_template: JSON
    """The revision's ``leaderWorkerTemplate``."""
    claims: list[JSON]


def prepare_worker_template(
    restored_spec: Mapping[str, Any], *, namespace: str, with_whole_claims: bool = False
) -> WorkerTemplate:
    """Read the spec that ``revisions.restore`` gave.

    ``with_whole_claims``: not only the part of each claim that the reference copies (D11).
    Raises ``CanonicalError`` for a template that does not fit the Kubernetes model.
    """
    template = restored_spec["leaderWorkerTemplate"]
    network = restored_spec.get("networkConfig") or {}
    size = template.get("size")
    copied = whole_claims if with_whole_claims else effective_claims
    return WorkerTemplate(
        size=1 if size is None else size,
        unique_subdomains=network.get("subdomainPolicy") == _UNIQUE,
        pod_template=pod_template(template.get("workerTemplate")),
        set_template=template,
        claims=copied(template.get("volumeClaimTemplates"), namespace=namespace),
    )


def worker_statefulset(
    prepared: WorkerTemplate, *, lws: Mapping[str, Any], leader: LeaderRef, topology_value: str | None = None
) -> JSON | None:
    """The StatefulSet to create for the group of ``leader``; None where a group of this revision has no workers.

    ``lws`` is the live set (``metadata`` only). ``topology_value`` is the leader's node's value of the exclusive
    topology key; it is ignored without that key. Raises ``TopologyUnknownError`` where it is needed and None.
    """
    if prepared.size <= 1:
        return None
    set_name = lws["metadata"]["name"]
    identity = _labels_of_leader(set_name, leader, SET_NAME, GROUP_INDEX, GROUP_KEY)
    labels = _labels_of_leader(set_name, leader, SET_NAME, GROUP_INDEX, GROUP_KEY, REVISION_KEY)
    spec: JSON = {
        "serviceName": leader.name if prepared.unique_subdomains else set_name,
        "replicas": prepared.size - 1,
        "podManagementPolicy": "Parallel",
        "ordinals": {"start": 1},
        "selector": {"matchLabels": identity},
        "template": _template(prepared, lws=lws, leader=leader, labels=labels, topology_value=topology_value),
    }
    if prepared.claims:
        spec["volumeClaimTemplates"] = prepared.claims
    retention = prepared.set_template.get("persistentVolumeClaimRetentionPolicy")
    if retention is not None:
        spec["persistentVolumeClaimRetentionPolicy"] = claim_retention(retention)
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": object_metadata(
            name=leader.name,
            namespace=leader.namespace,
            labels={**set_labels(lws), **labels},
            annotations=set_annotations(lws),
            owner=owned_by_leader(leader),
        ),
        "spec": spec,
    }


def _labels_of_leader(set_name: str, leader: LeaderRef, *names: str) -> dict[str, str]:
    return {name: set_name if name == SET_NAME else leader.labels.get(name, "") for name in names}


def _template(
    prepared: WorkerTemplate,
    *,
    lws: Mapping[str, Any],
    leader: LeaderRef,
    labels: Mapping[str, str],
    topology_value: str | None,
) -> JSON:
    annotations = {
        SIZE: str(prepared.size),
        LEADER_NAME: leader.name,
        **placement_annotations(lws, prepared.set_template),
    }
    if leader.requests_tpus:
        annotations[LEADER_REQUESTS_TPUS] = "true"
    template = overlaid(prepared.pod_template, labels=labels, annotations=annotations)
    key = exclusive_topology(lws)
    if not key:
        return template
    if topology_value is None:
        raise TopologyUnknownError(
            f"no value of topology {key!r} for leader {leader.namespace}/{leader.name}: wait until it is scheduled"
        )
    pod = template["spec"]
    return {**template, "spec": {**pod, "nodeSelector": {**pod.get("nodeSelector", {}), key: topology_value}}}
