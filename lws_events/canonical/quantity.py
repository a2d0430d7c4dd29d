"""Quantities: resource amounts such as ``500m`` or ``1Gi`` in the spelling of the reference (spec 9.1.3).

The canonical form is usually the shortest with a suffix. The reference returns the input itself when a quick check
calls it canonical, so some odd spellings survive; they are part of revision hashes and are kept here just so.
Amounts are held as an integer times a power of ten and never expanded, so that ``1e999999999`` costs nothing.
"""

import re
from decimal import Decimal
from enum import Enum
from typing import Final, NamedTuple

from lws_events.canonical.errors import QuantityError

_PARTS: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([a-zA-Z]*(?:[+-]?[0-9]+)?)")
_EXPONENT: Final = re.compile(r"[eE]([+-]?[0-9]+)")
_BLANKS: Final = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_LONGEST: Final = 4000  # characters; Python refuses to read integers of more than 4300 digits

_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_BINARY: Final = {suffix: 10 * power for power, suffix in enumerate(_BINARY_SUFFIX) if suffix}

_NANO: Final = -9
_REACH: Final = 100
"""Powers of ten between amounts that are added up; sums stay short enough to be printed."""
_INT64_MAX: Final = 2**63 - 1


class _Kind(Enum):
    DECIMAL = "decimal"
    BINARY = "binary"
    SCIENTIFIC = "scientific"


class _Amount(NamedTuple):
    """``sign * digits * 10 ** exponent``, and how it prints."""

    negative: bool
    digits: int
    exponent: int
    kind: _Kind
    kept: str | None
    """The input text where it counts as canonical."""


def canonical_quantity(value: str | int | float) -> str:
    """The canonical text of a quantity given as a string or a JSON number.

    A number is taken by the decimal text that the API server prints for it. Raises ``QuantityError``.
    """
    amount = _parse(value)
    return _print(amount) if amount.kept is None else amount.kept


def comparable_quantity(value: str | int | float) -> tuple[int, int]:
    """A key by which quantities are equal if they are equal in value, however they are spelled.

    It is ``(digits, exponent)`` of ``digits * 10 ** exponent`` without trailing zeros. Raises ``QuantityError``.
    """
    amount = _parse(value)
    digits, exponent = _without_trailing_zeros(amount.digits, amount.exponent)
    return (-digits if amount.negative else digits, exponent)


class Amount:
    """A quantity to reckon with. A sum is spelled with the kind of suffix of its first part, as in the reference."""

    __slots__ = ("_amount",)

    def __init__(self, value: str | int | float | _Amount) -> None:
        """Raises ``QuantityError``."""
        self._amount = value if isinstance(value, _Amount) else _parse(value)

    def __str__(self) -> str:
        return _print(self._amount) if self._amount.kept is None else self._amount.kept

    def plus(self, other: "Amount", *, times: int = 1) -> "Amount":
        """This amount and some number of times another one, 0 or more."""
        mine, theirs = self._amount, other._amount
        if times == 0 or theirs.digits == 0:
            return self
        if mine.digits == 0 and times == 1:
            return other
        if mine.digits and _far_apart(mine, theirs):
            return max(self, other, key=lambda amount: _magnitude(amount._amount))
        exponent = min(mine.exponent, theirs.exponent) if mine.digits else theirs.exponent
        total = _signed(mine, exponent) + times * _signed(theirs, exponent)
        kind = mine.kind if mine.digits else theirs.kind
        return Amount(_Amount(total < 0, abs(total), exponent, kind, None))

    def exceeds(self, other: "Amount") -> bool:
        """Whether this is the larger one."""
        mine, theirs = self._amount, other._amount
        if not mine.digits or not theirs.digits or mine.negative != theirs.negative:
            return _sign(mine) > _sign(theirs)
        if _far_apart(mine, theirs):
            return (_magnitude(mine) > _magnitude(theirs)) != mine.negative
        exponent = min(mine.exponent, theirs.exponent)
        return _signed(mine, exponent) > _signed(theirs, exponent)


def _sign(amount: _Amount) -> int:
    return 0 if not amount.digits else -1 if amount.negative else 1


def _magnitude(amount: _Amount) -> int:
    return len(str(amount.digits)) + amount.exponent


def _far_apart(one: _Amount, other: _Amount) -> bool:
    """The smaller one is lost in the other: what is real lies between nano and exa."""
    return abs(one.exponent - other.exponent) > _REACH


def _signed(amount: _Amount, exponent: int) -> int:
    """The amount in units of ``10 ** exponent``, which is not above its own."""
    digits: int = amount.digits * 10 ** (amount.exponent - exponent) if amount.digits else 0
    return -digits if amount.negative else digits


def number_text(value: int | float) -> str:
    """The decimal text that Go prints for a JSON number: integers beyond 64 bits have become doubles."""
    if isinstance(value, int) and -_INT64_MAX - 1 <= value <= _INT64_MAX:
        return str(value)
    number = float(value)
    shortest = Decimal(repr(number))
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        text = format(shortest, "f")
        return text.removesuffix(".0")
    digits, exponent = repr(number).split("e")
    return f"{digits.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"


def _parse(value: str | int | float) -> _Amount:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QuantityError(f"a quantity is a string or a number, not {type(value).__name__}")
    text = value.strip(_BLANKS) if isinstance(value, str) else number_text(value)
    if len(text) > _LONGEST:
        raise QuantityError(f"a quantity of {len(text)} characters is too long; {_LONGEST} are allowed")
    parts = _PARTS.fullmatch(text)
    if not text or parts is None:
        raise _unreadable(text)
    sign, whole, fraction, suffix = parts.group(1), parts.group(2), parts.group(3) or "", parts.group(4)
    kind, scale = _scale(suffix, text)
    stripped = whole.lstrip("0") or "0"
    negative = sign == "-"
    quick = _quick(text, negative=negative, whole=stripped, fraction=fraction, kind=kind, scale=scale)
    if quick is not None:
        return quick
    if not whole and not fraction:
        raise _unreadable(text)
    return _general(negative=negative, digits=stripped + fraction, places=len(fraction), kind=kind, scale=scale)


def _unreadable(text: str) -> QuantityError:
    return QuantityError(f"{text!r} is not a quantity: write a number with a suffix such as m, k, Mi or Gi")


def _scale(suffix: str, text: str) -> tuple[_Kind, int]:
    if suffix in _DECIMAL:
        return _Kind.DECIMAL, _DECIMAL[suffix]
    if suffix in _BINARY:
        return _Kind.BINARY, _BINARY[suffix]
    exponent = _EXPONENT.fullmatch(suffix)
    if exponent is None:
        raise _unreadable(text)
    scale = int(exponent.group(1))
    if not -(2**63) <= scale < 2**63:
        raise _unreadable(text)
    # The reference keeps the low 32 bits of the exponent only.
    return _Kind.SCIENTIFIC, (scale + 2**31) % 2**32 - 2**31


def _quick(text: str, *, negative: bool, whole: str, fraction: str, kind: _Kind, scale: int) -> _Amount | None:
    """The reference's way for numbers that fit 64 bits; only here is the input text itself kept."""
    if kind is _Kind.BINARY:
        if fraction:
            return None
        room, factor, exponent = 15 - len(whole) - scale * 3 // 10 - 1, 1 << scale, 0
    else:
        room, factor, exponent = 18 - len(whole) - len(fraction), 1, scale - len(fraction)
    digits = whole + fraction
    if room < 0 or exponent < _NANO or int(digits) * factor > _INT64_MAX:
        return None
    if kind is _Kind.BINARY:
        keep = int(digits) % 8 != 0
    else:
        keep = exponent % 3 == 0 and not digits.endswith("000") and not digits.startswith("0")
    return _Amount(negative, int(digits) * factor, exponent, kind, text if keep else None)


def _general(*, negative: bool, digits: str, places: int, kind: _Kind, scale: int) -> _Amount:
    value = int(digits)
    if kind is not _Kind.BINARY:
        value, exponent = _up_to_nano(value, scale - places)
        return _Amount(negative, value, exponent, kind, None)
    value, exponent = _up_to_nano(value << scale, -places)
    unit: int = 10**-exponent
    if value >= _INT64_MAX * unit:
        value, exponent, unit = _INT64_MAX, 0, 1
    if 0 < value < unit:
        kind = _Kind.DECIMAL
    return _Amount(negative, value, exponent, kind, None)


def _up_to_nano(digits: int, exponent: int) -> tuple[int, int]:
    """Round up to a multiple of 10^-9, the finest amount there is."""
    if exponent >= _NANO:
        return digits, exponent
    if _NANO - exponent > _LONGEST:
        return min(digits, 1), _NANO
    return -(-digits // 10 ** (_NANO - exponent)), _NANO


def _without_trailing_zeros(digits: int, exponent: int) -> tuple[int, int]:
    if digits == 0:
        return 0, 0
    text = str(digits)
    zeros = len(text) - len(text.rstrip("0"))
    return digits // 10**zeros, exponent + zeros


def _print(amount: _Amount) -> str:
    digits, exponent = _without_trailing_zeros(amount.digits, amount.exponent)
    if digits == 0:
        return "0"
    sign = "-" if amount.negative else ""
    # Binary suffixes are for whole numbers from 1024 on; those are small enough to be expanded.
    if amount.kind is _Kind.BINARY and exponent >= 0 and digits * 10**exponent >= 1024:
        value, power = digits * 10**exponent, 0
        while value % 1024 == 0:
            value, power = value // 1024, power + 1
        return f"{sign}{value}{_BINARY_SUFFIX[power]}"
    shift = exponent % 3
    digits, exponent = digits * 10**shift, exponent - shift
    if amount.kind is _Kind.SCIENTIFIC:
        return f"{sign}{digits}e{exponent}" if exponent else f"{sign}{digits}"
    # Beyond E the reference loses the suffix, and with it the magnitude.
    return f"{sign}{digits}{_DECIMAL_SUFFIX.get(exponent, '')}"
