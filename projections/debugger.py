"""A debugger for the past of one set: event by event, in both directions, to a breakpoint, or between two points.

It folds events and applies the *recorded* decisions, as ``replay`` does. To go back it folds again from a checkpoint:
states that were met before are kept written down, never more of them than ``CHECKPOINT_BYTES_MAX``. Where the steps
come from (a bus, a data directory, a file) is their source's business: it can be read again from any sequence.
"""

from array import array
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

from lws_events.events import SetObserved
from lws_events.fleet import Fleet
from lws_events.machine.state import Aggregate
from lws_events.snapshots import decode_snapshot, restore, take_snapshot
from lws_events.subjects import SetName
from projections.breakpoints import Breakpoint, parse_breakpoint
from projections.difference import Change, difference, plain
from projections.journal import Step
from projections.replay import END, ReplayedStep, State, Until

CHECKPOINT_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of all states that are kept to go back to. Beyond, every second one is dropped."""

CHECKPOINT_STEPS_MIN: Final = 512
"""Folding so many events again is not felt; a large state is written down less often."""

_BYTES_PER_STEP: Final = 500
"""Of a state to be written down: so it takes no more time than folding takes."""


class Source(Protocol):
    """Steps about one set, with the beginnings of epochs in between; can be read as often as wanted."""

    def __call__(self, *, after: int, epoch: str) -> Iterator[Step]:
        """Those whose events stand behind ``after``, where the journal was in ``epoch`` (empty: at its beginning)."""


class _Checkpoint(NamedTuple):
    """Where to begin folding again."""

    position: int
    sequence: int
    at_ms: int
    epoch: str
    state: bytes
    """Empty where nothing was known of the set."""


class Debugger:
    """The past of one set. It stands behind one of the set's events, or at the beginning, before the first.

    ``beginning`` is the state to begin with where the journal's first events are no longer there (from a snapshot).
    """

    def __init__(self, source: Source, set_name: SetName, *, beginning: Fleet | None = None) -> None:
        self.set_name = set_name
        self.current: ReplayedStep | None = None
        """The step behind which it stands; None at the beginning."""
        self.position = 0
        """How many of the set's events have been taken in."""
        self._source = source
        self._fleet = beginning or Fleet()
        self._sequence = self._fleet.sequence
        self._at_ms = 0
        self._sequences = array("Q")
        self._checkpoints = [self._checkpoint()]
        self._steps = self._read()
        self._ahead: Step | None = None

    @property
    def sequence(self) -> int:
        """Of the event behind which it stands; at the beginning 0, or that of the snapshot."""
        return self._sequence

    @property
    def state(self) -> Any:
        """The machine's state of the set as JSON; None while, or since, nothing is known of it."""
        aggregate = self._fleet.aggregates.get(self.set_name)
        return None if aggregate is None else plain(aggregate)

    @property
    def observed(self) -> SetObserved | None:
        """The LeaderWorkerSet itself, as it was last seen."""
        aggregate = self._fleet.aggregates.get(self.set_name)
        return None if aggregate is None else aggregate.set_

    @property
    def aggregate(self) -> Aggregate | None:
        """The machine's state of the set itself, to be read only; another one after the next step."""
        return self._fleet.aggregates.get(self.set_name)

    def here(self) -> State:
        """The state with the point that it is of."""
        return State(set_name=str(self.set_name), sequence=self._sequence, at_ms=self._at_ms, state=self.state)

    def read_on(self) -> None:
        """Ask the source again for what comes next: its journal may have grown since its end was reached."""
        self._ahead = None
        self._steps = self._read()

    def step(self) -> ReplayedStep | None:
        """Take in the next event; None at the end, where nothing changes."""
        following = self._peek()
        return None if following is None else self._take(following)

    def back(self) -> ReplayedStep | None:
        """Undo the last event; returns the step that it stands behind now, None at the beginning."""
        return self._seek(max(self.position - 1, 0))

    def go_to(self, until: Until) -> ReplayedStep | None:
        """Stand behind the last event up to a sequence or time; returns its step, None at the beginning."""
        if until.sequence is None or until.at_ms is not None:
            self._return_to(self._beginning)
        elif until.sequence < self._sequence:
            early = [one for one in self._checkpoints if one.sequence <= until.sequence]
            self._return_to((early or self._checkpoints)[-1 if early else 0])
        passed = self.position
        while (following := self._peek()) is not None:
            if until.sequence is not None and following.event.sequence > until.sequence:
                break
            self._advance(following)
            if until.includes(following.event):
                passed = self.position
        return self._seek(passed)

    def go_before(self, point: Until) -> None:
        """Stand so that the next step is the first one at (or after) a sequence or time."""
        self.rewind()
        while (following := self._peek()) is not None:
            event = following.event
            if point.sequence is not None and event.sequence >= point.sequence:
                return
            if point.at_ms is not None and event.envelope.at_ms >= point.at_ms:
                return
            self._advance(following)

    def rewind(self) -> None:
        """Stand at the beginning."""
        self._return_to(self._beginning)

    def run(self, breakpoint_: str | Breakpoint, *, until: Until = END) -> ReplayedStep | None:
        """Go on to the next step that matches (``projections.breakpoints``); None, and at the end, if none does.

        Raises ``BreakpointError``.
        """
        wanted = _parsed(breakpoint_)
        while (following := self._peek()) is not None:
            if until.sequence is not None and following.event.sequence > until.sequence:
                break
            if until.includes(following.event) and wanted.matches(following):
                return self._take(following)
            self._advance(following)
        self._seek(self.position)
        return None

    def run_back(self, breakpoint_: str | Breakpoint) -> ReplayedStep | None:
        """Go back to the last step before this one that matches; None, and at the beginning, if none does.

        Raises ``BreakpointError``.
        """
        wanted, found, end = _parsed(breakpoint_), 0, self.position
        for position, step in enumerate(self._about(self._beginning), start=1):
            if position >= end:
                break
            if wanted.matches(step):
                found = position
        return self._seek(found)

    def compare(self, before: Until, after: Until) -> tuple[State, State, tuple[Change, ...]]:
        """What is different between two points, and both of them. It stands at the second one afterwards."""
        self.go_to(before)
        first = self.here()
        self.go_to(after)
        second = self.here()
        return first, second, difference(first.state, second.state)

    def __iter__(self) -> Iterator[ReplayedStep]:
        """Step to the end."""
        while (step := self.step()) is not None:
            yield step

    @property
    def _beginning(self) -> _Checkpoint:
        return self._checkpoints[0]

    def _peek(self) -> Step | None:
        """The next event of the set; epochs are taken in on the way."""
        while self._ahead is None:
            following = next(self._steps, None)
            if following is None:
                return None
            address = following.event.address
            if address is not None and address.set_name == self.set_name:
                self._ahead = following
            else:
                self._recall(following)
        return self._ahead

    def _take(self, step: Step) -> ReplayedStep:
        """Advance, and keep what it changed."""
        before = self.state
        self._advance(step)
        changes = difference(before, self.state)
        self.current = ReplayedStep(event=step.event, recorded=step.recorded, changes=changes)
        return self.current

    def _advance(self, step: Step) -> None:
        self._recall(step)
        self._ahead = None
        self._sequence, self._at_ms = step.event.sequence, step.event.envelope.at_ms
        if self.position == len(self._sequences):
            self._sequences.append(self._sequence)
        self.position += 1
        last = self._checkpoints[-1]
        if self.position - last.position >= max(CHECKPOINT_STEPS_MIN, len(last.state) // _BYTES_PER_STEP):
            self._keep(self._checkpoint())

    def _recall(self, step: Step) -> None:
        self._fleet.recall(step.event.sequence, step.event.subject, step.event.envelope, step.decision)

    def _seek(self, position: int) -> ReplayedStep | None:
        """Stand at a position that has been met before, with what its step changed."""
        if position == 0:
            self._return_to(self._beginning)
            return None
        if position == self.position and self.current is not None and self.current.event.sequence == self._sequence:
            return self.current
        if position <= self.position:
            self._return_to(next(one for one in reversed(self._checkpoints) if one.position < position))
        while self.position < position - 1:
            self._advance(self._known())
        return self._take(self._known())

    def _known(self) -> Step:
        following = self._peek()
        assert following is not None, "what a journal had once, it has again"
        return following

    def _return_to(self, checkpoint: _Checkpoint) -> None:
        fleet = Fleet()
        fleet.epoch, fleet.sequence = checkpoint.epoch, checkpoint.sequence
        if checkpoint.state:
            fleet.aggregates[self.set_name] = restore(decode_snapshot(checkpoint.state), self.set_name)
        self._fleet = fleet
        self.position, self._sequence, self._at_ms = checkpoint.position, checkpoint.sequence, checkpoint.at_ms
        self.current, self._ahead = None, None
        self._steps = self._read()

    def _read(self) -> Iterator[Step]:
        return self._source(after=self._sequence, epoch=self._fleet.epoch)

    def _about(self, checkpoint: _Checkpoint) -> Iterator[Step]:
        for step in self._source(after=checkpoint.sequence, epoch=checkpoint.epoch):
            address = step.event.address
            if address is not None and address.set_name == self.set_name:
                yield step

    def _checkpoint(self) -> _Checkpoint:
        aggregate, epoch = self._fleet.aggregates.get(self.set_name), self._fleet.epoch
        state = (
            b""
            if aggregate is None
            else take_snapshot(aggregate, epoch=epoch, sequence=self._sequence, decisions=0, digest="")
        )
        return _Checkpoint(self.position, self._sequence, self._at_ms, epoch, state)

    def _keep(self, checkpoint: _Checkpoint) -> None:
        self._checkpoints.append(checkpoint)
        if sum(len(one.state) for one in self._checkpoints) > CHECKPOINT_BYTES_MAX:
            del self._checkpoints[1:-1:2]


def _parsed(breakpoint_: str | Breakpoint) -> Breakpoint:
    return parse_breakpoint(breakpoint_) if isinstance(breakpoint_, str) else breakpoint_
