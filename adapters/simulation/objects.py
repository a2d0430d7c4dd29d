"""Reading and copying Kubernetes objects kept as plain JSON dictionaries.

Every object in the store is immutable by agreement: the same dictionary is in the store, in the history and in the
hands of readers, and a change makes new dictionaries along the changed path only. That is what makes thousands of pods
cheap. Nothing here checks that nobody mutates; the store copies what comes in from outside.
"""

from typing import Any, Final, TypeAlias

Object: TypeAlias = dict[str, Any]

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"

_EMPTY: Final[Object] = {}


def name(obj: Object) -> str:
    """``metadata.name``."""
    return str(obj["metadata"]["name"])


def namespace(obj: Object) -> str:
    """``metadata.namespace``, empty for cluster-scoped objects."""
    return str(obj["metadata"].get("namespace", ""))


def uid(obj: Object) -> str:
    """``metadata.uid``."""
    return str(obj["metadata"]["uid"])


def labels(obj: Object) -> dict[str, str]:
    """``metadata.labels``, empty when absent."""
    return obj["metadata"].get("labels") or _EMPTY


def annotations(obj: Object) -> dict[str, str]:
    """``metadata.annotations``, empty when absent."""
    return obj["metadata"].get("annotations") or _EMPTY


def finalizers(obj: Object) -> list[str]:
    """``metadata.finalizers``, empty when absent."""
    return obj["metadata"].get("finalizers") or []


def owners(obj: Object) -> list[Object]:
    """``metadata.ownerReferences``, empty when absent."""
    return obj["metadata"].get("ownerReferences") or []


def controller_owner(obj: Object) -> Object | None:
    """The owner reference with ``controller: true``, if any."""
    return next((owner for owner in owners(obj) if owner.get("controller")), None)


def terminating(obj: Object) -> bool:
    """Whether a deletion has been asked for."""
    return "deletionTimestamp" in obj["metadata"]


def deleting_dependents(obj: Object) -> bool:
    """Whether the object waits, in a foreground deletion, for its dependents to go."""
    return terminating(obj) and FOREGROUND in finalizers(obj)


def spec(obj: Object) -> Object:
    """``spec``, empty when absent."""
    return obj.get("spec") or _EMPTY


def status(obj: Object) -> Object:
    """``status``, empty when absent."""
    return obj.get("status") or _EMPTY


def phase(pod: Object) -> str:
    """``status.phase`` of a pod, empty when absent."""
    return str(status(pod).get("phase", ""))


def condition(obj: Object, type_: str) -> Object | None:
    """The status condition of a type, if any."""
    return next((entry for entry in status(obj).get("conditions") or [] if entry["type"] == type_), None)


def is_true(obj: Object, type_: str) -> bool:
    """Whether the condition of a type is True."""
    found = condition(obj, type_)
    return found is not None and found["status"] == "True"


def with_metadata(obj: Object, /, **changes: Any) -> Object:
    """A copy with some metadata fields replaced; a value of ``None`` removes the field."""
    metadata = {**obj["metadata"], **changes}
    return {**obj, "metadata": {key: value for key, value in metadata.items() if value is not None}}


def with_status(obj: Object, /, **changes: Any) -> Object:
    """A copy with some status fields replaced; a value of ``None`` removes the field."""
    merged = {**status(obj), **changes}
    return {**obj, "status": {key: value for key, value in merged.items() if value is not None}}


def with_conditions(obj: Object, new: list[Object], *, now: str) -> Object:
    """A copy with the given conditions set by type; the transition time moves only when the status flips."""
    result: list[Object] = list(status(obj).get("conditions") or [])
    for entry in new:
        at = next((i for i, old in enumerate(result) if old["type"] == entry["type"]), None)
        if at is None:
            result.append({"lastTransitionTime": now, **entry})
            continue
        same = result[at]["status"] == entry["status"]
        moved = result[at].get("lastTransitionTime", now) if same else now
        result[at] = {**entry, "lastTransitionTime": moved}
    return with_status(obj, conditions=result)


def owner_reference(owner: Object) -> Object:
    """A controller owner reference to an object, blocking its foreground deletion."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name(owner),
        "uid": uid(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }
