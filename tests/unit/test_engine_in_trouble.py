"""The engine while its journal fails: nothing is decided twice or forgotten, and nobody overtakes unnoticed."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest

from adapters.controller.engine import Engine
from adapters.journal.errors import Fenced, JournalDamaged, JournalUnavailable
from adapters.journal.memory import DEDUP_WINDOW_NS, MemoryJournal, MemoryStream
from adapters.journal.port import BATCH_MESSAGES_MAX, Journal, Message, Record
from lws_events import commands, decisions, events, subjects
from lws_events.decisions import Decision
from lws_events.subjects import SetName
from tests.scenario import Scenario
from tests.unit.test_engine import CollectingExecutor, NoMetrics, append, recorded, running, until_folded

_SETS_MANY = BATCH_MESSAGES_MAX + 500


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    return told


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def test_decisions_wait_for_the_journal_and_then_go_on(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    async with running(memory.journal) as (engine, executor):
        memory.decisions.unavailable = True
        await append(memory.journal, scenario)
        await until(lambda: engine.trouble != "")
        assert "unavailable" in engine.trouble
        assert executor.submitted == [], "nothing may be carried out before its decision is recorded"
        memory.decisions.unavailable = False
        await until_folded(engine, scenario.sequence)
        await until(lambda: engine.trouble == "" and len(memory.decisions.records) == len(scenario.decisions))
    assert await recorded(memory.journal) == scenario.decisions


async def test_a_lost_acknowledgement_records_a_decision_once(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    memory.decisions.acknowledgements_to_lose = 3
    async with running(memory.journal) as (engine, executor):
        await append(memory.journal, scenario)
        await until_folded(engine, scenario.sequence)
        await until(lambda: len(memory.decisions.records) == len(scenario.decisions))
        await until(lambda: len(executor.ids) > 0)
    assert await recorded(memory.journal) == scenario.decisions
    assert len(executor.ids) == len(set(executor.ids))


async def test_own_decisions_are_known_again_when_their_ids_are_forgotten(scenario: Scenario) -> None:
    """An acknowledgement is lost, and the journal is away for longer than it remembers message ids."""
    memory = MemoryJournal("test")
    async with running(memory.journal) as (engine, executor):
        memory.decisions.acknowledgements_to_lose = 1
        await append(memory.journal, scenario)
        await until(lambda: memory.decisions.acknowledgements_to_lose == 0)
        memory.clock.now_ns += 2 * DEDUP_WINDOW_NS
        await until_folded(engine, scenario.sequence)
        await until(lambda: len(memory.decisions.records) == len(scenario.decisions))
        assert len(executor.ids) == len(set(executor.ids)) > 0
    assert await recorded(memory.journal) == scenario.decisions


async def test_foreign_decisions_are_not_taken_for_own_ones(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    journal = memory.journal
    executor = CollectingExecutor(journal)
    engine = Engine(journal, executor, metrics=NoMetrics())
    task = asyncio.create_task(engine.run())
    await asyncio.wait_for(engine.caught_up.wait(), 10)
    first = scenario.decisions[0]
    foreign = decisions.encode(Decision(epoch=first.epoch, cause=first.cause, machine="another"))
    await journal.decisions.append([Message("lws.decisions.test.0.default.sample", foreign, "another")])
    await append(journal, scenario)
    with pytest.raises(Fenced):
        await asyncio.wait_for(task, 10)
    assert executor.submitted == []


async def test_the_same_decisions_by_another_are_not_taken_for_own_ones(scenario: Scenario) -> None:
    """Two instances that read the same events decide the same, under the same message ids."""
    memory = MemoryJournal("test")
    engines = [Engine(memory.journal, CollectingExecutor(memory.journal), metrics=NoMetrics()) for _ in range(2)]
    tasks = [asyncio.create_task(engine.run()) for engine in engines]
    for engine in engines:
        await asyncio.wait_for(engine.caught_up.wait(), 10)
    await append(memory.journal, scenario)
    done, pending = await asyncio.wait(tasks, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    assert [type(task.exception()) for task in done] == [Fenced]
    (survivor,) = pending
    await until(lambda: len(memory.decisions.records) == len(scenario.decisions))
    survivor.cancel()
    await asyncio.gather(survivor, return_exceptions=True)
    assert await recorded(memory.journal) == scenario.decisions


class _Faltering:
    """A stream that cannot be asked the first few times."""

    def __init__(self, stream: MemoryStream, *, failures: int) -> None:
        self._stream = stream
        self.failures = failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def last_sequence(self) -> int:
        self._fail()
        return await self._stream.last_sequence()

    async def read(self, **arguments: Any) -> AsyncGenerator[Sequence[Record], None]:
        if not arguments["follow"]:
            self._fail()
        async for batch in self._stream.read(**arguments):
            yield batch

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise JournalUnavailable("it is being restarted")


@pytest.mark.parametrize("failures", [1, 2, 3, 4])
async def test_a_journal_that_fails_during_recovery_is_recovered_from_again(scenario: Scenario, failures: int) -> None:
    memory = MemoryJournal("test")
    await append(memory.journal, scenario)
    async with running(memory.journal):
        pass
    events_stream: Any = _Faltering(memory.events, failures=failures)
    decisions_stream: Any = _Faltering(memory.decisions, failures=failures)
    async with running(Journal("test", events_stream, decisions_stream)) as (engine, executor):
        assert engine.fleet.aggregates == scenario.fleet.aggregates
        assert any(isinstance(each.command, commands.DeleteLeaderPod) for each in executor.submitted)
    assert await recorded(memory.journal) == scenario.decisions
    assert events_stream.failures == decisions_stream.failures == 0


async def _sets(journal: Journal, count: int) -> None:
    """Sets that were observed, each of which leads to a decision."""
    one = Scenario()
    one.apply_set()
    epoch, observed = one.recorded
    await journal.events.append([Message(epoch[1], events.encode(epoch[2]), "epoch")])
    messages = []
    for number in range(count):
        name = SetName("default", f"many-{number}")
        subject = subjects.event_subject("test", name, subjects.SET, name.name)
        messages.append(Message(subject, events.encode(observed[2]), f"set-{number}"))
    await journal.events.append(messages)


async def test_more_decisions_than_one_append_takes() -> None:
    memory = MemoryJournal("test")
    await _sets(memory.journal, _SETS_MANY)
    async with running(memory.journal) as (engine, executor):
        assert len(engine.fleet.aggregates) == _SETS_MANY
        assert len(executor.ids) == len(set(executor.ids)) >= _SETS_MANY
    causes = [decision.cause for decision in await recorded(memory.journal)]
    assert causes == list(range(2, _SETS_MANY + 2))


async def test_more_decisions_than_one_append_takes_with_acknowledgements_lost() -> None:
    memory = MemoryJournal("test")
    await _sets(memory.journal, _SETS_MANY)
    memory.decisions.acknowledgements_to_lose = 2
    async with running(memory.journal):
        pass
    causes = [decision.cause for decision in await recorded(memory.journal)]
    assert causes == list(range(2, _SETS_MANY + 2))


async def test_timers_of_the_same_name_are_set_again_for_every_set() -> None:
    """A crash between a decision and its timer: both sets must wake up."""
    memory = MemoryJournal("test")
    await _sets(memory.journal, 2)
    async with running(memory.journal) as (engine, _):
        for name, state in list(engine.fleet.aggregates.items()):
            for issued in list(state.in_flight.values()):
                about = commands.target(issued.command)
                failed = events.CommandFailed(command_id=issued.id, target=about, code=500, reason="InternalError")
                subject = subjects.event_subject("test", name, subjects.OUTCOME, about)
                data = events.encode(events.Envelope(at_ms=1, fact=failed))
                await memory.journal.events.append([Message(subject, data, issued.id)])
        await until_folded(engine, await memory.events.last_sequence())
        await until(lambda: all(state.timers for state in engine.fleet.aggregates.values()))
    async with running(memory.journal) as (engine, executor):
        ids = [issued.id for issued in executor.submitted if isinstance(issued.command, commands.SetTimer)]
        assert sum(len(state.timers) for state in engine.fleet.aggregates.values()) == len(ids) > 1
        assert len(set(ids)) == len(ids), "an executor takes an id once"


async def test_a_lost_tail_of_the_running_journal_is_noticed(scenario: Scenario) -> None:
    """Its sequences are handed out again, and nobody who reads on would ever see those events."""
    memory = MemoryJournal("test")
    await append(memory.journal, scenario)
    async with running(memory.journal) as (engine, _):
        await engine.require_tail()
        memory.events._last_sequence -= 1
        with pytest.raises(JournalDamaged, match="lost its tail"):
            await engine.require_tail()


async def test_decisions_that_were_lost_are_made_again_from_the_events(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    await append(memory.journal, scenario)
    async with running(memory.journal) as (_, before):
        submitted = before.ids
    without_decisions = Journal("test", memory.events, MemoryJournal("test").decisions)
    async with running(without_decisions) as (engine, after):
        assert engine.fleet.aggregates == scenario.fleet.aggregates
        assert after.ids == submitted, "what has its outcome in the events is not carried out again"
    assert await recorded(without_decisions) == scenario.decisions
