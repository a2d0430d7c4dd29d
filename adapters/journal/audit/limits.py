"""How long facts of audit are kept: whole chapters go, the oldest first, and what the next one builds on stays.

A chapter tells what happened; to say what a pod was before, or what a change has changed, the last observations of sets
and pods of before are needed. They are kept beside the snapshots, as of the end of the last chapter that went, or of
the last event that went before anything was put aside.
"""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final, NamedTuple

import msgspec

from adapters.journal.audit.pages import Found, chapter_filter, entries, event_subject, found
from adapters.journal.errors import JournalMissing
from adapters.journal.port import Journal, Record, Stream
from adapters.journal.snapshots import documents
from adapters.journal.snapshots.last_known import LastKnown, put_aside
from lws_events import events, subjects

BELOW: Final = "audit"
"""Token of the observations of before."""

_BEGINS: Final = ("audit-begins",)


class AuditLimits(NamedTuple):
    """What is kept. Without an age: for ever; without a size: however large."""

    age_ms: int | None = None
    size_bytes: int | None = None
    """Of the messages. The newest chapter stays, however large it is."""


class Begins(msgspec.Struct, frozen=True):
    """As of which event the observations of before are."""

    through: int


async def chapters(audit: Stream) -> list[Found]:
    """The ends of all chapters, in order. A stream that is not there has none. Raises ``JournalUnavailable``."""
    try:
        async with aclosing(audit.read(subject_filter=chapter_filter(audit), follow=False)) as batches:
            return [found(record) async for batch in batches for record in batch]
    except JournalMissing:
        return []


async def begins_after(snapshots: Stream) -> int | None:
    """As of which event the observations of before are; None where there are none. Raises ``JournalUnavailable``."""
    try:
        async with aclosing(documents.read(snapshots, _BEGINS)) as reading:
            stored = [document.data async for document in reading]
        return msgspec.json.decode(stored[-1], type=Begins).through if stored else None
    except (JournalMissing, msgspec.DecodeError):
        return None


async def keep_within(journal: Journal, limits: AuditLimits, *, now_ms: int) -> int:
    """Let chapters go that are over the limits; returns how many. Raises as an append does.

    Cut off at any point it is done again: what goes goes last.
    """
    audit = journal.audit
    assert audit is not None, "there are no facts of audit"
    present = await chapters(audit)
    going = _over(present, limits, now_ms=now_ms, size_bytes=(await audit.info()).size_bytes)
    if not going:
        return 0
    last = going[-1]
    await _remember(journal, audit, last)
    await audit.purge(before=last.sequence + 1)
    return len(going)


async def begin_anew(journal: Journal, *, through: int) -> None:
    """Nothing was put aside up to here: build on what recovery knows of before. Raises as an append does."""
    snapshots = journal.snapshots
    assert snapshots is not None, "without snapshots nothing goes"
    before = LastKnown(snapshots, events_root=journal.events.root, below=BELOW)
    for kind in (subjects.SET, subjects.POD):
        for record in await put_aside(journal, subjects.observations_filter(journal.cluster, kind)):
            await before.add(record, events.decode(record.data).fact)
    await before.flush()
    await _note(snapshots, through)


async def forget(journal: Journal) -> None:
    """Keep no facts of audit at all. Raises ``JournalUnavailable``."""
    audit = journal.audit
    if audit is not None:
        await audit.purge(before=await audit.last_sequence() + 1)


def _over(present: Sequence[Found], limits: AuditLimits, *, now_ms: int, size_bytes: int) -> Sequence[Found]:
    """The oldest ones that go; the newest never does."""
    size = sum(one.reach.size_bytes for one in present)
    scale = size_bytes / size if size else 0.0  # what a server adds to a message counts, too
    going = 0
    for one in present[:-1]:
        too_old = limits.age_ms is not None and one.reach.to_ms < now_ms - limits.age_ms
        too_large = limits.size_bytes is not None and size * scale > limits.size_bytes
        if not (too_old or too_large):
            break
        size -= one.reach.size_bytes
        going += 1
    return present[:going]


async def _remember(journal: Journal, audit: Stream, last: Found) -> None:
    snapshots = journal.snapshots
    assert snapshots is not None, "without snapshots nothing goes"
    before = LastKnown(snapshots, events_root=journal.events.root, below=BELOW)
    async with aclosing(audit.read(to_sequence=last.sequence, follow=False)) as batches:
        async for batch in batches:
            for record in batch:
                part = found(record)
                if part.set_name is None:
                    continue
                for entry in entries(part):
                    if entry.about.startswith((f"{subjects.SET}.", f"{subjects.POD}.")):
                        subject = event_subject(journal.cluster, part.set_name, entry)
                        seen = Record(entry.sequence, subject, entry.event, record.at_ns)
                        await before.add(seen, events.decode(entry.event).fact)
    await before.flush()
    await _note(snapshots, last.reach.last)


async def _note(snapshots: Stream, through: int) -> None:
    await documents.write(snapshots, _BEGINS, msgspec.json.encode(Begins(through)))
