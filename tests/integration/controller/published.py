"""What is published of lifecycle events, compared with what the journal says."""

import contextlib
import json

from adapters.lifecycle_events.positions import FIRST
from adapters.lifecycle_events.reading import lifecycle_events
from adapters.nats.connection import Connection, ConnectionSettings, connect
from adapters.nats.journal import open_journal_for_reading
from adapters.nats.stream import NatsStream
from adapters.nats.stream_names import StreamNames
from tests.controlplane.api import eventually


async def in_journal(connection: Connection) -> list[str]:
    """Ids of all events, by the journal alone."""
    journal = await open_journal_for_reading(connection)
    async with contextlib.aclosing(lifecycle_events(journal, FIRST, follow=False)) as batches:
        return [event.id async for batch in batches for event in batch.events]


async def on_nats(connection: Connection) -> list[str]:
    """Ids of the messages on the stream, which are those of the events in them."""
    names = StreamNames.of("default")
    stream = NatsStream(connection, names.lifecycle, names.lifecycle_root, read_only=True)
    records = [record async for batch in stream.read(follow=False) for record in batch]
    assert [json.loads(record.data)["id"] for record in records] == [record.message_id for record in records]
    return [record.message_id or "" for record in records]


async def all_published(settings: ConnectionSettings) -> list[str]:
    """Wait until exactly what the journal says is published, each event once and in order."""
    connection = await connect(settings)
    try:

        async def same() -> list[str]:
            ids = await in_journal(connection)
            return ids if await on_nats(connection) == ids else []

        ids = await eventually(same, what="all lifecycle events to be published, each once", interval_seconds=0.1)
        assert len(set(ids)) == len(ids)
        return ids
    finally:
        await connection.close()
