"""Commands as rows: each with its outcome, or without one where the journal ends first."""

import msgspec

from lws_events.commands import SetTimer, target
from lws_events.decisions import Decision, Issued
from lws_events.events import CommandFailed, Outcome
from lws_events.subjects import SetName
from projections.audit.rows import COMMAND, AuditRow
from projections.explain import explain_command, explain_failure
from projections.groups import group_of_target
from projections.journal import RecordedEvent

SUCCEEDED = "succeeded"
FAILED = "failed"
NO_OUTCOME = "none recorded"


class _InFlight(msgspec.Struct, frozen=True):
    issued: Issued
    at_ms: int
    sequence: int


class Commands:
    """Fold of one set. Memory grows with what is in flight."""

    def __init__(self, set_name: SetName) -> None:
        self._set = set_name
        self._in_flight: dict[str, _InFlight] = {}

    def decided(self, event: RecordedEvent, decision: Decision) -> None:
        """Read what was decided by an event."""
        for issued in decision.commands:
            if not isinstance(issued.command, SetTimer):
                self._in_flight[issued.id] = _InFlight(issued, event.envelope.at_ms, event.sequence)

    def ended(self, event: RecordedEvent, fact: Outcome, *, generation: int | None) -> AuditRow:
        """Read an outcome. ``generation``: the one in force."""
        failed = fact if isinstance(fact, CommandFailed) else None
        outcome = SUCCEEDED if failed is None else FAILED
        asked = self._in_flight.pop(fact.command_id, None)
        if asked is None:  # the journal begins later than it was asked for
            row = AuditRow(
                at_ms=event.envelope.at_ms,
                sequence=event.sequence,
                namespace=self._set.namespace,
                set=self._set.name,
                kind=COMMAND,
                what=f"command about {fact.target}",
                group=group_of_target(self._set, fact.target),
                generation=generation,
                command=fact.command_id,
                target=fact.target,
                outcome=outcome,
            )
        else:
            row = self._row(asked, event=event, outcome=outcome, generation=generation)
        if failed is None:
            return row
        return msgspec.structs.replace(row, code=failed.code, because=explain_failure(failed))

    def open(self, *, generation: int | None) -> list[AuditRow]:
        """Those without an outcome."""
        return [
            self._row(one, event=None, outcome=NO_OUTCOME, generation=generation) for one in self._in_flight.values()
        ]

    def _row(self, asked: _InFlight, *, event: RecordedEvent | None, outcome: str, generation: int | None) -> AuditRow:
        """``sequence`` is that of the event that it was decided by; the time is that of its outcome."""
        command = asked.issued.command
        at_ms = asked.at_ms if event is None else event.envelope.at_ms
        return AuditRow(
            at_ms=at_ms,
            sequence=asked.sequence,
            namespace=self._set.namespace,
            set=self._set.name,
            kind=COMMAND,
            what=explain_command(command),
            group=group_of_target(self._set, target(command)),
            generation=generation,
            command=asked.issued.id,
            target=target(command),
            outcome=outcome,
            took_ms=None if event is None else max(0, at_ms - asked.at_ms),
        )
