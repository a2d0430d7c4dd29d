"""An object as it would have been written, compared with the object that is there: field by field.

What is written here must be there. What is there besides is another's or the API server's default, except for keys of
the LeaderWorkerSet contract in labels, annotations and selectors: nobody else writes those. Order in lists counts.
"""

from typing import Any, Final

import msgspec

from lws_events.canonical.errors import CanonicalError
from lws_events.canonical.quantity import comparable_quantity
from lws_events.differences import FieldDifference
from lws_events.names import PREFIX

Object = dict[str, Any]

FIELDS_MAX: Final = 16
"""Differing fields that are told of one object; who wrote something else altogether is not told of more."""

_VALUE_MAX: Final = 160
"""Characters of a value that are told."""

_NOT_COMPARED: Final = frozenset(
    {"apiVersion", "kind", "metadata.name", "metadata.namespace", "metadata.uid", "metadata.creationTimestamp"}
)
_DROPPED_BY_SERVER: Final = "spec.updateStrategy.rollingUpdate.maxUnavailable"
"""Not stored by an API server without the feature gate ``MaxUnavailableStatefulSet`` (spec D24)."""

_REVISION_NUMBER: Final = "revision"
"""Of a ControllerRevision: who makes duplicates counts on (spec D12)."""

_CONTRACT_MAPS: Final = ("labels", "annotations", "matchLabels", "selector")
_AMOUNTS: Final = frozenset({"requests", "limits", "overhead", "sizeLimit", "divisor", "capacity", "minResources"})


def differences(ours: Object, theirs: Object, *, is_whole: bool = True) -> tuple[FieldDifference, ...]:
    """The fields in which ``theirs`` is not what ``ours`` says, the first few of them.

    ``is_whole``: ours is the whole object, so that keys of the contract besides are a difference.
    """
    found: list[FieldDifference] = []
    _compare(ours, theirs, path="", found=found)
    if is_whole:
        _compare_contract(ours, theirs, path="", found=found)
    return tuple(found[:FIELDS_MAX])


def difference(path: str, ours: Any, theirs: Any) -> FieldDifference:
    """One field that differs; None: it is not there."""
    return FieldDifference(path, _shown(ours), _shown(theirs))


def _compare(ours: Any, theirs: Any, *, path: str, found: list[FieldDifference]) -> None:
    if len(found) >= FIELDS_MAX or path in _NOT_COMPARED or path == _REVISION_NUMBER or _is_empty(ours):
        return
    if isinstance(ours, dict) and (theirs is None or isinstance(theirs, dict)):
        for name, value in ours.items():
            _compare(value, (theirs or {}).get(name), path=_below(path, name), found=found)
    elif path == "metadata.ownerReferences" and isinstance(theirs, list):
        found += [difference(path, owner, theirs) for owner in ours if not _owner_is_among(owner, theirs)]
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            _compare(one, other, path=f"{path}[{index}]", found=found)
    elif not _is_same(ours, theirs, path=path):
        found.append(difference(path, ours, theirs))


def _compare_contract(ours: Any, theirs: Any, *, path: str, found: list[FieldDifference]) -> None:
    """Keys of the contract that are there and not ours, in the maps that we write."""
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return
    if path.rpartition(".")[2] in _CONTRACT_MAPS:
        others = sorted(name for name in theirs if name not in ours and name.startswith(PREFIX))
        found += [difference(_below(path, name), None, theirs[name]) for name in others]
    for name, value in ours.items():
        _compare_contract(value, theirs.get(name), path=_below(path, name), found=found)


def _is_empty(value: Any) -> bool:
    """What says nothing: the API server puts its default there, or leaves it out."""
    return value is None or (isinstance(value, (str, dict)) and not value)


def _is_same(ours: Any, theirs: Any, *, path: str) -> bool:
    if theirs is None:
        return path == _DROPPED_BY_SERVER or ours in ([], 0, False)
    if type(ours) is type(theirs) and ours == theirs:
        return True
    if _AMOUNTS.isdisjoint(path.split(".")) or not isinstance(ours, (str, int, float)):
        return False
    try:
        return comparable_quantity(ours) == comparable_quantity(theirs)
    except (CanonicalError, TypeError):
        return False


def _owner_is_among(owner: Object, theirs: list[Any]) -> bool:
    return any(isinstance(each, dict) and all(each.get(key) == owner[key] for key in owner) for each in theirs)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = msgspec.json.encode(value, order="sorted").decode()
    return text if len(text) <= _VALUE_MAX else text[:_VALUE_MAX] + "…"
