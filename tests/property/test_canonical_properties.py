"""What holds for every quantity, template and text (spec 9.1)."""

import json
from datetime import datetime
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lws_events.canonical.quantity import canonical_quantity, comparable_quantity
from lws_events.canonical.text import json_text
from lws_events.canonical.typed import POD_TEMPLATE, model, typed, typed_restored
from lws_events.objects.templates import pod_template
from lws_events.revisions import restore, revision_data, revision_hash, semantically_equal

SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]

quantities = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "+", "-"]),
    st.from_regex(r"[0-9]{1,20}", fullmatch=True),
    st.just("") | st.from_regex(r"\.[0-9]{0,12}", fullmatch=True),
    st.sampled_from(SUFFIXES) | st.from_regex(r"[eE][+-]?[0-9]{1,2}", fullmatch=True),
)
texts = st.text(max_size=8)
AFTER_ZERO_TIME = datetime.fromisoformat("0001-01-01T00:00:01")
"""The zero time is one of its own kind, see ``test_an_optional_zero_time_is_printed_as_null_and_read_as_absent``."""


def of_kind(kind: Any, depth: int) -> st.SearchStrategy[Any]:
    """Values that the model accepts at a place of this kind, null and absence among them."""
    if isinstance(kind, str):
        scalars: dict[str, st.SearchStrategy[Any]] = {
            "string": texts,
            "bool": st.booleans(),
            "int": st.integers(-(2**53), 2**53),
            "intOrString": st.integers(-(2**31), 2**31 - 1) | texts,
            "quantity": quantities,
            "time": st.datetimes(min_value=AFTER_ZERO_TIME).map(
                lambda moment: moment.replace(microsecond=0).isoformat() + "Z"
            ),
            "raw": st.dictionaries(texts, st.integers(0, 9), max_size=2),
        }
        return st.none() | scalars[kind]
    ((constructor, inner),) = kind.items()
    if constructor == "struct":
        return st.none() | (structs(inner, depth) if depth else st.just({}))
    if constructor == "list":
        return st.none() | st.lists(of_kind(inner, depth), max_size=2)
    if constructor == "map":
        return st.none() | st.dictionaries(texts, of_kind(inner, depth), max_size=2)
    return of_kind(inner, depth)


@st.composite
def structs(draw: st.DrawFn, name: str, depth: int) -> dict[str, Any]:
    fields = {field["name"]: field["type"] for field in model()["types"][name]}
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True)) if fields else []
    return {field: draw(of_kind(fields[field], depth - 1)) for field in chosen}


templates = structs(model()["roots"][POD_TEMPLATE], 6)


def spec_of(template: dict[str, Any], size: int = 2) -> dict[str, Any]:
    return {"leaderWorkerTemplate": {"size": size, "workerTemplate": template}, "networkConfig": {}}


@given(quantities)
def test_printing_a_quantity_again_changes_nothing(text: str) -> None:
    assert canonical_quantity(canonical_quantity(text)) == canonical_quantity(text)


# From 1000E on the reference loses the magnitude, and so do we.
@given(st.integers(1 - 10**15, 10**15 - 1), st.sampled_from(["", "m", "k", "M"]))
def test_printing_keeps_the_value(number: int, suffix: str) -> None:
    scale = {"": Fraction(1), "m": Fraction(1, 1000), "k": Fraction(1000), "M": Fraction(10**6)}[suffix]
    digits, exponent = comparable_quantity(canonical_quantity(f"{number}{suffix}"))
    assert digits * Fraction(10) ** exponent == number * scale


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_is_a_quantity(number: float) -> None:
    printed = canonical_quantity(number)
    assert canonical_quantity(printed) == printed


@given(templates)
def test_the_typed_passage_is_idempotent(template: dict[str, Any]) -> None:
    once = typed(template, POD_TEMPLATE)
    assert typed(once, POD_TEMPLATE) == once


def test_an_optional_zero_time_is_printed_as_null_and_read_as_absent() -> None:
    once = typed({"metadata": {"deletionTimestamp": "0001-01-01T00:00:00Z"}}, POD_TEMPLATE)
    assert once["metadata"]["deletionTimestamp"] is None
    assert "deletionTimestamp" not in typed(once, POD_TEMPLATE)["metadata"]


@given(templates)
def test_what_was_printed_restores_to_itself(template: dict[str, Any]) -> None:
    once = typed(template, POD_TEMPLATE)
    assert typed_restored(json.loads(json_text(once)), POD_TEMPLATE) == once


@given(templates, templates)
def test_revisions_restore_to_their_own_data(template: dict[str, Any], live: dict[str, Any]) -> None:
    data = revision_data(spec_of(template))
    assert revision_data(restore(spec_of(live, size=3), data)) == data


@given(templates, templates)
def test_semantic_equality_is_equality_of_data(template: dict[str, Any], other: dict[str, Any]) -> None:
    stored, proposed = revision_data(spec_of(template)), revision_data(spec_of(other))
    assert semantically_equal(spec_of(other), proposed=proposed, stored=stored) == (stored == proposed)


@given(templates)
def test_applied_templates_hold_no_null_and_no_empty_list(template: dict[str, Any]) -> None:
    def check(value: Any) -> None:
        assert value is not None
        assert value != []
        for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(member)

    check(pod_template(template))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    )
)
def test_json_text_reads_back(value: Any) -> None:
    assert json.loads(json_text(value)) == value


@given(st.binary(max_size=64))
def test_a_hash_has_at_most_ten_safe_characters(data: bytes) -> None:
    hashed = revision_hash(data)
    assert 1 <= len(hashed) <= 10
    assert set(hashed) <= set("456789bcdf")
