"""JSON of others: read whole, or refused in words, at any depth of the caller's stack."""

import pytest

from lws_events.foreign_json import (
    NESTING_MAX,
    UnreadableJsonError,
    nesting_exceeds,
    read_json,
    with_whole_text,
    without_depths,
)


def _nested(levels: int) -> bytes:
    return b'{"a":[' * (levels // 2) + b"[]" * (levels % 2) + b"]}" * (levels // 2)


@pytest.mark.parametrize("data", [b"1e999", b'"\xff"', b"", b"{", b"NaN", _nested(2 * NESTING_MAX), b"[" * 100_000])
def test_what_cannot_be_held_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableJsonError):
        read_json(data)


def test_levels_are_counted_outside_of_text() -> None:
    assert not nesting_exceeds(_nested(NESTING_MAX), NESTING_MAX)
    assert nesting_exceeds(_nested(NESTING_MAX + 1), NESTING_MAX)
    flat = b"[" + b",".join([b'"[[{\\"["', b"{}"] * NESTING_MAX) + b"]"
    assert not nesting_exceeds(flat, 2)
    assert len(read_json(flat)) == 2 * NESTING_MAX


def test_depths_are_cut_off_and_the_rest_stays() -> None:
    data = b'{"a":[1,{"b":[2]},"]"],"c":{"d":{}},"e":3}'
    assert read_json(without_depths(data, 2)) == {"a": [1, None, "]"], "c": {"d": None}, "e": 3}
    assert without_depths(data, 4) == data
    assert nesting_exceeds(without_depths(_nested(5000), 250), 249)
    assert not nesting_exceeds(without_depths(_nested(5000), 250), 250)


def test_halves_of_characters_are_replaced_and_whole_ones_stay() -> None:
    data = rb'["\ud800","\ud83d\ude00","\\ud800","\udc00\ud800x"]'
    assert read_json(with_whole_text(data)) == ["\ufffd", "\U0001f600", "\\ud800", "\ufffd\ufffdx"]
