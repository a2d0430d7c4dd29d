"""Reading JSON that somebody else wrote: all of it is read, or it is refused in words, wherever that happens.

The API server stores JSON for everyone, also what no schema describes (data of revisions). How deep the decoder can go
depends on who calls it, so that the limit here is a number: a live controller and a replay refuse the same.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

NESTING_MAX: Final = 200
"""Levels of lists and maps. A pod template has about twenty."""

_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')


_ESCAPES: Final = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


class UnreadableJsonError(ValueError):
    """Not JSON, or JSON that cannot be held: numbers out of range, text that is no UTF-8, too many levels."""


def read_json(data: bytes | msgspec.Raw) -> Any:
    """The value. Raises ``UnreadableJsonError``."""
    raw = bytes(data)
    if nesting_exceeds(raw, NESTING_MAX):
        raise UnreadableJsonError(f"it is nested more than {NESTING_MAX} levels deep")
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableJsonError(str(error)) from error


def nesting_exceeds(data: bytes, levels: int) -> bool:
    """Whether lists and maps are nested deeper than so many levels."""
    if data.count(b"[") + data.count(b"{") <= levels:
        return False
    return any(depth > levels for depth, _ in _levels(data))


def without_depths(data: bytes, levels: int) -> bytes:
    """The same JSON with ``null`` in place of every list and map below so many levels."""
    kept: list[bytes] = []
    position, began = 0, -1
    for depth, at in _levels(data):
        if depth > levels and began < 0:
            began = at
        elif depth == levels and began >= 0:
            kept += [data[position:began], b"null"]
            position, began = at + 1, -1
    return b"".join([*kept, data[position:]])


def with_whole_text(data: bytes) -> bytes:
    """The same JSON with the replacement character for every half of a surrogate pair, as Go reads it."""
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found.group(1) else found.group(), data)


def _levels(data: bytes) -> Iterator[tuple[int, int]]:
    """The level after each bracket, and where that bracket is."""
    depth = 0
    for match in _BRACKETS.finditer(data):
        token = match.group()
        if token in (b"[", b"{"):
            depth += 1
            yield depth, match.start()
        elif token in (b"]", b"}"):
            depth -= 1
            yield depth, match.start()
