"""When a journal begins and ends, by the times that were recorded in its events."""

from contextlib import aclosing

import msgspec

from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Stream
from lws_events import events


async def first_event_ms(stream: Stream) -> int | None:
    """When the first event that is there was recorded; None in an empty journal.

    Raises ``JournalUnavailable``, ``JournalDamaged``.
    """
    async with aclosing(stream.read(from_sequence=1, follow=False)) as batches:
        async for batch in batches:
            return _recorded_ms(batch[0].sequence, batch[0].data)
    return None


async def last_event_ms(stream: Stream) -> int | None:
    """When the last event was recorded; None in an empty journal. Raises as ``first_event_ms``."""
    last = await stream.last_sequence()
    async with aclosing(stream.read(from_sequence=max(last, 1), follow=False)) as batches:
        async for batch in batches:
            return _recorded_ms(batch[-1].sequence, batch[-1].data)
    return None


def _recorded_ms(sequence: int, data: bytes) -> int:
    try:
        return events.decode(data).at_ms
    except msgspec.DecodeError as error:
        raise JournalDamaged(f"event {sequence} cannot be read: {error}") from error
