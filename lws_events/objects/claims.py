"""Volume claim templates of the StatefulSets: what the reference copies of a claim, and all of it (spec 2.4, D10, D11).

A StatefulSet's claim templates are immutable, and the reference copies only a part of each. So claims are compared by
that *effective* part, and only StatefulSets that do not exist yet get whole claims.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from lws_events.canonical.quantity import canonical_quantity, comparable_quantity
from lws_events.objects.metadata import JSON
from lws_events.objects.templates import without_empty_lists

_ADDED_METADATA: Final = ("labels", "annotations", "finalizers")
_ADDED_SPEC: Final = ("selector", "volumeName", "dataSource", "dataSourceRef", "volumeAttributesClassName")
"""What the reference drops of a claim template (D11)."""


def effective_claims(templates: Iterable[Mapping[str, Any]] | None, *, namespace: str) -> list[JSON]:
    """The part of each claim that the reference copies: name, access modes, class, mode and resources.

    Raises ``QuantityError`` for an unreadable amount of storage.
    """
    return [_effective(template, namespace) for template in templates or ()]


def whole_claims(templates: Iterable[Mapping[str, Any]] | None, *, namespace: str) -> list[JSON]:
    """Each claim with all that the user wrote, for StatefulSets of our own making (D11). Raises as the other."""
    return [_whole(template, namespace) for template in templates or ()]


def are_whole(templates: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any of these claims has what the reference would have dropped: then its StatefulSet is not from it."""
    return any(any(_added(template)) for template in templates)


def same_claims(one: Iterable[Mapping[str, Any]], other: Iterable[Mapping[str, Any]]) -> bool:
    """Whether two lists agree in their effective parts: amounts by value, an absent volume mode as its default.

    Raises ``QuantityError``.
    """
    return [_comparable(template) for template in one] == [_comparable(template) for template in other]


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


def _whole(template: Mapping[str, Any], namespace: str) -> JSON:
    claim = _effective(template, namespace)
    metadata, spec = _added(template)
    return _claim(claim["metadata"] | metadata, claim["spec"] | spec)


def _added(template: Mapping[str, Any]) -> tuple[JSON, JSON]:
    """Metadata and spec that only a whole claim has."""
    metadata, wanted = template.get("metadata") or {}, template.get("spec") or {}
    return (
        {name: metadata[name] for name in _ADDED_METADATA if metadata.get(name)},
        without_empty_lists({name: wanted[name] for name in _ADDED_SPEC if wanted.get(name)}),
    )


def _comparable(template: Mapping[str, Any]) -> JSON:
    metadata, wanted = template.get("metadata") or {}, template.get("spec") or {}
    resources = wanted.get("resources") or {}
    amounts = {
        side: {name: comparable_quantity(amount) for name, amount in (resources.get(side) or {}).items()}
        for side in ("requests", "limits")
    }
    return {
        "name": metadata.get("name") or "",
        "accessModes": list(wanted.get("accessModes") or ()),
        "storageClassName": wanted.get("storageClassName"),
        "volumeMode": wanted.get("volumeMode") or "Filesystem",
        **amounts,
    }


def _claim(metadata: JSON, spec: JSON) -> JSON:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def claim_retention(policy: Mapping[str, Any]) -> JSON:
    """The StatefulSet's ``persistentVolumeClaimRetentionPolicy``: both halves, an absent one as empty text."""
    return {half: policy.get(half) or "" for half in ("whenDeleted", "whenScaled")}
