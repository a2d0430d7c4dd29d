"""What is kept of a journal, and that nothing is lost that recovery needs."""

import asyncio

import pytest

from adapters.controller.engine import Engine
from adapters.controller.keeping import Keeping
from adapters.controller.sweeping import Sweeper
from adapters.journal.epoch import current_epoch
from adapters.journal.errors import JournalUnavailable
from adapters.journal.memory import MemoryJournal, MemoryStream
from adapters.journal.port import Message
from adapters.journal.retention.limits import Extent, Limits, Place, beginning, is_due
from adapters.journal.retention.purge import Retention
from adapters.journal.snapshots.beginning import begin
from adapters.journal.snapshots.last_known import last_known
from adapters.journal.snapshots.places import places
from lws_events import events, subjects
from tests.scenario import Scenario
from tests.unit.test_engine import append, running, until_folded
from tests.unit.test_snapshots import states, sweeper

DAY_MS = 86_400_000
PLACES = [Place(100, 0), Place(200, DAY_MS), Place(300, 2 * DAY_MS)]


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    return told


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), None),
        (Limits(age_ms=DAY_MS), PLACES[1]),
        (Limits(age_ms=5 * DAY_MS), None),
        (Limits(events=50), PLACES[2]),
        (Limits(events=150), PLACES[1]),
        (Limits(size_bytes=15_000), PLACES[1]),
        (Limits(age_ms=5 * DAY_MS, events=50), PLACES[2]),
    ],
)
def test_a_journal_begins_at_the_latest_place_that_keeps_enough(limits: Limits, expected: Place | None) -> None:
    extent = Extent(last_sequence=350, event_bytes_mean=100.0, now_ms=2 * DAY_MS + 1000)
    assert beginning(limits, PLACES, extent) == expected


def test_a_place_is_due_after_a_quarter_of_a_limit() -> None:
    limits = Limits(events=100)
    assert is_due(limits, None, Extent(1, 1.0, 0))
    assert not is_due(limits, Place(10, 0), Extent(34, 1.0, 0))
    assert is_due(limits, Place(10, 0), Extent(35, 1.0, 0))
    assert not is_due(Limits(), None, Extent(1_000_000, 1.0, 0))


async def kept_within(memory: MemoryJournal, engine: Engine, limits: Limits) -> None:
    retention = Retention(memory.journal, limits, now_ms=lambda: memory.clock.now_ns // 1_000_000)
    await retention.after_sweep(sweeper(engine, memory.journal).take_place)


async def test_a_purged_journal_goes_on_as_if_nothing_was_missing(scenario: Scenario) -> None:
    memory, whole = MemoryJournal("test"), MemoryJournal("test")
    middle = 14
    async with running(memory.journal) as (engine, _):
        await append(memory.journal, scenario, end=middle)
        await until_folded(engine, middle)
        await kept_within(memory, engine, Limits(events=3))
        assert [place.sequence for place in await places(memory.snapshots)] == [middle]
        await append(memory.journal, scenario, start=middle, end=middle + 4)
        await until_folded(engine, middle + 4)
        await kept_within(memory, engine, Limits(events=3))
        info = await memory.events.info()
        assert info.first_sequence == middle
        assert (await current_epoch(memory.events, "test")) is not None
    async with running(whole.journal) as (engine, _):
        await append(whole.journal, scenario, end=middle + 4)
        announced = memory.events.records[-1]
        assert announced.subject == subjects.epoch_subject("test")
        await whole.events.append([Message(announced.subject, announced.data, announced.message_id)])
        await append(whole.journal, scenario, start=middle + 4)
        await until_folded(engine, scenario.sequence + 1)
        expected = states(engine)
    for _ in range(2):
        async with running(memory.journal) as (engine, executor):
            in_flight = [each.id for state in engine.fleet.aggregates.values() for each in state.in_flight.values()]
            assert executor.ids == in_flight
    async with running(memory.journal) as (engine, _):
        await append(memory.journal, scenario, start=middle + 4)
        await until_folded(engine, scenario.sequence + 1)  # and the epoch, which was told again
        assert states(engine) == expected
    assert await begin(memory.journal, from_newest=False) is not None


async def test_what_was_last_known_stays_known(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    async with running(memory.journal) as (engine, _):
        await append(memory.journal, scenario)
        await until_folded(engine, scenario.sequence)
        known = {}
        for kind in (subjects.POD, subjects.SET, subjects.STATEFULSET, subjects.REVISION, subjects.SET_STATUS):
            wanted = subjects.observations_filter("test", kind)
            known[wanted] = {one.subject: one.data for one in (await memory.events.latest(wanted)).records}
        await kept_within(memory, engine, Limits(events=1))
        memory.clock.now_ns += 10**15
        told = Message(subjects.epoch_subject("test"), events.encode(scenario.recorded[0][2]), "again")
        await memory.events.append([told, Message(told.subject, told.data, "and again")])
        await until_folded(engine, scenario.sequence + 2)
        await kept_within(memory, engine, Limits(events=1))
    assert (await memory.events.info()).first_sequence >= scenario.sequence
    for wanted, before in known.items():
        found = {one.subject: one.data for one in await last_known(memory.journal, wanted)}
        gone = {subject for subject in before if b'"PodDeleted"' in before[subject]}
        assert {name: found[name] for name in found if name not in gone} == {
            name: before[name] for name in before if name not in gone
        }


async def test_what_cannot_be_archived_is_not_purged(scenario: Scenario) -> None:
    memory = MemoryJournal("test")

    async def refuses(_: Place) -> None:
        raise JournalUnavailable("no archive")

    async with running(memory.journal) as (engine, _):
        await append(memory.journal, scenario, end=14)
        await until_folded(engine, 14)
        retention = Retention(memory.journal, Limits(events=1), now_ms=lambda: 0, before_purge=refuses)
        take = sweeper(engine, memory.journal).take_place
        await retention.after_sweep(take)
        await append(memory.journal, scenario, start=14)
        await until_folded(engine, scenario.sequence)
        with pytest.raises(JournalUnavailable, match="no archive"):
            await retention.after_sweep(take)
    assert (await memory.events.info()).first_sequence == 1


async def test_a_leader_sweeps_and_purges_by_itself(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    keeping = Keeping(snapshot_events=5, limits=Limits(events=5))
    from tests.unit.virtual_clocks import LeapingClock

    async with running(memory.journal) as (engine, _):
        taking = Sweeper(
            engine,
            memory.decisions,
            memory.snapshots,
            clock=LeapingClock(),
            every_events=5,
            on_swept=keeping.after_sweeps_of(memory.journal, now_ms=lambda: 0),
        )
        task = asyncio.create_task(taking.run())
        try:
            await append(memory.journal, scenario, end=8)
            async with asyncio.timeout(10):
                while not await places(memory.snapshots):
                    await asyncio.sleep(0)
                await append(memory.journal, scenario, start=8)
                while (await memory.events.info()).first_sequence == 1:
                    await asyncio.sleep(0)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert Keeping().after_sweeps_of(memory.journal, now_ms=lambda: 0) is None


class _Crash(BaseException):
    """As a kill: nothing after it runs."""


def _crash_at(memory: MemoryJournal, operation: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the process end at its so-manieth change of snapshots, or purge, before or after it is done."""
    done: list[str] = []

    def crashing(stream: MemoryStream, method: str) -> None:
        original = getattr(stream, method)

        async def change(*arguments: object, **options: object) -> object:
            done.append(f"{stream.name}.{method}")
            if len(done) == (operation + 1) // 2 and operation % 2:
                raise _Crash
            result = await original(*arguments, **options)
            if len(done) == operation // 2 and not operation % 2:
                raise _Crash
            return result

        monkeypatch.setattr(stream, method, change)

    for stream, methods in (
        (memory.snapshots, ("append", "purge")),
        (memory.events, ("purge",)),
        (memory.decisions, ("purge",)),
    ):
        for method in methods:
            crashing(stream, method)
    return done


@pytest.mark.parametrize("operation", range(1, 69))
async def test_killed_at_any_moment_of_a_sweep_or_a_purge(
    scenario: Scenario, operation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = MemoryJournal("test")
    known: dict[str, set[str]] = {}
    pods = subjects.observations_filter("test", subjects.POD)
    crashed = False
    with monkeypatch.context() as patches:
        done = _crash_at(memory, operation, patches)
        async with running(memory.journal) as (engine, _):
            taking = sweeper(engine, memory.journal)
            retention = Retention(memory.journal, Limits(events=4), now_ms=lambda: 0)
            for end in (6, 12, 18, 23):
                await append(memory.journal, scenario, start=end - 6 if end < 23 else 18, end=end)
                await until_folded(engine, await memory.events.last_sequence())
                known["pods"] = {one.subject for one in await last_known(memory.journal, pods)}
                try:
                    await taking.sweep()
                    await retention.after_sweep(taking.take_place)
                except _Crash:
                    crashed = True
                    break
            await engine.settled()
            await until_folded(engine, await memory.events.last_sequence())
            expected = states(engine)
    assert crashed == (operation <= 2 * len(done))
    async with running(memory.journal) as (engine, _):
        assert states(engine) == expected
        assert {one.subject for one in await last_known(memory.journal, pods)} >= known["pods"]
        await sweeper(engine, memory.journal).sweep()
    async with running(memory.journal) as (engine, _):
        assert states(engine) == expected
