"""The engine between a journal and an executor: order, recovery and fencing, on the in-memory journal."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from adapters.controller.engine import Engine
from adapters.journal.errors import Fenced
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Journal, Message
from lws_events import commands, decisions, events
from lws_events.decisions import Decision, Issued
from lws_events.subjects import SetName
from tests.scenario import Scenario


class CollectingExecutor:
    """Keeps what it is given, and notes how many decisions the journal had at that moment."""

    def __init__(self, journal: Journal) -> None:
        self.submitted: list[Issued] = []
        self._journal = journal

    def submit(self, set_name: SetName, issued: Issued, *, again: bool = False) -> None:
        self.submitted.append(issued)

    @property
    def ids(self) -> list[str]:
        return [issued.id for issued in self.submitted if not isinstance(issued.command, commands.SetTimer)]


class NoMetrics:
    def event_folded(self, envelope: events.Envelope) -> None:
        pass

    def decided(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        pass

    def recalled(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        pass


@contextlib.asynccontextmanager
async def running(journal: Journal) -> AsyncIterator[tuple[Engine, CollectingExecutor]]:
    executor = CollectingExecutor(journal)
    engine = Engine(journal, executor, metrics=NoMetrics())
    task = asyncio.create_task(engine.run())
    try:
        await asyncio.wait_for(engine.caught_up.wait(), 10)
        yield engine, executor
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def append(journal: Journal, scenario: Scenario, *, start: int = 0, end: int | None = None) -> None:
    for sequence, subject, envelope in scenario.recorded[start:end]:
        await journal.events.append([Message(subject, events.encode(envelope), f"id-{sequence}")])


async def until_folded(engine: Engine, sequence: int) -> None:
    async with asyncio.timeout(10):
        while engine.fleet.sequence < sequence:
            await asyncio.sleep(0)


async def until_recorded(journal: Journal, count: int) -> list[Decision]:
    async with asyncio.timeout(10):
        while len(found := await recorded(journal)) < count:
            await asyncio.sleep(0)
    return found


async def recorded(journal: Journal) -> list[Decision]:
    found: list[Decision] = []
    async for batch in journal.decisions.read(follow=False):
        found += [decisions.decode(record.data) for record in batch]
    return found


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    return told


async def test_decisions_are_recorded_as_the_machine_makes_them(scenario: Scenario) -> None:
    journal = MemoryJournal("test").journal
    async with running(journal) as (engine, executor):
        await append(journal, scenario)
        await until_folded(engine, scenario.sequence)
        assert await until_recorded(journal, len(scenario.decisions)) == scenario.decisions
        assert executor.ids == [
            each.id for each in scenario.issued() if not isinstance(each.command, commands.SetTimer)
        ]


@pytest.mark.parametrize("crash_after", [1, 2, 5, 9, 14, 20, 22, 23])
async def test_a_restart_hands_out_exactly_what_has_no_outcome(scenario: Scenario, crash_after: int) -> None:
    journal = MemoryJournal("test").journal
    async with running(journal) as (engine, _):
        await append(journal, scenario, end=crash_after)
        await until_folded(engine, crash_after)
    async with running(journal) as (engine, executor):
        in_flight = [each.id for state in engine.fleet.aggregates.values() for each in state.in_flight.values()]
        assert executor.ids == in_flight
        await append(journal, scenario, start=crash_after)
        await until_folded(engine, scenario.sequence)
        assert await until_recorded(journal, len(scenario.decisions)) == scenario.decisions


async def test_events_that_nobody_decided_about_are_decided_after_a_start(scenario: Scenario) -> None:
    journal = MemoryJournal("test").journal
    await append(journal, scenario)
    async with running(journal) as (_, executor):
        assert await recorded(journal) == scenario.decisions
        assert any(isinstance(each.command, commands.DeleteLeaderPod) for each in executor.submitted)


async def test_recovery_trusts_what_was_recorded_not_what_it_would_decide(scenario: Scenario) -> None:
    """A newer machine goes on from the decisions of the older one."""
    journal = MemoryJournal("test").journal
    await append(journal, scenario)
    for decision in scenario.decisions[:-1]:
        older = Decision(
            epoch=decision.epoch, cause=decision.cause, machine="0", commands=decision.commands, facts=decision.facts
        )
        subject = "lws.decisions.test.0.default.sample"
        await journal.decisions.append([Message(subject, decisions.encode(older), older.message_id)])
    async with running(journal):
        found = await recorded(journal)
    assert [decision.machine for decision in found] == ["0"] * (len(found) - 1) + [decisions.MACHINE_VERSION]


async def test_a_second_writer_of_decisions_stops_the_first(scenario: Scenario) -> None:
    journal = MemoryJournal("test").journal
    engine = Engine(journal, CollectingExecutor(journal), metrics=NoMetrics())
    task = asyncio.create_task(engine.run())
    await asyncio.wait_for(engine.caught_up.wait(), 10)
    other = scenario.decisions[0]
    await journal.decisions.append(
        [Message("lws.decisions.test.0.default.other", decisions.encode(other), "written-by-another")]
    )
    await append(journal, scenario)
    with pytest.raises(Fenced):
        await asyncio.wait_for(task, 10)
