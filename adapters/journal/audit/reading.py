"""Read the facts of audit that were put aside, and say from when on they are complete.

What the journal still has is read there: what was put aside counts only before its first event. Nothing is told twice,
and nothing is missing where the two meet, or it is said.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import NamedTuple

import msgspec

from adapters.journal.audit.limits import BELOW, begins_after, chapters
from adapters.journal.audit.pages import Found, Reach, entries, event_subject, found, parts_filter, set_subject
from adapters.journal.audit.putting_aside import last_message
from adapters.journal.errors import JournalDamaged, JournalMissing
from adapters.journal.port import Journal, Record, Stream
from adapters.journal.snapshots.last_known import put_aside
from lws_events import decisions, events, subjects
from lws_events.subjects import SetName
from projections.journal import RecordedDecision, RecordedEvent, Step


class Past(NamedTuple):
    """What audit knows of the time before the first event that a journal has."""

    first_event: int
    """Of the journal itself."""
    from_event: int
    """Everything that audit rests on is there from this event on."""
    from_ms: int | None
    """When that was recorded; None: the journal's very first event is there, or the time is not known."""
    epoch: str
    """In force where the journal begins; empty: not known."""
    is_missing_between: bool = False
    """Something was purged, later than what was put aside, without having been put aside."""
    has_basis: bool = False
    """The last observations of before ``from_event`` are known."""

    @property
    def is_whole(self) -> bool:
        """Nothing is missing at all."""
        return self.from_event <= 1


async def past_of(journal: Journal) -> Past:
    """Look how far audit reaches back. Raises ``JournalDamaged``, ``JournalUnavailable``."""
    first = (await journal.events.info()).first_sequence
    if first <= 1:
        return Past(first, first, None, "")
    reaches = await _reaches(journal.audit)
    begin, from_ms = first, None
    for reach in reversed(reaches):
        if reach.last < begin - 1:
            break
        begin, from_ms = min(begin, reach.first), reach.from_ms
    if begin == first:
        return Past(first, first, await _time_of(journal, first), "", bool(reaches), journal.snapshots is not None)
    epoch = reaches[-1].epoch if reaches[-1].last == first - 1 else ""
    known = None if journal.snapshots is None else await begins_after(journal.snapshots)
    return Past(first, begin, None if begin <= 1 else from_ms, epoch, has_basis=known == begin - 1)


async def known_before(journal: Journal, past: Past, set_name: SetName | None = None) -> list[RecordedEvent]:
    """The last observations of sets and pods from before ``past.from_event``: sets first. Raises as ``past_of``."""
    if past.is_whole or not past.has_basis:
        return []
    records: list[Record] = []
    for kind in (subjects.SET, subjects.POD):
        wanted = subjects.observations_filter(journal.cluster, kind)
        if set_name is not None:
            wanted = f"{subjects.set_filter(journal.cluster, set_name)[:-1]}{kind}.*"
        if past.from_event < past.first_event:
            records += await put_aside(journal, wanted, below=BELOW)
        else:
            records += await put_aside(journal, wanted)
    return [RecordedEvent(0, record.subject, _event(record.data, record.subject)) for record in records]


async def steps_before(
    journal: Journal, past: Past, *, set_name: SetName | None = None, namespace: str | None = None
) -> AsyncGenerator[Sequence[Step], None]:
    """Events that were put aside, with their decisions, in the order of the journal; of one set, or a namespace.

    Raises ``JournalDamaged``, ``JournalUnavailable``.
    """
    audit = journal.audit
    if audit is None or past.from_event >= past.first_event:
        return
    wanted = parts_filter(audit)
    if set_name is not None:
        wanted = set_subject(audit, journal.cluster, set_name)
    elif namespace is not None:
        wanted = f"{audit.root}.*.{subjects.encode_token(namespace)}.*"
    async with aclosing(audit.read(subject_filter=wanted, follow=False)) as batches:
        page: list[Found] = []
        async for batch in batches:
            for record in batch:
                part = found(record)
                if page and part.reach != page[0].reach:
                    yield list(_steps(journal.cluster, page, past))
                    page = []
                page.append(part)
        if page:
            yield list(_steps(journal.cluster, page, past))


async def audit_end(journal: Journal) -> int:
    """Sequence of the last message of what was put aside; 0 where there is none. Raises ``JournalUnavailable``."""
    if journal.audit is None:
        return 0
    try:
        return await journal.audit.last_sequence()
    except JournalMissing:  # a journal of a release that put nothing aside
        return 0


async def is_told_of(journal: Journal, set_name: SetName) -> bool:
    """Whether anything about a set was put aside. Raises ``JournalUnavailable``."""
    if journal.audit is None:
        return False
    try:
        reading = journal.audit.read(subject_filter=set_subject(journal.audit, journal.cluster, set_name), follow=False)
        async with aclosing(reading) as batches:
            return await anext(batches, None) is not None
    except JournalMissing:
        return False


def _steps(cluster: str, page: Sequence[Found], past: Past) -> Iterator[Step]:
    """What a page has of the wanted sets, and the journal has not, merged by sequence."""
    merged = [(entry.sequence, part.set_name, entry) for part in page if part.set_name for entry in entries(part)]
    merged.sort(key=lambda one: one[0])
    for sequence, set_name, entry in merged:
        if not past.from_event <= sequence < past.first_event:
            continue
        subject = event_subject(cluster, set_name, entry)
        recorded = None
        if entry.decision:
            where = subjects.decision_subject(cluster, set_name)
            recorded = RecordedDecision(entry.decision_sequence, where, _decision(entry.decision, where))
        yield Step(RecordedEvent(sequence, subject, _event(entry.event, subject)), recorded)


async def _reaches(audit: Stream | None) -> list[Reach]:
    """What each chapter has, also one that has not ended."""
    if audit is None:
        return []
    ended = [one.reach for one in await chapters(audit)]
    try:
        _, last = await last_message(audit)
    except JournalMissing:
        return ended
    return [*ended, last.reach] if last is not None and last.set_name is not None else ended


async def _time_of(journal: Journal, sequence: int) -> int | None:
    reading = journal.events.read(from_sequence=sequence, to_sequence=sequence, follow=False)
    async with aclosing(reading) as batches:
        records = [record async for batch in batches for record in batch]
    return _event(records[0].data, records[0].subject).at_ms if records else None


def _event(data: bytes, subject: str) -> events.Envelope:
    try:
        return events.decode(data)
    except msgspec.DecodeError as error:
        raise JournalDamaged(f"an event on {subject} that was put aside cannot be read: {error}") from error


def _decision(data: bytes, subject: str) -> decisions.Decision:
    try:
        return decisions.decode(data)
    except msgspec.DecodeError as error:
        raise JournalDamaged(f"a decision on {subject} that was put aside cannot be read: {error}") from error
