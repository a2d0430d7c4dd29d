"""The three patch formats that clients send besides server-side apply: JSON merge patch, strategic merge, JSON patch.

Strategic merge knows the keyed lists of ``managed_fields`` and the directives ``$patch: delete|replace`` of list items
and maps; that is what kubectl and the Kubernetes controllers send for the kinds served here.
"""

from typing import Any

from adapters.simulation import managed_fields
from adapters.simulation.errors import BadRequestError, InvalidError
from adapters.simulation.objects import Object


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: maps merge, ``null`` removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def strategic_merge(target: Any, patch: Any, *, field: str = "") -> Any:
    """Like a merge patch, but keyed lists merge item by item."""
    if isinstance(patch, dict):
        if patch.get("$patch") == "replace":
            return {key: value for key, value in patch.items() if key != "$patch"}
        result = dict(target) if isinstance(target, dict) else {}
        for key, value in patch.items():
            if key.startswith("$"):
                continue
            if value is None:
                result.pop(key, None)
            else:
                result[key] = strategic_merge(result.get(key), value, field=key)
        return result
    if isinstance(patch, list):
        if field in managed_fields.SETS:
            return [*(target or []), *(item for item in patch if item not in (target or []))]
        keys = managed_fields.list_keys(field, patch)
        if keys:
            return _merge_items(target or [], patch, keys)
    return patch


def _merge_items(target: list[Any], patch: list[Any], keys: tuple[str, ...]) -> list[Any]:
    wanted = {managed_fields.element(item, keys): item for item in patch}
    result = []
    for item in target:
        change = wanted.pop(managed_fields.element(item, keys), None)
        if change is None:
            result.append(item)
        elif change.get("$patch") != "delete":
            result.append(strategic_merge(item, change))
    return [*result, *(item for item in wanted.values() if item.get("$patch") != "delete")]


def json_patch(target: Object, operations: list[Object]) -> Object:
    """RFC 6902.

    Raises:
        BadRequestError: an operation cannot be read.
        InvalidError: a path does not exist, or a ``test`` fails.
    """
    result: Any = target
    for operation in operations:
        try:
            result = _operate(result, operation)
        except KeyError as error:
            raise BadRequestError(f"json patch: operation {operation!r} lacks {error}") from error
    if not isinstance(result, dict):
        raise InvalidError("json patch: the result is not an object")
    return result


def _operate(document: Any, operation: Object) -> Any:
    parts = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            return _changed(document, parts, value=operation["value"], mode="add")
        case "replace":
            _lookup(document, parts)
            return _changed(document, parts, value=operation["value"], mode="replace")
        case "remove":
            _lookup(document, parts)
            return _changed(document, parts, value=None, mode="remove")
        case "test":
            if _lookup(document, parts) != operation["value"]:
                raise InvalidError(f"json patch: testing path {operation['path']} failed")
            return document
        case "copy":
            return _changed(document, parts, value=_lookup(document, _pointer(operation["from"])), mode="add")
        case "move":
            source = _pointer(operation["from"])
            value = _lookup(document, source)
            return _changed(_changed(document, source, value=None, mode="remove"), parts, value=value, mode="add")
        case other:
            raise BadRequestError(f"json patch: unknown operation {other!r}")


def _pointer(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _lookup(document: Any, parts: list[str]) -> Any:
    try:
        for part in parts:
            document = document[int(part)] if isinstance(document, list) else document[part]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise InvalidError(f"json patch: path /{'/'.join(parts)} does not exist") from error
    return document


def _changed(document: Any, parts: list[str], *, value: Any, mode: str) -> Any:
    if not parts:
        return value
    head, rest = parts[0], parts[1:]
    if isinstance(document, list):
        copy = list(document)
        at = len(copy) if head == "-" else int(head)
        if rest:
            copy[at] = _changed(copy[at], rest, value=value, mode=mode)
        elif mode == "add":
            copy.insert(at, value)
        elif mode == "remove":
            del copy[at]
        else:
            copy[at] = value
        return copy
    if not isinstance(document, dict) or (rest and head not in document):
        raise InvalidError(f"json patch: path /{'/'.join(parts)} does not exist")
    if rest:
        return {**document, head: _changed(document[head], rest, value=value, mode=mode)}
    if mode == "remove":
        return {key: inner for key, inner in document.items() if key != head}
    return {**document, head: value}
