"""What an engine needs of those around it, and what it tells them of itself."""

from typing import NamedTuple, Protocol

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


class Position(NamedTuple):
    """How far an engine is, with everything recorded that it has decided by then."""

    epoch: str
    sequence: int
    decisions: int
    """Sequence of the last decision in its stream."""
    digest: str
    """Of the event at ``sequence``."""
