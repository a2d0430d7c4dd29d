"""The difference of two JSON values as a JSON patch (RFC 6902).

Lists of equal length are compared member by member; a list that grew or shrank is replaced whole, which is shorter
than shifting its members. Numbers count as different when their types differ: ``1.0`` must become ``1``.
"""

from typing import Any


def json_patch(before: Any, after: Any) -> list[dict[str, Any]]:
    """Operations that turn ``before`` into ``after``; none where they are the same."""
    return _difference(before, after, "")


def _difference(before: Any, after: Any, path: str) -> list[dict[str, Any]]:
    if before is after:
        return []
    match before, after:
        case dict(), dict():
            return _of_mappings(before, after, path)
        case list(), list() if len(before) == len(after):
            return [
                operation
                for index, (old, new) in enumerate(zip(before, after, strict=True))
                for operation in _difference(old, new, f"{path}/{index}")
            ]
        case list(), list():
            return [{"op": "replace", "path": path, "value": after}]
        case _ if type(before) is type(after) and before == after:
            return []
        case _:
            return [{"op": "replace", "path": path, "value": after}]


def _of_mappings(before: dict[str, Any], after: dict[str, Any], path: str) -> list[dict[str, Any]]:
    operations: list[dict[str, Any]] = []
    for key in [*before, *(key for key in after if key not in before)]:
        here = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in after:
            operations.append({"op": "remove", "path": here})
        elif key not in before:
            operations.append({"op": "add", "path": here, "value": after[key]})
        else:
            operations += _difference(before[key], after[key], here)
    return operations
