"""The rules of the API server that our controllers can run into: names, immutable fields, and a few of each kind.

Rules of the LeaderWorkerSet that its webhook enforces are admission's; here are those of its schema.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from adapters.simulation import kinds, objects, selectors
from adapters.simulation.errors import InvalidError
from adapters.simulation.kinds import Kind
from adapters.simulation.objects import Object

_SUBDOMAIN: Final = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_LABEL: Final = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_LABEL_VALUE: Final = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
_STATEFULSET_MUTABLE: Final = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_POD_MUTABLE: Final = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
_ENUMS: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    ("startupPolicy",): ("LeaderCreated", "LeaderReady"),
    ("rolloutStrategy", "type"): ("RollingUpdate",),
    ("networkConfig", "subdomainPolicy"): ("Shared", "UniquePerReplica"),
    ("leaderWorkerTemplate", "restartPolicy"): (
        "Default",
        "RecreateGroupOnPodRestart",
        "RecreateGroupAfterStart",
        "None",
    ),
    ("leaderWorkerTemplate", "subGroupPolicy", "subGroupPolicyType"): ("LeaderWorker", "LeaderExcluded"),
}


def created(kind: Kind, obj: Object) -> None:
    """Check a new object.

    Raises:
        InvalidError: with every violation found, in the form of the API server.
    """
    problems = [*_name(kind, objects.name(obj)), *_labels(obj)]
    problems += _by_kind(kind, obj)
    _refuse(kind, obj, problems)


def updated(kind: Kind, new: Object, old: Object) -> None:
    """Check an update of a whole object.

    Raises:
        InvalidError: with every violation found, in the form of the API server.
    """
    problems = []
    if objects.terminating(old):
        added = [f for f in objects.finalizers(new) if f not in objects.finalizers(old)]
        if added:
            problems.append(
                f"metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
                f"found new finalizers {added}"
            )
    if kind is kinds.STATEFULSETS and _other_fields(new, old, _STATEFULSET_MUTABLE):
        listed = ", ".join(f"'{field}'" for field in _STATEFULSET_MUTABLE[:-1])
        problems.append(
            f"spec: Forbidden: updates to statefulset spec for fields other than {listed} "
            f"and '{_STATEFULSET_MUTABLE[-1]}' are forbidden"
        )
    if kind is kinds.PODS and _other_fields(_imageless(new), _imageless(old), _POD_MUTABLE):
        problems.append(
            "spec: Forbidden: pod updates may not change fields other than images, " + ", ".join(_POD_MUTABLE)
        )
    if kind is kinds.REVISIONS and new.get("data") != old.get("data"):
        problems.append("data: Invalid value: field is immutable")
    problems += _by_kind(kind, new)
    _refuse(kind, new, problems)


def _refuse(kind: Kind, obj: Object, problems: list[str]) -> None:
    if problems:
        qualified = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
        found = problems[0] if len(problems) == 1 else "[" + ", ".join(problems) + "]"
        raise InvalidError(
            f'{qualified} "{objects.name(obj)}" is invalid: {found}',
            details={
                "name": objects.name(obj),
                "group": kind.group,
                "kind": kind.kind,
                "causes": [
                    {"field": problem.partition(":")[0], "message": problem.partition(": ")[2]} for problem in problems
                ],
            },
        )


def _name(kind: Kind, name: str) -> list[str]:
    if kind is kinds.SERVICES:
        # Since 1.36 a Service may begin with a digit.
        if _LABEL.match(name) and len(name) <= 63:
            return []
        return [
            f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 label must consist of lower case '
            "alphanumeric characters or '-', and must start and end with an alphanumeric character"
        ]
    if _SUBDOMAIN.match(name) and len(name) <= 253:
        return []
    return [
        f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case '
        "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
    ]


def _labels(obj: Object) -> list[str]:
    problems = []
    for value in objects.labels(obj).values():
        if len(value) > 63:
            problems.append(f'metadata.labels: Invalid value: "{value}": must be no more than 63 bytes')
        elif value and not _LABEL_VALUE.match(value):
            problems.append(
                f'metadata.labels: Invalid value: "{value}": a valid label must be an empty string or consist of '
                "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
            )
    return problems


def _other_fields(new: Object, old: Object, mutable: tuple[str, ...]) -> bool:
    def rest(obj: Object) -> Object:
        return {key: value for key, value in objects.spec(obj).items() if key not in mutable}

    return objects.spec(new) is not objects.spec(old) and rest(new) != rest(old)


def _imageless(pod: Object) -> Object:
    spec = objects.spec(pod)
    bare: Callable[[Object], Object] = lambda c: {key: value for key, value in c.items() if key != "image"}  # noqa: E731
    stripped = {field: [bare(c) for c in spec[field]] for field in ("containers", "initContainers") if spec.get(field)}
    return {"spec": {**spec, **stripped}}


def _by_kind(kind: Kind, obj: Object) -> list[str]:
    if kind is kinds.STATEFULSETS:
        return _statefulset(obj)
    if kind is kinds.PODS and not objects.spec(obj).get("containers"):
        return ["spec.containers: Required value"]
    if kind is kinds.LEADERWORKERSETS:
        return _leaderworkerset(obj)
    if kind is kinds.EVENTS:
        return _event(obj)
    return []


def _event(obj: Object) -> list[str]:
    """The rules of ``events.k8s.io`` for new events."""
    problems = [
        f"{field}: Required value"
        for field in ("eventTime", "reportingController", "reportingInstance", "action", "reason")
        if not obj.get(field)
    ]
    limits = {"action": 128, "reason": 128, "reportingInstance": 128, "note": 1024}
    for field, characters_max in limits.items():
        if len(obj.get(field) or "") > characters_max:
            problems.append(f"{field}: Invalid value: can have at most {characters_max} characters")
    if obj.get("type") not in {"Normal", "Warning"}:
        problems.append('type: Invalid value: "": has invalid value: must be Normal or Warning')
    regarding = obj.get("regarding") or {}
    if regarding.get("namespace") not in {objects.namespace(obj), None, ""}:
        problems.append("involvedObject.namespace: Invalid value: does not match event.namespace")
    return problems


def _statefulset(obj: Object) -> list[str]:
    spec = objects.spec(obj)
    problems = []
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    selector = selectors.from_spec(spec.get("selector"))
    if selector is None or not selector.requirements:
        problems.append("spec.selector: Required value")
    elif not selector.matches(labels):
        problems.append(
            f"spec.template.metadata.labels: Invalid value: {labels}: `selector` does not match template `labels`"
        )
    if not (template.get("spec") or {}).get("containers"):
        problems.append("spec.template.spec.containers: Required value")
    elif template["spec"].get("restartPolicy") != "Always":
        problems.append(
            f'spec.template.spec.restartPolicy: Unsupported value: "{template["spec"].get("restartPolicy")}": '
            'supported values: "Always"'
        )
    if spec.get("replicas", 1) < 0:
        problems.append(f"spec.replicas: Invalid value: {spec['replicas']}: must be greater than or equal to 0")
    return problems


def _leaderworkerset(obj: Object) -> list[str]:
    spec = obj.get("spec")
    if spec is None:
        return []
    template = spec.get("leaderWorkerTemplate")
    if template is None:
        return ["spec.leaderWorkerTemplate: Required value"]
    problems = []
    if template.get("workerTemplate") is None:
        problems.append("spec.leaderWorkerTemplate.workerTemplate: Required value")
    replicas = spec.get("replicas", 1)
    if replicas < 0:
        problems.append(
            f"spec.replicas: Invalid value: {replicas}: spec.replicas in body should be greater than or equal to 0"
        )
    if replicas > 1_000_000:
        problems.append(
            f"spec.replicas: Invalid value: {replicas}: spec.replicas in body should be less than or equal to 1000000"
        )
    for path, allowed in _ENUMS.items():
        value: Any = spec
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None and value not in allowed:
            supported = ", ".join(f'"{entry}"' for entry in allowed)
            problems.append(f'spec.{".".join(path)}: Unsupported value: "{value}": supported values: {supported}')
    return problems
