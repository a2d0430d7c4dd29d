"""Pod templates: containers must be there, and the keys that belong to the controller must not (D40, D43).

Everything else about a pod is left to the API server, which judges it when the StatefulSet is written. The odd things
that it accepts silently are warned of in ``advice``.
"""

from collections.abc import Iterator
from typing import Final

from lws_events import names
from lws_events.admission.lookup import Object, annotations, labels, members, section
from lws_events.admission.violations import Violation, forbidden, required

TEMPLATES: Final = "spec.leaderWorkerTemplate"

RESERVED_LABELS: Final = (
    names.SET_NAME,
    names.WORKER_INDEX,
    names.GROUP_INDEX,
    names.GROUP_KEY,
    names.SUBGROUP_INDEX,
    names.SUBGROUP_KEY,
    names.REVISION_KEY,
)
RESERVED_ANNOTATIONS: Final = (names.SIZE, names.LEADER_NAME, names.REPLICAS)


def pod_templates(lws: Object) -> list[tuple[str, Object]]:
    """``(field name, template)`` of the templates that the set has; the worker template always counts as there."""
    template = section(lws, "spec", "leaderWorkerTemplate")
    present = [name for name in ("leaderTemplate", "workerTemplate") if template.get(name) is not None]
    return [(name, section(template, name)) for name in dict.fromkeys([*present, "workerTemplate"])]


def containers_of(template: Object) -> list[Object]:
    """Containers, then init containers."""
    return members(template, "spec", "containers") + members(template, "spec", "initContainers")


def template_violations(lws: Object) -> Iterator[Violation]:
    """A template without ``spec.containers`` passes the schema, because a pod's ``spec`` is optional there (D40)."""
    for name, template in pod_templates(lws):
        if section(template, "spec").get("containers") is None:
            yield required("D40", f"{TEMPLATES}.{name}.spec.containers")


def reserved_keys(lws: Object) -> list[str]:
    """Paths of template labels and annotations whose values the controller or the pod hook owns (D43)."""
    found = []
    for name, template in pod_templates(lws):
        metadata = f"{TEMPLATES}.{name}.metadata"
        found += [f"{metadata}.labels[{key}]" for key in RESERVED_LABELS if key in labels(template)]
        found += [f"{metadata}.annotations[{key}]" for key in RESERVED_ANNOTATIONS if key in annotations(template)]
    return found


def reserved_key_violations(lws: Object) -> Iterator[Violation]:
    """D43 for a new set: reserved keys are refused. Existing sets must stay editable and get a warning instead."""
    for path in reserved_keys(lws):
        yield forbidden("D43", path, "is set by the controller, remove it from the template")
