"""What audit reads: facts that were put aside when the journal was purged, then the journal; and how far back it goes.

One after the other, each event once. What cannot be known is said on standard error, and the period begins where
everything is known: a sum over half of what happened would be taken for the whole.
"""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import msgspec

from adapters.cli.printing import remark
from adapters.journal.audit.reading import Past, known_before, past_of, steps_before
from adapters.journal.errors import JournalUnavailable
from adapters.reading.reader import JournalReader
from lws_events.subjects import SetName
from projections.audit.fold import audit
from projections.audit.rows import Asked, AuditRow
from projections.explain import timestamp
from projections.journal import Step, pair


class Reading(NamedTuple):
    """The journal as audit sees it."""

    reader: JournalReader
    past: Past

    def rows(self, name: SetName | None, asked: Asked) -> Iterator[AuditRow]:
        """Rows as they are found, of one set or of all that are asked for. Raises as the journal does."""
        past = self.past
        since_ms = past.from_ms
        if not past.is_whole and since_ms is not None and (asked.since_ms is None or asked.since_ms < since_ms):
            asked = msgspec.structs.replace(asked, since_ms=since_ms)
            remark(_incomplete(past, since_ms))
        known = self.reader.wait(known_before(self.reader.journal, past, name))
        return audit(self._steps(name, asked.namespace), asked=asked, known=known)

    def _steps(self, name: SetName | None, namespace: str | None) -> Iterator[Step]:
        reader, past = self.reader, self.past
        before = steps_before(reader.journal, past, set_name=name, namespace=namespace)
        return chain(reader.each(before), self._present(name))

    def _present(self, name: SetName | None) -> Iterator[Step]:
        """What the journal itself has. It may not lose its beginning while it is read."""
        reader, epoch = self.reader, self.past.epoch
        if name is None:
            yield from pair(reader.events(), reader.decisions(), epoch=epoch or None)
        else:
            yield from reader.steps_of(name, epoch=epoch)
        first = reader.wait(reader.journal.events.info()).first_sequence
        if first > max(self.past.first_event, 1):
            raise JournalUnavailable("the beginning of the journal was purged while it was read: ask once more")


def begin_reading(reader: JournalReader) -> Reading:
    """Look how far back it goes. Raises ``JournalDamaged``, ``JournalUnavailable``."""
    return Reading(reader, reader.wait(past_of(reader.journal)))


def _incomplete(past: Past, since_ms: int) -> str:
    since = f"audit is complete from {timestamp(since_ms)} on (event {past.from_event})"
    if past.is_missing_between:
        return f"{since}: what was before was purged, and not all of it was put aside"
    if past.has_basis:
        return f"{since}: what was before was purged; what sets and pods were then is known, not how they came to be it"
    return f"{since}: what was before was purged"
