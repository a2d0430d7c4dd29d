"""One bit per group for each thing that a rolling update asks of groups (spec 4.5.1): set one by one, read at once.

Kept beside the groups, so that planning needs no walk over them. Bytes, because integers of more than 64 bits are not
JSON; byte ``i // 8``, bit ``i % 8`` is group ``i``.
"""

from typing import Final, NamedTuple

import msgspec

from lws_events.admission.budgets import REPLICAS_MAX

INDEX_END: Final = 2 * REPLICAS_MAX
"""Twice the admitted number of groups, surge included. A pod that claims a higher index is in no rollout: else a
single forged one would fill the memory."""


class GroupMarks(NamedTuple):
    """What a rolling update asks of one group."""

    ready: bool = False
    updated: bool = False
    """Of the wanted revision, as a whole."""
    outdated: bool = False
    """Some part of it exists and is of another revision."""
    overdue: bool = False
    """Its leader pod is of another revision, not ready, and not on its way out."""


UNMARKED: Final = GroupMarks()


class Marks(msgspec.Struct, omit_defaults=True):
    """The marks of all groups of a set."""

    ready: bytearray = msgspec.field(default_factory=bytearray)
    updated: bytearray = msgspec.field(default_factory=bytearray)
    outdated: bytearray = msgspec.field(default_factory=bytearray)
    overdue: bytearray = msgspec.field(default_factory=bytearray)

    def put(self, index: int, marks: GroupMarks) -> bool:
        """Take in the marks of one group; says whether one changed."""
        ready, updated, outdated, overdue = marks
        changed = put_bit(self.ready, index, on=ready)
        changed |= put_bit(self.updated, index, on=updated)
        changed |= put_bit(self.outdated, index, on=outdated)
        changed |= put_bit(self.overdue, index, on=overdue)
        return changed


def put_bit(bits: bytearray, index: int, *, on: bool) -> bool:
    """Set or clear one bit; says whether it was the other way. Zeros at the end are not kept."""
    byte, bit = index >> 3, 1 << (index & 7)
    if byte >= len(bits):
        if not on:
            return False
        bits.extend(bytes(byte + 1 - len(bits)))
    if bool(bits[byte] & bit) == on:
        return False
    bits[byte] ^= bit
    while bits and not bits[-1]:
        bits.pop()
    return True


def number(bits: bytearray) -> int:
    """All bits as one integer, for arithmetic."""
    return int.from_bytes(bits, "little")
