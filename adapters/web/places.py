"""Where in a journal to begin reading, found with a few single reads instead of reading all that is before."""

import contextlib
from collections.abc import Callable
from typing import Final

from adapters.journal.file import FileStream
from adapters.journal.port import Record, Stream
from adapters.reading.reader import JournalReader
from lws_events import decisions, events, subjects
from lws_events.subjects import SetName

_FAR_BACK: Final = 20_000
_FURTHER: Final = 8
_ENOUGH: Final = 2_000
"""Events of a set that are a past worth showing: with fewer, it is looked for further back."""


def first_of_window(reader: JournalReader, set_name: SetName, *, last: int, events_max: int) -> int:
    """The event to begin with so as to have the latest few thousand events of a set up to ``last``."""
    oldest = max(reader.wait(reader.journal.events.info()).first_sequence, 1)
    own, back = subjects.set_filter(reader.cluster, set_name), _FAR_BACK
    while True:
        start = max(oldest, last - back + 1)
        found = [event.sequence for event in reader.events(own, from_sequence=start, to_sequence=last)]
        if len(found) > events_max:
            return found[-events_max]
        if start == oldest or len(found) >= _ENOUGH:
            return start
        back *= _FURTHER


def epoch_before(reader: JournalReader, sequence: int) -> str:
    """The epoch in which an event stands; empty where none is recorded before it."""
    wanted = subjects.epoch_subject(reader.cluster)
    records = reader.wait(reader.journal.events.latest(wanted, up_to=sequence - 1)).records if sequence > 1 else ()
    fact = events.decode(records[-1].data).fact if records else None
    return fact.epoch if isinstance(fact, events.EpochStarted) else ""


def decisions_from(reader: JournalReader, cause: int) -> int:
    """A decision from which on all are read that are about this event or later ones."""

    def is_before(record: Record) -> bool:
        return decisions.decode(record.data).cause < cause

    # Several writers may be a little out of order around a take-over.
    return max(_bisected(reader, reader.journal.decisions, is_before) - 64, 1) if cause > 1 else 1


def decisions_since(reader: JournalReader, at_ns: int) -> int:
    """The first decision that was stored at or after a time."""
    return _bisected(reader, reader.journal.decisions, lambda record: record.at_ns < at_ns)


def _bisected(reader: JournalReader, stream: Stream, is_before: Callable[[Record], bool]) -> int:
    """The first record that is not before; in a file 1, for there a single read costs as much as all."""
    if isinstance(stream, FileStream):
        return 1
    info = reader.wait(stream.info())
    low, high = max(info.first_sequence, 1), info.last_sequence + 1
    while low < high:
        middle = (low + high) // 2
        record = _next_at(reader, stream, middle, high - 1)
        if record is None:
            high = middle
        elif is_before(record):
            low = record.sequence + 1
        else:
            high = middle
    return low


def _next_at(reader: JournalReader, stream: Stream, sequence: int, last: int) -> Record | None:
    """The record of a sequence, or the first behind it where that one is missing."""

    async def read() -> Record | None:
        for end in (sequence, last):
            batches = stream.read(from_sequence=sequence, to_sequence=end, follow=False)
            async with contextlib.aclosing(batches):
                batch = await anext(batches, None)
            if batch:
                return batch[0]
        return None

    return reader.wait(read())
