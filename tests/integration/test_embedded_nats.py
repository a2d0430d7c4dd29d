"""The embedded NATS server: it may be killed at any moment, and nobody loses or doubles anything."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from adapters.journal.errors import (
    DataDirectoryInUse,
    JournalMissing,
    JournalReadOnly,
    JournalUnavailable,
    UnsuitableServer,
)
from adapters.journal.group_commit import GroupCommit
from adapters.journal.port import Journal, Message, Record
from adapters.nats.connection import Connection, ConnectionSettings, connect
from adapters.nats.embedded import EmbeddedServer, server_for_reading
from adapters.nats.journal import open_journal, open_journal_for_reading

CLUSTER = "prod/eu.1"
TOKEN = "prod/eu%2E1"
SUBJECT = f"lws.events.{TOKEN}.7.default.sample.pod.sample-0"
DEADLINE_SECONDS = 60.0
SECOND_NS = 1_000_000_000


def message(number: int) -> Message:
    return Message(SUBJECT, b'{"number":%d}' % number, f"id{number}")


@asynccontextmanager
async def connected(settings: ConnectionSettings) -> AsyncIterator[Connection]:
    connection = await connect(settings)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def running(data_dir: Path) -> AsyncIterator[tuple[EmbeddedServer, Journal]]:
    async with EmbeddedServer(data_dir) as server, connected(server.settings) as connection:
        yield server, (await open_journal(connection, CLUSTER)).journal


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


async def kill(server: EmbeddedServer) -> None:
    """SIGKILL the server and wait until the supervisor has brought it back."""
    restarts = server.restarts
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)

    async def restarted() -> bool:
        return server.restarts > restarts

    await eventually(restarted)


async def read_all(journal: Journal) -> list[Record]:
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for batch in journal.events.read(follow=False):
            records += batch
    return records


async def test_kills_while_publishing_and_reading_lose_and_double_nothing(tmp_path: Path) -> None:
    count = 3000
    async with running(tmp_path) as (server, journal):
        seen: list[Record] = []

        async def follow() -> None:
            async with aclosing(journal.events.read(follow=True)) as batches:
                async for batch in batches:
                    seen.extend(batch)
                    if len(seen) >= count:
                        return

        async def publish() -> None:
            for number in range(count):
                await writer.publish(message(number))

        async def store_some(target: int) -> None:
            async def enough() -> bool:
                return len(seen) >= target

            await eventually(enough)

        follower = asyncio.create_task(follow())
        async with GroupCommit(journal.events) as writer, asyncio.timeout(DEADLINE_SECONDS):
            publisher = asyncio.create_task(publish())
            for target in (300, 1200, 2100):
                await store_some(target)
                await kill(server)
            await publisher
            await follower
        assert [record.message_id for record in seen] == [f"id{number}" for number in range(count)]
        assert [record.sequence for record in seen] == list(range(1, count + 1))
        assert server.restarts == 3
        assert await read_all(journal) == seen


async def test_batches_under_way_while_the_server_is_killed_are_stored_once(tmp_path: Path) -> None:
    count = 20_000
    async with running(tmp_path) as (server, journal):
        async with GroupCommit(journal.events) as writer, asyncio.timeout(DEADLINE_SECONDS):

            async def publish() -> list[int]:
                futures = [await writer.submit(message(number)) for number in range(count)]
                return [await future for future in futures]

            publisher = asyncio.create_task(publish())

            async def some_batches() -> bool:
                return writer.batches >= 2

            await eventually(some_batches)
            await kill(server)
            sequences = await publisher
        assert sequences == list(range(1, count + 1))
        assert [record.message_id for record in await read_all(journal)] == [f"id{number}" for number in range(count)]


async def test_the_writer_says_that_it_is_waiting(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, journal), GroupCommit(journal.events) as writer:
        published = 0

        async def publish() -> None:
            nonlocal published
            while writer.healthy:
                await writer.publish(message(published))
                published += 1

        assert server.pid is not None
        os.kill(server.pid, signal.SIGSTOP)
        publisher = asyncio.create_task(publish())  # a message or two may still be taken before it stands still
        try:

            async def unhealthy() -> bool:
                return not writer.healthy

            await eventually(unhealthy)
        finally:
            os.kill(server.pid, signal.SIGCONT)

        async def healthy() -> bool:
            return writer.healthy

        await eventually(healthy)
        publisher.cancel()
        await asyncio.gather(publisher, return_exceptions=True)
        await writer.close()
        stored = [record.message_id for record in await read_all(journal)]
        assert stored == [f"id{number}" for number in range(len(stored))]
        assert len(stored) in (published, published + 1)


async def test_timers_fire_once_after_a_kill(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, journal):
        now_ns = time.time_ns()
        due = {f"lws.events.{TOKEN}.7.default.sample.timer.t{n}": now_ns + n * SECOND_NS // 2 for n in range(1, 5)}
        for subject, fire_at_ns in due.items():
            await journal.events.schedule(subject, fire_at_ns=fire_at_ns, data=b"{}")
        await kill(server)

        async def all_fired() -> bool:
            return await journal.events.last_sequence() >= len(due)

        await eventually(all_fired)
        await kill(server)
        fired = await read_all(journal)
        assert sorted(record.subject for record in fired) == sorted(due)
        assert all(record.at_ns >= due[record.subject] for record in fired)


async def test_a_journal_outlives_its_server(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, journal):
        await journal.events.append([message(number) for number in range(100)])
    async with EmbeddedServer(tmp_path) as server, connected(server.settings) as connection:
        opened = await open_journal(connection, CLUSTER)
        assert not opened.created
        assert len(await read_all(opened.journal)) == 100
        assert (await opened.journal.events.append([message(5)])).duplicates == 1


async def test_a_data_directory_has_one_owner(tmp_path: Path) -> None:
    async with running(tmp_path):
        with pytest.raises(DataDirectoryInUse, match=rf"{tmp_path}.*pid {os.getpid()}.*--data-dir"):
            await EmbeddedServer(tmp_path, lock_seconds=0.1).start()


async def test_secrets_are_for_the_owner_only(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, _):
        for name in ("server.conf", "connection.json", "lock"):
            assert (tmp_path / "nats" / name).stat().st_mode & 0o077 == 0
        assert (tmp_path / "nats").stat().st_mode & 0o077 == 0
        stranger = ConnectionSettings(url=server.settings.url, user="lws-events", password="guess")
        with pytest.raises(UnsuitableServer, match="credentials"):
            await connect(stranger, timeout=5.0)
        assert server.settings.url.startswith("nats://127.0.0.1:")


async def test_a_tool_reads_beside_a_running_controller(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, journal):
        await journal.events.append([message(1)])
        async with server_for_reading(tmp_path) as settings, connected(settings) as connection:
            opened = await open_journal_for_reading(connection, CLUSTER)
            assert len(await read_all(opened)) == 1
            with pytest.raises(JournalReadOnly):
                await opened.events.append([message(2)])
        await journal.events.append([message(2)])


async def test_a_tool_reads_the_directory_of_a_stopped_controller(tmp_path: Path) -> None:
    with pytest.raises(JournalMissing, match=str(tmp_path)):
        async with server_for_reading(tmp_path):
            pass
    async with running(tmp_path) as (_, journal):
        await journal.events.append([message(1)])
    async with server_for_reading(tmp_path) as settings, connected(settings) as connection:
        assert len(await read_all(await open_journal_for_reading(connection, CLUSTER))) == 1
        assert (await open_journal_for_reading(connection)).cluster == CLUSTER
        with pytest.raises(JournalMissing, match=CLUSTER):
            await open_journal_for_reading(connection, "another")
        await open_journal(connection, "another")
        with pytest.raises(JournalMissing, match=f"which cluster.*another, {CLUSTER}"):
            await open_journal_for_reading(connection)


async def test_a_server_that_cannot_stay_up_is_given_up(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, restarts_max=2) as server:
        for _ in range(2):
            await kill(server)
        assert server.pid is not None
        assert not server.failed.is_set()
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.wait_for(server.failed.wait(), DEADLINE_SECONDS)
        assert "ended 3 times" in str(server.failure)


async def test_reading_what_is_there_ends_when_the_server_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.nats.stream.PATIENCE_SECONDS", 0.3)
    async with running(tmp_path) as (server, journal):
        await journal.events.append([message(number) for number in range(20_000)])
        reading = journal.events.read(follow=False)
        await anext(reading)
        await server.stop()

        async def read_on() -> int:
            return sum([len(batch) async for batch in reading])

        with pytest.raises(JournalUnavailable, match=r"cannot be read on from sequence \d+"):
            await asyncio.wait_for(read_on(), DEADLINE_SECONDS)


async def test_a_supervisor_that_fails_is_the_end_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Path:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    async with EmbeddedServer(tmp_path) as server:
        monkeypatch.setattr("adapters.nats.embedded.find_server", fail)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.wait_for(server.failed.wait(), DEADLINE_SECONDS)
        assert "Permission denied" in str(server.failure)


async def test_a_server_that_failed_to_write_is_restarted_when_there_is_room(tmp_path: Path) -> None:
    async with (
        EmbeddedServer(tmp_path, room_bytes_min=0) as server,
        connected(server.settings) as connection,
    ):
        journal = (await open_journal(connection, CLUSTER)).journal
        assert server.pid is not None
        limit = (1_000_000, resource.RLIM_INFINITY)  # stands for a full disk; ends with the process, as room comes back
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limit)
        async with GroupCommit(journal.events) as writer, asyncio.timeout(DEADLINE_SECONDS):
            big = b'"' + b"x" * 300_000 + b'"'
            for number in range(8):
                assert await writer.publish(Message(SUBJECT, big, f"big{number}")) == number + 1
        assert server.restarts == 1
        assert not server.storage_failed
        assert [record.message_id for record in await read_all(journal)] == [f"big{number}" for number in range(8)]


async def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken-server"
    broken.write_text("#!/bin/sh\necho '[FTL] no such luck' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("NATS_SERVER", str(broken))
    with pytest.raises(JournalUnavailable, match=r"(?s)status 3.*no such luck"):
        await EmbeddedServer(tmp_path / "data").start()
    broken.write_text(
        "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x >&2\necho >&2\necho '[FTL] after that' >&2\nexit 4\n"
    )
    with pytest.raises(JournalUnavailable, match=r"(?s)status 4.*after that"):
        await EmbeddedServer(tmp_path / "data").start()
    monkeypatch.setenv("NATS_SERVER", str(tmp_path / "absent"))
    with pytest.raises(UnsuitableServer, match="NATS_SERVER"):
        await EmbeddedServer(tmp_path / "data").start()


_CONTROLLER = """
import asyncio, sys
from pathlib import Path
from adapters.nats.embedded import EmbeddedServer

async def main():
    async with EmbeddedServer(Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_the_server_of_a_killed_controller_makes_room_for_the_next(tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: ASYNC220 - its output is one line
        [sys.executable, "-c", _CONTROLLER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as controller:
        assert controller.stdout is not None
        try:
            orphan = int(await asyncio.to_thread(controller.stdout.readline))
        finally:
            controller.kill()
    async with running(tmp_path) as (server, journal):
        assert server.pid != orphan
        await journal.events.append([message(1)])


async def test_nobody_there_is_said_so() -> None:
    with pytest.raises(JournalUnavailable, match=r"127\.0\.0\.1:9"):
        await connect(ConnectionSettings(url="nats://127.0.0.1:9"), timeout=0.5)


async def test_a_password_in_the_url_is_not_told() -> None:
    with pytest.raises(JournalUnavailable) as raised:
        await connect(ConnectionSettings(url="nats://me:hush@127.0.0.1:9,me:hush@localhost:9"), timeout=0.5)
    assert "at nats://127.0.0.1:9,localhost:9: " in str(raised.value)
    assert "hush" not in str(raised.value)
