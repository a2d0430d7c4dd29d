"""Decisions told to one more listener than the metrics: before their commands are carried out.

After a start from snapshots, decisions of before are not read; what is left of them is in the state of their set.
"""

from collections.abc import Callable

from adapters.controller.neighbours import EngineMetrics, Executor
from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import Decision, Issued
from lws_events.events import Envelope
from lws_events.fleet import Fleet
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


class TellsWhatIsLeft:
    """An executor that tells, of a deletion that is sent again, the decision that led to it, as far as it is known."""

    def __init__(self, executor: Executor, fleet: Callable[[], Fleet], listener: Callable[[Decision], None]) -> None:
        self._executor = executor
        self._fleet = fleet
        self._listener = listener

    def submit(self, set_name: SetName, issued: Issued, *, again: bool = False) -> None:
        """As of ``Executor``."""
        if again and isinstance(issued.command, DeleteLeaderPod):
            self._tell(set_name, issued, issued.command)
        self._executor.submit(set_name, issued, again=again)

    def _tell(self, set_name: SetName, issued: Issued, command: DeleteLeaderPod) -> None:
        state = self._fleet().aggregates.get(set_name)
        group = state.groups.get(command.name) if state is not None else None
        fact = (group.recreation or group.replacement) if group is not None else None
        if fact is not None:
            self._listener(Decision(epoch="", cause=0, machine="", commands=(issued,), facts=(fact,)))
