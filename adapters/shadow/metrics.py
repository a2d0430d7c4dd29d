"""Metrics of a shadow: those of a controller, and what it has found."""

from collections.abc import Callable

from prometheus_client import Counter, Gauge

from adapters.observability.metrics import Metrics
from lws_events.decisions import Decision
from lws_events.differences import KINDS
from lws_events.events import Envelope
from lws_events.subjects import SetName


class ShadowMetrics(Metrics):
    """Also tells of decisions to whoever keeps them (``adapters.shadow.memory``)."""

    def __init__(self) -> None:
        super().__init__()
        self._on_event: Callable[[], None] = lambda: None
        self._listener: Callable[[SetName, Decision], None] = lambda _set, _decision: None
        self._differences = Counter(
            "lws_events_shadow_differences",
            "Differences between what was decided here and what was done in the cluster, by kind.",
            ["kind"],
            registry=self.registry,
        )
        for kind in KINDS:
            self._differences.labels(kind)

    def tell_decisions(self, listener: Callable[[SetName, Decision], None]) -> None:
        """From now on decisions are told to this listener, made now or recalled."""
        self._listener = listener

    def tell_events(self, on_event: Callable[[], None]) -> None:
        """From now on this is called before an event is taken in: every state in between can be looked at."""
        self._on_event = on_event

    def event_folded(self, envelope: Envelope) -> None:
        """An event is about to be taken in."""
        self._on_event()
        super().event_folded(envelope)

    def waiting(self, count: Callable[[], int]) -> None:
        """How many commands wait for somebody to carry them out, and writes for a reason."""
        gauge = Gauge(
            "lws_events_shadow_open",
            "Commands that nobody has carried out yet, and writes for which there is no reason yet.",
            registry=self.registry,
        )
        gauge.set_function(count)

    def difference(self, kind: str) -> None:
        """A difference was found."""
        self._differences.labels(kind).inc()

    def decided(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """A decision was recorded."""
        super().decided(set_name, decision, at_ms=at_ms)
        self._listener(set_name, decision)

    def recalled(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """A decision of before the start was read."""
        super().recalled(set_name, decision, at_ms=at_ms)
        self._listener(set_name, decision)
