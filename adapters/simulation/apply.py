"""Server-side apply: merge a configuration into an object, field by field, with an owner for each.

What the applier stops applying and nobody else owns is removed; what another manager owns with another value is a
conflict unless forced. Lists and maps merge as ``managed_fields`` says.
"""

from typing import Any

from adapters.simulation import managed_fields, objects
from adapters.simulation.errors import ConflictError
from adapters.simulation.managed_fields import Fields, Manager, Managers, Path
from adapters.simulation.objects import Object


def merged(live: Object, config: Object, *, manager: Manager, force: bool) -> tuple[Object, Managers]:
    """The live object with a configuration applied, and who owns what then. Managed fields are not yet written.

    Raises:
        ConflictError: other managers own fields with other values, and ``force`` is not set.
    """
    managers = managed_fields.load(live)
    wanted = managed_fields.fields_of(config)
    others = _without_conflicts(
        managers, manager=manager, live=managed_fields.fields_of(live), wanted=wanted, force=force
    )
    kept: set[Path] = set().union(*others.values()) if others else set()
    removed = managers.get(manager, frozenset()) - wanted.keys() - kept
    result = _merge(live, config, "")
    # Items of lists go whole, before their fields; what somebody still owns something inside of stays.
    held = {path[:end] for path in (*kept, *wanted) for end in range(1, len(path))}
    for path in sorted(removed - held, key=len):
        result = _remove(result, path, "")
    # Again, for what is applied as empty and has become so only now.
    return _merge(result, config, ""), {**others, manager: frozenset(wanted)}


def _without_conflicts(managers: Managers, *, manager: Manager, live: Fields, wanted: Fields, force: bool) -> Managers:
    """The other managers' fields; those that conflict are taken away (forced) or refused."""
    conflicts: dict[Manager, set[Path]] = {}
    for other, paths in managers.items():
        if other != manager:
            differing = {path for path in paths & wanted.keys() if path in live and live[path] != wanted[path]}
            if differing:
                conflicts[other] = differing
    if conflicts and not force:
        lines = [
            f'conflict with "{other.name}" using {other.api_version}: {_dotted(path)}'
            for other, paths in conflicts.items()
            for path in sorted(paths)
        ]
        plural = "" if len(lines) == 1 else "s"
        raise ConflictError(f"Apply failed with {len(lines)} conflict{plural}: " + ", ".join(lines))
    others = {other: paths - conflicts.get(other, set()) for other, paths in managers.items() if other != manager}
    return {other: frozenset(paths) for other, paths in others.items() if paths}


def _dotted(path: Path) -> str:
    parts = [f".{part[2:]}" if part.startswith("f:") else f"[{part[2:]}]" for part in path]
    return "".join(parts)


def _merge(live: Any, config: Any, field: str) -> Any:
    if isinstance(live, dict) and isinstance(config, dict) and field not in managed_fields.ATOMIC:
        result = dict(live)
        for key, value in config.items():
            result[key] = _merge(live[key], value, key) if key in live else value
        return result
    if isinstance(live, list) and isinstance(config, list):
        if field in managed_fields.SETS:
            return [*live, *(item for item in config if item not in live)]
        keys = managed_fields.list_keys(field, config or live)
        if keys:
            return _merge_keyed(live, config, field=field, keys=keys)
    return config


def _merge_keyed(live: list[Any], config: list[Any], *, field: str, keys: tuple[str, ...]) -> list[Any]:
    wanted = {managed_fields.element(item, keys): item for item in config}
    result = []
    for item in live:
        applied = wanted.pop(managed_fields.element(item, keys), None)
        if applied is None:
            result.append(item)
        else:
            result.append(applied if field == "ownerReferences" else _merge(item, applied, ""))
    return [*result, *wanted.values()]


def _remove(value: Any, path: Path, field: str) -> Any:
    """A copy of a value without the path; maps and lists that become empty go with their last entry."""
    head, rest = path[0], path[1:]
    if head.startswith("f:"):
        key = head[2:]
        if not isinstance(value, dict) or key not in value:
            return value
        inner = _remove(value[key], rest, key) if rest else None
        copy = {k: v for k, v in value.items() if k != key}
        return copy if inner is None or inner in ({}, []) else {**value, key: inner}
    if not isinstance(value, list):
        return value
    if head.startswith("v:"):
        return [item for item in value if managed_fields.set_element(item) != head]
    keys = managed_fields.list_keys(field, value) or ()
    result = []
    for item in value:
        if managed_fields.element(item, keys) != head:
            result.append(item)
        elif rest:
            result.append(_remove(item, rest, ""))
    return result


def initial(config: Object) -> Object:
    """The object that an apply creates: the configuration itself, without what a client must not set."""
    return objects.with_metadata(config, managedFields=None)
