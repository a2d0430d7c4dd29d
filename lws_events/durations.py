"""Durations as Kubernetes users write them: ``10s``, ``1m30s``, ``500ms``, ``1.5h``.

Deliberately absent: units below a millisecond, which no timer here could keep, and signs.
"""

import re
from typing import Final

DURATION_MS_MAX: Final = 366 * 24 * 3_600_000
"""A year: more is a mistake, and would take the time of a timer out of what the journal can hold."""

_UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_PART: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?(ms|s|m|h)")


def duration_ms(text: str) -> int | None:
    """Milliseconds of a duration, parts of one are cut off; None for what is none, or is longer than a year."""
    total, position = 0, 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            return None
        whole, fraction, unit = part.groups(default="0")
        total += int(whole) * _UNITS_MS[unit] + int(fraction) * _UNITS_MS[unit] // 10 ** len(fraction)
        position = part.end()
    return total if text and total <= DURATION_MS_MAX else None


def duration_words(milliseconds: int) -> str:
    """A duration in the same notation, without parts that are zero: ``1m30s``; ``0s`` for none."""
    left, words = milliseconds, ""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, left = divmod(left, size)
        words += f"{count}{unit}" if count else ""
    return words or "0s"
