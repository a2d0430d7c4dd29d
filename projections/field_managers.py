"""By which field manager a set was changed: what two observations of it tell by ``metadata.managedFields``.

The API server writes down when each manager last changed a field. A write that only takes fields away leaves no trace
there, and two by the same manager within a second are one: then nobody is named rather than somebody guessed.
"""

from lws_events.events import FieldManager, SetObserved

_APPLY = "Apply"


def changed_by(before: SetObserved | None, after: SetObserved) -> tuple[FieldManager, ...]:
    """Who wrote to the set between two observations, the last one first; empty where it is not known.

    ``before`` is None for a set that is seen for the first time. A step of one generation is one write: the last.
    """
    known = frozenset(before.managers) if before is not None and before.uid == after.uid else frozenset()
    new = tuple(manager for manager in after.managers if manager not in known)
    if before is None or after.generation - before.generation <= 1:
        newest = max((manager.time for manager in new), default="")
        return tuple(manager for manager in new if manager.time == newest)
    return new


def explain_managers(managers: tuple[FieldManager, ...]) -> str:
    """For example ``kubectl (server-side apply), autoscaler (update of scale)``; empty for nobody."""
    return ", ".join(f"{manager.name} ({_how(manager)})" for manager in managers)


def _how(manager: FieldManager) -> str:
    how = "server-side apply" if manager.operation == _APPLY else manager.operation.lower() or "write"
    return f"{how} of {manager.subresource}" if manager.subresource else how
