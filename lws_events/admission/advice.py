"""Admission warnings: what is allowed and will surprise (D11, D21, D22, D34, D35, D38, D40, D43, D49).

A warning never changes the answer. Each is one line that names the field, short enough not to be cut by the API
server.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from lws_events import names
from lws_events.admission.budgets import replicas_of, size_of
from lws_events.admission.claims import ignored_changes
from lws_events.admission.lookup import Object, annotations, section, text
from lws_events.admission.name_length import name_length_advice
from lws_events.admission.own_annotations import own_annotation_advice
from lws_events.admission.subgroup_rules import subgroup_policy
from lws_events.admission.templates import TEMPLATES, containers_of, pod_templates, reserved_keys

_TOPOLOGY_ANNOTATIONS: Final = (names.EXCLUSIVE_TOPOLOGY, names.SUBGROUP_EXCLUSIVE_TOPOLOGY)


def advice(lws: Object, *, old: Object | None, sibling_names: Sequence[str]) -> list[str]:
    """Warnings for a defaulted set, in a fixed order. ``old`` is None for a creation."""
    return [
        *_empty_topologies(lws),
        *_storage(lws),
        *_templates(lws),
        *own_annotation_advice(lws),
        *(_creation(lws, sibling_names) if old is None else _change(lws, old)),
    ]


def _creation(lws: Object, sibling_names: Sequence[str]) -> Iterator[str]:
    yield from name_length_advice(lws)
    name = text(lws, "metadata", "name")
    for sibling in sorted(sibling_names):
        if _is_group_of(name, sibling) or _is_group_of(sibling, name):
            yield f"metadata.name: objects of {name} and of the existing {sibling} may get the same names"


def _change(lws: Object, old: Object) -> Iterator[str]:
    if (replicas_of(lws), size_of(lws)) != (replicas_of(old), size_of(old)):
        yield from name_length_advice(lws)
    for path in reserved_keys(lws):
        yield f"{path}: is set by the controller, remove it from the template"
    ignored = ignored_changes(lws, old)
    if ignored:
        yield f"{TEMPLATES}.volumeClaimTemplates: changes have no effect on existing StatefulSets: {', '.join(ignored)}"
    for key in _TOPOLOGY_ANNOTATIONS:
        counts = key == names.EXCLUSIVE_TOPOLOGY or subgroup_policy(lws) is not None
        if counts and (annotations(lws).get(key) or "") != (annotations(old).get(key) or ""):
            yield f"metadata.annotations[{key}]: changing {key} restarts all groups"


def _is_group_of(name: str, other: str) -> bool:
    return re.fullmatch(re.escape(other) + "-[0-9]+", name) is not None


def _empty_topologies(lws: Object) -> Iterator[str]:
    for key in _TOPOLOGY_ANNOTATIONS:
        if annotations(lws).get(key) == "":
            yield f"metadata.annotations[{key}]: an empty value means that it is not set"


def _storage(lws: Object) -> Iterator[str]:
    template = section(lws, "spec", "leaderWorkerTemplate")
    deleted = text(template, "persistentVolumeClaimRetentionPolicy", "whenDeleted") == "Delete"
    if deleted and text(template, "restartPolicy").startswith("RecreateGroup"):
        yield (
            f"{TEMPLATES}.persistentVolumeClaimRetentionPolicy.whenDeleted: Delete removes the claims of the workers "
            "whenever a group is recreated"
        )


def _templates(lws: Object) -> Iterator[str]:
    for name, template in pod_templates(lws):
        policy = text(template, "spec", "restartPolicy")
        if policy not in ("", "Always"):
            yield f"{TEMPLATES}.{name}.spec.restartPolicy: {policy} is refused by StatefulSets, use Always"
        for container in containers_of(template):
            counts = Counter(text(variable, "name") for variable in container.get("env") or [])
            repeated = sorted(variable for variable, count in counts.items() if count > 1)
            if repeated:
                yield (
                    f"{TEMPLATES}.{name}.spec: container {text(container, 'name')} lists {', '.join(repeated)} more "
                    "than once, the first value counts"
                )
