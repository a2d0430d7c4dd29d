"""Finds the events that decisions name as their causes, without reading EVENTS more than once.

The past is read in one go, alongside the decisions, which stand in the order of their causes as a rule. What is decided
later has its cause looked up by its sequence. Of all that is read only the causes are decoded.
"""

import contextlib
from bisect import bisect_left
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Final, Self

import msgspec

from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Record, Stream
from lws_events import events
from projections.journal import RecordedEvent

_APART_MAX: Final = 64
"""Causes that are no farther apart are looked up together: so many records cost less than one more request."""


class Causes:
    """Looks up causes of one reader, which goes forward. ``past``: last sequence that is read in one go.

    An asynchronous context manager: what it has open ends with it.
    """

    def __init__(self, stream: Stream, *, subject_filter: str | None, past: int) -> None:
        self._stream = stream
        self._filter = subject_filter
        self._past = past
        self._reading: AsyncGenerator[Sequence[Record], None] | None = None
        self._batch: Sequence[Record] = ()
        self._read_from = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is not None:
            await self._reading.aclose()

    async def find(self, wanted: Iterable[int]) -> dict[int, RecordedEvent]:
        """The events of these sequences, without those that the journal does not have.

        Raises ``JournalUnavailable``, and ``JournalDamaged`` for one that cannot be read.
        """
        found: dict[int, RecordedEvent] = {}
        later: list[int] = []
        for sequence in sorted(set(wanted)):
            if self._read_from <= sequence <= self._past:
                record = await self._go_to(sequence)
                if record is not None:
                    found[sequence] = _decoded(record)
            else:
                later.append(sequence)
        for first, last in _runs(later):
            reading = self._stream.read(
                from_sequence=first, to_sequence=last, subject_filter=self._filter, follow=False
            )
            needed = set(later)
            async with contextlib.aclosing(reading) as batches:
                async for batch in batches:
                    found.update((record.sequence, _decoded(record)) for record in batch if record.sequence in needed)
        return found

    async def _go_to(self, sequence: int) -> Record | None:
        """The record of a sequence within the past; what is before it will not be read again."""
        if self._reading is None:
            self._reading = self._stream.read(
                from_sequence=sequence, to_sequence=self._past, subject_filter=self._filter, follow=False
            )
        while not self._batch or self._batch[-1].sequence < sequence:
            batch = await anext(self._reading, None)
            if batch is None:
                self._batch = ()
                break
            self._batch = batch
        self._read_from = sequence
        at = bisect_left(self._batch, sequence, key=lambda record: record.sequence)
        record = self._batch[at] if at < len(self._batch) else None
        return record if record is not None and record.sequence == sequence else None


def _runs(sequences: Sequence[int]) -> list[tuple[int, int]]:
    """Stretches of sequences that are close to each other."""
    runs: list[tuple[int, int]] = []
    for sequence in sequences:
        if runs and sequence - runs[-1][1] <= _APART_MAX:
            runs[-1] = (runs[-1][0], sequence)
        else:
            runs.append((sequence, sequence))
    return runs


def _decoded(record: Record) -> RecordedEvent:
    try:
        return RecordedEvent(record.sequence, record.subject, events.decode(record.data))
    except msgspec.DecodeError as error:
        raise JournalDamaged(f"event {record.sequence} on {record.subject} cannot be read: {error}") from error
