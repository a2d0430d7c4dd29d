"""All sets of one cluster, folded from one journal: the live controller, recovery, replay and verification use it.

Routes each event to its set's aggregate by the subject. Three ways to take an event, one for each user: ``step``
decides (live), ``recall`` applies what was recorded (recovery, replay), ``propose`` decides anew but applies what was
recorded (verification).
"""

from lws_events import events, machine, subjects
from lws_events.decisions import Decision
from lws_events.machine.change import Change
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName


class Fleet:
    """State of every set that an event of the journal was about and of which anything is left."""

    def __init__(self) -> None:
        self.aggregates: dict[SetName, Aggregate] = {}
        self.epoch = ""
        """Identity of the present run of sequences (``events.EpochStarted``)."""
        self.sequence = 0
        """Sequence of the last event taken in."""

    def step(self, sequence: int, subject: str, envelope: events.Envelope) -> tuple[SetName, Decision] | None:
        """Fold an event, decide and apply the decision; returns it with its set, or None if nothing follows."""
        state, change = self._fold(sequence, subject, envelope)
        if state is None:
            return None
        decision = self._decide(state, change, sequence, envelope)
        if decision is not None:
            machine.apply(state, decision, at_ms=envelope.at_ms)
        if state.set_ is None:
            self._forget_if_empty(state)
        return (state.name, decision) if decision is not None else None

    def recall(self, sequence: int, subject: str, envelope: events.Envelope, recorded: Decision | None) -> None:
        """Fold an event and apply the decision that was recorded for it, if there was one."""
        state, _ = self._fold(sequence, subject, envelope)
        if state is None:
            return
        if recorded is not None:
            machine.apply(state, recorded, at_ms=envelope.at_ms)
        if state.set_ is None:
            self._forget_if_empty(state)

    def propose(
        self, sequence: int, subject: str, envelope: events.Envelope, recorded: Decision | None
    ) -> Decision | None:
        """Fold an event, decide anew for comparison, and apply the *recorded* decision; returns the new one."""
        state, change = self._fold(sequence, subject, envelope)
        if state is None:
            return None
        decision = self._decide(state, change, sequence, envelope)
        if recorded is not None:
            machine.apply(state, recorded, at_ms=envelope.at_ms)
        if state.set_ is None:
            self._forget_if_empty(state)
        return decision

    def pass_over(self, sequence: int) -> None:
        """An event of a set whose state already has it."""
        self.sequence = sequence

    def _fold(self, sequence: int, subject: str, envelope: events.Envelope) -> tuple[Aggregate | None, Change]:
        self.sequence = sequence
        fact = envelope.fact
        if isinstance(fact, events.EpochStarted):
            self.epoch = fact.epoch
            return None, Change.NOTHING
        address = subjects.parse(subject)
        if address is None:
            return None, Change.NOTHING
        _, _, set_name, _, name = address
        state = self.aggregates.get(set_name)
        if state is None:
            state = self.aggregates[set_name] = Aggregate(set_name)
        return state, machine.fold(state, fact, name=name, at_ms=envelope.at_ms)

    def _decide(self, state: Aggregate, change: Change, sequence: int, envelope: events.Envelope) -> Decision | None:
        return machine.decide(state, envelope.fact, change, epoch=self.epoch, cause=sequence, at_ms=envelope.at_ms)

    def _forget_if_empty(self, state: Aggregate) -> None:
        if state.is_empty:
            del self.aggregates[state.name]
