"""Label and field selectors: the text form of requests and the object form of specs, as predicates over labels."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from adapters.simulation.errors import BadRequestError

_KEY = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?"
_SET = re.compile(rf"^({_KEY})\s+(in|notin)\s+\(([^)]*)\)$")
_EQUAL = re.compile(rf"^({_KEY})\s*(==|=|!=)\s*([^\s,]*)$")
_EXISTS = re.compile(rf"^(!?)\s*({_KEY})$")


@dataclass(frozen=True)
class Requirement:
    """One requirement on a label. As in Kubernetes, ``NotIn`` also holds when the label is absent."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a set of labels meets the requirement."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


@dataclass(frozen=True)
class Selector:
    """All requirements must hold; no requirement matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a set of labels is selected."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def exact(self) -> tuple[str, str] | None:
        """A ``(key, value)`` that every match must have, if one requirement gives it: the handle for an index."""
        for requirement in self.requirements:
            if requirement.operator == "In" and len(requirement.values) == 1:
                return requirement.key, requirement.values[0]
        return None


EVERYTHING = Selector()


def parse(text: str) -> Selector:
    """A selector from its text form, e.g. ``a=b,c!=d,e in (f,g),h,!i``.

    Raises:
        BadRequestError: a requirement cannot be read.
    """
    return Selector(tuple(_requirement(part.strip()) for part in _split(text) if part.strip()))


def _split(text: str) -> list[str]:
    """Split at commas outside parentheses."""
    return re.split(r",(?![^(]*\))", text)


def _requirement(part: str) -> Requirement:
    if found := _SET.match(part):
        values = tuple(value.strip() for value in found.group(3).split(","))
        return Requirement(found.group(1), "In" if found.group(2) == "in" else "NotIn", values)
    if found := _EQUAL.match(part):
        return Requirement(found.group(1), "NotIn" if found.group(2) == "!=" else "In", (found.group(3),))
    if found := _EXISTS.match(part):
        return Requirement(found.group(2), "DoesNotExist" if found.group(1) else "Exists")
    raise BadRequestError(
        f"unable to parse requirement: {part!r} is no label requirement; write key=value, key or !key"
    )


def from_spec(selector: Mapping[str, Any] | None) -> Selector | None:
    """A selector from a ``LabelSelector`` object; ``None`` (which selects nothing) for ``None``."""
    if selector is None:
        return None
    exact = [Requirement(key, "In", (value,)) for key, value in sorted((selector.get("matchLabels") or {}).items())]
    rest = [
        Requirement(entry["key"], entry["operator"], tuple(entry.get("values") or ()))
        for entry in selector.get("matchExpressions") or []
    ]
    return Selector((*exact, *rest))


def parse_fields(text: str) -> dict[str, str]:
    """A field selector; only equality on ``metadata.name`` and ``metadata.namespace`` is served, plus
    ``spec.nodeName`` and ``status.phase`` for pods.

    Raises:
        BadRequestError: any other field or operator.
    """
    known = {"metadata.name", "metadata.namespace", "spec.nodeName", "status.phase"}
    result: dict[str, str] = {}
    for part in text.split(","):
        if not part:
            continue
        key, operator, value = part.partition("=")
        if not operator or key not in known or value.startswith("!"):
            raise BadRequestError(f"field label not supported: {part}; supported: {', '.join(sorted(known))}")
        result[key] = value.removeprefix("=")
    return result


def fields_match(obj: Mapping[str, Any], fields: Mapping[str, str]) -> bool:
    """Whether an object has the field values of a parsed field selector."""
    for path, wanted in fields.items():
        outer, _, inner = path.partition(".")
        if (obj.get(outer) or {}).get(inner, "") != wanted:
            return False
    return True
