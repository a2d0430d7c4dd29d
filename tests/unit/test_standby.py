"""A standby takes in what the leader decides, so that a take-over costs only the rest; and steps down in time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from adapters.controller import engine as engine_module
from adapters.controller.engine import Engine
from adapters.controller.journals import begin_epoch_if_needed
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Journal, Message
from lws_events import events
from tests.scenario import Scenario
from tests.unit.test_engine import (
    CollectingExecutor,
    NoMetrics,
    append,
    recorded,
    running,
    until_folded,
    until_recorded,
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby that looks all the time."""
    monkeypatch.setattr(engine_module, "_FOLLOW_SECONDS", 0.0)


@contextlib.asynccontextmanager
async def following(journal: Journal) -> AsyncIterator[tuple[Engine, CollectingExecutor]]:
    """An engine that stands by; it no longer does after the block."""
    executor = CollectingExecutor(journal)
    engine = Engine(journal, executor, metrics=NoMetrics())
    task = asyncio.create_task(engine.follow())
    try:
        yield engine, executor
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def lose_tail(memory: MemoryJournal, *, events_kept: int, decisions_kept: int) -> None:
    """As a server that comes back without the end of both streams. What is left was stored at another time."""
    left = MemoryJournal("test", now_ns=1)
    for stream, target, kept in (
        (memory.events, left.events, events_kept),
        (memory.decisions, left.decisions, decisions_kept),
    ):
        for record in stream.records[:kept]:
            await target.append([Message(record.subject, record.data, record.message_id)])
        vars(stream).update(vars(target))


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    return told


@pytest.mark.parametrize("seen", [1, 5, 9, 14, 20, 23])
async def test_a_take_over_goes_on_where_the_leader_ended(scenario: Scenario, seen: int) -> None:
    journal = MemoryJournal("test").journal
    async with following(journal) as (standby, executor):
        async with running(journal) as (leader, _):
            await append(journal, scenario, end=seen)
            await until_folded(leader, seen)
        last = decided[-1].cause if (decided := await recorded(journal)) else 0
        await until_folded(standby, last)
        assert standby.fleet.sequence == last, "about later events it is not known that nothing follows"
        assert executor.submitted == [], "a standby hands nothing out"
        await append(journal, scenario, start=seen)
    assert [decision.cause for decision in await recorded(journal)] == [each.cause for each in decided]
    taking_over = asyncio.create_task(standby.run())
    try:
        await until_folded(standby, scenario.sequence)
        assert await until_recorded(journal, len(scenario.decisions)) == scenario.decisions
    finally:
        taking_over.cancel()
        await asyncio.gather(taking_over, return_exceptions=True)


async def test_a_take_over_reads_only_what_the_standby_has_not(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    await append(memory.journal, scenario)
    async with running(memory.journal):
        pass
    async with following(memory.journal) as (standby, _):
        await until_folded(standby, scenario.decisions[-1].cause)
    read_from: list[int] = []
    reading = memory.events.read

    def noted(*, from_sequence: int = 1, subject_filter: str | None = None, **rest: object) -> object:
        if subject_filter is None:
            read_from.append(from_sequence)
        return reading(from_sequence=from_sequence, subject_filter=subject_filter, **rest)  # type: ignore[arg-type]

    memory.events.read = noted  # type: ignore[assignment,method-assign]
    taking_over = asyncio.create_task(standby.run())
    await asyncio.wait_for(standby.caught_up.wait(), 10)
    taking_over.cancel()
    await asyncio.gather(taking_over, return_exceptions=True)
    assert min(read_from) == scenario.decisions[-1].cause


async def test_a_standby_whose_past_was_lost_begins_anew(scenario: Scenario) -> None:
    lived = MemoryJournal("test")
    await append(lived.journal, scenario)
    async with running(lived.journal):
        pass
    async with following(lived.journal) as (standby, _):
        await until_folded(standby, scenario.decisions[-1].cause)
        await lose_tail(lived, events_kept=9, decisions_kept=3)
        await begin_epoch_if_needed(lived.journal)
        async with running(lived.journal) as (leader, _):
            for sequence, subject, envelope in scenario.recorded[9:]:
                if not isinstance(envelope.fact, events.Outcome | events.EpochStarted):
                    await lived.events.append([Message(subject, events.encode(envelope), f"again-{sequence}")])
            await until_folded(leader, await lived.events.last_sequence())
        decided = await recorded(lived.journal)
        await until_folded(standby, decided[-1].cause)
        async with asyncio.timeout(10):
            while standby.fleet.epoch != decided[-1].epoch:
                await asyncio.sleep(0)
        async with following(lived.journal) as (fresh, _):
            await until_folded(fresh, decided[-1].cause)
            assert standby.fleet.aggregates == fresh.fleet.aggregates
