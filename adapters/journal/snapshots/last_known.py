"""The last known state of every object whose observation the journal no longer has.

Recovery compares the cluster with the last observation of each object. Before the beginning of a journal goes, those
that are the last of their subject are put aside here, under the same tokens, byte for byte.
"""

from typing import Final

import msgspec

from adapters.journal.errors import JournalMissing
from adapters.journal.port import Journal, Latest, Message, Record, Stream
from lws_events import events

_LAST: Final = "last"
_AT_ONCE: Final = 500
_WAITING_MAX: Final = 5_000
"""Subjects that are collected before they are stored: bounds the memory."""


async def last_known(journal: Journal, subject_filter: str) -> list[Record]:
    """The last record of every subject of events that matches, by sequence: of the journal, or put aside.

    Those that were put aside have sequence 0. Raises ``JournalUnavailable``.
    """
    present = (await journal.events.latest(subject_filter)).records  # first: what goes meanwhile is put aside before
    found = {record.subject: record for record in await put_aside(journal, subject_filter)}
    found |= {record.subject: record for record in present}
    return sorted(found.values(), key=lambda record: (record.sequence, record.subject))


async def put_aside(journal: Journal, subject_filter: str, *, below: str = _LAST) -> list[Record]:
    """What was put aside alone, with the subjects of events and sequence 0. Raises ``JournalUnavailable``."""
    stream = journal.snapshots
    if stream is None:
        return []
    root = f"{stream.root}.{below}"
    wanted = root + subject_filter.removeprefix(journal.events.root)
    try:
        records = (await stream.latest(wanted)).records
    except JournalMissing:
        return []
    return [
        msgspec.structs.replace(record, sequence=0, subject=journal.events.root + record.subject.removeprefix(root))
        for record in records
    ]


class LastStates:
    """The last known states of a journal, for who asks nothing else of it (recovery)."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def latest(self, subject_filter: str) -> Latest:
        """As ``last_known``."""
        records = await last_known(self._journal, subject_filter)
        return Latest(max((record.sequence for record in records), default=0), records)


class LastKnown:
    """Puts observations aside, in the order of the journal. ``flush`` at the end."""

    def __init__(self, snapshots: Stream, *, events_root: str, below: str = _LAST) -> None:
        """``below``: the token under which they are put, one for each purpose."""
        self._snapshots = snapshots
        self._events_root = events_root
        self._below = below
        self._waiting: dict[str, bytes | None] = {}

    async def add(self, record: Record, fact: events.Fact) -> None:
        """Take in an event that is about to go. Raises as an append does."""
        if isinstance(fact, events.View):
            self._waiting[record.subject] = record.data
        elif isinstance(fact, events.Deleted):
            self._waiting[record.subject] = None
        if len(self._waiting) >= _WAITING_MAX:
            await self.flush()

    async def flush(self) -> None:
        """Store what is waiting. Raises as an append does."""
        waiting, self._waiting = self._waiting, {}
        messages = [Message(self._subject(name), data) for name, data in waiting.items() if data is not None]
        for start in range(0, len(messages), _AT_ONCE):
            await self._snapshots.append(messages[start : start + _AT_ONCE])
        last = await self._snapshots.last_sequence()
        for name in [name for name, data in waiting.items() if data is None]:
            await self._snapshots.purge(before=last + 1, subject_filter=self._subject(name))

    def _subject(self, event_subject: str) -> str:
        return f"{self._snapshots.root}.{self._below}{event_subject.removeprefix(self._events_root)}"
