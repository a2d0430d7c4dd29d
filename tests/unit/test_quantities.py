"""Quantities print as the reference prints them (spec 9.1.3)."""

from typing import Any

import pytest

from lws_events.canonical.errors import QuantityError
from lws_events.canonical.quantity import canonical_quantity, comparable_quantity, number_text
from tests import golden_vectors

# The reference reads a number by its text, so "1e3" without quotes is not 1000.
VECTORS = golden_vectors.load("quantities", parse_float=str)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: repr(vector["in"]))
def test_golden(vector: dict[str, Any]) -> None:
    if vector.get("error"):
        with pytest.raises(QuantityError):
            canonical_quantity(vector["in"])
    else:
        assert canonical_quantity(vector["in"]) == vector["out"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (1000.0, "1000"),
        (0.5, "0.5"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e22, "1.5e+22"),
        (2**63 - 1, "9223372036854775807"),
        (-(2**63), "-9223372036854775808"),
        (2**63, "9223372036854776000"),
    ],
)
def test_a_number_has_the_text_that_the_api_server_prints(number: float, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize("value", [None, True, [], {}, "1" * 4001])
def test_what_is_no_quantity_is_refused(value: Any) -> None:
    with pytest.raises(QuantityError):
        canonical_quantity(value)


@pytest.mark.parametrize(("text", "printed"), [("1e999999999", "1e999999999"), ("1e-999999999", "1e-9")])
def test_huge_exponents_are_not_expanded(text: str, printed: str) -> None:
    assert canonical_quantity(text) == printed


@pytest.mark.parametrize(
    ("one", "other"),
    [("1.500", "1500m"), ("1Gi", "1024Mi"), ("0", "0Ki"), ("1e3", "1k"), (1000, "1k"), ("+5", "5"), ("-1", "-1000m")],
)
def test_equal_amounts_compare_equal_however_spelled(one: str | int, other: str | int) -> None:
    assert comparable_quantity(one) == comparable_quantity(other)


@pytest.mark.parametrize(("one", "other"), [("1Gi", "1G"), ("1", "-1"), ("1m", "1"), ("1e-10", "0")])
def test_different_amounts_compare_different(one: str, other: str) -> None:
    assert comparable_quantity(one) != comparable_quantity(other)
