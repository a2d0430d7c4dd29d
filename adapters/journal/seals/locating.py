"""Which record was changed, removed, put in or moved, by the marks of what was sealed and of what is there.

Marks are checksums, and prove nothing: that something was changed is shown by the running hash alone.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

Kind = Literal["changed", "removed", "inserted", "reordered", "seal-changed", "seals-missing", "unknown"]
CHANGED: Final = "changed"
REMOVED: Final = "removed"
INSERTED: Final = "inserted"
REORDERED: Final = "reordered"
SEAL_CHANGED: Final = "seal-changed"
SEALS_MISSING: Final = "seals-missing"
UNKNOWN: Final = "unknown"
"""Something is not as it was sealed; what and where cannot be told."""


class Found(NamedTuple):
    """A record that is there."""

    sequence: int
    mark: int


class Difference(NamedTuple):
    """The first thing that is not as it was sealed, and the sequence of the record; 0: not known."""

    kind: Kind
    sequence: int


def locate(sealed: Sequence[int], found: Sequence[Found], *, after: int, through: int) -> Difference:
    """What is different in the records after one sequence up to another. ``sealed``: marks, empty where not kept."""
    for expected, one in enumerate(found, start=after + 1):
        if one.sequence != expected:
            return Difference(REMOVED, expected)
    marks = [one.mark for one in found]
    if len(sealed) != through - after:
        return Difference(UNKNOWN, 0)
    if list(sealed) == marks:
        return Difference(SEAL_CHANGED, 0)
    pairs = enumerate(zip(sealed, marks, strict=False))
    first = next((at for at, (one, other) in pairs if one != other), len(marks))
    if sorted(sealed) == sorted(marks):
        return Difference(REORDERED, after + 1 + first)
    return Difference(_kind(sealed[first:], marks[first:]), after + 1 + first)


def _kind(sealed: Sequence[int], marks: Sequence[int]) -> Kind:
    """What has happened to the first record of both, which is another one."""
    changes = [
        change for change in SequenceMatcher(None, sealed, marks, autojunk=False).get_opcodes() if change[0] != "equal"
    ]
    match changes[0][0]:
        case "delete":
            return REMOVED
        case "insert":
            return INSERTED
        case _:
            return CHANGED
