"""When a journal begins and ends, by the times that were recorded in its events."""

from contextlib import aclosing

import msgspec

from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Record, Stream
from lws_events import events


async def first_event_ms(stream: Stream) -> int | None:
    """When the first event that is there was recorded; None in an empty journal.

    Raises ``JournalUnavailable``, ``JournalDamaged``.
    """
    async with aclosing(stream.read(follow=False)) as batches:
        async for batch in batches:
            return _time_of(batch[0])
    return None


async def last_event_ms(stream: Stream) -> int | None:
    """When the last event was recorded; None in an empty journal. Raises as ``first_event_ms``."""
    return await recorded_ms(stream, await stream.last_sequence())


async def recorded_ms(stream: Stream, sequence: int) -> int | None:
    """When an event was recorded; None where it is not there. Raises as ``first_event_ms``."""
    if sequence < 1:
        return None
    async with aclosing(stream.read(from_sequence=sequence, to_sequence=sequence, follow=False)) as batches:
        async for batch in batches:
            return _time_of(batch[0])
    return None


def _time_of(record: Record) -> int:
    try:
        return events.decode(record.data).at_ms
    except msgspec.DecodeError as error:
        raise JournalDamaged(f"event {record.sequence} on {record.subject} cannot be read: {error}") from error
