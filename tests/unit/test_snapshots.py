"""Snapshots and sweeps: a start from them is a start from the beginning, and what is in doubt is not used."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from adapters.controller.also_told import TellsWhatIsLeft
from adapters.controller.engine import Engine
from adapters.controller.sweeping import Sweeper
from adapters.journal.errors import JournalDamaged, JournalUnavailable
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Journal, Message
from adapters.journal.snapshots.beginning import begin
from adapters.journal.snapshots.generations import NEWEST, stored_sets
from lws_events import decisions, events, snapshots, subjects
from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import Decision, GroupRecreationStarted
from lws_events.machine import crash_loop_rules, held, marks, spec, state
from lws_events.machine.state import Aggregate
from lws_events.snapshots import SnapshotUnusableError
from lws_events.subjects import SetName
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
from tests.unit.virtual_clocks import LeapingClock

ONE_PART = f"lws.snapshots.test.{NEWEST}.set.default.sample.0"


def sweeper(engine: Engine, journal: Journal) -> Sweeper:
    assert journal.snapshots is not None
    return Sweeper(engine, journal.decisions, journal.snapshots, clock=LeapingClock(), every_events=1)


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    return told


@contextlib.asynccontextmanager
async def swept(memory: MemoryJournal, scenario: Scenario, *, after: int) -> AsyncIterator[Engine]:
    """An engine that was told the beginning of a story and has written it down."""
    async with running(memory.journal) as (engine, _):
        await append(memory.journal, scenario, end=after)
        await until_folded(engine, after)
        await sweeper(engine, memory.journal).sweep()
        yield engine


def states(engine: Engine) -> bytes:
    return msgspec.json.encode(sorted(engine.fleet.aggregates.items()), order="sorted")


@pytest.mark.parametrize("swept_after", [1, 2, 5, 9, 14, 20, 23])
async def test_a_start_from_snapshots_goes_on_like_one_from_the_beginning(
    scenario: Scenario, swept_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = MemoryJournal("test")
    async with swept(memory, scenario, after=swept_after):
        pass
    without = MemoryJournal("test")
    async with running(without.journal) as (engine, _):
        await append(without.journal, scenario)
        await until_folded(engine, scenario.sequence)
        expected = states(engine)
    folded = _count_folded(monkeypatch)
    async with running(memory.journal) as (engine, executor):
        assert engine.fleet.sequence == swept_after
        assert folded == []
        in_flight = [each.id for state in engine.fleet.aggregates.values() for each in state.in_flight.values()]
        assert executor.ids == in_flight
        await append(memory.journal, scenario, start=swept_after)
        await until_folded(engine, scenario.sequence)
        assert await until_recorded(memory.journal, len(scenario.decisions)) == scenario.decisions
        assert states(engine) == expected


def _count_folded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sequences that an engine recalls from now on."""
    from lws_events.fleet import Fleet

    folded: list[int] = []
    recall = Fleet.recall

    def counting(self: Fleet, sequence: int, *arguments: object) -> None:
        folded.append(sequence)
        recall(self, sequence, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Fleet, "recall", counting)
    return folded


async def test_what_came_after_the_sweep_is_folded(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = MemoryJournal("test")
    async with swept(memory, scenario, after=9) as engine:
        await append(memory.journal, scenario, start=9, end=20)
        await until_folded(engine, 20)
        expected = states(engine)
    folded = _count_folded(monkeypatch)
    async with running(memory.journal) as (engine, _):
        assert folded[0] == 10
        assert states(engine) == expected


async def test_a_sweep_that_was_interrupted_leaves_the_one_before_in_force(scenario: Scenario) -> None:
    """The set is ahead of the sweep: its events are not taken in twice."""
    memory = MemoryJournal("test")
    async with swept(memory, scenario, after=9) as engine:
        await append(memory.journal, scenario, start=9, end=20)
        await until_folded(engine, 20)
        taking = sweeper(engine, memory.journal)
        memory.decisions.unavailable, taken = False, memory.decisions.last_sequence

        async def broken() -> int:
            raise JournalUnavailable("interrupted between the snapshots and the record of the sweep")

        memory.decisions.last_sequence = broken  # type: ignore[method-assign]
        with pytest.raises(JournalUnavailable):
            await taking.sweep()
        memory.decisions.last_sequence = taken  # type: ignore[method-assign]
        assert engine.changed == set()
        expected = states(engine)
    restored = await begin(memory.journal)
    assert restored is not None
    assert (restored.fleet.sequence, [one.sequence for one in restored.ahead.values()]) == (9, [20])
    async with running(memory.journal) as (engine, _):
        assert states(engine) == expected
        await append(memory.journal, scenario, start=20)
        await until_folded(engine, scenario.sequence)
        assert await until_recorded(memory.journal, len(scenario.decisions)) == scenario.decisions


async def test_a_decision_that_a_snapshot_knows_nothing_of_is_not_passed_over(scenario: Scenario) -> None:
    """A newer machine decided about events about which the old one, which took the snapshots, decided nothing."""
    memory = MemoryJournal("test")
    async with swept(memory, scenario, after=9):
        pass
    assert memory.journal.snapshots is not None
    early = snapshots.take_snapshot(
        Aggregate(scenario.name), epoch="e1", sequence=23, decisions=1, digest=_digest(scenario, 23)
    )
    await append(memory.journal, scenario, start=9, end=23)
    async with running(memory.journal):
        pass
    from adapters.journal.snapshots.generations import store_snapshot

    await store_snapshot(memory.journal.snapshots, NEWEST, scenario.name, early)
    async with running(memory.journal) as (engine, _):
        assert engine.fleet.aggregates[scenario.name].groups != {}, "folded from the beginning"


def _digest(scenario: Scenario, sequence: int) -> str:
    _, subject, envelope = scenario.recorded[sequence - 1]
    return snapshots.record_digest(subject, events.encode(envelope))


async def damage(memory: MemoryJournal, data: bytes) -> None:
    await memory.snapshots.append([Message(ONE_PART, data)])


async def lose(memory: MemoryJournal) -> None:
    last = await memory.snapshots.last_sequence()
    await memory.snapshots.purge(before=last + 1, subject_filter=ONE_PART)


async def rewrite(memory: MemoryJournal, change: Callable[[dict[str, object]], None]) -> None:
    """Store the snapshot once more with something changed in it."""
    from adapters.journal.snapshots import documents
    from adapters.journal.snapshots.generations import store_snapshot

    found = [one async for one in documents.read(memory.snapshots, (NEWEST, "set"))]
    plain = msgspec.json.decode(found[0].data)
    change(plain)
    await store_snapshot(memory.snapshots, NEWEST, SetName("default", "sample"), msgspec.json.encode(plain))


@pytest.mark.parametrize(
    "harm",
    [
        lambda memory: damage(memory, b"no part"),
        lambda memory: damage(memory, memory.snapshots.records[0].data[:-3]),
        lose,
        lambda memory: rewrite(memory, lambda plain: plain.update(state_version=99)),
        lambda memory: rewrite(memory, lambda plain: plain.update(machine="1")),
        lambda memory: rewrite(memory, lambda plain: plain.update(sequence=3)),
        lambda memory: rewrite(memory, lambda plain: plain.update(sequence=15)),
        lambda memory: rewrite(memory, lambda plain: plain.update(aggregate={"name": ["default", "other"]})),
        lambda memory: rewrite(memory, lambda plain: plain.update(aggregate={"name": 7})),
    ],
    ids=[
        "no part",
        "cut off",
        "lost",
        "newer state",
        "other machine",
        "too old",
        "another event",
        "wrong set",
        "shape",
    ],
)
async def test_in_doubt_the_journal_is_folded(scenario: Scenario, harm: Callable) -> None:  # type: ignore[type-arg]
    memory = MemoryJournal("test")
    async with swept(memory, scenario, after=14) as engine:
        expected = states(engine)
    await harm(memory)
    assert await begin(memory.journal) is None
    async with running(memory.journal) as (engine, _):
        assert states(engine) == expected
        await append(memory.journal, scenario, start=14)
        await until_folded(engine, scenario.sequence)
        assert await until_recorded(memory.journal, len(scenario.decisions)) == scenario.decisions


async def test_a_journal_without_its_beginning_needs_its_snapshots(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    async with swept(memory, scenario, after=14) as engine:
        expected = states(engine)
    await memory.events.purge(before=14)
    await memory.decisions.purge(before=await memory.decisions.last_sequence())
    async with running(memory.journal) as (engine, _):
        assert states(engine) == expected
    await lose(memory)
    with pytest.raises(JournalDamaged, match="begins at event 14"):
        await begin(memory.journal)


async def test_a_lost_tail_is_not_covered_up(scenario: Scenario) -> None:
    """The stream is shorter than the snapshots, or has other events in the place of those that they have taken in."""
    memory = MemoryJournal("test")
    async with swept(memory, scenario, after=14):
        pass
    shorter = MemoryJournal("test")
    shorter.snapshots = memory.snapshots
    await append(shorter.journal, scenario, end=12)
    assert await begin(shorter.journal) is None
    other = scenario.recorded[1]
    await shorter.events.append([Message(other[1], events.encode(other[2]), f"other-{n}") for n in range(5)])
    assert await begin(shorter.journal) is None


async def test_missing_events_in_the_middle_are_an_error(scenario: Scenario) -> None:
    """As a server finds its streams whose storage has lost a block."""
    memory = MemoryJournal("test")
    await append(memory.journal, scenario)
    memory.events._remove(lambda record: record.sequence == 7)
    with pytest.raises(JournalDamaged, match="the events from 7 to 7 are missing"):
        async with running(memory.journal):
            await asyncio.Event().wait()


async def test_snapshots_of_sets_that_are_gone_do_not_stay(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    other = SetName("default", "other")
    fact = events.SetObserved(uid="o", resource_version="1", generation=1, spec=msgspec.Raw(b"{}"))
    deleted = events.SetDeleted(uid="o", resource_version="2")
    subject = subjects.event_subject("test", other, subjects.SET, "other")
    async with running(memory.journal) as (engine, _):
        await append(memory.journal, scenario)
        await memory.events.append([Message(subject, events.encode(events.Envelope(at_ms=1, fact=fact)), "o1")])
        await until_folded(engine, scenario.sequence + 1)
        taking = sweeper(engine, memory.journal)
        await taking.sweep()
        assert set(await stored_sets(memory.snapshots, NEWEST)) == {scenario.name, other}
        await memory.events.append([Message(subject, events.encode(events.Envelope(at_ms=2, fact=deleted)), "o2")])
        await until_folded(engine, scenario.sequence + 2)
        assert other not in engine.fleet.aggregates
        sweep = await taking.sweep()
        assert [name for _, name, _ in sweep.sets] == ["sample"]
        assert set(await stored_sets(memory.snapshots, NEWEST)) == {scenario.name}


async def test_a_sweep_writes_only_what_has_changed(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    async with swept(memory, scenario, after=20) as engine:
        taking = sweeper(engine, memory.journal)
        engine.changed = set()
        await taking.sweep()
        before = await memory.snapshots.last_sequence()
        sweep = await taking.sweep()
        assert await memory.snapshots.last_sequence() == before + 1, "the record of the sweep alone"
        assert sweep.sets == (("default", "sample", 20),)


async def test_no_snapshots_while_somebody_else_decides(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    async with swept(memory, scenario, after=9) as engine:
        foreign = Decision(epoch="e1", cause=8, machine="9")
        await memory.decisions.append([Message("lws.decisions.test.1.default.x", decisions.encode(foreign), "foreign")])
        with pytest.raises(JournalUnavailable, match="somebody else"):
            await sweeper(engine, memory.journal).sweep()
    restored = await begin(memory.journal)
    assert restored is not None
    assert restored.fleet.sequence == 9


async def test_the_last_sweep_is_taken_at_a_stop(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    async with running(memory.journal) as (engine, _):
        await append(memory.journal, scenario)
        await until_folded(engine, scenario.sequence)
        await until_recorded(memory.journal, len(scenario.decisions))
    await sweeper(engine, memory.journal).finish(seconds_max=5)
    restored = await begin(memory.journal)
    assert restored is not None
    assert restored.fleet.sequence == scenario.sequence
    assert restored.decisions == len(await recorded(memory.journal))


async def test_a_standby_begins_from_snapshots_and_notices_a_purge(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    async with swept(memory, scenario, after=9) as leader:
        standby = Engine(memory.journal, CollectingExecutor(memory.journal), metrics=NoMetrics())
        await standby._follow_on()
        assert standby.fleet.sequence >= 9
        await append(memory.journal, scenario, start=9)
        await until_folded(leader, scenario.sequence)
        await until_recorded(memory.journal, len(scenario.decisions))
        await sweeper(leader, memory.journal).sweep()
        await memory.events.purge(before=scenario.sequence)
        await standby._follow_on()
        assert states(standby) == states(leader)


SHAPES = {1: "f3ba710c9ca34cd6"}
"""State version → digest of the names of everything that a state has."""


def test_a_state_of_another_shape_has_another_version() -> None:
    """Where this fails: a new part whose default is right in a state that has lived without it leaves the version as it
    is, and the digest is taken over; anything else raises ``STATE_VERSION``, with an upcaster from the version before.
    """
    modules = (state, held, marks, spec, crash_loop_rules)
    shapes = sorted(
        f"{name}: {', '.join(kind.__struct_fields__)}"
        for module in modules
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__
    )
    digest = hashlib.sha256("\n".join(shapes).encode()).hexdigest()[:16]
    assert digest == SHAPES[snapshots.STATE_VERSION], digest


async def test_why_a_leader_is_deleted_is_told_again_after_a_start(scenario: Scenario) -> None:
    """For who needs the failed pod before its group goes (the capture of logs)."""
    memory = MemoryJournal("test")
    async with swept(memory, scenario, after=scenario.sequence) as engine:
        assert any(
            isinstance(one.command, DeleteLeaderPod)
            for one in engine.fleet.aggregates[scenario.name].in_flight.values()
        )
    told: list[Decision] = []
    executor = CollectingExecutor(memory.journal)
    started: list[Engine] = []
    hands = TellsWhatIsLeft(executor, lambda: started[0].fleet, told.append)
    started.append(Engine(memory.journal, hands, metrics=NoMetrics()))
    task = asyncio.create_task(started[0].run())
    await asyncio.wait_for(started[0].caught_up.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (decision,) = told
    (fact,) = decision.facts
    assert isinstance(fact, GroupRecreationStarted)
    assert fact.failed_pod == "sample-1-2"
    assert [one.id for one in decision.commands] == [
        one.id for one in executor.submitted if isinstance(one.command, DeleteLeaderPod)
    ]


def test_an_unknown_state_is_refused() -> None:
    data = snapshots.take_snapshot(Aggregate(SetName("a", "b")), epoch="e", sequence=1, decisions=0, digest="d")
    snapshot = snapshots.decode_snapshot(data)
    assert snapshots.restore(snapshot, SetName("a", "b")) == Aggregate(SetName("a", "b"))
    with pytest.raises(SnapshotUnusableError, match="version 2"):
        snapshots.restore(msgspec.structs.replace(snapshot, state_version=2), SetName("a", "b"))
    with pytest.raises(SnapshotUnusableError, match="cannot be read"):
        snapshots.decode_snapshot(b"{}")
    with pytest.raises(SnapshotUnusableError, match="cannot be read"):
        snapshots.decode_sweep(b"[]")


def test_states_of_earlier_versions_are_brought_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def upcast(state: dict[str, object]) -> dict[str, object]:
        return {**state, "target_key": state.pop("wanted_key")}

    monkeypatch.setattr(snapshots, "UPCASTERS", {0: upcast})
    snapshot = snapshots.Snapshot(
        state_version=0,
        machine="0",
        epoch="e",
        sequence=1,
        decisions=0,
        digest="d",
        aggregate=msgspec.Raw(b'{"name":["a","b"],"wanted_key":"k"}'),
    )
    assert snapshots.restore(snapshot, SetName("a", "b")).target_key == "k"
