"""What a DELETE request does to an object: at once, later, or after its finalizers, as the API server decides it.

Pods are the only kind with a grace period. A foreground or orphaning deletion leaves a finalizer for the garbage
collector. Preconditions are checked by the caller.
"""

from dataclasses import dataclass
from typing import Literal

from adapters.simulation import objects
from adapters.simulation.clock import Clock
from adapters.simulation.kinds import PODS, Kind
from adapters.simulation.objects import FOREGROUND, ORPHAN, Object

Propagation = Literal["Foreground", "Background", "Orphan"]


@dataclass(frozen=True)
class Deletion:
    """The outcome: the object as it now is, and whether it is removed from the store."""

    obj: Object
    removed: bool


def begin(
    kind: Kind, obj: Object, *, clock: Clock, propagation: Propagation | None, grace_seconds: int | None
) -> Deletion:
    """Apply a deletion request to an object.

    A second request on a terminating pod may shorten the grace period but cannot change finalizers unless it does.
    """
    graceful = False
    if kind is PODS:
        outcome = _graceful(obj, clock=clock, grace_seconds=grace_seconds)
        if outcome is None:
            return Deletion(obj, removed=False)
        graceful = outcome is not obj
        obj = outcome
    wanted = _finalizers(objects.finalizers(obj), propagation)
    if wanted != objects.finalizers(obj):
        obj = objects.with_metadata(obj, finalizers=wanted or None)
    if wanted:
        return Deletion(obj if graceful else _marked(obj, clock=clock), removed=False)
    grace = obj["metadata"].get("deletionGracePeriodSeconds", 0) if graceful else 0
    return Deletion(obj, removed=grace == 0)


def ends_with_update(*, before: Object, after: Object) -> bool:
    """Whether an update removed the last thing that kept a deleted object: its finalizers."""
    return (
        not objects.finalizers(after)
        and objects.terminating(before)
        and before["metadata"].get("deletionGracePeriodSeconds", 0) == 0
    )


def _graceful(pod: Object, *, clock: Clock, grace_seconds: int | None) -> Object | None:
    """The pod with its deletion time set or shortened; itself if it goes at once; ``None`` if nothing changes."""
    metadata = pod["metadata"]
    if objects.terminating(pod):
        current = metadata.get("deletionGracePeriodSeconds", 0)
        if current == 0:
            return pod
        if grace_seconds is None or grace_seconds >= current:
            return None
        due = clock.timestamp(
            offset_seconds=grace_seconds - current - clock.seconds_since(metadata["deletionTimestamp"])
        )
        return objects.with_metadata(pod, deletionTimestamp=due, deletionGracePeriodSeconds=grace_seconds)
    spec = pod["spec"]
    period = spec.get("terminationGracePeriodSeconds", 0) if grace_seconds is None else grace_seconds
    if not spec.get("nodeName") or objects.phase(pod) in {"Failed", "Succeeded"}:
        period = 0
    if period < 0:
        period = 1
    return objects.with_metadata(
        pod,
        deletionTimestamp=clock.timestamp(offset_seconds=period),
        deletionGracePeriodSeconds=period,
        generation=_bumped(metadata),
    )


def _marked(obj: Object, *, clock: Clock) -> Object:
    """An object without grace period that waits for its finalizers."""
    metadata = obj["metadata"]
    if "deletionTimestamp" in metadata and metadata.get("deletionGracePeriodSeconds") == 0:
        return obj
    return objects.with_metadata(
        obj,
        deletionTimestamp=metadata.get("deletionTimestamp", clock.timestamp()),
        deletionGracePeriodSeconds=0,
        generation=_bumped(metadata),
    )


def _bumped(metadata: Object) -> int | None:
    generation = metadata.get("generation")
    return generation + 1 if generation else None


def _finalizers(present: list[str], propagation: Propagation | None) -> list[str]:
    """The finalizers that the garbage collector's part of the request leads to; none given keeps what is there."""
    orphan = propagation == "Orphan" or (propagation is None and ORPHAN in present)
    foreground = propagation == "Foreground" or (propagation is None and not orphan and FOREGROUND in present)
    others = [finalizer for finalizer in present if finalizer not in {ORPHAN, FOREGROUND}]
    return [*others, *([ORPHAN] if orphan else []), *([FOREGROUND] if foreground else [])]
