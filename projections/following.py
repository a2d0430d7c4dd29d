"""Events and decisions of a journal that grows, in an order in which they can be understood.

``journal.pair`` needs both streams up to the same moment. Live, they arrive by two ways: a decision shortly after its
event, as a rule before the outcome of its commands, but nobody promises that. Here an event is passed on at once, its
decision when it comes, and an outcome waits for the decision that asked for it. What waits is bounded.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

from lws_events.decisions import Decision
from lws_events.events import CommandFailed, CommandSucceeded
from projections.journal import RecordedDecision, RecordedEvent

UNDECIDED_MAX: Final = 4096
"""Events that may still be decided about: more than a controller falls behind in a mass failure of one set."""

WAITING_MAX: Final = 1024


class Arrived(NamedTuple):
    """An event, or (with the event as its cause) a decision."""

    event: RecordedEvent
    decision: Decision | None = None


class Interleaving:
    """Give it what arrives; it gives back what can be told now."""

    def __init__(self) -> None:
        self._undecided: dict[int, RecordedEvent] = {}
        self._waiting: deque[RecordedEvent] = deque()
        self._early: dict[int, Decision] = {}

    @property
    def waits(self) -> bool:
        """Whether something is held back for a decision."""
        return bool(self._waiting)

    def note(self, event: RecordedEvent) -> None:
        """An event that has been told already, and not been decided about."""
        self._undecided[event.sequence] = event
        while len(self._undecided) > UNDECIDED_MAX:
            del self._undecided[next(iter(self._undecided))]

    def event(self, event: RecordedEvent) -> list[Arrived]:
        """Take an event."""
        self._waiting.append(event)
        return list(self._told(patient=len(self._waiting) <= WAITING_MAX))

    def decision(self, recorded: RecordedDecision) -> list[Arrived]:
        """Take a decision. One about an event that was never here is left out."""
        decision = recorded.decision
        cause = self._undecided.pop(decision.cause, None)
        if cause is not None:
            return [Arrived(cause, decision), *self._told(patient=True)]
        self._early[decision.cause] = decision
        while len(self._early) > WAITING_MAX:
            del self._early[next(iter(self._early))]
        return []

    def give_up(self) -> list[Arrived]:
        """No decision has come for too long: tell what waits without it."""
        return list(self._told(patient=False))

    def _told(self, *, patient: bool) -> Iterator[Arrived]:
        while self._waiting and not (patient and self._must_wait(self._waiting[0])):
            event = self._waiting.popleft()
            yield Arrived(event)
            decision = self._early.pop(event.sequence, None)
            if decision is not None:
                yield Arrived(event, decision)
            else:
                self.note(event)

    def _must_wait(self, event: RecordedEvent) -> bool:
        """An outcome whose command nobody has heard of yet; its cause is in the command's id."""
        fact = event.envelope.fact
        if not isinstance(fact, CommandSucceeded | CommandFailed):
            return False
        parts = fact.command_id.rsplit("-", 2)
        return len(parts) == 3 and parts[1].isdecimal() and int(parts[1]) in self._undecided
