"""The journals that must keep the contract: the in-memory double, and JetStream on the embedded server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Journal
from adapters.nats.connection import Connection, connect
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal

CLUSTER = "test"
SECOND_NS = 1_000_000_000
DEADLINE_SECONDS = 30.0


class JournalUnderTest(Protocol):
    """A journal with a hand on its clock and its limits."""

    @property
    def journal(self) -> Journal:
        """The journal."""

    def now_ns(self) -> int:
        """What the journal's clock says."""

    async def reach(self, at_ns: int) -> None:
        """Return when the journal's clock is past a time."""

    async def limit(self, size_bytes_max: int) -> None:
        """Set the byte limit of both streams."""


class InMemory:
    """The double. Its time moves only here."""

    def __init__(self) -> None:
        self._memory = MemoryJournal(CLUSTER, now_ns=1_700_000_000 * SECOND_NS)
        self.journal = self._memory.journal

    def now_ns(self) -> int:
        return self._memory.clock.now_ns

    async def reach(self, at_ns: int) -> None:
        self._memory.advance_to(at_ns)

    async def limit(self, size_bytes_max: int) -> None:
        self._memory.events.size_bytes_max = size_bytes_max
        self._memory.decisions.size_bytes_max = size_bytes_max


class OnNats:
    """The adapter. Its time is the time of day."""

    def __init__(self, connection: Connection, journal: Journal) -> None:
        self._connection = connection
        self.journal = journal

    def now_ns(self) -> int:
        return time.time_ns()

    async def reach(self, at_ns: int) -> None:
        await asyncio.sleep(max(0.0, (at_ns - time.time_ns()) / SECOND_NS))

    async def limit(self, size_bytes_max: int) -> None:
        await open_journal(self._connection, CLUSTER, size_bytes_max=size_bytes_max)


@asynccontextmanager
async def in_memory(_: Path) -> AsyncIterator[JournalUnderTest]:
    """A fresh double."""
    yield InMemory()


@asynccontextmanager
async def on_nats(data_dir: Path) -> AsyncIterator[JournalUnderTest]:
    """A fresh embedded server with a fresh journal; both end with the test."""
    async with EmbeddedServer(data_dir) as server:
        connection = await connect(server.settings)
        try:
            opened = await open_journal(connection, CLUSTER)
            yield OnNats(connection, opened.journal)
        finally:
            await connection.close()
