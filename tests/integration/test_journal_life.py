"""The journal's own life on the embedded server: snapshots, purges, archives, killed at any moment, taken elsewhere."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.cli.audit_reading import begin_reading
from adapters.controller.caretaking import Caretaker
from adapters.controller.engine import Engine
from adapters.controller.keeping import Keeping
from adapters.controller.sweeping import Sweeper
from adapters.journal.archive.checking import check_journal
from adapters.journal.archive.restoring import restore_file
from adapters.journal.archive.segments import Archiver
from adapters.journal.archive.store import DirectoryStore
from adapters.journal.errors import JournalDamaged, JournalError, JournalFull, UnsuitableServer
from adapters.journal.port import Journal, Message
from adapters.journal.retention.limits import Limits
from adapters.journal.retention.purge import Retention
from adapters.journal.snapshots.beginning import begin
from adapters.journal.transfer import export_journal, import_journal, restorable
from adapters.kubernetes.pace import SystemClock
from adapters.nats import wire
from adapters.nats.connection import Connection, connect
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal
from adapters.reading.reader import open_for_reading
from adapters.reading.source import JournalSource
from lws_events import events
from lws_events.fleet import Fleet
from projections.audit.rows import Asked, AuditRow
from projections.verify import verify
from tests.scenario import Scenario
from tests.unit.test_engine import CollectingExecutor, NoMetrics
from tests.unit.test_snapshots import states, sweeper


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    for number in range(30):
        told.pod(f"sample-0-{1 + number % 2}", ready=bool(number % 3))
    return told


@contextlib.asynccontextmanager
async def opened(data_dir: Path) -> AsyncIterator[tuple[EmbeddedServer, Connection, Journal]]:
    async with EmbeddedServer(data_dir) as server:
        connection = await connect(server.settings)
        try:
            yield server, connection, (await open_journal(connection, "test")).journal
        finally:
            await connection.close()


@contextlib.asynccontextmanager
async def running(journal: Journal) -> AsyncIterator[Engine]:
    engine = Engine(journal, CollectingExecutor(journal), metrics=NoMetrics())
    task = asyncio.create_task(engine.run())
    try:
        await asyncio.wait_for(engine.caught_up.wait(), 60)
        yield engine
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def append(journal: Journal, scenario: Scenario, *, start: int = 0, end: int | None = None) -> None:
    """Append, until it is known to be stored."""
    for sequence, subject, envelope in scenario.recorded[start:end]:
        message = Message(subject, events.encode(envelope), f"id-{sequence}")
        while True:
            try:
                await journal.events.append([message])
                break
            except JournalError:
                await asyncio.sleep(0.02)


async def until_folded(engine: Engine, journal: Journal) -> None:
    async with asyncio.timeout(60):
        last = await journal.events.last_sequence()
        while engine.fleet.sequence < last or engine.position is None:
            await asyncio.sleep(0.01)


async def purged(journal: Journal, scenario: Scenario) -> bytes:
    """Play the story with a purge in the middle; returns the state in the end."""
    async with running(journal) as engine:
        taking = sweeper(engine, journal)
        retention = Retention(journal, Limits(events=10), now_ms=lambda: 0)
        for start in range(0, scenario.sequence, 15):
            await append(journal, scenario, start=start, end=start + 15)
            await until_folded(engine, journal)
            await taking.sweep()
            await retention.after_sweep(taking.take_place)
        assert (await journal.events.info()).first_sequence > 10
        return states(engine)


async def test_a_purged_journal_is_read_verified_exported_and_imported(tmp_path: Path, scenario: Scenario) -> None:
    exported = tmp_path / "partial.jsonl.gz"
    async with opened(tmp_path / "a") as (_, _, journal):
        expected = await purged(journal, scenario)
        await export_journal(journal, exported)
    await asyncio.to_thread(_require_verified, JournalSource(file=exported))
    await asyncio.to_thread(_require_verified, JournalSource(data_dir=tmp_path / "a"))
    before = restorable(exported).before
    async with EmbeddedServer(tmp_path / "b") as server:
        connection = await connect(server.settings)
        try:
            target = await open_journal(
                connection, "test", first_event=before["events"] + 1, first_decision=before["decisions"] + 1
            )
            await import_journal(exported, target.journal)
            async with running(target.journal) as engine:
                assert states(engine) == expected
        finally:
            await connection.close()


def _require_verified(source: JournalSource) -> None:
    with open_for_reading(source) as reader:
        assert [str(name) for name in reader.set_names()] == ["default/sample"]
        restored = reader.wait(begin(reader.journal, from_newest=False))
        assert restored is not None
        result = verify(
            (event for event in reader.events() if event.sequence > restored.fleet.sequence),
            (one for one in reader.decisions() if one.sequence > restored.decisions),
            restored.fleet,
        )
        assert (result.differences, result.lost) == (0, 0), result.first
        assert result.events > 10


async def test_timers_that_fired_do_not_fire_again_after_a_purge(tmp_path: Path) -> None:
    subject = "lws.events.test.1.a.b.timer.x"
    async with opened(tmp_path) as (_, _, journal):
        await journal.events.schedule(subject, fire_at_ns=0, data=b"{}")
        async with asyncio.timeout(30):
            async for _batch in journal.events.read(follow=True):
                break
        await journal.events.append([Message("lws.events.test.1.a.b.pod.x", b"{}")])
        await journal.events.purge(before=2)
    for _ in range(2):
        async with opened(tmp_path) as (_, _, journal):
            await journal.events.schedule("lws.events.test.1.a.b.timer.y", fire_at_ns=0, data=b"{}")
            last = await journal.events.last_sequence()
            async with asyncio.timeout(30):
                async for batch in journal.events.read(from_sequence=last + 1, follow=True):
                    assert [record.subject[-1] for record in batch] == ["y"]
                    break


@pytest.mark.parametrize("seed", range(2))
async def test_a_server_killed_at_any_moment_of_a_sweep_a_purge_or_an_archive(
    tmp_path: Path, scenario: Scenario, seed: int
) -> None:
    chance = random.Random(seed)
    archive = tmp_path / "archive"
    keeping = Keeping(snapshot_events=5, limits=Limits(events=10), archive_to=str(archive))

    async def kill(server: EmbeddedServer) -> None:
        for _ in range(4):
            await asyncio.sleep(chance.uniform(0.05, 0.3))
            while (pid := server.pid) is None:
                await asyncio.sleep(0.005)
            os.kill(pid, signal.SIGKILL)
            while server.pid == pid:
                await asyncio.sleep(0.005)

    async def housekeeping(engine: Engine, journal: Journal) -> None:
        after = keeping.after_sweeps_of(journal, now_ms=lambda: 0)
        assert after is not None
        assert journal.snapshots is not None
        taking = Sweeper(engine, journal.decisions, journal.snapshots, clock=SystemClock(), every_events=5)
        while True:
            with contextlib.suppress(JournalError):
                await taking.sweep()
                await after(taking)
            await asyncio.sleep(0.01)

    async with opened(tmp_path / "data") as (server, _, journal), running(journal) as engine:
        keeper = asyncio.create_task(housekeeping(engine, journal))
        await asyncio.gather(kill(server), append(journal, scenario))
        await until_folded(engine, journal)
        async with asyncio.timeout(60):
            while (await journal.events.info()).first_sequence <= 1:
                await asyncio.sleep(0.05)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        expected = states(engine)
    async with opened(tmp_path / "data") as (_, _, journal):
        async with running(journal) as engine:
            assert states(engine) == expected
        store = DirectoryStore(archive)
        await Archiver(journal, store).run()
        assert (await check_journal(journal, store)).is_sound
    await restore_file(store, "test", tmp_path / "whole.jsonl.gz")
    await asyncio.to_thread(_require_whole, tmp_path / "whole.jsonl.gz", expected)
    told = await asyncio.to_thread(_audit, JournalSource(data_dir=tmp_path / "data"))
    assert told == await asyncio.to_thread(_audit, JournalSource(file=tmp_path / "whole.jsonl.gz"))


def _audit(source: JournalSource) -> list[AuditRow]:
    with open_for_reading(source) as reader:
        return list(begin_reading(reader).rows(None, Asked()))


def _require_whole(path: Path, expected: bytes) -> None:
    """From its first event on: no decision of it would be another one."""
    fleet = Fleet()
    with open_for_reading(JournalSource(file=path)) as reader:
        result = verify(reader.events(), reader.decisions(), fleet)
        assert (result.differences, result.lost, result.undecided) == (0, 0, 0), result.first
    engine = Engine.__new__(Engine)
    engine.fleet = fleet
    assert states(engine) == expected


async def test_a_stream_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path) as server:
        connection = await connect(server.settings)
        try:
            config = {"name": "LWS_EVENTS_test", "subjects": ["orders.>"], "storage": "file"}
            await wire.api(connection, "STREAM.CREATE.LWS_EVENTS_test", config)
            with pytest.raises(UnsuitableServer, match=r"is not the journal's: its subjects are \['orders\.>'\]"):
                await open_journal(connection, "test")
            present = (await wire.api(connection, "STREAM.INFO.LWS_EVENTS_test"))["config"]
            assert present["subjects"] == ["orders.>"]
        finally:
            await connection.close()


async def test_a_block_that_the_disk_has_lost_is_an_error_and_no_guess(tmp_path: Path, scenario: Scenario) -> None:
    async with opened(tmp_path) as (_, _, journal):
        await append(journal, scenario)
        for _ in range(8):
            await journal.events.append([Message("lws.events.test.1.a.b.request.x", events.encode(_long()))])
    blocks = sorted((tmp_path / "nats/jetstream").rglob("LWS_EVENTS_test/msgs/*.blk"), key=lambda path: int(path.stem))
    assert len(blocks) > 2
    blocks[1].unlink()
    for index in blocks[1].parent.glob("index.db"):
        index.unlink()
    async with opened(tmp_path) as (_, _, journal):
        engine = Engine(journal, CollectingExecutor(journal), metrics=NoMetrics())
        with pytest.raises(JournalDamaged, match=r"the events from \d+ to \d+ are missing"):
            await asyncio.wait_for(engine.run(), 60)


def _long() -> events.Envelope:
    return events.Envelope(at_ms=1, fact=events.SpecChangeRequested(user="x" * 4_000_000))


async def test_a_damaged_end_of_the_store_is_a_lost_tail(tmp_path: Path, scenario: Scenario) -> None:
    """The server cuts the stream off there; snapshots that know more are not believed."""
    async with opened(tmp_path) as (_, _, journal):
        await append(journal, scenario)
        async with running(journal) as engine:
            await sweeper(engine, journal).sweep()
    (block,) = (tmp_path / "nats/jetstream").rglob("LWS_EVENTS_test/msgs/1.blk")
    data = block.read_bytes()
    block.write_bytes(data[: len(data) // 2] + bytes(200) + data[len(data) // 2 + 200 :])
    for index in block.parent.glob("index.db"):
        index.unlink()
    async with opened(tmp_path) as (_, _, journal):
        left = await journal.events.last_sequence()
        assert left < scenario.sequence
        assert await begin(journal) is None
        async with running(journal) as engine:
            assert engine.fleet.sequence == left
        await append(journal, scenario, start=left)  # under the same sequences
        async with running(journal) as engine:
            assert engine.fleet.sequence == scenario.sequence


async def test_a_full_journal_of_a_server_that_gets_limits_takes_events_again(
    tmp_path: Path, scenario: Scenario
) -> None:
    async with opened(tmp_path) as (_, connection, journal):
        async with running(journal) as engine:
            await append(journal, scenario, end=40)
            await until_folded(engine, journal)
        full = (await open_journal(connection, "test", size_bytes_max=(await journal.events.info()).size_bytes)).journal
        message = Message(scenario.recorded[40][1], events.encode(scenario.recorded[40][2]), "id-41")
        with pytest.raises(JournalFull):
            await full.events.append([message])
        async with running(full) as engine:
            keeping = Keeping(limits=Limits(events=15))
            caretaker = Caretaker(full, engine, clock=SystemClock(), keeping=keeping)
            task = asyncio.create_task(caretaker.run())
            try:
                await append(full, scenario, start=40)
                await until_folded(engine, full)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await caretaker.finish()
            await caretaker.seal_the_end()
        assert (await full.events.info()).first_sequence == 25
        found = await check_journal(full)
        assert found.is_sound, found
        assert found.seals.unsealed["events"] == 0
