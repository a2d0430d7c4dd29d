"""Durations as Go programs take them, with Go's words for what is none: ``15s``, ``1m30s``, ``1.5h``, ``500ms``.

The reference's configuration file and flags are read by Go, so every duration that it accepts is accepted here too
(spec 10.3), signs and microseconds included. Whether a duration makes sense is asked by whoever uses it.
"""

import re
from typing import Final

_UNIT_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER: Final = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")
_UNIT: Final = re.compile(r"[^0-9.]+")


def duration_seconds(text: str) -> float:
    """Seconds of a duration. Raises ``ValueError`` with the message of Go."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0.0
    if not rest:
        raise ValueError(f'time: invalid duration "{text}"')
    seconds = 0.0
    while rest:
        number = _NUMBER.match(rest)
        if number is None:
            raise ValueError(f'time: invalid duration "{text}"')
        rest = rest[number.end() :]
        unit = _UNIT.match(rest)
        if unit is None:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit.group() not in _UNIT_SECONDS:
            raise ValueError(f'time: unknown unit "{unit.group()}" in duration "{text}"')
        seconds += float(number.group()) * _UNIT_SECONDS[unit.group()]
        rest = rest[unit.end() :]
    return -seconds if text[0] == "-" else seconds


def duration_text(seconds: float) -> str:
    """The shortest text that means so many seconds, as Go writes it: ``15s``, ``1m30s``, ``500ms``."""
    if abs(seconds) < 1 and seconds:
        return f"{seconds * 1000:g}ms"
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    larger = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{larger}{rest:g}s"
