"""A decision while it is being made: collects commands and facts, and gives each command its identity."""

from lws_events.commands import AnyCommand, RecordEvent, SetTimer, target
from lws_events.decisions import MACHINE_VERSION, Decision, Issued, LifecycleFact
from lws_events.machine.state import Aggregate


class Draft:
    """What one event leads to, so far. Reads the state, never changes it."""

    def __init__(self, state: Aggregate, *, epoch: str, cause: int, at_ms: int) -> None:
        self.state = state
        self.epoch = epoch
        self.cause = cause
        self.at_ms = at_ms
        """Time of the event, in milliseconds since the epoch: the only clock there is."""
        self.facts: list[LifecycleFact] = []
        self._issued: dict[str, Issued] = {}
        self._held: set[str] = set()

    def hold(self, about: str) -> None:
        """Let no command for this target be issued by this decision: it has just failed and waits for its retry."""
        self._held.add(about)

    def issue(self, command: AnyCommand, *, announce: RecordEvent | None = None) -> bool:
        """Add a command, unless one for its target is in flight, waits for its retry or was issued already."""
        about = target(command)
        if about in self._issued or about in self._held:
            return False
        if not isinstance(command, SetTimer) and not self.state.can_issue(about):
            return False
        identity = f"{self.epoch}-{self.cause}-{len(self._issued)}"
        self._issued[about] = Issued(id=identity, command=command, announce=announce)
        return True

    def note(self, fact: LifecycleFact) -> None:
        """Add a lifecycle fact."""
        self.facts.append(fact)

    def warn(self, event: RecordEvent) -> None:
        """Record a Warning, once until its target has succeeded or the text changes."""
        if self.state.warned.get(event.about) != event.note:
            self.issue(event)

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
