"""What happened while one generation of a set's spec was in force, in one row."""

from lws_events.subjects import SetName
from projections.audit.changes import Changes
from projections.audit.rows import CAPACITY, COMMAND, EFFECT, POD, REPLACEMENT, RESTART, AuditRow
from projections.journal import RecordedEvent


class Effects:
    """Counts rows, and tells the sum when the next generation begins, or the journal ends."""

    def __init__(self, set_name: SetName) -> None:
        self._set = set_name
        self.sequence = 0
        """Of the event that brought the generation in force: a set made anew has the same generations again."""
        self._generation: int | None = None
        self._user = ""
        self._user_groups = ""
        self._began_ms = 0
        self._counts: dict[str, int] = {}
        self._lost_ms = 0

    def count(self, row: AuditRow) -> None:
        """A row of the generation that is in force."""
        if row.kind == CAPACITY:
            self._lost_ms += (row.lost_ms or 0) if row.pod else 0
        elif row.kind in (POD, COMMAND):
            self._add(f"{row.kind} {row.outcome}")
        elif row.kind in (RESTART, REPLACEMENT):
            self._add(row.kind)

    def begin(self, changes: Changes, *, at_ms: int) -> None:
        """Another generation is in force from now on."""
        self.sequence, self._generation = changes.sequence, changes.generation
        self.name(changes)
        self._began_ms, self._counts, self._lost_ms = at_ms, {}, 0

    def name(self, changes: Changes) -> None:
        """Who asked for the generation in force: it may become known later."""
        self._user, self._user_groups = changes.user, changes.user_groups

    def end(self, event: RecordedEvent) -> list[AuditRow]:
        """The sum so far."""
        if self._generation is None:
            return []
        counts = self._counts
        pods = ", ".join(f"{counts.get(f'pod {what}', 0)} {what}" for what in ("created", "deleted", "restarted"))
        restarts, replaced = counts.get(RESTART, 0), counts.get(REPLACEMENT, 0)
        commands = sum(count for what, count in counts.items() if what.startswith(COMMAND))
        failed = counts.get("command failed", 0)
        what = (
            f"while generation {self._generation} was in force: pods {pods}; {restarts} recreations of groups, "
            f"{replaced} leaders replaced; {commands} commands, {failed} of them failed"
        )
        return [
            AuditRow(
                at_ms=event.envelope.at_ms,
                sequence=event.sequence,
                namespace=self._set.namespace,
                set=self._set.name,
                kind=EFFECT,
                what=what,
                user=self._user,
                user_groups=self._user_groups,
                generation=self._generation,
                took_ms=max(0, event.envelope.at_ms - self._began_ms),
                lost_ms=self._lost_ms,
            )
        ]

    def _add(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1
