"""Which fields differ between two specs: path, value before, value after.

Lists whose elements have names (containers, variables, volumes) are compared by name, others by position. A value is
told whole, as JSON, where one side does not have it.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple


class FieldChange(NamedTuple):
    """One field. Empty text: it is not there."""

    path: str
    before: str
    after: str


class _Absent:
    pass


_ABSENT = _Absent()


def changed_fields(before: Any, after: Any, path: str = "") -> Iterator[FieldChange]:
    """The differences of two JSON values, sorted by path within each object."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            inner = f"{path}.{key}" if path else str(key)
            yield from changed_fields(before.get(key, _ABSENT), after.get(key, _ABSENT), inner)
    elif isinstance(before, list) and isinstance(after, list):
        old, new = _by_name(before), _by_name(after)
        if old is None or new is None:
            old, new = _by_position(before), _by_position(after)
        for key in [*old, *(key for key in new if key not in old)]:
            yield from changed_fields(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}[{key}]")
    elif type(before) is not type(after) or before != after:
        yield FieldChange(path, _text(before), _text(after))


def _by_name(values: list[Any]) -> dict[str, Any] | None:
    """Elements by their names; None where one has none, or two have the same."""
    names = [value.get("name") if isinstance(value, dict) else None for value in values]
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        return None
    return dict(zip(map(str, names), values, strict=True))


def _by_position(values: list[Any]) -> dict[str, Any]:
    return {str(index): value for index, value in enumerate(values)}


def _text(value: Any) -> str:
    if value is _ABSENT:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
