"""Pod templates as they go into a StatefulSet (spec 9.1.5)."""

from collections.abc import Mapping
from typing import Any, Final

from lws_events.canonical.typed import POD_TEMPLATE, typed
from lws_events.objects.metadata import JSON

_NOT_APPLIED: Final = ("managedFields", "selfLink")


def pod_template(template: Any) -> JSON:
    """The template after the typed passage, without nulls and empty lists. Raises ``TypedPassageError``."""
    printed: JSON = typed(template, POD_TEMPLATE)
    claims = (
        (volume.get("ephemeral") or {}).get("volumeClaimTemplate") for volume in printed["spec"].get("volumes", ())
    )
    for owner in (printed, *claims):
        if owner is not None:
            owner["metadata"] = applied_metadata(owner["metadata"])
    pruned: JSON = without_empty_lists(printed)
    return pruned


def applied_metadata(metadata: JSON) -> JSON:
    """Metadata without what an applied configuration cannot hold."""
    return {name: value for name, value in metadata.items() if name not in _NOT_APPLIED}


def without_empty_lists(value: Any) -> Any:
    """``value`` without nulls and empty lists at any depth. Empty objects stay."""
    if isinstance(value, dict):
        return {
            name: without_empty_lists(member) for name, member in value.items() if member is not None and member != []
        }
    if isinstance(value, list):
        return [without_empty_lists(item) for item in value]
    return value


def overlaid(template: JSON, *, labels: Mapping[str, str], annotations: Mapping[str, str]) -> JSON:
    """The template with the controller's labels and annotations, which win over the user's of the same key.

    The result shares everything below ``metadata`` and ``spec`` with ``template``.
    """
    metadata = template["metadata"]
    return {
        **template,
        "metadata": {
            **metadata,
            "labels": {**metadata.get("labels", {}), **labels},
            "annotations": {**metadata.get("annotations", {}), **annotations},
        },
    }
