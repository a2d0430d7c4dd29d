"""A journal that lost its end, or one of its streams: a new epoch, the work goes on, and verification still holds."""

import pytest

from adapters.controller.journals import begin_epoch_if_needed
from adapters.journal.epoch import epochs
from adapters.journal.memory import MemoryJournal, MemoryStream
from adapters.journal.port import Journal, Message
from lws_events import decisions, events
from lws_events.fleet import Fleet
from projections.journal import RecordedDecision, RecordedEvent
from projections.verify import Verification, verify
from tests.scenario import Scenario
from tests.unit.test_engine import append, running, until_folded


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    return told


async def _copy(stream: MemoryStream, target: MemoryStream, *, count: int) -> None:
    for record in stream.records[:count]:
        await target.append([Message(record.subject, record.data, record.message_id)])


async def _lived(scenario: Scenario) -> MemoryJournal:
    """The journal after a controller has decided about all of the scenario."""
    memory = MemoryJournal("test")
    await append(memory.journal, scenario)
    async with running(memory.journal):
        pass
    return memory


async def _after_losing(memory: MemoryJournal, *, events_kept: int, decisions_kept: int) -> MemoryJournal:
    left = MemoryJournal("test")
    await _copy(memory.events, left.events, count=events_kept)
    await _copy(memory.decisions, left.decisions, count=decisions_kept)
    return left


async def _all_epochs(journal: Journal) -> list[str]:
    return [epoch async for epoch in epochs(journal.events, journal.cluster)]


async def _observe_again(journal: Journal, scenario: Scenario, *, start: int) -> int:
    """What a listing of the cluster brings back: what was lost, but for outcomes. Returns the last sequence."""
    for sequence, subject, envelope in scenario.recorded[start:]:
        if not isinstance(envelope.fact, events.Outcome | events.EpochStarted):
            await journal.events.append([Message(subject, events.encode(envelope), f"again-{sequence}")])
    return await journal.events.last_sequence()


def _verified(memory: MemoryJournal) -> Verification:
    return verify(
        [
            RecordedEvent(record.sequence, record.subject, events.decode(record.data))
            for record in memory.events.records
        ],
        [
            RecordedDecision(record.sequence, record.subject, decisions.decode(record.data))
            for record in memory.decisions.records
        ],
        Fleet(),
    )


@pytest.mark.parametrize("kept", [1, 2, 5, 9, 14, 20, 22])
async def test_a_lost_tail_begins_an_epoch_and_the_work_goes_on(scenario: Scenario, kept: int) -> None:
    lived = await _lived(scenario)
    memory = await _after_losing(lived, events_kept=kept, decisions_kept=len(lived.decisions.records))
    await begin_epoch_if_needed(memory.journal)
    assert len(await _all_epochs(memory.journal)) == 2
    async with running(memory.journal) as (engine, executor):
        last = await _observe_again(memory.journal, scenario, start=kept)
        await until_folded(engine, last)
        assert len(executor.ids) == len(set(executor.ids))
        group = engine.fleet.aggregates[scenario.name].groups["sample-1"]
        assert group.recreation is not None, "the worker's end is known, and its group is recreated"
    async with running(memory.journal) as (again, _):
        assert again.fleet.aggregates == engine.fleet.aggregates
    result = _verified(memory)
    assert (result.differences, result.undecided) == (0, 0)
    assert result.lost > 0


async def test_a_tail_with_the_beginning_of_an_epoch_is_lost_too(scenario: Scenario) -> None:
    """Then the last decision is of an epoch that the events know nothing about."""
    lived = await _lived(scenario)
    memory = await _after_losing(lived, events_kept=9, decisions_kept=len(lived.decisions.records))
    await begin_epoch_if_needed(memory.journal)
    async with running(memory.journal) as (engine, _):
        await until_folded(engine, await _observe_again(memory.journal, scenario, start=9))
    worse = await _after_losing(memory, events_kept=6, decisions_kept=len(memory.decisions.records))
    await begin_epoch_if_needed(worse.journal)
    assert len(await _all_epochs(worse.journal)) == 2
    async with running(worse.journal) as (engine, _):
        await until_folded(engine, await _observe_again(worse.journal, scenario, start=6))
    assert _verified(worse).differences == 0


async def test_nothing_is_begun_where_nothing_is_lost(scenario: Scenario) -> None:
    memory = await _lived(scenario)
    await begin_epoch_if_needed(memory.journal)
    assert await _all_epochs(memory.journal) == ["e1"]


async def test_nothing_is_begun_again_in_an_epoch_without_decisions(scenario: Scenario) -> None:
    lived = await _lived(scenario)
    memory = await _after_losing(lived, events_kept=9, decisions_kept=len(lived.decisions.records))
    for _ in range(3):
        await begin_epoch_if_needed(memory.journal)
    assert len(await _all_epochs(memory.journal)) == 2


@pytest.mark.parametrize("kept", [0, 1, 4])
async def test_lost_decisions_are_made_again(scenario: Scenario, kept: int) -> None:
    """The same events give the same decisions, so nothing else is commanded than before."""
    lived = await _lived(scenario)
    memory = await _after_losing(lived, events_kept=len(lived.events.records), decisions_kept=kept)
    await begin_epoch_if_needed(memory.journal)
    assert await _all_epochs(memory.journal) == ["e1"]
    async with running(memory.journal) as (engine, executor):
        in_flight = [each.id for state in engine.fleet.aggregates.values() for each in state.in_flight.values()]
        assert executor.ids == in_flight
        assert engine.fleet.aggregates == scenario.fleet.aggregates
    assert [record.data for record in memory.decisions.records] == [record.data for record in lived.decisions.records]
    assert _verified(memory).differences == 0


async def test_events_that_were_lost_whole_do_not_confuse_the_decisions_that_follow(scenario: Scenario) -> None:
    lived = await _lived(scenario)
    memory = await _after_losing(lived, events_kept=0, decisions_kept=len(lived.decisions.records))
    await begin_epoch_if_needed(memory.journal)
    async with running(memory.journal) as (engine, _):
        await until_folded(engine, await _observe_again(memory.journal, scenario, start=0))
    async with running(memory.journal) as (again, executor):
        assert again.fleet.aggregates == engine.fleet.aggregates
        assert executor.ids == [
            each.id for state in engine.fleet.aggregates.values() for each in state.in_flight.values()
        ]
    assert _verified(memory).differences == 0
