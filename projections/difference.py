"""What is different between two JSON-like values, as a list of ``path: old → new`` that a person can read.

Lists are compared position by position: the values compared here have an order of their own.
"""

from typing import Any, Final

import msgspec


class Change(msgspec.Struct, frozen=True):
    """One place where two values differ. ``ABSENT`` stands for a value that one side does not have."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path or '(all)'}: {_text(self.before)} → {_text(self.after)}"


ABSENT: Final = "(absent)"
_LENGTH_MAX: Final = 160


def difference(before: Any, after: Any) -> tuple[Change, ...]:
    """All places where two values differ, in the order of the keys. Empty where they are equal."""
    changes: list[Change] = []
    _compare("", before, after, changes)
    return tuple(changes)


def plain(value: Any) -> Any:
    """A struct as dicts, lists and scalars, the way it is written as JSON (raw JSON included)."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _compare(path: str, before: Any, after: Any, changes: list[Change]) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            _compare(f"{path}.{key}" if path else key, before.get(key, ABSENT), after.get(key, ABSENT), changes)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else ABSENT
            new = after[index] if index < len(after) else ABSENT
            _compare(f"{path}[{index}]", old, new, changes)
    elif before != after or type(before) is not type(after):
        changes.append(Change(path, before, after))


def _text(value: Any) -> str:
    text = value if value == ABSENT else msgspec.json.encode(value).decode()
    return text if len(text) <= _LENGTH_MAX else f"{text[:_LENGTH_MAX]}… ({len(text)} characters)"
