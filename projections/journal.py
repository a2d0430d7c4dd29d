"""The journal as the read models see it: events, the decisions they led to, and the pairing of both.

EVENTS and DECISIONS are two streams; a read model wants to know of each event what was decided by it. ``pair`` joins
them in one pass and in bounded memory. Where the records come from (a bus, a data directory, a file) and how they are
decoded is nobody's business here.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from lws_events.decisions import Decision
from lws_events.events import Envelope, EpochStarted
from lws_events.subjects import Address, SetName, parse

LOOK_AHEAD_DECISIONS: Final = 1024
"""How many decisions are read ahead of their events. One controller writes them in the order of their causes; several
that share a journal are apart by what one has fallen behind, and decisions of a lost tail stand before their event's
successors. Each is a few kilobytes at most."""


class RecordedEvent(NamedTuple):
    """One message of the EVENTS stream."""

    sequence: int
    subject: str
    envelope: Envelope

    @property
    def address(self) -> Address | None:
        """Which object of which set; None for the beginning of an epoch."""
        return parse(self.subject)


class RecordedDecision(NamedTuple):
    """One message of the DECISIONS stream. ``decision.cause`` names the event."""

    sequence: int
    subject: str
    decision: Decision


class Step(NamedTuple):
    """An event and the decision that was recorded for it, if it led to any."""

    event: RecordedEvent
    recorded: RecordedDecision | None

    @property
    def decision(self) -> Decision | None:
        """The decision alone."""
        return None if self.recorded is None else self.recorded.decision


class Pairing:
    """Iterate once over all events in order, each with its decision.

    A decision belongs to the event of its cause *in its epoch*: JetStream hands sequences out again after a lost tail.
    A decision whose event is not in the journal (lost with a tail, cut off by retention), or has one already, is handed
    to ``on_orphan`` before the next event is yielded, or after the last.
    """

    def __init__(
        self,
        events: Iterable[RecordedEvent],
        decisions: Iterable[RecordedDecision],
        *,
        on_orphan: Callable[[RecordedDecision], None] | None = None,
        epoch: str | None = None,
    ) -> None:
        self.epoch = epoch
        """Of the event that was yielded last; None before the first ``EpochStarted``, unless it was given."""
        self._events = events
        self._decisions = iter(decisions)
        self._on_orphan = on_orphan
        self._ahead: list[tuple[int, int, RecordedDecision]] = []

    def __iter__(self) -> Iterator[Step]:
        ahead = self._ahead
        self._read_ahead()
        for event in self._events:
            sequence, _, envelope = event
            if isinstance(envelope.fact, EpochStarted):
                self.epoch = envelope.fact.epoch
            is_next = ahead and ahead[0][0] <= sequence
            yield Step(event, self._take(sequence) if is_next else None)
        while self._ahead:
            self._orphan(heapq.heappop(self._ahead)[2])
            self._read_ahead()

    def _read_ahead(self) -> None:
        while len(self._ahead) < LOOK_AHEAD_DECISIONS:
            recorded = next(self._decisions, None)
            if recorded is None:
                return
            heapq.heappush(self._ahead, (recorded.decision.cause, recorded.sequence, recorded))

    def _take(self, sequence: int) -> RecordedDecision | None:
        """The decision of this event; everything about earlier events is an orphan by now."""
        taken: RecordedDecision | None = None
        while self._ahead and self._ahead[0][0] <= sequence:
            recorded = heapq.heappop(self._ahead)[2]
            decision = recorded.decision
            if decision.cause == sequence and self.epoch in (None, decision.epoch) and taken is None:
                taken = recorded
            else:
                self._orphan(recorded)
            self._read_ahead()
        return taken

    def _orphan(self, recorded: RecordedDecision) -> None:
        if self._on_orphan is not None:
            self._on_orphan(recorded)


def pair(
    events: Iterable[RecordedEvent], decisions: Iterable[RecordedDecision], *, epoch: str | None = None
) -> Iterator[Step]:
    """All events in order, each with its decision. Decisions without an event are left out.

    ``epoch``: in which the first event stands, where the journal is not read from its beginning.
    """
    return iter(Pairing(events, decisions, epoch=epoch))


def about(steps: Iterable[Step], set_name: SetName) -> Iterator[Step]:
    """Only what concerns one set."""
    for step in steps:
        address = step.event.address
        if address is not None and address.set_name == set_name:
            yield step
