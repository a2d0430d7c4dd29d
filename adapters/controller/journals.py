"""The journal of a controller: on an embedded server, or on the one of ``--nats-url``."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from adapters.controller.recorded import decision_at
from adapters.journal.epoch import begin_epoch, ensure_epoch, epochs
from adapters.journal.errors import JournalDamaged, JournalFull, JournalMissing, JournalUnavailable
from adapters.journal.port import Journal
from adapters.journal.seals.model import newest
from adapters.nats.connection import Connection, ConnectionSettings, connect
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal

_log = structlog.get_logger(__name__)

_RETRY_SECONDS_MIN: Final = 0.2
_RETRY_SECONDS_MAX: Final = 10.0


class OpenJournal(NamedTuple):
    """A journal ready to be written: its epoch has begun."""

    journal: Journal
    connection: Connection
    server: EmbeddedServer | None
    """None where the server is not ours."""

    @property
    def problem(self) -> str:
        """Why nothing can be stored right now, as far as is known; empty when it can."""
        if self.server is not None and self.server.storage_failed:
            return "the disk of the journal cannot be written; it goes on when there is room"
        if not self.connection.is_connected:
            return "not connected to the NATS server"
        return ""


class JournalSettings(NamedTuple):
    """Where the journal is, and its limits when it is created."""

    cluster: str
    data_dir: Path
    """Of the embedded server."""
    remote: ConnectionSettings | None
    """Of another server, which is used instead."""
    size_bytes_max: int
    replicas: int


@contextlib.asynccontextmanager
async def opened(settings: JournalSettings, *, on_wait: Callable[[str], None]) -> AsyncIterator[OpenJournal]:
    """Open (and create, if need be) the journal of a cluster, and close it after the block.

    A server that does not answer is waited for, and ``on_wait`` is told why. Raises ``JournalError`` for what waiting
    does not cure: credentials that are refused, a full or unsuitable server, an embedded one that does not start.
    """
    async with contextlib.AsyncExitStack() as stack:
        server, remote = None, settings.remote
        if remote is None:
            server = await stack.enter_async_context(EmbeddedServer(settings.data_dir))
            remote = server.settings
            _log.info("embedded NATS server runs", data_dir=str(settings.data_dir))
        delay_seconds = _RETRY_SECONDS_MIN
        while True:
            attempt = contextlib.AsyncExitStack()
            try:
                connection = await connect(remote)
                attempt.push_async_callback(connection.close)
                journal, created = await open_journal(
                    connection, settings.cluster, size_bytes_max=settings.size_bytes_max, replicas=settings.replicas
                )
                await begin_epoch_if_needed(journal)
                break
            except JournalUnavailable as error:
                await attempt.aclose()
                if isinstance(error, JournalFull) or (server is not None and server.failed.is_set()):
                    raise
                on_wait(str(error))
                _log.warning("the journal cannot be opened yet", error=str(error), retry_seconds=delay_seconds)
                await asyncio.sleep(delay_seconds)
                delay_seconds = min(delay_seconds * 2, _RETRY_SECONDS_MAX)
            except BaseException:
                await attempt.aclose()
                raise
        await stack.enter_async_context(attempt)
        _log.info("journal is open", cluster=settings.cluster, created=created)
        yield OpenJournal(journal, connection, server)


async def begin_epoch_if_needed(journal: Journal) -> None:
    """Begin an epoch in a new stream, and in one that is shorter than its decisions say: it has lost its tail.

    JetStream hands the lost sequences out again, and decisions about two different events must not look alike.
    """
    now_ms = time.time_ns() // 1_000_000
    present = await ensure_epoch(journal.events, journal.cluster, new_epoch=_new_epoch(), at_ms=now_ms)
    if present.started:
        return
    sealed = await _sealed_through(journal)
    last = await decision_at(journal.decisions, await journal.decisions.last_sequence())
    # Read after decision and seal: another controller, which leads, may be adding to all of them.
    last_event = await journal.events.last_sequence()
    lost = sealed > last_event
    if last is not None and not lost:
        if last.epoch == present.epoch:
            lost = last.cause > last_event
        else:
            lost = last.epoch not in [epoch async for epoch in epochs(journal.events, journal.cluster)]
    if lost:
        _log.warning(
            "the journal has lost its tail",
            last_event=last_event,
            last_decided=last.cause if last else 0,
            sealed_through=sealed,
        )
        await begin_epoch(journal.events, journal.cluster, new_epoch=_new_epoch(), at_ms=now_ms)


async def _sealed_through(journal: Journal) -> int:
    """How far the events were sealed; 0 where that is not known."""
    if journal.seals is None:
        return 0
    try:
        found = await newest(journal.seals)
    except (JournalDamaged, JournalMissing) as error:
        _log.error("the newest seal of the journal cannot be read", error=str(error))
        return 0
    return found.sealing.seal.events.through if found and found.sealing else 0


def _new_epoch() -> str:
    return uuid.uuid4().hex[:8]
