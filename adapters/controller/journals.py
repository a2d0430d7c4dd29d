"""The journal of a controller: on an embedded server, or on the one of ``--nats-url``."""

import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import structlog

from adapters.journal.epoch import begin_epoch, ensure_epoch
from adapters.journal.port import Journal
from adapters.nats.connection import Connection, ConnectionSettings, connect
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal
from lws_events import decisions

_log = structlog.get_logger(__name__)


class OpenJournal(NamedTuple):
    """A journal ready to be written: its epoch has begun."""

    journal: Journal
    connection: Connection
    server: EmbeddedServer | None
    """None where the server is not ours."""


@contextlib.asynccontextmanager
async def opened(
    *,
    cluster: str,
    data_dir: Path,
    remote: ConnectionSettings | None,
    size_bytes_max: int,
    replicas: int,
) -> AsyncIterator[OpenJournal]:
    """Open (and create, if need be) the journal of a cluster. Raises ``JournalError``."""
    async with contextlib.AsyncExitStack() as stack:
        server = None
        if remote is not None:
            settings = remote
        else:
            server = await stack.enter_async_context(EmbeddedServer(data_dir))
            settings = server.settings
            _log.info("embedded NATS server runs", data_dir=str(data_dir))
        connection = await connect(settings)
        stack.push_async_callback(connection.close)
        journal, created = await open_journal(connection, cluster, size_bytes_max=size_bytes_max, replicas=replicas)
        await _ensure_epoch(journal)
        _log.info("journal is open", cluster=cluster, created=created)
        yield OpenJournal(journal, connection, server)


async def _ensure_epoch(journal: Journal) -> None:
    """Begin an epoch in a new stream, and in one that is shorter than its decisions say: it has lost its tail."""
    now_ms = time.time_ns() // 1_000_000
    epoch = await ensure_epoch(journal.events, journal.cluster, new_epoch=_new_epoch(), at_ms=now_ms)
    last_event = await journal.events.last_sequence()
    last_decision = await journal.decisions.last_sequence()
    if not last_decision:
        return
    async with contextlib.aclosing(journal.decisions.read(from_sequence=last_decision, follow=False)) as batches:
        async for batch in batches:
            last = decisions.decode(batch[-1].data)
            if last.epoch == epoch.epoch and last.cause > last_event:
                _log.warning("the journal has lost its tail", last_event=last_event, last_decided=last.cause)
                await begin_epoch(journal.events, journal.cluster, new_epoch=_new_epoch(), at_ms=now_ms)


def _new_epoch() -> str:
    return uuid.uuid4().hex[:8]
