"""Strategic merge of stored revision data into a live object (spec 9.1.7).

Data written by a controller carries ``$patch: replace`` in both of its parts: they take the place of the live ones.
A directive for something that the live object lacks does nothing, so a live set without ``networkConfig`` keeps none
(recorded behaviour). Hand-made data without the marker merges deeply: lists by the model's merge key where its
strategy says so, other lists are replaced. Directives that only patches from clients use (element order, retained
keys, deletion of primitives) are not interpreted; the typed read that follows drops them as unknown members.
"""

from collections.abc import Mapping
from typing import Any, Final

from lws_events.canonical.errors import RevisionDataError
from lws_events.canonical.typed import model

_DIRECTIVE: Final = "$patch"
_REPLACE: Final = "replace"
_DELETE: Final = "delete"

Fields = Mapping[str, Mapping[str, Any]]
_NO_FIELDS: Final[Fields] = {}


def merged(original: dict[str, Any], patch: dict[str, Any], members: Mapping[str, str]) -> dict[str, Any]:
    """``patch`` merged into ``original``; neither is changed. ``members`` names the model's type of each member.

    Raises ``RevisionDataError`` for a directive nobody knows, or a list item without its merge key.
    """
    fields = {name: {"type": {"struct": model()["roots"][root]}} for name, root in members.items()}
    result: dict[str, Any] = _merge(original, patch, fields)
    return result


def _fields(struct: str) -> Fields:
    return {field["name"]: field for field in model()["types"][struct]}


def _inner_fields(kind: Any) -> Fields:
    """The fields of the struct inside a pointer or list; maps and scalars have none."""
    while isinstance(kind, Mapping) and "struct" not in kind and "map" not in kind:
        (kind,) = kind.values()
    return _fields(kind["struct"]) if isinstance(kind, Mapping) and "struct" in kind else _NO_FIELDS


def _merge(original: dict[str, Any], patch: dict[str, Any], fields: Fields) -> dict[str, Any]:
    if _DIRECTIVE in patch:
        return _directed(patch)
    result = dict(original)
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        elif name in result:
            result[name] = _merge_member(result[name], change, fields.get(name, _NO_FIELDS))
        elif not _is_directed(change):
            result[name] = _without_directives(change)
    return result


def _directed(patch: dict[str, Any]) -> dict[str, Any]:
    match patch[_DIRECTIVE]:
        case "replace":
            return {name: value for name, value in patch.items() if name != _DIRECTIVE}
        case "delete":
            return {}
        case other:
            raise RevisionDataError(f"the data holds the directive $patch: {other!r}; known are replace and delete")


def _merge_member(original: Any, change: Any, field: Mapping[str, Any]) -> Any:
    inner = _inner_fields(field.get("type"))
    if isinstance(original, dict) and isinstance(change, dict):
        return _merge(original, change, inner)
    strategies = field.get("patchStrategy", "").split(",")
    if isinstance(original, list) and isinstance(change, list) and "merge" in strategies:
        if "patchMergeKey" in field:
            return _merge_by_key(original, change, key=field["patchMergeKey"], fields=inner)
        return _merge_primitives(original, change)
    return _without_directives(change)


def _merge_by_key(original: list[Any], patch: list[Any], *, key: str, fields: Fields) -> list[Any]:
    """Items of equal key merge. The patch's items come in its order, each before what followed it in the original."""
    for item in (*original, *patch):
        if not isinstance(item, dict) or (key not in item and item.get(_DIRECTIVE) != _REPLACE):
            raise RevisionDataError(f"a list item lacks its merge key {key!r}: {item!r}")
    live = original
    if any(item.get(_DIRECTIVE) == _REPLACE for item in patch):
        live = []
    dropped = [item[key] for item in patch if item.get(_DIRECTIVE) == _DELETE]
    live = [item for item in live if item[key] not in dropped]
    changes = [item for item in patch if _DIRECTIVE not in item]
    patched: list[Any] = []
    for change in changes:
        before = next((item for item in live if item[key] == change[key]), None)
        patched.append(_without_directives(change) if before is None else _merge(before, change, fields))
    touched = [item[key] for item in changes]
    untouched = [item for item in live if item[key] not in touched]
    return _interleaved(untouched, patched, order=[item[key] for item in original], key=key)


def _interleaved(untouched: list[Any], patched: list[Any], *, order: list[Any], key: str) -> list[Any]:
    """An untouched item goes first only where it stood before the next patched item in the live list."""
    result: list[Any] = []
    waiting = list(untouched)
    for item in patched:
        place = order.index(item[key]) if item[key] in order else -1
        while waiting and order.index(waiting[0][key]) < place:
            result.append(waiting.pop(0))
        result.append(item)
    return result + waiting


def _merge_primitives(original: list[Any], patch: list[Any]) -> list[Any]:
    """A union, in the order that ``_interleaved`` gives keyed items."""
    known = [{"value": item} for item in original if item not in patch]
    wanted = [{"value": item} for position, item in enumerate(patch) if item not in patch[:position]]
    return [item["value"] for item in _interleaved(known, wanted, order=list(original), key="value")]


def _without_directives(value: Any) -> Any:
    """A part that the live object lacks: what a directive stands in vanishes, there is nothing it could apply to."""
    if isinstance(value, dict):
        return {name: _without_directives(member) for name, member in value.items() if not _is_directed(member)}
    if isinstance(value, list):
        return [_without_directives(item) for item in value if not _is_directed(item)]
    return value


def _is_directed(value: Any) -> bool:
    return isinstance(value, dict) and _DIRECTIVE in value
