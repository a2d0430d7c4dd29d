"""Decisions told to one more listener than the metrics: before their commands are carried out."""

from collections.abc import Callable

from adapters.controller.neighbours import EngineMetrics
from lws_events.decisions import Decision
from lws_events.events import Envelope
from lws_events.subjects import SetName


class AlsoTold:
    """Engine metrics that tell of each decision, made now or recalled, once more."""

    def __init__(self, metrics: EngineMetrics, listener: Callable[[Decision], None]) -> None:
        self._metrics = metrics
        self._listener = listener

    def event_folded(self, envelope: Envelope) -> None:
        """An event was taken in."""
        self._metrics.event_folded(envelope)

    def decided(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """A decision was recorded."""
        self._metrics.decided(set_name, decision, at_ms=at_ms)
        self._listener(decision)

    def recalled(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """A decision that was recorded before was read; its commands may have to be carried out again."""
        self._metrics.recalled(set_name, decision, at_ms=at_ms)
        self._listener(decision)
