"""The leader seals every so many events, after some time, at a stop and before the journal is cut; never in the way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from adapters.controller.caretaking import Caretaker
from adapters.controller.keeping import Keeping
from adapters.controller.sealer import Sealer, SealRhythm
from adapters.journal.errors import JournalFull, JournalUnavailable
from adapters.journal.memory import MemoryJournal
from adapters.journal.retention.limits import Limits, Place
from adapters.journal.seals.model import EDGE, decode
from adapters.observability.metrics import Metrics
from tests.scenario import Scenario
from tests.tampering import begin_epoch, changed, check, grow, replace, sealed
from tests.unit.test_engine import append, running, until_folded
from tests.unit.virtual_clocks import LeapingClock

MINUTE = SealRhythm(events=50, seconds=60.0)


class Sealed:
    """A sealer at work on a journal in memory, and how many events its engine has taken in."""

    def __init__(self, memory: MemoryJournal, rhythm: SealRhythm) -> None:
        self.memory = memory
        self.through = 0
        self.metrics = Metrics()
        self.clock = LeapingClock()
        self.sealer = Sealer(
            memory.journal,
            ready=asyncio.Event(),
            through=lambda: self.through,
            clock=self.clock,
            rhythm=rhythm,
            metrics=self.metrics.journal_life(),
        )
        self.sealer._ready.set()

    def value(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"lws_events_journal_{name}")

    async def until(self, seals: int) -> None:
        async with asyncio.timeout(20):
            while await self.memory.seals.last_sequence() < seals:
                await asyncio.sleep(0)

    async def look(self, times: int = 30) -> None:
        for _ in range(times):
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def at_work(memory: MemoryJournal, rhythm: SealRhythm = MINUTE) -> AsyncIterator[Sealed]:
    work = Sealed(memory, rhythm)
    task = asyncio.create_task(work.sealer.run())
    try:
        yield work
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def memory() -> MemoryJournal:
    memory = MemoryJournal("test", now_ns=1)
    await begin_epoch(memory, "e1")
    return memory


async def test_a_new_journal_is_sealed_at_once_and_then_after_events_or_time(memory: MemoryJournal) -> None:
    async with at_work(memory) as work:
        await grow(memory, 4)
        work.through = 5
        await work.until(1)
        assert work.value("sealed_sequence") == 5
        await grow(memory, 60)
        work.through = 65
        await work.until(2)
        await grow(memory, 2)
        work.through = 67
        await work.until(3)
        first, second, third = [decode(record.data) for record in memory.seals.records]
        assert (first.events.through, second.events.through, third.events.through) == (5, 65, 67)
        assert third.at_ms - second.at_ms >= 60_000
        assert work.value("seal_timestamp_seconds") == third.at_ms / 1000
        assert work.value("seal_broken") == 0
    assert (await check(memory)).is_sound


async def test_nothing_is_sealed_while_nothing_happens(memory: MemoryJournal) -> None:
    async with at_work(memory) as work:
        work.through = 1
        await work.until(1)
        await work.look(300)
        assert len(memory.seals.records) == 1


@pytest.mark.parametrize("error", [JournalUnavailable, JournalFull])
async def test_a_place_for_seals_that_is_away_is_tried_again(
    memory: MemoryJournal, error: type[JournalUnavailable], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise error("away")

    with monkeypatch.context() as away:
        away.setattr(memory.seals, "append", refuse)
        async with at_work(memory) as work:
            work.through = 1
            await work.look(50)
            assert not memory.seals.records
            away.undo()
            await work.until(1)


async def test_a_changed_journal_is_told_at_the_start_of_a_leader() -> None:
    memory = await sealed((5,))
    replace(memory.events, [*memory.events.records[:-1], changed(memory.events.records[-1])])
    async with at_work(memory, SealRhythm(events=1)) as work:
        await grow(memory, 1)
        work.through = 7
        await work.until(2)
        assert work.value("seal_broken") == 1


async def test_at_a_stop_everything_is_sealed(memory: MemoryJournal) -> None:
    async with at_work(memory) as work:
        work.through = 1
        await work.until(1)
    await grow(memory, 3)
    await work.sealer.finish(seconds_max=5)
    assert decode(memory.seals.records[-1].data).events.through == 4
    memory.seals.unavailable = True
    await grow(memory, 1)
    await work.sealer.finish(seconds_max=5)


async def test_the_edge_is_sealed_before_a_leader_cuts_its_journal() -> None:
    scenario = Scenario()
    scenario.run()
    memory, metrics = MemoryJournal("test", now_ns=1), Metrics()
    value = metrics.registry.get_sample_value
    async with running(memory.journal) as (engine, _):
        keeping = Keeping(snapshot_events=5, limits=Limits(events=5))
        caretaker = Caretaker(
            memory.journal, engine, clock=LeapingClock(), keeping=keeping, metrics=metrics.journal_life()
        )
        task = asyncio.create_task(caretaker.run())
        try:
            for start in range(0, scenario.sequence, 6):
                await append(memory.journal, scenario, start=start, end=start + 6)
                end = min(start + 6, scenario.sequence)
                await until_folded(engine, end)
                async with asyncio.timeout(20):
                    while (value("lws_events_snapshot_sequence") or 0) <= end - keeping.snapshot_events:
                        await asyncio.sleep(0)
            async with asyncio.timeout(20):
                while not value("lws_events_journal_purged_events_total"):
                    await asyncio.sleep(0)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await caretaker.finish()
        await caretaker.seal_the_end()
    info = await memory.events.info()
    assert info.first_sequence > 1
    assert EDGE in {decode(record.data).kind for record in memory.seals.records}
    found = await check(memory)
    assert found.is_sound, found
    assert found.seals.proven["events"][0].first == info.first_sequence
    assert found.seals.unsealed["events"] == 0
    assert value("lws_events_journal_purged_events_total") == info.first_sequence - 1
    assert value("lws_events_journal_first_sequence", {"stream": "events"}) is not None
    assert value("lws_events_journal_keep", {"limit": "events"}) == 5
    assert (value("lws_events_snapshot_sequence") or 0) > 0


async def test_what_cannot_be_sealed_is_not_purged(memory: MemoryJournal) -> None:
    work = Sealed(memory, MINUTE)
    await work.sealer.before_purge(Place(1, 0))  # there are no snapshots of that place
    assert not memory.seals.records
