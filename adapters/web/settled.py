"""The end of a journal that is being written: an event may stand there whose decision is still to come.

Whoever folds such an event without its decision never gets it right again. So reading ends before the first event that
is younger than a moment and about which nothing is decided yet, unless a later one has been decided about.
"""

import contextlib
from collections.abc import Iterator
from typing import Final

from adapters.reading.reader import JournalReader
from adapters.web.desk import Rest
from lws_events import decisions
from projections.journal import Step

DECIDING_MS: Final = 1_000
"""How long a decision may take to be recorded after its event: as ``timeline --follow`` has it."""


class Settling:
    """The end of one journal at one time."""

    def __init__(self, reader: JournalReader, *, now_ms: int | None) -> None:
        """``now_ms``: None for a journal that nobody writes."""
        self._young_from_ms = None if now_ms is None else now_ms - DECIDING_MS
        self._decided = _last_cause(reader) if now_ms is not None else 0

    def is_settled(self, step: Step) -> bool:
        """Whether nothing about this event is still to come."""
        return (
            self._young_from_ms is None
            or step.recorded is not None
            or step.event.sequence <= self._decided
            or step.event.envelope.at_ms < self._young_from_ms
        )

    def only(self, steps: Iterator[Step], *, rest: Rest) -> Iterator[Step]:
        """The settled ones."""
        for step in steps:
            if not self.is_settled(step):
                return
            yield step
            rest()


def _last_cause(reader: JournalReader) -> int:
    last = reader.bounds.decisions
    if not last:
        return 0

    async def read() -> int:
        batches = reader.journal.decisions.read(from_sequence=last, to_sequence=last, follow=False)
        async with contextlib.aclosing(batches):
            batch = await anext(batches, None)
        return decisions.decode(batch[-1].data).cause if batch else 0

    return reader.wait(read())
