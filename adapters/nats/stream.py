"""A stream of the journal on JetStream: appends with dedup and fences, last records, timers. ``reader`` reads it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from adapters.journal.errors import Fenced, JournalReadOnly, JournalUnavailable, MessageRefused
from adapters.journal.port import (
    BATCH_MESSAGES_MAX,
    Appended,
    Latest,
    Message,
    Record,
    StreamInfo,
)
from adapters.journal.subject_filter import matcher
from adapters.nats import wire
from adapters.nats.connection import Connection
from adapters.nats.reader import read_records
from adapters.nats.stream_names import StreamNames
from adapters.nats.streams import FIRED_TIMER_TTL

PATIENCE_SECONDS: Final = 30.0
"""How long a reading that has an end waits for a server that is away: somebody is waiting for that end."""

_SUBJECTS_PER_REQUEST: Final = 500
"""JetStream answers for at most 1,024; half of it keeps a request below the default payload limit of 1 MB."""

_IN_A_ROW_MAX: Final = 8
"""A batch costs the server 2 ms however small it is, a message 0.2 ms when nobody waits in between.

Not on a cluster: there the fence is looked at once more when a server applies what its leader has let pass, and where a
leader was lost in between a server gives its copy of the stream up ("last msgid mismatch", "critical write error").
"""

_LAG_MAX: Final = 4096
"""By how many records a server of a cluster may lag behind and still answer: one that has to catch up does not."""

_SUBJECTS_LISTED_MAX: Final = 100_000
"""How many subjects one ``STREAM.INFO`` lists."""


class NatsStream:
    """One stream, on a connection that others share. Passes the contract suite of ``adapters.journal.port``."""

    def __init__(self, connection: Connection, name: str, root: str, *, read_only: bool = False) -> None:
        self.name = name
        self.root = root
        self._connection = connection
        self._read_only = read_only

    async def append(
        self, messages: Sequence[Message], *, expected_last_sequence: int | None = None, atomic: bool = True
    ) -> Appended:
        self._admit(messages)
        sequences: list[int] = []
        duplicates = 0
        expected = expected_last_sequence
        for start in range(0, len(messages), BATCH_MESSAGES_MAX):
            appended = await self._append_some(messages[start : start + BATCH_MESSAGES_MAX], expected, atomic=atomic)
            sequences.extend(appended.sequences)
            duplicates += appended.duplicates
            expected = None if expected is None else max(expected, appended.last_sequence)
        return Appended(sequences, duplicates)

    async def latest(self, subject_filter: str, *, up_to: int | None = None) -> Latest:
        last = await self.last_sequence()
        limit = last if up_to is None else min(up_to, last)
        if limit == 0:
            return Latest(0, [])
        records = await self._last_of([subject_filter], limit)
        if records is None:
            subjects = await self._subjects(subject_filter)
            records = []
            for start in range(0, len(subjects), _SUBJECTS_PER_REQUEST):
                records += await self._last_of(subjects[start : start + _SUBJECTS_PER_REQUEST], limit) or []
        found = {record.subject: record for record in records}
        if self._connection.is_clustered:  # any server may have answered, also one that lags behind
            first = max(limit - _LAG_MAX, 1)
            async for batch in self.read(
                from_sequence=first, to_sequence=limit, subject_filter=subject_filter, follow=False
            ):
                found |= {record.subject: record for record in batch}
        return Latest(limit, sorted(found.values(), key=lambda record: record.sequence))

    async def read(
        self,
        *,
        from_sequence: int = 1,
        to_sequence: int | None = None,
        subject_filter: str | None = None,
        follow: bool,
    ) -> AsyncGenerator[Sequence[Record], None]:
        if not follow and from_sequence == to_sequence:
            record = await self._record_at(from_sequence)
            if record is not None:
                if matcher(subject_filter or f"{self.root}.>")(record.subject):
                    yield [record]
                return
        wanted, limit = subject_filter or f"{self.root}.>", to_sequence
        if not follow:
            last = await self.last_sequence()
            limit = last if limit is None else min(limit, last)
        batches = read_records(
            self._connection,
            self.name,
            subject_filter=wanted,
            from_sequence=from_sequence,
            to_sequence=limit,
            is_all=partial(self._is_all, wanted),
            patience_seconds=None if follow else PATIENCE_SECONDS,
        )
        try:
            async for batch in batches:
                yield batch
        finally:
            await batches.aclose()

    async def purge(self, *, before: int, subject_filter: str | None = None) -> None:
        if self._read_only:
            raise JournalReadOnly(f"stream {self.name} was opened to be read only")
        before = min(before, await self.last_sequence() + 1)  # JetStream would go on after whatever it is told
        if before <= 1:  # JetStream would take this for all
            return
        body = {"seq": before} if subject_filter is None else {"seq": before, "filter": subject_filter}
        await wire.api(self._connection, f"STREAM.PURGE.{self.name}", body)

    async def last_sequence(self) -> int:
        return (await self.info()).last_sequence

    async def info(self) -> StreamInfo:
        answer = await wire.api(self._connection, f"STREAM.INFO.{self.name}")
        state = answer["state"]
        return StreamInfo(
            name=self.name,
            first_sequence=state["first_seq"],
            last_sequence=state["last_seq"],
            messages=state["messages"],
            size_bytes=state["bytes"],
            size_bytes_max=answer["config"]["max_bytes"],
            created_at_ns=wire.parse_time(answer["created"]),
        )

    async def _is_all(self, wanted: str, first: int, last: int) -> bool:
        """Whether no record of the filter is to come from ``first`` to ``last``.

        In a cluster a consumer is on any of the servers. That nothing is left there says little: what the others have
        acknowledged may still be on its way to it.
        """
        if await self.last_sequence() < last:
            return False
        if not self._connection.is_clustered:
            return True
        following = await wire.next_sequence(self._connection, self.name, wanted, from_sequence=first)
        return following is None or following > last

    async def _append_some(self, messages: Sequence[Message], expected: int | None, *, atomic: bool) -> Appended:
        """The cheapest way that keeps the promise: one message, a few in a row, or a batch."""
        if len(messages) == 1:
            stored = await self._append_one(messages[0], expected)
            return Appended([stored.sequence], int(stored.duplicate))
        just_stored = 0
        in_a_row = not atomic and expected is None and len(messages) <= _IN_A_ROW_MAX
        if in_a_row and not self._connection.is_clustered:
            acknowledged = await self._append_in_a_row(messages)
            just_stored = sum(not stored.duplicate for stored in acknowledged)
            if len(acknowledged) == len(messages):
                return Appended([stored.sequence for stored in acknowledged], len(messages) - just_stored)
        try:
            stored = await wire.publish_batch(self._connection, messages, expected_last_sequence=expected)
        except wire.DuplicateInBatch:
            appended = await self._append_singly(messages, expected)
            return Appended(appended.sequences, appended.duplicates - just_stored)
        return Appended(range(stored.sequence - len(messages) + 1, stored.sequence + 1))

    async def _append_in_a_row(self, messages: Sequence[Message]) -> Sequence[wire.Acknowledgement]:
        """Send all without waiting in between; each is fenced by the id of the one before, so that none overtakes.

        Fewer answers than messages: one was refused (an id is known, something came between) and all after it too, or
        it cannot be done this way at all; the caller goes on from the beginning.
        """
        ids = [message.message_id for message in messages]
        if None in ids or any(message.expected_subject_sequence is not None for message in messages):
            return []
        answers = await asyncio.gather(
            *(
                wire.publish(self._connection, message, expected_last_id=before)
                for message, before in zip(messages, [None, *ids], strict=False)
            ),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Fenced):
                raise answer
        return [answer for answer in answers if isinstance(answer, wire.Acknowledgement)]

    async def _append_singly(self, messages: Sequence[Message], expected: int | None) -> Appended:
        sequences: list[int] = []
        duplicates = 0
        for message in messages:
            stored = await self._append_one(message, expected)
            sequences.append(stored.sequence)
            duplicates += stored.duplicate
            expected = None if expected is None else max(expected, stored.sequence)
        return Appended(sequences, duplicates)

    async def _append_one(self, message: Message, expected: int | None) -> wire.Acknowledgement:
        try:
            return await wire.publish(self._connection, message, expected_last_sequence=expected)
        except Fenced:
            if message.message_id is None:
                raise
        try:
            return await wire.publish_batch(self._connection, [message], expected_last_sequence=expected)
        except wire.DuplicateInBatch:
            # It is stored: without a fence the same message stores nothing and is answered with its sequence.
            unfenced = msgspec.structs.replace(message, expected_subject_sequence=None)
            return await wire.publish(self._connection, unfenced)

    async def _record_at(self, sequence: int) -> Record | None:
        """A single record the short way; None where that does not lead to it, and it is to be read like others."""
        try:
            return await wire.record_at(self._connection, self.name, sequence)
        except JournalUnavailable:
            return None

    async def _last_of(self, subjects: Sequence[str], limit: int) -> list[Record] | None:
        records: list[Record] = []
        first = 1
        while True:
            page = await wire.last_of_subjects(self._connection, self.name, subjects, up_to=limit, first=first)
            if page is None:
                return None
            found, pending = page
            records += found
            if not pending or not found:
                return records
            first = found[-1].sequence + 1

    async def _subjects(self, subject_filter: str) -> list[str]:
        found: list[str] = []
        while True:
            body = {"subjects_filter": subject_filter, "offset": len(found)}
            page: dict[str, Any] = await wire.api(self._connection, f"STREAM.INFO.{self.name}", body)
            subjects: dict[str, int] = page["state"].get("subjects") or {}
            found += subjects
            if len(subjects) < _SUBJECTS_LISTED_MAX:
                return sorted(found)

    def _admit(self, messages: Sequence[Message]) -> None:
        if self._read_only:
            raise JournalReadOnly(f"stream {self.name} was opened to be read only")
        if not messages:
            raise MessageRefused("an append needs at least one message")
        for message in messages:
            if not message.subject.startswith(self.root + "."):
                raise MessageRefused(f"subject {message.subject} is not below {self.root} of stream {self.name}")


class NatsEventStream(NatsStream):
    """The stream of events, with its timers."""

    def __init__(self, connection: Connection, names: StreamNames, *, read_only: bool = False) -> None:
        super().__init__(connection, names.events, names.events_root, read_only=read_only)
        self._names = names

    async def schedule(self, subject: str, *, fire_at_ns: int, data: bytes) -> None:
        self._admit([Message(subject, data)])
        definition = Message(self._names.schedule_subject(subject), data)
        await wire.publish(
            self._connection,
            definition,
            extra={
                "Nats-Schedule": f"@at {wire.format_time(fire_at_ns)}",
                "Nats-Schedule-Target": self._names.fired_subject(subject),
                "Nats-Schedule-TTL": FIRED_TIMER_TTL,
            },
        )

    async def cancel(self, subject: str) -> None:
        self._admit([Message(subject, b"")])
        body = {"filter": self._names.schedule_subject(subject)}
        await wire.api(self._connection, f"STREAM.PURGE.{self._names.timers}", body)
