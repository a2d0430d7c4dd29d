"""The leader StatefulSet: one pod per group, its leader (spec 2.2).

An applied configuration for server-side apply with field manager ``lws``. How many replicas and which partition is
planned elsewhere.
"""

from collections.abc import Mapping
from typing import Any, Final

from lws_events.names import REPLICAS, REVISION_KEY, SET_NAME, SIZE, SUBDOMAIN_POLICY, WORKER_INDEX
from lws_events.objects.claims import claim_retention, effective_claims
from lws_events.objects.metadata import (
    JSON,
    object_metadata,
    owned_by_set,
    placement_annotations,
    set_annotations,
    set_labels,
)
from lws_events.objects.templates import overlaid, pod_template
from lws_events.scaling import scaled

_INT32_MAX: Final = 2**31 - 1
_UNIQUE: Final = "UniquePerReplica"


def leader_statefulset(
    lws: Mapping[str, Any],
    *,
    partition: int,
    replicas: int,
    revision_key: str,
    claims: list[JSON] | None = None,
) -> JSON:
    """The configuration to apply for the live set ``lws`` (``metadata`` and ``spec`` as parsed JSON).

    ``claims``: the volume claim templates to apply; None: what the reference would copy of the set's.

    Raises ``CanonicalError`` or ``ScalingError`` for a set that the schema and admission would not have let in.
    """
    metadata, spec = lws["metadata"], lws["spec"]
    name, namespace = metadata["name"], metadata["namespace"]
    template = spec["leaderWorkerTemplate"]
    wanted = _replicas(spec)
    body: JSON = {
        "serviceName": name,
        "replicas": replicas,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {SET_NAME: name, WORKER_INDEX: "0"}},
        "updateStrategy": {
            "type": (spec.get("rolloutStrategy") or {}).get("type") or "RollingUpdate",
            "rollingUpdate": {"partition": partition, "maxUnavailable": statefulset_max_unavailable(spec)},
        },
        "template": _template(lws, revision_key=revision_key),
    }
    if claims is None:
        claims = effective_claims(template.get("volumeClaimTemplates"), namespace=namespace)
    if claims:
        body["volumeClaimTemplates"] = claims
    retention = template.get("persistentVolumeClaimRetentionPolicy")
    if retention is not None:
        body["persistentVolumeClaimRetentionPolicy"] = claim_retention(retention)
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": object_metadata(
            name=name,
            namespace=namespace,
            labels={**set_labels(lws), SET_NAME: name, REVISION_KEY: revision_key},
            annotations={**set_annotations(lws), REPLICAS: str(wanted)},
            owner=owned_by_set(lws),
        ),
        "spec": body,
    }


def statefulset_max_unavailable(spec: Mapping[str, Any]) -> int:
    """How many leaders the StatefulSet controller may take down at once: the set's budget and its surge together.

    Percentages are of the set's own replicas, never of those of the StatefulSet while surging. At least 1; the sum is
    cut at the largest 32-bit integer (D23). Raises ``ScalingError``.
    """
    replicas = _replicas(spec)
    rolling = (spec.get("rolloutStrategy") or {}).get("rollingUpdateConfiguration") or {}
    max_unavailable, max_surge = rolling.get("maxUnavailable", 1), rolling.get("maxSurge", 0)
    unavailable = scaled(max_unavailable, replicas, round_up=False)
    surge = min(scaled(max_surge, replicas, round_up=True), replicas)
    return min(max(1, unavailable + surge), _INT32_MAX)


def _replicas(spec: Mapping[str, Any]) -> int:
    replicas = spec.get("replicas")
    return 1 if replicas is None else int(replicas)


def _template(lws: Mapping[str, Any], *, revision_key: str) -> JSON:
    spec = lws["spec"]
    template = spec["leaderWorkerTemplate"]
    chosen = template.get("leaderTemplate")
    if chosen is None:
        chosen = template.get("workerTemplate")
    size = template.get("size")
    annotations = {SIZE: "1" if size is None else str(size), **placement_annotations(lws, template)}
    if (spec.get("networkConfig") or {}).get("subdomainPolicy") == _UNIQUE:
        annotations[SUBDOMAIN_POLICY] = _UNIQUE
    labels = {SET_NAME: lws["metadata"]["name"], WORKER_INDEX: "0", REVISION_KEY: revision_key}
    return overlaid(pod_template(chosen), labels=labels, annotations=annotations)
