"""A journal in this process: the double of the JetStream adapter, with time and trouble under the caller's control.

It passes the same contract suite. Time stands still until ``MemoryJournal.advance_to`` moves it. It keeps nothing on
disk, and it is for one event loop at a time.
"""

import asyncio
import heapq
from bisect import bisect_left
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

from adapters.journal.errors import Fenced, JournalFull, JournalUnavailable, MessageRefused
from adapters.journal.logs import MemoryLogs
from adapters.journal.port import (
    BATCH_MESSAGES_MAX,
    Appended,
    Journal,
    Latest,
    Message,
    Record,
    StreamInfo,
)
from adapters.journal.subject_filter import matcher
from lws_events.subjects import AUDIT, DECISIONS, EVENTS, SEALS, SNAPSHOTS, encode_token

DEDUP_WINDOW_NS: Final = 120 * 1_000_000_000
"""As the streams of ``adapters.nats.streams``: ids older than this are forgotten."""

_RECORD_OVERHEAD_BYTES: Final = 64
"""Roughly what a stored message costs beyond subject, id and body."""


class MemoryClock:
    """The clock that both streams of a journal share. It moves only when it is told to."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns


class MemoryStream:
    """One stream. ``unavailable``, ``acknowledgements_to_lose`` and ``size_bytes_max`` are for tests to set."""

    def __init__(
        self, name: str, root: str, *, clock: MemoryClock, size_bytes_max: int = -1, only_last_of_subject: bool = False
    ) -> None:
        self.name = name
        self.root = root
        self.size_bytes_max = size_bytes_max
        self.unavailable = False
        self.acknowledgements_to_lose = 0
        self._clock = clock
        self._only_last_of_subject = only_last_of_subject
        self._created_at_ns = clock.now_ns
        self._records: list[Record] = []
        self._sequences: list[int] = []
        self._last_sequence = 0
        self._size_bytes = 0
        self._ids: dict[str, tuple[int, int]] = {}
        self._last_of_subject: dict[str, int] = {}
        self._scheduled = 0
        self._timers: dict[str, tuple[int, int, bytes]] = {}
        self._timer_heap: list[tuple[int, int, str]] = []
        self._grown = asyncio.Event()

    @property
    def records(self) -> Sequence[Record]:
        """Everything stored, for assertions."""
        return self._records

    async def append(
        self,
        messages: Sequence[Message],
        *,
        expected_last_sequence: int | None = None,
        atomic: bool = True,  # noqa: ARG002 - it always is, here
    ) -> Appended:
        await asyncio.sleep(0)
        sequences: list[int] = []
        duplicates = 0
        expected = expected_last_sequence
        for start in range(0, len(messages), BATCH_MESSAGES_MAX):
            stored, known = self._append_batch(messages[start : start + BATCH_MESSAGES_MAX], expected)
            sequences += stored
            duplicates += known
            expected = None if expected is None else max(expected, stored[-1])
        if self.acknowledgements_to_lose > 0:
            self.acknowledgements_to_lose -= 1
            raise JournalUnavailable(f"stream {self.name}: the acknowledgement was lost (by request of the test)")
        return Appended(sequences, duplicates)

    async def latest(self, subject_filter: str, *, up_to: int | None = None) -> Latest:
        await asyncio.sleep(0)
        limit = self._last_sequence if up_to is None else up_to
        matches = matcher(subject_filter)
        found: dict[str, Record] = {}
        for record in self._between(1, limit):
            if matches(record.subject):
                found[record.subject] = record
        return Latest(limit, sorted(found.values(), key=lambda record: record.sequence))

    async def read(
        self,
        *,
        from_sequence: int = 1,
        to_sequence: int | None = None,
        subject_filter: str | None = None,
        follow: bool,
    ) -> AsyncGenerator[Sequence[Record], None]:
        matches = matcher(subject_filter or f"{self.root}.>")
        limit = to_sequence if follow else min(to_sequence or self._last_sequence, self._last_sequence)
        position = from_sequence
        while True:
            grown = self._grown
            end = self._last_sequence if limit is None else min(limit, self._last_sequence)
            for batch in _batches([r for r in self._between(position, end) if matches(r.subject)]):
                yield batch
                await asyncio.sleep(0)
            position = max(position, end + 1)
            if limit is not None and position > limit:
                return
            await grown.wait()

    async def purge(self, *, before: int, subject_filter: str | None = None) -> None:
        await asyncio.sleep(0)
        if self.unavailable:
            raise JournalUnavailable(f"stream {self.name} is unavailable (by request of the test)")
        matches = matcher(subject_filter) if subject_filter is not None else lambda _: True
        self._remove(lambda record: record.sequence < before and matches(record.subject))

    async def last_sequence(self) -> int:
        await asyncio.sleep(0)
        return self._last_sequence

    async def info(self) -> StreamInfo:
        await asyncio.sleep(0)
        return StreamInfo(
            name=self.name,
            first_sequence=self._sequences[0] if self._sequences else (self._last_sequence and self._last_sequence + 1),
            last_sequence=self._last_sequence,
            messages=len(self._records),
            size_bytes=self._size_bytes,
            size_bytes_max=self.size_bytes_max,
            created_at_ns=self._created_at_ns,
        )

    async def schedule(self, subject: str, *, fire_at_ns: int, data: bytes) -> None:
        await asyncio.sleep(0)
        self._admit([Message(subject, data)])
        self._scheduled += 1
        self._timers[subject] = (fire_at_ns, self._scheduled, data)
        heapq.heappush(self._timer_heap, (fire_at_ns, self._scheduled, subject))
        self.fire_due()

    async def cancel(self, subject: str) -> None:
        await asyncio.sleep(0)
        if self.unavailable:
            raise JournalUnavailable(f"stream {self.name} is unavailable (by request of the test)")
        self._timers.pop(subject, None)

    def next_timer_ns(self) -> int | None:
        """When the next timer is due; None without one."""
        while self._timer_heap:
            fire_at_ns, number, subject = self._timer_heap[0]
            timer = self._timers.get(subject)
            if timer is not None and timer[1] == number:
                return fire_at_ns
            heapq.heappop(self._timer_heap)  # replaced or cancelled
        return None

    def fire_due(self) -> None:
        """Append what is due by the clock, in the order of time, then of scheduling."""
        while (due_ns := self.next_timer_ns()) is not None and due_ns <= self._clock.now_ns:
            _, _, subject = heapq.heappop(self._timer_heap)
            _, _, data = self._timers.pop(subject)
            self._store(Message(subject, data))

    def _append_batch(self, messages: Sequence[Message], expected: int | None) -> tuple[list[int], int]:
        """All or none, unless some are known: then one by one."""
        self._forget_old_ids()
        ids = [message.message_id for message in messages if message.message_id is not None]
        if len(set(ids)) == len(ids) and not any(message_id in self._ids for message_id in ids):
            self._fence(messages, expected)
            self._admit(messages)
            return [self._store(message) for message in messages], 0
        sequences: list[int] = []
        duplicates = 0
        for message in messages:
            known = self._ids.get(message.message_id or "")
            if known is not None:
                sequences.append(known[0])
                duplicates += 1
            else:
                self._fence([message], expected)
                self._admit([message])
                sequences.append(self._store(message))
            expected = None if expected is None else max(expected, sequences[-1])
        return sequences, duplicates

    def _fence(self, messages: Sequence[Message], expected: int | None) -> None:
        if expected is not None and expected != self._last_sequence:
            raise Fenced(
                f"stream {self.name} ends at {self._last_sequence}, not at {expected}",
                expected=expected,
                actual=self._last_sequence,
            )
        for message in messages:
            wanted = message.expected_subject_sequence
            actual = self._last_of_subject.get(message.subject, 0)
            if wanted is not None and wanted != actual:
                raise Fenced(
                    f"stream {self.name}, subject {message.subject}: last is {actual}, not {wanted}",
                    expected=wanted,
                    actual=actual,
                )

    def _admit(self, messages: Sequence[Message]) -> None:
        if self.unavailable:
            raise JournalUnavailable(f"stream {self.name} is unavailable (by request of the test)")
        for message in messages:
            if not message.subject.startswith(self.root + "."):
                raise MessageRefused(f"subject {message.subject} is not below {self.root} of stream {self.name}")
        size = sum(map(_size_bytes, messages))
        if 0 <= self.size_bytes_max < self._size_bytes + size:
            raise JournalFull(
                f"stream {self.name} holds {self._size_bytes} of {self.size_bytes_max} bytes; raise its limit"
            )

    def _remove(self, goes: Callable[[Record], bool]) -> None:
        kept = [record for record in self._records if not goes(record)]
        self._records = kept
        self._sequences = [record.sequence for record in kept]
        self._size_bytes = sum(_size_bytes(Message(r.subject, r.data, r.message_id)) for r in kept)
        self._last_of_subject = {record.subject: record.sequence for record in kept}

    def _store(self, message: Message) -> int:
        if self._only_last_of_subject and message.subject in self._last_of_subject:
            self._remove(lambda record: record.subject == message.subject)
        self._last_sequence += 1
        sequence = self._last_sequence
        now_ns = self._clock.now_ns
        self._records.append(Record(sequence, message.subject, message.data, now_ns, message.message_id))
        self._sequences.append(sequence)
        self._size_bytes += _size_bytes(message)
        self._last_of_subject[message.subject] = sequence
        if message.message_id is not None:
            self._ids[message.message_id] = (sequence, now_ns)
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
        return sequence

    def _forget_old_ids(self) -> None:
        oldest_ns = self._clock.now_ns - DEDUP_WINDOW_NS
        while self._ids:
            message_id, (_, at_ns) = next(iter(self._ids.items()))
            if at_ns >= oldest_ns:
                return
            del self._ids[message_id]

    def _between(self, first: int, last: int) -> list[Record]:
        return self._records[bisect_left(self._sequences, first) : bisect_left(self._sequences, last + 1)]


class MemoryJournal:
    """Both streams of a cluster and the clock that they share."""

    def __init__(self, cluster: str = "default", *, now_ns: int = 0) -> None:
        self.cluster = cluster
        self.clock = MemoryClock(now_ns)
        token = encode_token(cluster)
        self.events = MemoryStream(f"LWS_EVENTS_{token}", f"{EVENTS}.{token}", clock=self.clock)
        self.decisions = MemoryStream(f"LWS_DECISIONS_{token}", f"{DECISIONS}.{token}", clock=self.clock)
        self.logs = MemoryLogs()
        self.snapshots = MemoryStream(
            f"LWS_SNAPSHOTS_{token}", f"{SNAPSHOTS}.{token}", clock=self.clock, only_last_of_subject=True
        )
        self.audit = MemoryStream(f"LWS_AUDIT_{token}", f"{AUDIT}.{token}", clock=self.clock)
        self.seals = MemoryStream(f"LWS_SEALS_{token}", f"{SEALS}.{token}", clock=self.clock)

    @property
    def journal(self) -> Journal:
        """The journal as the port has it."""
        return Journal(self.cluster, self.events, self.decisions, self.logs, self.snapshots, self.audit, self.seals)

    def advance_to(self, now_ns: int) -> None:
        """Move the clock forward; timers fire in order, each at its own time."""
        while (due_ns := self.events.next_timer_ns()) is not None and due_ns <= now_ns:
            self.clock.now_ns = max(self.clock.now_ns, due_ns)
            self.events.fire_due()
        self.clock.now_ns = max(self.clock.now_ns, now_ns)


def _size_bytes(message: Message) -> int:
    return _RECORD_OVERHEAD_BYTES + len(message.subject) + len(message.data) + len(message.message_id or "")


def _batches(records: list[Record]) -> list[list[Record]]:
    return [records[start : start + BATCH_MESSAGES_MAX] for start in range(0, len(records), BATCH_MESSAGES_MAX)]
