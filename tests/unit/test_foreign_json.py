"""JSON of others: read whole, or refused in words, at any depth of the caller's stack."""

import pytest

from lws_events.foreign_json import NESTING_MAX, UnreadableJsonError, nesting_exceeds, read_json


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
