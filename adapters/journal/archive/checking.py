"""Whether a journal is what it was: complete, readable, and the same as its archive.

The running hash is computed from the first record. Of a journal that begins later the archive says what it was before;
without one it is not known. A hash proves something only to whoever has kept one elsewhere: in an archive that the
journal's keeper cannot write, in a log, on paper.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

import msgspec

from adapters.journal.chain import START, link
from adapters.journal.archive.errors import ArchiveDamaged
from adapters.journal.archive.segments import STREAMS, ArchivedStream, read_archive
from adapters.journal.archive.store import BlobStore
from adapters.journal.port import Journal, Record, Stream
from lws_events import decisions, events

_END: Final = 2**63


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one stream."""

    stream: str
    first: int
    last: int
    """Of the records that are in order."""
    hash: str
    """Running hash at ``last``; empty where it is not known, because the journal begins later and has no archive."""
    compared: int
    """How many records are the same in the archive."""
    problem: str = ""
    """The first thing that is wrong, and where; empty: nothing."""


async def check_journal(journal: Journal, store: BlobStore | None = None) -> list[Checked]:
    """Both streams. Raises ``JournalUnavailable``, ``ArchiveUnavailable``."""
    return [
        await _check(journal.cluster, kind, journal.events if kind == "events" else journal.decisions, store)
        for kind in STREAMS
    ]


async def _check(cluster: str, kind: ArchivedStream, stream: Stream, store: BlobStore | None) -> Checked:
    first = (await stream.info()).first_sequence
    last, hashed, compared, problem = max(first - 1, 0), START if first <= 1 else "", 0, ""
    archive = _Walk(read_archive(store, cluster, kind)) if store is not None else None
    try:
        async with aclosing(stream.read(follow=False)) as batches:
            async for batch in batches:
                for record in batch:
                    _require_sound(kind, record, expected=last + 1)
                    if archive is not None:
                        await archive.go_to(record.sequence)
                        hashed = hashed or archive.hash_before(record.sequence)
                        compared += _require_same(kind, record, archive.ahead)
                    hashed = link(hashed, record) if hashed else ""
                    last = record.sequence
        if archive is not None:
            await archive.go_to(_END)
    except ArchiveDamaged as error:
        problem = str(error)
    return Checked(stream=kind, first=first, last=last, hash=hashed, compared=compared, problem=problem)


class _Walk:
    """Goes through an archived stream once, with the running hash."""

    def __init__(self, records: AsyncIterator[Record]) -> None:
        self.ahead: Record | None = None
        """The first record that was not passed; None before the first and after the last."""
        self._records = records
        self._before = ""
        self._began = False

    async def go_to(self, sequence: int) -> None:
        """Pass all records before a sequence."""
        while not self._began or (self.ahead is not None and self.ahead.sequence < sequence):
            following = await anext(self._records, None)
            if not self._began:
                self._before = START if following is not None and following.sequence == 1 else ""
            elif self.ahead is not None and self._before:
                self._before = link(self._before, self.ahead)
            self._began, self.ahead = True, following

    def hash_before(self, sequence: int) -> str:
        """Running hash before a record, if the archive has that record and everything before; else empty."""
        return self._before if self.ahead is not None and self.ahead.sequence == sequence else ""


def _require_sound(kind: ArchivedStream, record: Record, *, expected: int) -> None:
    if record.sequence != expected:
        raise ArchiveDamaged(f"{kind} {expected} to {record.sequence - 1} are missing in the journal")
    try:
        (events.decode if kind == "events" else decisions.decode)(record.data)
    except msgspec.DecodeError as error:
        raise ArchiveDamaged(f"{kind} {record.sequence} cannot be read: {error}") from error


def _require_same(kind: ArchivedStream, record: Record, archived: Record | None) -> bool:
    """Whether the archive has the record. Raises ``ArchiveDamaged`` where it has another."""
    if archived is None or archived.sequence != record.sequence:
        return False
    if (archived.subject, archived.data) != (record.subject, record.data):
        raise ArchiveDamaged(f"{kind} {record.sequence} is not what was archived: one of the two was changed")
    return True
