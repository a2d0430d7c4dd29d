"""A decision while it is being made: collects commands and facts, and gives each command its identity."""

from lws_events.commands import AnyCommand, RecordEvent, SetTimer, target
from lws_events.decisions import MACHINE_VERSION, Decision, Issued, LifecycleFact
from lws_events.machine import sight
from lws_events.machine.state import Aggregate


class Draft:
    """What one event leads to, so far. Reads the state, never changes it."""

    __slots__ = ("_held", "_issued", "at_ms", "cause", "epoch", "facts", "fired", "state")

    def __init__(self, state: Aggregate, *, epoch: str, cause: int, at_ms: int, fired: str = "") -> None:
        self.state = state
        self.epoch = epoch
        self.cause = cause
        self.at_ms = at_ms
        """Time of the event, in milliseconds since the epoch: the only clock there is."""
        self.fired = fired
        """The timer that the event is about; empty for another event."""
        self.facts: list[LifecycleFact] = []
        self._issued: dict[str, Issued] = {}
        self._held: tuple[str, ...] = ()

    def hold(self, about: str) -> None:
        """Let no command for this target be issued by this decision: it has just failed and waits for its retry."""
        self._held += (about,)

    def can_issue(self, about: str) -> bool:
        """No command for the target is in flight, waits for its retry, or made what a watch has yet to show."""
        if about in self._issued or about in self._held or about in self.state.in_flight:
            return False
        retry = self.state.retries.get(about)
        if retry is not None and retry.waiting:
            return False
        return not sight.is_unseen(self.state, about, at_ms=self.at_ms)

    def issue(
        self, command: AnyCommand, *, announce: RecordEvent | None = None, announce_next: tuple[RecordEvent, ...] = ()
    ) -> bool:
        """Add a command, if one for its target can be issued; says whether it was."""
        about = target(command)
        if not self.can_issue(about):
            return False
        identity = f"{self.epoch}-{self.cause}-{len(self._issued)}"
        self._issued[about] = Issued(id=identity, command=command, announce=announce, announce_next=announce_next)
        return True

    def wait(self, timer: str, *, delay_ms: int) -> None:
        """Have a timer fire after a while, unless it is running already."""
        if timer not in self.state.timers:
            self.issue(SetTimer(timer=timer, fire_at_ms=self.at_ms + delay_ms))

    def note(self, fact: LifecycleFact) -> None:
        """Add a lifecycle fact."""
        self.facts.append(fact)

    def warn(self, event: RecordEvent) -> bool:
        """Record a Warning, once until its target has succeeded or the text changes; says whether it was recorded."""
        return self.state.warned.get(event.about) != event.note and self.issue(event)

    def finish(self) -> Decision | None:
        """The decision; None where the event leads to nothing."""
        if not self._issued and not self.facts:
            return None
        return Decision(
            epoch=self.epoch,
            cause=self.cause,
            machine=MACHINE_VERSION,
            commands=tuple(self._issued.values()),
            facts=tuple(self.facts),
        )
