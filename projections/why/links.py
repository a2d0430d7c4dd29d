"""The links of a chain while it is being put together: each with how long after the chain's beginning it came."""

from lws_events.events import PodDeleted
from projections.journal import RecordedEvent
from projections.why.model import Link, LinkKind


class Links:
    """Collects links. The chain's time counts from ``began``."""

    def __init__(self, began: RecordedEvent) -> None:
        self._began = began
        self._links: list[Link] = []

    @property
    def all(self) -> tuple[Link, ...]:
        """As a chain has them."""
        return tuple(self._links)

    @property
    def first_uid(self) -> str:
        """uid of the pod whose end it began with; empty where it began otherwise."""
        fact = self._began.envelope.fact
        return fact.uid if isinstance(fact, PodDeleted) else ""

    def fact(self, event: RecordedEvent, what: str) -> None:
        """What was observed."""
        self.add("fact", event, what)

    def cause(self, event: RecordedEvent, what: str) -> None:
        """Why it happened, as far as the cluster says."""
        self.add("cause", event, what)

    def first_cause(self, event: RecordedEvent, what: str) -> None:
        """Why it all happened, which has become known only now."""
        self.cause(event, what)
        self._links.insert(0, self._links.pop())

    def decision(self, event: RecordedEvent, what: str, *, rule: str) -> None:
        """What was decided by an event."""
        self.add("decision", event, what, rule=rule)

    def command(self, event: RecordedEvent, what: str, *, rule: str) -> None:
        """What was asked for."""
        self.add("command", event, what, rule=rule)

    def outcome(self, event: RecordedEvent, what: str) -> None:
        """What the API server made of it."""
        self.add("outcome", event, what)

    def effect(self, event: RecordedEvent, what: str) -> None:
        """What followed in the cluster."""
        self.add("effect", event, what)

    def log(self, event: RecordedEvent, what: str) -> None:
        """What was kept of a log."""
        self.add("log", event, what)

    def add(self, kind: LinkKind, event: RecordedEvent, what: str, *, rule: str = "") -> None:
        """A link of any kind."""
        at_ms = event.envelope.at_ms
        elapsed_ms = at_ms - self._began.envelope.at_ms
        self._links.append(
            Link(kind=kind, sequence=event.sequence, at_ms=at_ms, elapsed_ms=elapsed_ms, what=what, rule=rule)
        )
