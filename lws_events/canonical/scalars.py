"""Scalar values of the Kubernetes model: how each kind is read and printed again (spec 9.1.2).

Each function takes a parsed JSON value, None where it is absent, and returns the value to print. They raise
``TypedPassageError`` for a value of another JSON type. The *restored* variants read what went through a generic
decode, where every number has been a double (spec 9.1.4, 9.1.7).
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from lws_events.canonical.errors import QuantityError, TypedPassageError
from lws_events.canonical.quantity import canonical_quantity

Convert = Callable[[Any], Any]

_INT64: Final = range(-(2**63), 2**63)
_INT32: Final = range(-(2**31), 2**31)
_EXACT_DOUBLE: Final = 2**53
_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_ZERO_TIME: Final = datetime(1, 1, 1, tzinfo=UTC)


def mismatch(value: Any, wanted: str) -> TypedPassageError:
    """The error for a value of the wrong JSON type."""
    return TypedPassageError(f"must be {wanted}, not {type(value).__name__}")


def nearest_double(number: int) -> int:
    """The integer that is printed after a detour through double precision: shortest digits, filled up with zeros."""
    if -_EXACT_DOUBLE <= number <= _EXACT_DOUBLE:
        return number
    return int(Decimal(repr(float(number))))


def _string(value: Any) -> str:
    if type(value) is str:
        return value
    if value is None:
        return ""
    raise mismatch(value, "a string")


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    if value is None:
        return False
    raise mismatch(value, "true or false")


def _integer(value: Any) -> int:
    if value is None:
        return 0
    if type(value) is not int:
        raise mismatch(value, "an integer")
    if value not in _INT64:
        raise TypedPassageError(f"{value} does not fit 64 bits")
    return value


def _rounded_integer(value: Any) -> int:
    return nearest_double(_integer(value))


def _restored_integer(value: Any) -> int:
    if type(value) is float and value.is_integer() and abs(value) < 1e21:
        value = int(Decimal(repr(value)))
    elif type(value) is int and abs(value) < 10**21:
        value = nearest_double(value)
    return _integer(value)


def _integer_or_string(integer: Callable[[Any], int]) -> Convert:
    def convert(value: Any) -> int | str:
        if type(value) is str:
            return value
        number = integer(value)
        if number not in _INT32:
            raise TypedPassageError(f"{number} does not fit 32 bits")
        return number

    return convert


def _quantity(value: Any) -> str:
    if value is None:
        return "0"
    try:
        return canonical_quantity(value)
    except QuantityError as error:
        raise TypedPassageError(str(error)) from error


def _time(value: Any) -> str | None:
    """RFC 3339 in UTC with seconds; the zero time prints as null."""
    if value is None:
        return None
    parts = _RFC3339.fullmatch(_string(value))
    if parts is None:
        raise TypedPassageError(f"{value!r} is not a time: write it as 2024-02-03T04:05:06Z")
    try:
        moment = datetime.fromisoformat(parts.group(1) + parts.group(2)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise TypedPassageError(f"{value!r} is not a time: {error}") from error
    # isoformat pads the year to four digits on every platform, strftime does not.
    return None if moment == _ZERO_TIME else moment.replace(tzinfo=None).isoformat() + "Z"


def _raw(value: Any) -> Any:
    return value


_EXACT: Final[Mapping[str, Convert]] = MappingProxyType(
    {
        "string": _string,
        "bool": _boolean,
        "int": _integer,
        "intOrString": _integer_or_string(_integer),
        "quantity": _quantity,
        "time": _time,
        "raw": _raw,
    }
)


def scalars(*, restored: bool, doubles: bool) -> Mapping[str, Convert]:
    """One function for each scalar kind of the model.

    ``restored``: whole floats count as integers, and integers have been doubles. ``doubles``: integers are read
    strictly and rounded to the nearest double.
    """
    if restored:
        return {**_EXACT, "int": _restored_integer, "intOrString": _integer_or_string(_restored_integer)}
    if doubles:
        return {**_EXACT, "int": _rounded_integer}
    return _EXACT
