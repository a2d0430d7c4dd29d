"""The log store: what was put is there, under its reference, until it makes room."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.journal.logs import LogStore, MemoryLogs
from adapters.nats.connection import connect
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal, open_journal_for_reading
from adapters.nats.stream_names import StreamNames
from adapters.nats.wire import api

REFERENCE = "name.space/set/set-0-1/main/e-7-0"


@pytest_asyncio.fixture(params=["memory", "nats"])
async def logs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LogStore]:
    if request.param == "memory":
        yield MemoryLogs()
        return
    async with EmbeddedServer(tmp_path) as server:
        connection = await connect(server.settings)
        try:
            store = (await open_journal(connection, "prod.1")).journal.logs
            assert store is not None
            yield store
        finally:
            await connection.close()


async def test_what_was_put_is_there(logs: LogStore) -> None:
    assert await logs.get(REFERENCE) is None
    await logs.put(REFERENCE, "the énd\n".encode())
    await logs.put(f"{REFERENCE}1", b"")
    assert await logs.get(REFERENCE) == "the énd\n".encode()
    assert await logs.get(f"{REFERENCE}1") == b""
    assert await logs.get("name.space/set/set-0-1/main/e-8-0") is None
    await logs.put(REFERENCE, b"again")
    assert await logs.get(REFERENCE) == b"again"


async def test_many_are_put_side_by_side(logs: LogStore) -> None:
    texts = {f"ns/set/set-{number}/main/e-1-0": b"%d" % number for number in range(64)}
    await asyncio.gather(*(logs.put(reference, text) for reference, text in texts.items()))
    assert {reference: await logs.get(reference) for reference in texts} == texts


async def test_the_stream_is_there_only_where_logs_are_kept_and_drops_the_oldest(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path) as server:
        connection = await connect(server.settings)
        try:
            journal = (await open_journal(connection, "prod")).journal
            assert StreamNames.of("prod").logs not in (await api(connection, "STREAM.NAMES"))["streams"]
            assert journal.logs is not None
            await journal.logs.put(REFERENCE, b"kept")
            config = (await api(connection, f"STREAM.INFO.{StreamNames.of('prod').logs}"))["config"]
            assert (config["discard"], config["max_msgs_per_subject"]) == ("old", 1)
            read_only = (await open_journal_for_reading(connection, "prod")).logs
            assert read_only is not None
            assert await read_only.get(REFERENCE) == b"kept"
        finally:
            await connection.close()
