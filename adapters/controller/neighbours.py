"""What an engine needs of those around it, and what it tells them of itself."""

from typing import Final, NamedTuple, Protocol

from lws_events import events
from lws_events.decisions import Decision, Issued
from lws_events.subjects import SetName


class Executor(Protocol):
    """Where commands go. ``submit`` returns at once; the outcome comes back as an event."""

    def submit(self, set_name: SetName, issued: Issued, *, again: bool = False) -> None:
        """Carry out a command, now or when its turn comes. ``again``: it may have been carried out before a crash."""


class EngineMetrics(Protocol):
    """What the engine tells about its work."""

    def event_folded(self, envelope: events.Envelope) -> None:
        """An event was taken in."""

    def decided(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """A decision was recorded, about an event of that time."""

    def recalled(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """A decision that was recorded before was read, about an event of that time."""


class JournalLifeMetrics(Protocol):
    """What is told about the journal's own life."""

    def swept(self, *, sequence: int, sets: int, seconds: float, at_ms: int) -> None:
        """Snapshots were taken, as of that event."""

    def purged(self, *, events: int, at_ms: int) -> None:
        """So many events went."""

    def not_purged(self) -> None:
        """Events are over the limits and stay, because something about them could not be put in a safe place."""

    def holds(self, stream: str, *, first: int, last: int, size_bytes: int, size_bytes_max: int) -> None:
        """What a stream holds; a limit below 0 is none."""

    def kept(self, limit: str, *, at_least: float, used: float) -> None:
        """How much is kept at least, by one limit, and how much is there."""

    def sealed(self, *, sequence: int, at_ms: int) -> None:
        """The events are sealed so far."""

    def seal_found(self, *, broken: bool) -> None:
        """Whether the last seal was found to be another journal's."""


class _NoMetrics:
    def swept(self, **_: float) -> None:
        pass

    def purged(self, **_: int) -> None:
        pass

    def not_purged(self) -> None:
        pass

    def holds(self, stream: str, **_: int) -> None:
        pass

    def kept(self, limit: str, **_: float) -> None:
        pass

    def sealed(self, **_: int) -> None:
        pass

    def seal_found(self, **_: bool) -> None:
        pass


NO_METRICS: Final[JournalLifeMetrics] = _NoMetrics()
"""For whoever does not measure."""


class Position(NamedTuple):
    """How far an engine is, with everything recorded that it has decided by then."""

    epoch: str
    sequence: int
    decisions: int
    """Sequence of the last decision in its stream."""
    digest: str
    """Of the event at ``sequence``."""
