"""Names and keys: the texts are Kubernetes' own, and lengths are bytes."""

import pytest

from lws_events.admission import name_formats
from lws_events.admission.violations import invalid, quoted


@pytest.mark.parametrize("key", ["a", "A.b_c-9", "example.com/name", "x" * 63, f"{'a.' * 126}a/b"])
def test_good_keys(key: str) -> None:
    assert name_formats.label_key(key) == []


@pytest.mark.parametrize(
    ("key", "beginning"),
    [
        ("", ["name part must be non-empty", "name part must consist of"]),
        ("/a", ["prefix part must be non-empty"]),
        ("a/", ["name part must be non-empty", "name part must consist of"]),
        ("A/b", ["prefix part a lowercase RFC 1123 subdomain must consist of"]),
        ("a/b/c", ["a valid label key must consist of"]),
        ("x" * 64, ["name part must be no more than 63 characters"]),
        ("-a", ["name part must consist of"]),
        ("a\n", ["name part must consist of"]),
    ],
)
def test_bad_keys(key: str, beginning: list[str]) -> None:
    found = name_formats.label_key(key)
    assert [text[: len(start)] for text, start in zip(found, beginning, strict=True)] == beginning


def test_a_long_name_of_wide_characters_is_measured_in_bytes() -> None:
    assert name_formats.dns_1035_label("ü" * 32)[0] == "must be no more than 63 characters"


def test_a_generated_name_may_end_in_a_dash() -> None:
    assert name_formats.dns_1035_prefix("set-") == []
    assert len(name_formats.dns_1035_prefix("-")) == 1


def test_values_are_quoted_as_the_api_server_prints_them() -> None:
    assert quoted('a"b\\\n\x00\x7fé\u200b\U0001f600\U000e0001') == r'"a\"b\\\n\x00\x7fé\u200b😀\U000e0001"'
    assert invalid("V", "f", {"a": "<&>"}, "no").text == 'f: Invalid value: {"a":"\\u003c\\u0026\\u003e"}: no'
    assert invalid("V", "f", True, "").text == "f: Invalid value: true"
