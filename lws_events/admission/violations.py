"""What validation has to say about a field, in the words that users of Kubernetes know.

A violation carries its parts (field, type, message, bad value) and prints the whole line as the API server would.
Which rule it comes from is part of it, because on an update an old mistake is told from a new one by path and rule
(spec D20).
"""

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec

INVALID: Final = "FieldValueInvalid"
REQUIRED: Final = "FieldValueRequired"
FORBIDDEN: Final = "FieldValueForbidden"
TOO_LONG: Final = "FieldValueTooLong"

_TITLES: Final = {
    INVALID: "Invalid value",
    REQUIRED: "Required value",
    FORBIDDEN: "Forbidden",
    TOO_LONG: "Too long",
}
_ESCAPES: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One broken rule. ``rule`` names it (``V5``, ``D35``, …); ``type`` is Kubernetes' machine-readable cause."""

    rule: str
    field: str
    type: str
    message: str
    bad_value: Any = ""

    @property
    def text(self) -> str:
        """The whole line as users see it: ``<field>: <title>: <value>: <message>``."""
        parts = [self.field, _TITLES[self.type]]
        if self.type == INVALID:
            parts.append(_shown(self.bad_value))
        if self.message:
            parts.append(self.message)
        return ": ".join(parts)

    @property
    def identity(self) -> tuple[str, str]:
        """Path and rule: what makes two violations the same mistake (spec D20)."""
        return self.field, self.rule


def invalid(rule: str, field: str, bad_value: Any, message: str) -> Violation:
    """A value that is there and wrong."""
    return Violation(rule=rule, field=field, type=INVALID, message=message, bad_value=bad_value)


def required(rule: str, field: str, message: str = "") -> Violation:
    """A value that is missing."""
    return Violation(rule=rule, field=field, type=REQUIRED, message=message)


def forbidden(rule: str, field: str, message: str) -> Violation:
    """A value that this user must not set."""
    return Violation(rule=rule, field=field, type=FORBIDDEN, message=message)


def denial_message(violations: Iterable[Violation]) -> str:
    """All lines as one message: alone as it is, several as ``[a, b]``, repeated lines once."""
    lines = list(dict.fromkeys(violation.text for violation in violations))
    return lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case int() | float():
            return str(value)
        case _:
            plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            return plain.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def quoted(value: str) -> str:
    """The string between quotation marks, with everything unprintable escaped, as the API server prints values."""
    return '"' + "".join(_ESCAPES.get(character) or _printable(character) for character in value) + '"'


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    point = ord(character)
    if point < 0x80:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
