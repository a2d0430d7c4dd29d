"""Rollouts as rows: from the change of the set to the decision that calls it available again.

A rollout begins when a revision is chosen that is not the set's first. One that is overtaken by another revision, and
one that goes on where the journal ends, have a row too.
"""

from lws_events.decisions import ConditionChanged, Decision, RevisionChosen
from lws_events.events import SetObserved
from lws_events.machine.status import AVAILABLE
from lws_events.subjects import SetName
from projections.audit.rows import ROLLOUT, AuditRow
from projections.journal import RecordedEvent

COMPLETE = "complete"
OVERTAKEN = "overtaken"
GOES_ON = "goes on"


class Rollouts:
    """Fold of one set."""

    def __init__(self, set_name: SetName) -> None:
        self._set = set_name
        self._generation = 0
        self._changed_ms = 0
        self._revision = ""
        self._began_ms: int | None = None

    def see(self, event: RecordedEvent) -> None:
        """Read one event."""
        fact = event.envelope.fact
        if isinstance(fact, SetObserved) and fact.generation > self._generation:
            self._generation, self._changed_ms = fact.generation, event.envelope.at_ms

    def add(self, event: RecordedEvent, decision: Decision) -> list[AuditRow]:
        """Read what was decided by it."""
        rows: list[AuditRow] = []
        for fact in decision.facts:
            if isinstance(fact, RevisionChosen):
                rows += self._over(event, OVERTAKEN)
                is_first = not self._revision and self._generation <= 1
                self._revision = fact.revision
                if not is_first:
                    self._began_ms = self._changed_ms or event.envelope.at_ms
            elif isinstance(fact, ConditionChanged) and (fact.condition, fact.status) == (AVAILABLE, "True"):
                rows += self._over(event, COMPLETE)
        return rows

    def end(self, event: RecordedEvent) -> list[AuditRow]:
        """The one that goes on."""
        return self._over(event, GOES_ON)

    def _over(self, event: RecordedEvent, outcome: str) -> list[AuditRow]:
        began_ms, self._began_ms = self._began_ms, None
        if began_ms is None:
            return []
        return [
            AuditRow(
                at_ms=event.envelope.at_ms,
                sequence=event.sequence,
                namespace=self._set.namespace,
                set=self._set.name,
                kind=ROLLOUT,
                what=f"rollout of revision {self._revision}",
                generation=self._generation,
                outcome=outcome,
                took_ms=max(0, event.envelope.at_ms - began_ms),
            )
        ]
