"""Whether a server-side apply would change anything: seen from the object itself, so that no request is needed.

An object that another controller has applied under our field manager is taken over without a write if both things that
an apply changes are as they would be: the fields that the manager owns (``managedFields``), and their values. Where
this cannot be said for certain, it says that something would change, and the apply is sent.

This knows the form of ``managedFields``, not the schema: what is a map, a keyed list or one value as a whole is read
off the owned fields. Of the API server's defaults it knows those inside such whole values.
"""

from typing import Any, Final

import msgspec

from lws_events.canonical.errors import CanonicalError
from lws_events.canonical.quantity import comparable_quantity
from lws_events.names import FIELD_MANAGER, LAST_APPLIED

Object = dict[str, Any]

_IDENTITY: Final = ("name", "namespace", "uid")
"""Metadata that an applied configuration holds and no manager owns."""

_BOOKKEEPING: Final = f"f:{LAST_APPLIED}"
"""The reference copies kubectl's annotation to its StatefulSets and we do not (D39). Taking it away is no reason for a
write: it goes with the next one."""

_UNKNOWN_TO_SERVER: Final = "spec.updateStrategy.rollingUpdate.maxUnavailable"
"""Owned, but dropped by an API server without the feature gate ``MaxUnavailableStatefulSet`` (D24)."""

_DEFAULTS: Final[dict[str, tuple[Any, ...]]] = {
    "apiVersion": ("v1",),
    "creationTimestamp": (None,),
    "defaultMode": (420,),
    "divisor": ("0",),
    "expirationSeconds": (3600,),
    "protocol": ("TCP",),
    "status": ({}, {"phase": "Pending"}),
    "volumeMode": ("Filesystem",),
}
"""What the API server fills in inside values that are applied as a whole: field references, projected volumes, claim
templates."""

_INSTEAD_OF_EMPTY: Final = {"whenDeleted": "Retain", "whenScaled": "Retain"}
"""What the API server puts in the place of an empty text."""

_AMOUNTS: Final = frozenset({"requests", "limits", "overhead", "sizeLimit", "divisor", "capacity"})


def changes_nothing(live: bytes, applied: Object) -> bool:
    """Whether applying ``applied`` (with force, as ``lws``) to the object ``live`` would leave it as it is."""
    found: Object = msgspec.json.decode(live)
    fields = _owned(found, api_version=applied.get("apiVersion", ""))
    if fields is None:
        return False
    metadata = {name: value for name, value in applied["metadata"].items() if name not in _IDENTITY}
    wanted = {name: value for name, value in applied.items() if name not in ("apiVersion", "kind", "metadata")}
    return not _difference({**wanted, "metadata": metadata}, found, fields, path="", lenient=False)


def template_difference(live: bytes, template: Object) -> str:
    """Path of a field in which a StatefulSet's pod template certainly differs from ``template``; empty if none does.

    Compares what ``lws`` has applied, so defaults and the doings of other managers are no difference. Nothing is
    certain about an object that ``lws`` never applied.
    """
    found: Object = msgspec.json.decode(live)
    fields = (_owned(found, api_version="apps/v1") or {}).get("f:spec", {}).get("f:template")
    if not fields:
        return ""
    return _difference(template, found["spec"]["template"], fields, path="spec.template", lenient=True)


def _owned(found: Object, *, api_version: str) -> Object | None:
    """The fields that our manager owns by apply."""
    for entry in found["metadata"].get("managedFields") or ():
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply":
            if entry.get("subresource") or entry.get("apiVersion") != api_version:
                continue
            fields: Object = entry.get("fieldsV1") or {}
            return fields
    return None


def _difference(wanted: Any, live: Any, fields: Object, *, path: str, lenient: bool) -> str:
    """Path of the first difference; empty where there is none."""
    children = {name: below for name, below in fields.items() if name != "."}
    if not children:
        dropped = path == _UNKNOWN_TO_SERVER and live is None
        return "" if dropped or _equal(wanted, live, path=path, lenient=lenient) else path
    if isinstance(wanted, dict) and isinstance(live, dict):
        return _map_difference(wanted, live, children, path=path, lenient=lenient)
    if isinstance(wanted, list) and isinstance(live, list):
        return _list_difference(wanted, live, children, path=path, lenient=lenient)
    return path


def _map_difference(wanted: Object, live: Object, children: Object, *, path: str, lenient: bool) -> str:
    for name in sorted(children.keys() ^ {f"f:{name}" for name in wanted}):
        forgivable = name == _BOOKKEEPING and path == "metadata.annotations"
        if not forgivable and not (lenient and name == "f:creationTimestamp"):
            return _below(path, name.removeprefix("f:"))
    for name, value in wanted.items():
        at = _below(path, name)
        if f"f:{name}" in children:
            different = _difference(value, live.get(name), children[f"f:{name}"], path=at, lenient=lenient)
            if different:
                return different
    return ""


def _list_difference(wanted: list[Any], live: list[Any], children: Object, *, path: str, lenient: bool) -> str:
    """Lists whose items are told apart by keys, or are a set of values. Their order is a part of them."""
    if len(children) != len(wanted) or (len(live) != len(wanted) and not lenient):
        return path
    if all(name.startswith("v:") for name in children):
        return "" if wanted == live or (lenient and set(wanted) <= set(live)) else path
    keys = {name: msgspec.json.decode(name[2:]) for name in children if name.startswith("k:")}
    if len(keys) != len(children):
        return path
    for index, item in enumerate(wanted):
        at = f"{path}[{index}]"
        matching = [name for name, key in keys.items() if _has_key(item, key)]
        if len(matching) != 1:
            return at
        key = keys[matching[0]]
        found = next((each for each in (live if lenient else live[index : index + 1]) if _has_key(each, key)), None)
        different = _difference(item, found, children[matching[0]], path=at, lenient=lenient) if found else at
        if different:
            return different
    return ""


def _has_key(item: Any, key: Object) -> bool:
    """Whether a list's item is the one of this key; a part of the key that has a default may be left out."""
    if not isinstance(item, dict):
        return False
    return all(item[name] == value if name in item else value in _DEFAULTS.get(name, ()) for name, value in key.items())


def _equal(wanted: Any, live: Any, *, path: str, lenient: bool) -> bool:
    if isinstance(wanted, dict) and isinstance(live, dict):
        added = live.keys() - wanted.keys()
        return (
            wanted.keys() <= live.keys()
            and (lenient or all(live[name] in _DEFAULTS.get(name, ()) for name in added))
            and all(_equal(wanted[name], live[name], path=_below(path, name), lenient=lenient) for name in wanted)
        )
    if isinstance(wanted, list) and isinstance(live, list):
        pairs = zip(wanted, live, strict=False)
        return len(wanted) == len(live) and all(_equal(*pair, path=path, lenient=lenient) for pair in pairs)
    if type(wanted) is type(live) and wanted == live:
        return True
    if wanted == "" and live == _INSTEAD_OF_EMPTY.get(path.rpartition(".")[2]):
        return True
    return _is_amount(path) and _same_amount(wanted, live)


def _is_amount(path: str) -> bool:
    return not _AMOUNTS.isdisjoint(path.split("."))


def _same_amount(one: Any, other: Any) -> bool:
    try:
        return comparable_quantity(one) == comparable_quantity(other)
    except (CanonicalError, TypeError):
        return False


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
