"""How much is to be kept, and what follows for a journal: arithmetic, no journal.

A journal can begin only where a generation of snapshots was taken. One is taken whenever a quarter of a limit has
passed since the one before, so that a journal holds what it is asked to keep and up to a quarter more.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

_GENERATIONS_PER_LIMIT: Final = 4


class Limits(NamedTuple):
    """What is kept at least; None: for ever. The first that is reached counts."""

    age_ms: int | None = None
    events: int | None = None
    size_bytes: int | None = None
    """Of events, roughly: by their mean size."""

    @property
    def keep_everything(self) -> bool:
        """Nothing is ever purged."""
        return self == (None, None, None)


class Place(msgspec.Struct, frozen=True):
    """A place at which a journal can begin."""

    sequence: int
    """Of the last event that its snapshots have taken in."""
    at_ms: int
    """When they were taken."""

    @property
    def generation(self) -> str:
        """Name of its generation of snapshots."""
        return f"at-{self.sequence}"


class Extent(NamedTuple):
    """What a stream of events holds right now, and what time it is."""

    last_sequence: int
    event_bytes_mean: float
    now_ms: int


def is_due(limits: Limits, last: Place | None, extent: Extent) -> bool:
    """Whether to take another generation now."""
    if limits.keep_everything:
        return False
    return last is None or _share(limits, last, extent) * _GENERATIONS_PER_LIMIT >= 1


def beginning(limits: Limits, places: Sequence[Place], extent: Extent) -> Place | None:
    """Where the journal is to begin: the latest place from which on as much is there as is to be kept."""
    enough = [place for place in places if _share(limits, place, extent) >= 1]
    return enough[-1] if enough else None


def over_by_size(limits: Limits, extent: Extent) -> int:
    """The last event that may go by number or bytes, whatever its age; 0: none may."""
    over = [0]
    if limits.events is not None:
        over.append(extent.last_sequence - limits.events)
    if limits.size_bytes is not None and extent.event_bytes_mean:
        over.append(extent.last_sequence - math.ceil(limits.size_bytes / extent.event_bytes_mean))
    return max(over)


def _share(limits: Limits, place: Place, extent: Extent) -> float:
    """What has come since a place, as a share of the limit that is nearest."""
    since = extent.last_sequence - place.sequence
    shares = [0.0]
    if limits.age_ms is not None:
        shares.append((extent.now_ms - place.at_ms) / max(limits.age_ms, 1))
    if limits.events is not None:
        shares.append(since / max(limits.events, 1))
    if limits.size_bytes is not None:
        shares.append(since * extent.event_bytes_mean / max(limits.size_bytes, 1))
    return max(shares)
