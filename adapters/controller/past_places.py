"""Make a place in the past at which a journal can begin, by folding it up to there with what was recorded.

Places are otherwise taken while a leader works. A journal that was filled before it had limits has none, and one that
is full gets no more events after which another would be taken.
"""

import asyncio
from contextlib import aclosing
from typing import Final

from adapters.controller.recorded import RecordedDecisions
from adapters.journal.epoch import epochs
from adapters.journal.errors import JournalDamaged, JournalUnavailable
from adapters.journal.extents import recorded_ms
from adapters.journal.port import Journal, Record
from adapters.journal.retention.limits import Extent, Limits, Place, over_by_size
from adapters.journal.snapshots.beginning import begin
from adapters.journal.snapshots.generations import store_snapshot, store_sweep
from lws_events import events
from lws_events.decisions import MACHINE_VERSION
from lws_events.fleet import Fleet
from lws_events.snapshots import STATE_VERSION, Sweep, record_digest, take_snapshot

_AT_ONCE: Final = 50
"""Events folded without letting other tasks run: nothing waits for this."""


async def place_to_begin(journal: Journal, limits: Limits, extent: Extent) -> Place | None:
    """The latest place from which on as much is there as is to be kept, made now; None where nothing is over a limit.

    Raises ``JournalUnavailable``, and ``JournalDamaged`` where the journal cannot be folded up to there.
    """
    first = (await journal.events.info()).first_sequence
    sequence = over_by_size(limits, extent)
    if limits.age_ms is not None:
        old = await _last_before(journal, extent.now_ms - limits.age_ms, first=first, last=extent.last_sequence)
        sequence = max(sequence, old)
    return await _place_at(journal, sequence) if sequence > first else None


async def _last_before(journal: Journal, at_ms: int, *, first: int, last: int) -> int:
    """The last event that was recorded by a time: times grow with sequences, nearly; 0 where there is none."""
    low, high = max(first, 1) - 1, last
    while low < high:
        middle = (low + high + 1) // 2
        recorded = await recorded_ms(journal.events, middle)
        if recorded is not None and recorded <= at_ms:
            low = middle
        else:
            high = middle - 1
    return low if low >= first else 0


async def _place_at(journal: Journal, sequence: int) -> Place:
    assert journal.snapshots is not None, "a journal without snapshots can only begin at its beginning"
    restored = await begin(journal, from_newest=False, up_to=sequence)
    fleet = restored.fleet if restored is not None else Fleet()
    if restored is not None and restored.ahead:
        raise JournalDamaged("the snapshots from which the journal begins are not of one moment")
    known = [epoch async for epoch in epochs(journal.events, journal.cluster)]
    known = known if not fleet.epoch or fleet.epoch in known else [fleet.epoch, *known]
    after = restored.decisions if restored is not None else 0
    async with aclosing(RecordedDecisions(journal.decisions, epochs=known, after=after)) as recorded:
        if fleet.epoch:
            recorded.epoch_started(fleet.epoch)
        last = await _fold(journal, fleet, recorded, to_sequence=sequence)
        through = recorded.through
    digest = record_digest(last.subject, last.data)
    place = Place(sequence, events.decode(last.data).at_ms)
    for name in sorted(fleet.aggregates):
        state = fleet.aggregates[name]
        data = take_snapshot(state, epoch=fleet.epoch, sequence=sequence, decisions=through, digest=digest)
        await store_snapshot(journal.snapshots, place.generation, name, data)
    sweep = Sweep(
        state_version=STATE_VERSION,
        machine=MACHINE_VERSION,
        epoch=fleet.epoch,
        sequence=sequence,
        decisions=through,
        digest=digest,
        sets=tuple((name.namespace, name.name, sequence) for name in sorted(fleet.aggregates)),
    )
    await store_sweep(journal.snapshots, place.generation, sweep)
    return place


async def _fold(journal: Journal, fleet: Fleet, recorded: RecordedDecisions, *, to_sequence: int) -> Record:
    last: Record | None = None
    reading = journal.events.read(from_sequence=fleet.sequence + 1, to_sequence=to_sequence, follow=False)
    async with aclosing(reading) as batches:
        async for batch in batches:
            for number, record in enumerate(batch):
                if record.sequence != fleet.sequence + 1:
                    raise JournalDamaged(
                        f"stream {journal.events.name}: the events from {fleet.sequence + 1} to {record.sequence - 1} "
                        "are missing"
                    )
                envelope = events.decode(record.data)
                if isinstance(envelope.fact, events.EpochStarted):
                    recorded.epoch_started(envelope.fact.epoch)
                decision = await recorded.take(record.sequence)
                fleet.recall(record.sequence, record.subject, envelope, decision)
                last = record
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
    if last is None or fleet.sequence != to_sequence:
        raise JournalUnavailable(f"the journal could not be read up to event {to_sequence}")
    return last
