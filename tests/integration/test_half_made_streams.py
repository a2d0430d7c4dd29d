"""A NATS server that is killed while it makes a stream: the stream must not vanish later, with all that is in it.

The server writes a stream's description, then its checksum, then answers. Killed in between it skips the stream when it
comes back; made anew in the same place, the stream works, but its checksum is never written, so that it is gone after
the next restart.
"""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from adapters.journal.errors import JournalUnavailable
from adapters.journal.port import Journal, Message
from adapters.nats.connection import connect
from adapters.nats.embedded import EmbeddedServer, server_for_reading
from adapters.nats.journal import open_journal, open_journal_for_reading

_EVENT = Message("lws.events.default.1.n.s.pod.p", b"{}", "id")
_DECISION = Message("lws.decisions.default.1.n.s", b"{}", "id")


async def _open(server: EmbeddedServer) -> None:
    """Open the journal and store something, however often the server breaks off."""
    async with asyncio.timeout(60):
        while True:
            connection = await connect(server.settings)
            try:
                journal = (await open_journal(connection, "default")).journal
                await journal.events.append([_EVENT])
                await journal.decisions.append([_DECISION])
                return
            except JournalUnavailable:
                await asyncio.sleep(0.02)
            finally:
                await connection.close()


async def _stored(data_dir: Path) -> tuple[int, int]:
    async with server_for_reading(data_dir) as settings:
        connection = await connect(settings)
        try:
            journal: Journal = await open_journal_for_reading(connection, "default")
            return await journal.events.last_sequence(), await journal.decisions.last_sequence()
        finally:
            await connection.close()


@pytest.mark.parametrize(
    "stream", ["LWS_EVENTS_default", "LWS_DECISIONS_default", "LWS_TIMERS_default", "LWS_SNAPSHOTS_default"]
)
async def test_a_stream_without_its_checksum_is_made_anew(tmp_path: Path, stream: str) -> None:
    async with EmbeddedServer(tmp_path) as server:
        await _open(server)
    (checksum,) = (tmp_path / "nats/jetstream").rglob(f"{stream}/meta.sum")
    checksum.unlink()
    async with EmbeddedServer(tmp_path) as server:
        await _open(server)
    assert await _stored(tmp_path) == (1, 1)


@pytest.mark.parametrize("seed", range(3))
async def test_killed_while_the_streams_are_made(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)

    async def kill_a_few_times(server: EmbeddedServer) -> None:
        for _ in range(4):
            await asyncio.sleep(chance.uniform(0, 0.05))
            while (pid := server.pid) is None:
                await asyncio.sleep(0.005)
            os.kill(pid, signal.SIGKILL)
            while server.pid == pid:
                await asyncio.sleep(0.005)

    async with EmbeddedServer(tmp_path) as server:
        await asyncio.wait_for(asyncio.gather(kill_a_few_times(server), _open(server)), 60)
    assert await _stored(tmp_path) == (1, 1)
