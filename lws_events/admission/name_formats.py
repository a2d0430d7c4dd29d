"""The formats of names, label keys and label values, and the standard texts for what breaks them.

These are Kubernetes' own rules; lengths are counted in bytes of UTF-8. Each function returns the list of complaints,
empty for a good value. The texts are part of the contract (spec V1): clients and tests compare them.
"""

import re
from typing import Final

_LABEL_1123: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_1123: Final = rf"{_LABEL_1123}(\.{_LABEL_1123})*"
_LABEL_1035: Final = "[a-z]([-a-z0-9]*[a-z0-9])?"
_NAME_PART: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE: Final = f"({_NAME_PART})?"

_LENGTH_MAX: Final = 63
_SUBDOMAIN_LENGTH_MAX: Final = 253

_NAME_PART_RULE: Final = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)


def dns_1035_label(name: str) -> list[str]:
    """A name that may become the name of a Service."""
    return _too_long(name, _LENGTH_MAX) + _unmatched(
        name,
        _LABEL_1035,
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
        "character, and end with an alphanumeric character",
        "my-name",
        "abc-123",
    )


def dns_1035_prefix(prefix: str) -> list[str]:
    """The same for a ``generateName``: a dash at the end is fine, something will follow it."""
    masked = f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix
    return dns_1035_label(masked)


def dns_1123_label(name: str) -> list[str]:
    """The name of a namespace."""
    return _too_long(name, _LENGTH_MAX) + _unmatched(
        name,
        _LABEL_1123,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
        "end with an alphanumeric character",
        "my-name",
        "123-abc",
    )


def dns_1123_subdomain(name: str) -> list[str]:
    """A lower-case domain name."""
    return _too_long(name, _SUBDOMAIN_LENGTH_MAX) + _unmatched(
        name,
        _SUBDOMAIN_1123,
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
        "start and end with an alphanumeric character",
        "example.com",
    )


def label_key(key: str) -> list[str]:
    """``[<domain>/]<name>``: the key of a label or annotation, and the name of a finalizer."""
    parts = key.split("/")
    if len(parts) > 2:
        complaint = _complaint(f"a valid label key {_NAME_PART_RULE}", _NAME_PART, "MyName", "my.name", "123-abc")
        return [f"{complaint} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    complaints: list[str] = []
    if len(parts) == 2:
        prefix = parts[0]
        found = dns_1123_subdomain(prefix) if prefix else ["must be non-empty"]
        complaints += [f"prefix part {complaint}" for complaint in found]
    name = parts[-1]
    found = _too_long(name, _LENGTH_MAX) if name else ["must be non-empty"]
    found += _unmatched(name, _NAME_PART, _NAME_PART_RULE, "MyName", "my.name", "123-abc")
    return complaints + [f"name part {complaint}" for complaint in found]


def label_value(value: str) -> list[str]:
    """The value of a label; the empty one is valid."""
    return _too_long(value, _LENGTH_MAX) + _unmatched(
        value,
        _LABEL_VALUE,
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
        "start and end with an alphanumeric character",
        "MyValue",
        "my_value",
        "12345",
    )


def _too_long(value: str, length_max: int) -> list[str]:
    if len(value.encode()) <= length_max:
        return []
    return [f"must be no more than {length_max} characters"]


def _unmatched(value: str, pattern: str, rule: str, *examples: str) -> list[str]:
    return [] if re.fullmatch(pattern, value) else [_complaint(rule, pattern, *examples)]


def _complaint(rule: str, pattern: str, *examples: str) -> str:
    named = " or ".join(f"'{example}', " for example in examples)
    return f"{rule} (e.g. {named}regex used for validation is '{pattern}')"
