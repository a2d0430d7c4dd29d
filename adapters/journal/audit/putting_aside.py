"""Put aside what audit rests on, before the beginning of a journal goes: each event once, in order, in bounded memory.

A page is one atomic append, fenced by the end of the stream, and says how far it reaches. Whoever is cut off, at any
line, goes on behind the last page; of two who do it at once, one is refused. When nothing is left to do, there is the
end of a chapter: what one purge may take.
"""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Sequence
from typing import Final

import msgspec

from adapters.journal.audit.pages import Entry, Found, Reach, about, chapter_message, found, pack, part_message
from adapters.journal.errors import JournalDamaged
from adapters.journal.port import BATCH_MESSAGES_MAX, Journal, Message, Record, Stream
from lws_events import decisions
from lws_events.decisions import Decision
from lws_events.events import Envelope, EpochStarted
from lws_events.snapshots import record_digest
from lws_events.subjects import SetName, parse
from projections.audit.facts import audit_rests_on
from projections.journal import LOOK_AHEAD_DECISIONS

PAGE_BYTES: Final = 4 * 1024 * 1024
"""Of entries, before compression: bounds the memory of whoever writes or reads a page."""

_AT_ONCE_BYTES: Final = 64 * 1024
"""Compressing so little takes a millisecond: no more than handing it to a thread."""

_DECISIONS_AT_ONCE: Final = 50
"""Decoding so many takes about a millisecond."""

_PAGE_SETS: Final = BATCH_MESSAGES_MAX // 2
"""With the parts of sets that need several, still one atomic append."""


class PuttingAside:
    """One run. Made by ``begin``; ``add`` every event that is about to go, in order, then ``finish``."""

    def __init__(
        self,
        journal: Journal,
        audit: Stream,
        *,
        end: int,
        last: Found | None,
        reading: "_Decisions",
        page_bytes: int,
    ) -> None:
        self._cluster = journal.cluster
        self._audit = audit
        self._end = end
        """Last message of the stream: whoever adds to it meanwhile refuses us."""
        self._reach = _begun(last)
        self._decisions = reading
        self._page_bytes = page_bytes
        self._last: Record | None = None
        self._waiting: dict[SetName, list[Entry]] = {}
        self._waiting_bytes = 0

    @property
    def through(self) -> int:
        """Last event that need not be added any more."""
        return self._reach.last

    async def add(self, record: Record, envelope: Envelope) -> None:
        """Take in an event that is about to go; one that is there already is passed over. Raises as an append does."""
        if record.sequence <= self._reach.last:
            return
        if self._reach.first and record.sequence > self._reach.last + 1:
            await self._end_chapter()  # something in between went without being put aside
        self._last = record
        reach = self._reach
        fact = envelope.fact
        self._reach = msgspec.structs.replace(
            reach,
            first=reach.first or record.sequence,
            last=record.sequence,
            epoch=fact.epoch if isinstance(fact, EpochStarted) else reach.epoch,
            from_ms=envelope.at_ms if not reach.first else reach.from_ms,
            to_ms=envelope.at_ms,
        )
        decided = await self._decisions.of(record.sequence, epoch=self._reach.epoch)
        address = parse(record.subject)
        if address is None or not audit_rests_on(fact, decided[0] if decided else None):
            return
        entry = Entry(record.sequence, about(record.subject), record.data, *(decided[1:] if decided else ()))
        self._waiting.setdefault(address.set_name, []).append(entry)
        self._waiting_bytes += entry.size_bytes
        if self._waiting_bytes >= self._page_bytes or len(self._waiting) >= _PAGE_SETS:
            await self._store_page()

    async def finish(self) -> None:
        """Store what is waiting, and the end of the chapter if it has anything. Raises as an append does."""
        await self._decisions.close()
        if self._reach.first:
            await self._end_chapter()

    async def close(self) -> None:
        """Leave it at any point: what is waiting is found again by the next run."""
        await self._decisions.close()

    async def _end_chapter(self) -> None:
        if self._waiting:
            await self._store_page()
        reach = self._reached()
        await self._append([chapter_message(self._audit, reach)])
        self._reach = _after(reach)

    async def _store_page(self) -> None:
        waiting, size_bytes = self._waiting, self._waiting_bytes
        self._waiting, self._waiting_bytes = {}, 0
        packed = _packed(waiting) if size_bytes < _AT_ONCE_BYTES else await asyncio.to_thread(_packed, waiting)
        reach = self._reached()
        count = sum(map(len, waiting.values()))
        size = sum(len(part) for _, part in packed)
        self._reach = msgspec.structs.replace(reach, entries=reach.entries + count, size_bytes=reach.size_bytes + size)
        parts = [part_message(self._audit, self._cluster, name, part, self._reach) for name, part in packed]
        await self._append(parts)

    async def _append(self, messages: Sequence[Message]) -> None:
        self._end = (await self._audit.append(messages, expected_last_sequence=self._end)).last_sequence

    def _reached(self) -> Reach:
        if self._last is None:
            return self._reach
        return msgspec.structs.replace(self._reach, digest=record_digest(self._last.subject, self._last.data))


async def begin(journal: Journal, *, decisions_through: int, page_bytes: int = PAGE_BYTES) -> PuttingAside:
    """Go on where the last run ended. ``decisions_through``: last decision that may be about what goes.

    Raises ``JournalDamaged`` where the facts are those of another journal, and ``JournalUnavailable``.
    """
    audit = journal.audit
    assert audit is not None, "there is no place for facts of audit"
    end, last = await last_message(audit)
    if last is not None:
        await _require_same(journal, audit, last.reach)
    reading = _Decisions(journal.decisions, decisions_through)
    return PuttingAside(journal, audit, end=end, last=last, reading=reading, page_bytes=page_bytes)


async def last_message(audit: Stream) -> tuple[int, Found | None]:
    """The last sequence of the stream, and its message unless that is gone. Raises as ``found``."""
    end = await audit.last_sequence()
    if end == 0:
        return 0, None
    batches = audit.read(from_sequence=end, to_sequence=end, follow=False)
    records = [record async for batch in batches for record in batch]
    return end, found(records[0]) if records else None


def _begun(last: Found | None) -> Reach:
    """Where a run begins: in the middle of a chapter, or with a new one."""
    if last is None:
        return Reach(first=0, last=0, digest="", epoch="", from_ms=0, to_ms=0)
    if last.set_name is not None:
        return last.reach
    return _after(last.reach)


def _after(reach: Reach) -> Reach:
    """The next chapter, before its first event."""
    return msgspec.structs.replace(reach, first=0, entries=0, size_bytes=0)


async def _require_same(journal: Journal, audit: Stream, reach: Reach) -> None:
    """The event that was put aside last, where the journal has it still, is the one that it was."""
    info = await journal.events.info()
    if reach.last < info.first_sequence:
        return
    reading = journal.events.read(from_sequence=reach.last, to_sequence=reach.last, follow=False)
    records = [record async for batch in reading for record in batch]
    if not records or record_digest(records[0].subject, records[0].data) != reach.digest:
        raise JournalDamaged(
            f"stream {audit.name} holds facts of audit of another journal, which had event {reach.last}: export that "
            "one if it is of use, then delete the stream"
        )


def _packed(waiting: dict[SetName, list[Entry]]) -> list[tuple[SetName, bytes]]:
    return [(name, part) for name, entries in sorted(waiting.items()) for part in pack(entries)]


class _Decisions:
    """Decisions read along with their events, a bounded number ahead: as ``projections.journal.Pairing``."""

    def __init__(self, stream: Stream, through: int) -> None:
        self._stream = stream
        self._through = through
        self._batches: AsyncGenerator[Sequence[Record], None] | None = None
        self._read: list[Record] = []
        self._is_over = through == 0
        self._ahead: list[tuple[int, int, Decision, bytes]] = []

    async def of(self, sequence: int, *, epoch: str) -> tuple[Decision, int, bytes] | None:
        """What was decided by an event: the decision, its sequence and its body."""
        taken: tuple[Decision, int, bytes] | None = None
        await self._read_ahead()
        while self._ahead and self._ahead[0][0] <= sequence:
            cause, number, decision, data = heapq.heappop(self._ahead)
            if cause == sequence and epoch in ("", decision.epoch) and taken is None:
                taken = decision, number, data
            await self._read_ahead()
        return taken

    async def close(self) -> None:
        """Read no further."""
        self._is_over = True
        batches, self._batches = self._batches, None
        if batches is not None:
            await batches.aclose()

    async def _read_ahead(self) -> None:
        while len(self._ahead) < LOOK_AHEAD_DECISIONS and not (self._is_over and not self._read):
            if not self._read:
                self._read = await self._next()
                continue
            record = self._read.pop()
            decision = _decoded(record)
            heapq.heappush(self._ahead, (decision.cause, record.sequence, decision, record.data))
            if len(self._ahead) % _DECISIONS_AT_ONCE == 0:
                await asyncio.sleep(0)  # the first look ahead is a long one

    async def _next(self) -> list[Record]:
        """The next batch, last record first; empty where there is none."""
        if self._batches is None:
            self._batches = self._stream.read(to_sequence=self._through, follow=False)
        batch = await anext(self._batches, None)
        if batch is None:
            await self.close()
            return []
        return list(reversed(batch))


def _decoded(record: Record) -> Decision:
    try:
        return decisions.decode(record.data)
    except msgspec.DecodeError as error:
        raise JournalDamaged(f"decision {record.sequence} on {record.subject} cannot be read: {error}") from error
