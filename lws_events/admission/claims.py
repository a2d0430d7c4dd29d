"""Volume claim templates: which part of them reaches the StatefulSets, and what may still change (spec 2.4, D10, D11).

A StatefulSet's claim templates are immutable, so a set that was created with one list keeps it. Only the *effective*
part counts: what an existing StatefulSet was never given may change, with a warning that it has no effect.
"""

from collections.abc import Sequence
from typing import Any, Final

from lws_events.admission.lookup import Object, members, section, text
from lws_events.admission.violations import Violation, invalid
from lws_events.canonical.quantity import comparable_quantity

CLAIM_TEMPLATES: Final = "spec.leaderWorkerTemplate.volumeClaimTemplates"

_IGNORED_SPEC_FIELDS: Final = (
    "dataSource",
    "dataSourceRef",
    "selector",
    "volumeAttributesClassName",
    "volumeName",
)


def claim_templates(lws: Object) -> list[Object]:
    """The set's claim templates; none where absent."""
    return members(lws, "spec", "leaderWorkerTemplate", "volumeClaimTemplates")


def effective(claims: Sequence[Object]) -> list[Object]:
    """The part of each claim that a StatefulSet gets, for comparison: quantities by value, defaults filled in."""
    return [_effective(claim) for claim in claims]


def claim_violations(new: Object, old: Object, *, leader_claim_templates: Sequence[Object] | None) -> list[Violation]:
    """D10: the effective claim templates are immutable.

    ``leader_claim_templates`` are those of the live leader StatefulSet where the caller knows them: if the old set
    does not agree with it, an earlier edit has already blocked the set, and any way back is open.
    """
    before = effective(claim_templates(old))
    if effective(claim_templates(new)) == before:
        return []
    if leader_claim_templates is not None and effective(leader_claim_templates) != before:
        return []
    names = [text(claim, "metadata", "name") for claim in claim_templates(new)]
    return [invalid("D10", CLAIM_TEMPLATES, names, "field is immutable")]


def ignored_changes(new: Object, old: Object) -> list[str]:
    """Names (``<claim>.<field>``) of changed fields that existing StatefulSets never see (D11), sorted."""
    before = {text(claim, "metadata", "name"): claim for claim in claim_templates(old)}
    found = set()
    for claim in claim_templates(new):
        name = text(claim, "metadata", "name")
        if name in before:
            found |= {f"{name}.{field}" for field in _ignored_differences(claim, before[name])}
    return sorted(found)


def _effective(claim: Object) -> Object:
    spec = section(claim, "spec")
    return {
        "name": text(claim, "metadata", "name"),
        "accessModes": members(spec, "accessModes"),
        "storageClassName": spec.get("storageClassName"),
        "volumeMode": spec.get("volumeMode") or "Filesystem",
        "requests": _quantities(section(spec, "resources", "requests")),
        "limits": _quantities(section(spec, "resources", "limits")),
    }


def _quantities(values: Object) -> dict[str, Any]:
    return {name: comparable_quantity(value) for name, value in sorted(values.items())}


def _ignored_differences(new: Object, old: Object) -> list[str]:
    different = [
        f"spec.{field}"
        for field in _IGNORED_SPEC_FIELDS
        if section(new, "spec").get(field) != section(old, "spec").get(field)
    ]
    return different + [
        f"metadata.{field}"
        for field in ("annotations", "labels")
        if section(new, "metadata", field) != section(old, "metadata", field)
    ]
