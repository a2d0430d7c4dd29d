"""From where to read: after an event that a consumer has seen, from a sequence or a time, from the start, from now on.

A consumer names the last event that it has seen by its id. The decision of that event is looked for, and found only if
it is that very one: a journal that has lost its tail hands sequences out again, and then a number alone would lead on
in another story without anybody noticing.

Decisions stand in the order of their epochs, and within one in the order of their causes, so that they can be searched
by halving; a journal that does not grow, as a file, is read from its beginning instead.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import msgspec

from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Journal, Record, Stream
from adapters.lifecycle_events.causes import Causes
from adapters.lifecycle_events.epochs import Epochs
from adapters.lifecycle_events.errors import PositionGone, PositionUnknown
from lws_events import decisions
from projections.lifecycle import EventId

_FROM_START: Final = "begin with ?from=start, or --from start, and leave out what you have seen by its id"


class Start(NamedTuple):
    """The first decision to be read, and the last of its facts that is left out."""

    sequence: int
    after_index: int = -1


FIRST: Final = Start(1)
"""Wherever the journal begins."""


class Positions:
    """Finds places in a journal. ``grows``: whether reading from the middle is cheap, as on a bus."""

    def __init__(self, journal: Journal, *, grows: bool) -> None:
        self._journal = journal
        self._grows = grows

    async def now(self) -> Start:
        """What is decided from now on."""
        return Start(await self._journal.decisions.last_sequence() + 1)

    async def after(self, seen: EventId) -> Start:
        """What follows an event. Raises ``PositionGone``, ``PositionUnknown``."""
        epochs = await Epochs.of(self._journal)
        key = epochs.key(seen.epoch, seen.cause)
        record = await self._first(lambda one: _true(_key(one, epochs) >= key))
        if record is not None:
            decision = _decoded(record)
            if (decision.epoch, decision.cause) == (seen.epoch, seen.cause):
                if seen.fact_index < len(decision.facts):
                    return Start(record.sequence, seen.fact_index)
                raise PositionUnknown(
                    f"decision {seen.epoch}-{seen.cause} has no fact {seen.fact_index}", hint=_FROM_START
                )
        raise await self._not_found(seen, known_epoch=epochs.knows(seen.epoch))

    async def at_event(self, sequence: int) -> Start:
        """What was decided by the event of a sequence, and after it. Raises ``PositionGone``, ``PositionUnknown``."""
        info = await self._journal.events.info()
        if sequence > info.last_sequence + 1:
            raise PositionUnknown(
                f"event {sequence} is still to come: the last one is {info.last_sequence}",
                hint="?from=now, or --from now, waits for what comes next",
            )
        if sequence < info.first_sequence:
            raise PositionGone(
                f"event {sequence} was purged: the journal begins at {info.first_sequence}", hint=_FROM_START
            )
        epochs = await Epochs.of(self._journal)
        key = epochs.present_key(sequence)
        return await self._from(lambda one: _true(_key(one, epochs) >= key))

    async def at_time(self, at_ms: int) -> Start:
        """What was decided by events of this time and later; without complaint where the journal begins later."""

        events = self._journal.events
        past = 0 if self._grows else await events.last_sequence()
        async with Causes(events, subject_filter=None, past=past) as causes:

            async def is_later(record: Record) -> bool:
                cause = _decoded(record).cause
                event = (await causes.find([cause])).get(cause)
                return (record.at_ns // 1_000_000 if event is None else event.envelope.at_ms) >= at_ms

            return await self._from(is_later)

    async def _from(self, reached: Callable[[Record], Awaitable[bool]]) -> Start:
        record = await self._first(reached)
        return await self.now() if record is None else Start(record.sequence)

    async def _first(self, reached: Callable[[Record], Awaitable[bool]]) -> Record | None:
        """The first decision that ``reached`` is true of; it is true of all after it."""
        stream = self._journal.decisions
        info = await stream.info()
        if not self._grows:
            return await _scan(stream, reached)
        low, high, found = max(info.first_sequence, 1), info.last_sequence + 1, None
        while low < high:
            middle = (low + high) // 2
            record = await _next(stream, middle, info.last_sequence)
            if record is None:
                high = middle
            elif await reached(record):
                high, found = middle, record
            else:
                low = record.sequence + 1
        return found

    async def _not_found(self, seen: EventId, *, known_epoch: bool) -> PositionGone | PositionUnknown:
        last = await self._journal.events.last_sequence()
        if known_epoch and seen.cause > last:
            return PositionUnknown(
                f"event {seen} is still to come, or was lost with the end of the journal, which now ends at {last}",
                hint=_FROM_START,
            )
        info = await self._journal.decisions.info()
        if info.first_sequence > 1:
            return PositionGone(
                f"event {seen} is not in the journal, whose beginning was purged: decisions begin at "
                f"{info.first_sequence}",
                hint=_FROM_START,
            )
        return PositionUnknown(
            f"event {seen} is not in the journal of cluster {self._journal.cluster!r}", hint=_FROM_START
        )


async def _true(value: bool) -> bool:
    return value


async def _scan(stream: Stream, reached: Callable[[Record], Awaitable[bool]]) -> Record | None:
    async with contextlib.aclosing(stream.read(follow=False)) as batches:
        async for batch in batches:
            for record in batch:
                if await reached(record):
                    return record
    return None


async def _next(stream: Stream, sequence: int, last: int) -> Record | None:
    """The first record from a sequence on. That of the sequence itself is there as a rule."""
    for to_sequence in (sequence, last):
        reading = stream.read(from_sequence=sequence, to_sequence=to_sequence, follow=False)
        async with contextlib.aclosing(reading) as batches:
            batch = await anext(batches, None)
        if batch:
            return batch[0]
    return None


def _key(record: Record, epochs: Epochs) -> tuple[int, int]:
    decision = _decoded(record)
    return epochs.key(decision.epoch, decision.cause)


def _decoded(record: Record) -> decisions.Decision:
    try:
        return decisions.decode(record.data)
    except msgspec.DecodeError as error:
        raise JournalDamaged(f"decision {record.sequence} on {record.subject} cannot be read: {error}") from error
