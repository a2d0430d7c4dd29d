"""Whether a journal is what it was: complete, readable, as it was sealed, and the same as its archive.

The running hash is computed from the first record, and compared with every seal. Of a journal that begins later its
seals say what the hash was before, or its archive; without both it is not known. All of this proves something only to
whoever has kept a hash elsewhere: in an archive that the journal's keeper cannot write, in a log, on paper.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final, NamedTuple

import msgspec

from adapters.journal.archive.errors import ArchiveDamaged
from adapters.journal.archive.segments import ArchivedStream, read_archive
from adapters.journal.archive.store import BlobStore
from adapters.journal.chain import START, link
from adapters.journal.errors import JournalMissing
from adapters.journal.port import Journal, Record, Stream
from adapters.journal.seals.course import Course, Seals
from adapters.journal.seals.findings import SealFindings, findings
from adapters.journal.seals.model import SEALED, SealedStream
from adapters.journal.seals.walking import Walk
from lws_events import decisions, events
from lws_events.subjects import epoch_subject

_END: Final = 2**63
_ATTEMPTS: Final = 3
"""A journal that is cut while it is checked is checked again."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one stream."""

    stream: str
    first: int
    last: int
    """Of the records that are there."""
    hash: str
    """Running hash at ``last``; empty where it is not known, because the journal begins later and has no seals."""
    compared: int
    """How many records are the same in the archive."""
    problem: str = ""
    """The first thing that is wrong, and where, seals aside; empty: nothing."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a journal."""

    events: Checked
    decisions: Checked
    seals: SealFindings

    @property
    def is_sound(self) -> bool:
        """Nothing is wrong."""
        return not (self.events.problem or self.decisions.problem or self.seals.breaks or self.seals.noted_problem)


async def check_journal(journal: Journal, store: BlobStore | None = None, *, noted: str = "") -> Check:
    """Both streams, with their seals. ``noted``: hash of a seal that was written down elsewhere, or its beginning.

    Raises ``JournalUnavailable``, ``ArchiveUnavailable``.
    """
    for _ in range(_ATTEMPTS):
        began = (await journal.events.info()).first_sequence
        check = await _check_once(journal, store, noted)
        if (await journal.events.info()).first_sequence == began:
            break
    return check


async def _check_once(journal: Journal, store: BlobStore | None, noted: str) -> Check:
    seals = await _seals(journal)
    courses = seals.courses()
    archive = journal.cluster, store
    decisions_ = await _Checking("decisions", journal.decisions, courses["decisions"], archive).run()
    events_ = await _Checking("events", journal.events, courses["events"], archive).run()
    walks = {"decisions": decisions_.walk, "events": events_.walk}
    found = findings(seals, {kind: walks[kind] for kind in SEALED}, epochs=events_.epochs, noted=noted)
    return Check(events=events_.checked, decisions=decisions_.checked, seals=found)


async def _seals(journal: Journal) -> Seals:
    seals = Seals()
    if journal.seals is None:
        return seals
    try:
        async with aclosing(journal.seals.read(follow=False)) as batches:
            async for batch in batches:
                for record in batch:
                    seals.take(record)
    except JournalMissing:  # a journal of a release that did not seal
        return seals
    return seals


class _Done(NamedTuple):
    checked: Checked
    walk: Walk
    epochs: dict[str, int]


class _Checking:
    """Goes through one stream once, for everything that is to be known of it."""

    def __init__(
        self, kind: SealedStream, stream: Stream, course: Course, archive: tuple[str, BlobStore | None]
    ) -> None:
        cluster, store = archive
        self._kind = kind
        self._stream = stream
        self._archive = _Archived(read_archive(store, cluster, kind)) if store is not None else None
        self._epoch_subject = epoch_subject(cluster)
        self._walk = Walk(kind, course)
        self._epochs: dict[str, int] = {}
        self._hash = ""
        self._compared = 0
        self._problem = ""

    async def run(self) -> _Done:
        """Raises as ``check_journal``."""
        first = max((await self._stream.info()).first_sequence, 1)
        expected = first
        async with aclosing(self._stream.read(follow=False)) as batches:
            async for batch in batches:
                for record in batch:
                    if record.sequence != expected:
                        self._note(f"{self._kind} {expected} to {record.sequence - 1} are missing in the journal")
                    expected = record.sequence + 1
                    self._require_readable(record)
                    await self._compare(record)
                    self._walk.take(record)
        self._walk.end()
        await self._pass_rest()
        return _Done(
            Checked(
                stream=self._kind,
                first=first,
                last=expected - 1,
                hash=self._walk.hash or self._hash or (START if expected == 1 else ""),
                compared=self._compared,
                problem=self._problem,
            ),
            self._walk,
            self._epochs,
        )

    def _note(self, problem: str) -> None:
        self._problem = self._problem or problem

    def _require_readable(self, record: Record) -> None:
        try:
            if self._kind == "decisions":
                decisions.decode(record.data)
                return
            fact = events.decode(record.data).fact
            if record.subject == self._epoch_subject and isinstance(fact, events.EpochStarted):
                self._epochs.setdefault(fact.epoch, record.sequence)
        except msgspec.DecodeError as error:
            self._note(f"{self._kind} {record.sequence} cannot be read: {error}")

    async def _compare(self, record: Record) -> None:
        """With the archive, until the first thing that is wrong there."""
        if self._archive is None:
            return
        try:
            await self._archive.go_to(record.sequence)
            self._hash = self._hash or self._archive.hash_before(record.sequence)
            self._compared += _require_same(self._kind, record, self._archive.ahead)
        except ArchiveDamaged as error:
            self._note(str(error))
            self._archive = None
            return
        self._hash = link(self._hash, record) if self._hash else ""

    async def _pass_rest(self) -> None:
        if self._archive is None:
            return
        try:
            await self._archive.go_to(_END)
        except ArchiveDamaged as error:
            self._note(str(error))


class _Archived:
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


def _require_same(kind: ArchivedStream, record: Record, archived: Record | None) -> bool:
    """Whether the archive has the record. Raises ``ArchiveDamaged`` where it has another."""
    if archived is None or archived.sequence != record.sequence:
        return False
    if (archived.subject, archived.data) != (record.subject, record.data):
        raise ArchiveDamaged(f"{kind} {record.sequence} is not what was archived: one of the two was changed")
    return True
