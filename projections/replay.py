"""The state of a set at any point of its past, and how each event changed it.

Replay folds events and applies the *recorded* decisions; it decides nothing, so that it shows what a controller of any
version really did. To learn whether this version would decide the same, ``verify``.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from lws_events.decisions import Decision
from lws_events.events import Envelope
from lws_events.subjects import SetName
from projections.difference import Change, difference, plain
from projections.journal import RecordedDecision, RecordedEvent, Step


class Recaller(Protocol):
    """What replay needs of the machine; ``lws_events.fleet.Fleet`` is it."""

    @property
    def aggregates(self) -> Mapping[SetName, Any]:
        """State of every set."""

    def recall(self, sequence: int, subject: str, envelope: Envelope, recorded: Decision | None) -> None:
        """Fold an event and apply the decision that was recorded for it."""


class Until(msgspec.Struct, frozen=True):
    """Where a replay stops: after this sequence, or before the first event recorded later than this time."""

    sequence: int | None = None
    at_ms: int | None = None

    def includes(self, event: RecordedEvent) -> bool:
        """True for events that belong to the replay."""
        if self.sequence is not None and event.sequence > self.sequence:
            return False
        return self.at_ms is None or event.envelope.at_ms <= self.at_ms


END = Until()
"""To the end of the journal."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A set as the machine saw it after an event."""

    set_name: str
    sequence: int
    """Of the last event that was folded; 0 where there was none."""
    at_ms: int
    state: Any
    """The aggregate as JSON; None while the set was unknown."""


class ReplayedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a set, the decision recorded for it, and what both changed in the machine's state."""

    event: RecordedEvent
    recorded: RecordedDecision | None
    changes: tuple[Change, ...]


def state_at(steps: Iterable[Step], set_name: SetName, machine: Recaller, *, until: Until = END) -> State:
    """Fold a journal up to a point. ``steps`` may be about more than this set."""
    sequence = at_ms = 0
    for step in _until(steps, until):
        _recall(machine, step)
        if _is_about(step, set_name):
            sequence, at_ms = step.event.sequence, step.event.envelope.at_ms
    return State(set_name=str(set_name), sequence=sequence, at_ms=at_ms, state=_state(machine, set_name))


def replay_steps(
    steps: Iterable[Step], set_name: SetName, machine: Recaller, *, until: Until = END
) -> Iterator[ReplayedStep]:
    """Every event of the set with what it changed. Costs the size of the set's state per event: it is for reading."""
    before = _state(machine, set_name)
    for step in _until(steps, until):
        _recall(machine, step)
        if _is_about(step, set_name):
            after = _state(machine, set_name)
            yield ReplayedStep(event=step.event, recorded=step.recorded, changes=difference(before, after))
            before = after


def _until(steps: Iterable[Step], until: Until) -> Iterator[Step]:
    """Sequences end a replay; times only choose, for the clocks of two recorders need not agree on an order."""
    for step in steps:
        if until.sequence is not None and step.event.sequence > until.sequence:
            return
        if until.includes(step.event):
            yield step


def _recall(machine: Recaller, step: Step) -> None:
    machine.recall(step.event.sequence, step.event.subject, step.event.envelope, step.decision)


def _is_about(step: Step, set_name: SetName) -> bool:
    address = step.event.address
    return address is not None and address.set_name == set_name


def _state(machine: Recaller, set_name: SetName) -> Any:
    aggregate = machine.aggregates.get(set_name)
    return None if aggregate is None else plain(aggregate)
