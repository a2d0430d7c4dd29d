"""Reading Kubernetes JSON where an absent field, a null and an empty value mean the same.

Nothing here checks types: an object has passed ``typed_reading`` before it is looked into, so that a section is a
mapping and a list is a list. Numbers are the exception that validation cares about and are read by their own rules.
"""

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]
"""One Kubernetes object, or a part of one, as plain JSON."""


def section(value: Mapping[str, Any] | None, *path: str) -> Object:
    """The mapping at ``path``, or an empty one. The result is for reading only."""
    found: Any = value
    for key in path:
        if not isinstance(found, Mapping):
            return {}
        found = found.get(key)
    return found if isinstance(found, dict) else {}


def members(value: Mapping[str, Any] | None, *path: str) -> list[Any]:
    """The list at ``path``, or an empty one. The result is for reading only."""
    found = section(value, *path[:-1]).get(path[-1])
    return found if isinstance(found, list) else []


def text(value: Mapping[str, Any] | None, *path: str) -> str:
    """The string at ``path``, or an empty one."""
    found = section(value, *path[:-1]).get(path[-1])
    return found if isinstance(found, str) else ""


def labels(value: Mapping[str, Any] | None) -> dict[str, str]:
    """``metadata.labels`` of an object or template."""
    return section(value, "metadata", "labels")


def annotations(value: Mapping[str, Any] | None) -> dict[str, str]:
    """``metadata.annotations`` of an object or template."""
    return section(value, "metadata", "annotations")
