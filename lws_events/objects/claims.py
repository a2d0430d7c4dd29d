"""Volume claim templates of the StatefulSets: the part of each claim that the reference copies (spec 2.4)."""

from collections.abc import Iterable, Mapping
from typing import Any

from lws_events.canonical.quantity import canonical_quantity
from lws_events.objects.metadata import JSON


def effective_claims(templates: Iterable[Mapping[str, Any]] | None, *, namespace: str) -> list[JSON]:
    """The part of each claim that the reference copies: name, access modes, class, mode and resources.

    Raises ``QuantityError`` for an unreadable amount of storage.
    """
    return [_effective(template, namespace) for template in templates or ()]


def _effective(template: Mapping[str, Any], namespace: str) -> JSON:
    metadata, wanted = template.get("metadata") or {}, template.get("spec") or {}
    spec: JSON = {}
    if wanted.get("accessModes"):
        spec["accessModes"] = list(wanted["accessModes"])
    for name in ("storageClassName", "volumeMode"):
        if wanted.get(name) is not None:
            spec[name] = wanted[name]
    resources = wanted.get("resources") or {}
    amounts = {
        side: {name: canonical_quantity(amount) for name, amount in resources[side].items()}
        for side in ("requests", "limits")
        if resources.get(side) is not None
    }
    if amounts:
        spec["resources"] = amounts
    return _claim({"name": metadata.get("name") or "", "namespace": namespace}, spec)


def _claim(metadata: JSON, spec: JSON) -> JSON:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def claim_retention(policy: Mapping[str, Any]) -> JSON:
    """The StatefulSet's ``persistentVolumeClaimRetentionPolicy``: both halves, an absent one as empty text."""
    return {half: policy.get(half) or "" for half in ("whenDeleted", "whenScaled")}
