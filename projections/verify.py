"""Recompute every decision of a journal and compare: the same journal must always give the same decisions.

Each event is folded and decided anew; the decision is compared with the recorded one, and then the *recorded* one is
applied, so that one difference does not make all that follows look different. Events at the end that nobody has decided
yet (the controller stopped) are no differences. The journal is read once, in bounded memory.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec

from lws_events.decisions import Decision
from lws_events.events import Envelope
from projections.difference import Change, difference, plain
from projections.journal import Pairing, RecordedDecision, RecordedEvent, Step

MISSING: Final = "missing"
EXTRA: Final = "extra"
CHANGED: Final = "changed"
ORPHAN: Final = "orphan"


class Proposer(Protocol):
    """What verification needs of the machine; ``lws_events.fleet.Fleet`` is it."""

    def propose(self, sequence: int, subject: str, envelope: Envelope, recorded: Decision | None) -> Decision | None:
        """Fold an event, return what this machine decides, and apply the recorded decision."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first place where recorded and recomputed decisions part."""

    kind: str
    """``missing`` (decided now, not recorded), ``extra`` (recorded, not decided now), ``changed``, or ``orphan``
    (recorded for an event that the journal does not have, or for the second time)."""
    cause: int
    event: RecordedEvent | None
    recorded: Decision | None
    recomputed: Decision | None
    changes: tuple[Change, ...] = ()


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found."""

    events: int
    decisions: int
    """Recorded ones."""
    differences: int
    undecided: int = 0
    """Decisions that this machine makes about the events at the end and nobody has recorded yet."""
    lost: int = 0
    """Recorded decisions of a lost tail or of times cut off, whose events the journal no longer has: no differences."""
    machines: tuple[str, ...] = ()
    """Versions of the machine that made the recorded decisions."""
    first: Difference | None = None

    @property
    def summary(self) -> str:
        """``N events, M decisions, K differences``."""
        return f"{self.events:,} events, {self.decisions:,} decisions, {self.differences:,} differences"


class _Verifier:
    """Counts, and the first difference. What is not decided yet is held back until a later decision shows up."""

    def __init__(self, machine: Proposer) -> None:
        self._machine = machine
        self._events = self._decisions = self._differences = self._undecided = self._lost = 0
        self._first: Difference | None = None
        self._first_undecided: Difference | None = None
        self._first_sequence = 0
        self._machines: set[str] = set()

    def add(self, step: Step) -> None:
        """Recompute one decision. The recorded one is applied."""
        event, record = step
        sequence, subject, envelope = event
        recorded = None if record is None else record.decision
        self._events += 1
        if not self._first_sequence:
            self._first_sequence = sequence
        recomputed = self._machine.propose(sequence, subject, envelope, recorded)
        if recorded is not None:
            self._reached(recorded)
            kind = _kind(recorded, recomputed)
            if kind is not None:
                self._differs(kind, event, recorded, recomputed)
        elif recomputed is not None:
            self._undecided += 1
            if self._first_undecided is None:
                self._first_undecided = _difference(MISSING, event, None, recomputed)

    def add_orphan(self, decision: Decision, *, epoch: str | None) -> None:
        """A recorded decision without its event, met while the journal was in ``epoch``."""
        lost_tail = epoch is not None and decision.epoch != epoch
        cut_off = decision.cause < self._first_sequence or not self._events
        if lost_tail or cut_off:
            self._lost += 1
        else:
            self._reached(decision)
            self._differs(ORPHAN, None, decision, None)

    def result(self) -> Verification:
        """After the last step."""
        return Verification(
            events=self._events,
            decisions=self._decisions,
            differences=self._differences,
            undecided=self._undecided,
            lost=self._lost,
            machines=tuple(sorted(self._machines)),
            first=self._first,
        )

    def _reached(self, recorded: Decision) -> None:
        """A decision of this point is recorded: an earlier event that has none was left out, not yet to come."""
        self._decisions += 1
        self._machines.add(recorded.machine)
        if self._first_undecided is not None:
            self._first = self._first or self._first_undecided
            self._differences += self._undecided
            self._undecided, self._first_undecided = 0, None

    def _differs(self, kind: str, event: RecordedEvent | None, recorded: Decision, recomputed: Decision | None) -> None:
        self._differences += 1
        if self._first is None:
            self._first = _difference(kind, event, recorded, recomputed)


def verify(
    events: Iterable[RecordedEvent],
    decisions: Iterable[RecordedDecision],
    machine: Proposer,
    *,
    on_step: Callable[[int], None] | None = None,
) -> Verification:
    """Recompute all decisions with a fresh ``machine``. ``on_step`` gets each event's sequence, for a progress bar.

    Read the decisions to a point not later than the events: a decision about an event not read is a difference.
    """
    verifier = _Verifier(machine)
    pairing = Pairing(
        events, decisions, on_orphan=lambda orphan: verifier.add_orphan(orphan.decision, epoch=pairing.epoch)
    )
    for step in pairing:
        verifier.add(step)
        if on_step is not None:
            on_step(step.event.sequence)
    return verifier.result()


def _kind(recorded: Decision, recomputed: Decision | None) -> str | None:
    """How two decisions about one event differ. That another version made the same decision is no difference."""
    if recomputed is None:
        return EXTRA
    same = recorded.commands == recomputed.commands and recorded.facts == recomputed.facts
    return None if same and recorded.epoch == recomputed.epoch else CHANGED


def _difference(
    kind: str, event: RecordedEvent | None, recorded: Decision | None, recomputed: Decision | None
) -> Difference:
    decision = recorded or recomputed
    assert decision is not None, "a difference needs a side"
    changes = () if recorded is None or recomputed is None else difference(plain(recorded), plain(recomputed))
    return Difference(
        kind=kind,
        cause=decision.cause,
        event=event,
        recorded=recorded,
        recomputed=recomputed,
        changes=changes,
    )
