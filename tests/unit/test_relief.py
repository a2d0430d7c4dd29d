"""A journal that is full, and gets limits or lower ones: what is over them goes, and work goes on."""

import asyncio

import msgspec
import pytest

from adapters.controller.caretaking import Caretaker
from adapters.controller.engine import Engine
from adapters.controller.keeping import Keeping
from adapters.controller.past_places import place_to_begin
from adapters.controller.relief import Relief
from adapters.journal.archive.checking import check_journal
from adapters.journal.epoch import current_epoch
from adapters.journal.errors import JournalFull
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Message
from adapters.journal.retention.limits import Extent, Limits
from adapters.journal.snapshots.generations import load
from adapters.observability.metrics import Metrics
from lws_events import events
from tests.scenario import Scenario
from tests.tampering import SAMPLE
from tests.unit.test_engine import append, running, until_folded
from tests.unit.test_snapshots import states
from tests.unit.virtual_clocks import LeapingClock

KEEP = Keeping(limits=Limits(events=10))
PURGED = "lws_events_journal_purged_events_total"
LOOKS = 50
"""Of all that looks after the journal: each has looked several times then."""


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    for number in range(20):
        told.pod(f"sample-0-{1 + number % 2}", ready=bool(number % 3))
    return told


async def filled(scenario: Scenario, *, end: int) -> MemoryJournal:
    """A journal that was written without limits, and is full."""
    memory = MemoryJournal("test", now_ns=1)
    async with running(memory.journal) as (engine, _):
        await append(memory.journal, scenario, end=end)
        await until_folded(engine, end)
    memory.events.size_bytes_max = memory.events._size_bytes
    with pytest.raises(JournalFull):
        await append(memory.journal, scenario, start=end)
    return memory


async def relieved(memory: MemoryJournal, engine: Engine, metrics: Metrics, keeping: Keeping = KEEP) -> None:
    """Let a leader's caretaker look at the journal, until it has purged what is over, or has looked often."""
    is_over = keeping == KEEP
    clock = LeapingClock()
    caretaker = Caretaker(memory.journal, engine, clock=clock, keeping=keeping, metrics=metrics.journal_life())
    task = asyncio.create_task(caretaker.run())
    try:
        async with asyncio.timeout(20):
            while not (metrics.registry.get_sample_value(PURGED) if is_over else clock.slept[LOOKS:]):
                await asyncio.sleep(0.001)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_full_journal_that_gets_limits_is_cut_where_they_say_and_goes_on(scenario: Scenario) -> None:
    end = scenario.sequence - 6
    memory, whole, metrics = await filled(scenario, end=end), MemoryJournal("test", now_ns=1), Metrics()
    async with running(memory.journal) as (engine, _):
        await relieved(memory, engine, metrics)
        info = await memory.events.info()
        assert info.first_sequence == end - 10
        assert metrics.registry.get_sample_value(PURGED) == end - 11
        epoch = await current_epoch(memory.events, "test")
        assert epoch is not None
        assert epoch.sequence > end
        await append(memory.journal, scenario, start=end)
        await until_folded(engine, scenario.sequence + 1)
    async with running(whole.journal) as (engine, _):
        await append(whole.journal, scenario, end=end)
        told = memory.events.records[end - info.first_sequence + 1]
        await whole.events.append([Message(told.subject, told.data, told.message_id)])
        await append(whole.journal, scenario, start=end)
        await until_folded(engine, scenario.sequence + 1)
        expected = states(engine)
    async with running(memory.journal) as (engine, _):
        assert states(engine) == expected, "folding on from the place in the past gives the same"
    assert (await check_journal(memory.journal)).is_sound


async def test_a_place_in_the_past_is_what_a_leader_would_have_taken_then(scenario: Scenario) -> None:
    end = scenario.sequence - 6
    memory, shorter = await filled(scenario, end=end), MemoryJournal("test", now_ns=1)
    place = await place_to_begin(memory.journal, Limits(events=14), Extent(end, 1.0, now_ms=0))
    assert place is not None
    assert place.sequence == end - 14
    loaded = await load(memory.events, memory.snapshots, place.generation, any_machine=False)
    assert loaded is not None
    async with running(shorter.journal) as (engine, _):
        await append(shorter.journal, scenario, end=place.sequence)
        await until_folded(engine, place.sequence)
        await engine.settled()
        assert msgspec.json.encode(loaded.fleet.aggregates[SAMPLE]) == msgspec.json.encode(
            engine.fleet.aggregates[SAMPLE]
        )
    assert loaded.decisions == await shorter.decisions.last_sequence()


@pytest.mark.parametrize("limits", [Limits(events=1000), Limits(size_bytes=10**9), Limits(age_ms=10**15)])
async def test_what_is_not_over_a_limit_stays_and_the_journal_waits(scenario: Scenario, limits: Limits) -> None:
    memory = await filled(scenario, end=scenario.sequence - 6)
    metrics = Metrics()
    async with running(memory.journal) as (engine, _):
        await relieved(memory, engine, metrics, Keeping(limits=limits))
    assert (await memory.events.info()).first_sequence == 1
    assert metrics.registry.get_sample_value(PURGED) == 0


async def test_by_age_the_last_event_that_is_old_enough_is_the_place(scenario: Scenario) -> None:
    memory = await filled(scenario, end=scenario.sequence - 6)
    times = [events.decode(record.data).at_ms for record in memory.events.records]
    extent = Extent(len(times), 1.0, now_ms=times[-1] + 1000)
    place = await place_to_begin(memory.journal, Limits(age_ms=1000), extent)
    assert place is not None
    assert place.sequence == len(times)
    none = await place_to_begin(memory.journal, Limits(age_ms=times[-1]), extent)
    assert none is None


async def test_a_journal_with_room_is_left_alone(scenario: Scenario) -> None:
    memory = await filled(scenario, end=scenario.sequence - 6)
    memory.events.size_bytes_max *= 2
    keeping = Keeping(limits=Limits(events=10))
    retention = keeping.retention(memory.journal, now_ms=lambda: 0)
    relief = Relief(memory.journal, retention, clock=LeapingClock(), now_ms=lambda: 0, metrics=Metrics().journal_life())
    assert not await relief._is_pressed()
    memory.decisions.size_bytes_max = memory.decisions._size_bytes
    assert await relief._is_pressed()
