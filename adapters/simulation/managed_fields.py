"""Which manager owns which field: the ``managedFields`` of an object as sets of paths, and back.

A path is a tuple of ``FieldsV1`` elements (``f:name`` for a field, ``k:{...}`` for a keyed list item, ``v:...`` for a
member of a set). Which lists are keyed and which maps are atomic comes from the tables below, by field name; they cover
the kinds served here. Unlike the real server, writes of the cluster's own controllers are not recorded.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from adapters.simulation.objects import Object

Path: TypeAlias = tuple[str, ...]
Fields: TypeAlias = dict[Path, Any]
"""Owned paths of an object, each with its value."""

LIST_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
    "webhooks": ("name",),
}
SETS: Final = frozenset({"finalizers"})
ATOMIC: Final = frozenset(
    {
        "configMapKeyRef",
        "fieldRef",
        "fileKeyRef",
        "labelSelector",
        "nodeSelector",
        "nodeSelectorTerms",
        "resourceFieldRef",
        "secretKeyRef",
        "selector",
    }
)
_UNOWNED: Final = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)


@dataclass(frozen=True)
class Manager:
    """Who owns a set of fields. Applies and updates of one name count as two managers."""

    name: str
    operation: Literal["Apply", "Update"]
    api_version: str
    subresource: str = ""


Managers: TypeAlias = dict[Manager, frozenset[Path]]


def fields_of(obj: Object) -> Fields:
    """Every path that a writer of this whole object owns."""
    result: Fields = {}
    for key, value in obj.items():
        if key in {"apiVersion", "kind"}:
            continue
        if key == "metadata":
            for inner, inner_value in value.items():
                if inner not in _UNOWNED:
                    _collect(inner_value, ("f:metadata", f"f:{inner}"), inner, result)
        else:
            _collect(value, (f"f:{key}",), key, result)
    return result


def list_keys(field: str, items: list[Any]) -> tuple[str, ...] | None:
    """The keys of a keyed list, or ``None`` where the list is one value. ``ports`` differ by where they stand."""
    if field == "ports":
        return ("containerPort", "protocol") if items and "containerPort" in items[0] else ("port", "protocol")
    return LIST_KEYS.get(field)


def element(item: Mapping[str, Any], keys: Iterable[str]) -> str:
    """The path element of a keyed list item."""
    values = {key: item.get(key, "TCP") if key == "protocol" else item.get(key) for key in keys}
    return "k:" + json.dumps(values, sort_keys=True, separators=(",", ":"))


def set_element(item: Any) -> str:
    """The path element of a member of a set."""
    return "v:" + json.dumps(item)


def _collect(value: Any, path: Path, field: str, into: Fields) -> None:
    if isinstance(value, dict):
        if not value or field in ATOMIC:
            into[path] = value
            return
        for key, inner in value.items():
            _collect(inner, (*path, f"f:{key}"), key, into)
    elif isinstance(value, list) and value and field in SETS:
        for item in value:
            into[(*path, set_element(item))] = item
    elif isinstance(value, list) and value and (keys := list_keys(field, value)):
        for item in value:
            at = (*path, element(item, keys))
            into[at] = None
            if field == "ownerReferences":
                into[at] = item
                continue
            for key, inner in item.items():
                _collect(inner, (*at, f"f:{key}"), key, into)
    else:
        into[path] = value


def load(obj: Object) -> Managers:
    """The managers recorded on an object."""
    return {
        Manager(entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", "")): frozenset(
            _paths(entry.get("fieldsV1") or {}, ())
        )
        for entry in obj["metadata"].get("managedFields") or []
    }


def dump(managers: Managers, *, previous: Object | None, now: str) -> list[Object] | None:
    """The ``managedFields`` of an object; an entry whose fields did not change keeps its time."""
    before = load(previous) if previous else {}
    times = {
        (entry["manager"], entry["operation"], entry.get("subresource", "")): entry["time"]
        for entry in ((previous or {}).get("metadata") or {}).get("managedFields") or []
    }
    result = []
    for manager, paths in managers.items():
        if not paths:
            continue
        kept = before.get(manager) == paths
        time = times.get((manager.name, manager.operation, manager.subresource), now) if kept else now
        entry: Object = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": time,
            "fieldsType": "FieldsV1",
            "fieldsV1": _nested(paths),
        }
        result.append({**entry, "subresource": manager.subresource} if manager.subresource else entry)
    return result or None


def after_update(managers: Managers, *, manager: Manager, before: Object, after: Object) -> Managers:
    """Ownership after a plain write: the writer owns what it changed, nobody owns what is gone."""
    old, new = fields_of(before), fields_of(after)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    gone = old.keys() - new.keys()
    result = {other: paths - changed - gone for other, paths in managers.items()}
    result[manager] = result.get(manager, frozenset()) | changed
    return {owner: frozenset(paths) for owner, paths in result.items() if paths}


def _paths(fields: Mapping[str, Any], prefix: Path) -> Iterator[Path]:
    if not fields:
        if prefix:
            yield prefix
        return
    for key, inner in fields.items():
        if key == ".":
            yield prefix
        else:
            yield from _paths(inner, (*prefix, key))


def _nested(paths: Iterable[Path]) -> Object:
    root: Object = {}
    ordered = sorted(paths)
    for path in ordered:
        node = root
        for part in path:
            node = node.setdefault(part, {})
    for path in ordered:
        node = root
        for part in path:
            node = node[part]
        if node:
            node["."] = {}
    return root
