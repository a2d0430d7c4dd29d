"""A journal with a story in it and a place for lifecycle events: in memory, and on the embedded server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import msgspec

from adapters.journal.memory import MemoryJournal, MemoryStream
from adapters.journal.port import Journal, Message, Record, Stream
from adapters.kubernetes.pace import SystemClock
from adapters.lifecycle_events.positions import FIRST, Start
from adapters.lifecycle_events.publisher import LifecyclePublisher
from adapters.lifecycle_events.reading import lifecycle_events
from adapters.nats.connection import Connection, ConnectionSettings, connect
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal
from adapters.nats.lifecycle import LifecycleLimits, open_lifecycle_stream
from lws_events import decisions, events
from lws_events.decisions import ConditionChanged, GroupChanged, GroupRecreationStarted
from lws_events.subjects import SetName
from projections.lifecycle import CloudEvent, Wanted, cloud_events
from tests.journal_builder import CLUSTER, JournalBuilder

DEADLINE_SECONDS = 30.0
OTHER = SetName("team-a", "llama.70b")
LIMITS = LifecycleLimits(size_bytes=16 * 1024**2)


class Stage:
    """A journal and the stream on which its events are published."""

    def __init__(
        self, journal: Journal, connection: Connection | None = None, settings: ConnectionSettings | None = None
    ) -> None:
        self.journal = journal
        self.connection = connection
        self._settings = settings
        self._in_memory: MemoryStream | None = None
        self.limits = LIMITS

    @property
    def settings(self) -> ConnectionSettings:
        """How the server is reached."""
        assert self._settings is not None
        return self._settings

    @property
    def memory(self) -> MemoryStream:
        """The stream of the double."""
        assert self._in_memory is not None
        return self._in_memory

    def use(self, memory: MemoryJournal) -> None:
        self._in_memory = MemoryStream(f"LWS_LIFECYCLE_{CLUSTER}", f"lws.lifecycle.{CLUSTER}", clock=memory.clock)

    async def open_stream(self) -> Stream:
        if self.connection is None:
            return self.memory
        return await open_lifecycle_stream(self.connection, CLUSTER, limits=self.limits)

    def publisher(self, *, keep_ms: int | None = None) -> LifecyclePublisher:
        return LifecyclePublisher(self.journal, self.open_stream, keep_ms=keep_ms, clock=SystemClock())

    async def published(self) -> list[Record]:
        """Everything that is on the stream."""
        stream = await self.open_stream()
        return [record async for batch in stream.read(follow=False) for record in batch]

    async def until_published(self, count: int) -> list[Record]:
        """Once so many have been published, in all."""
        stream = await self.open_stream()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await stream.last_sequence() < count:
                await asyncio.sleep(0.01)
        return await self.published()

    async def record(self, story: JournalBuilder, *, after: int = 0) -> None:
        """Append what the story has behind an event."""
        told = [one for one in story.events if one.sequence > after]
        await self.journal.events.append(
            [Message(one.subject, events.encode(one.envelope), f"event-{one.sequence}") for one in told]
        )
        decided = [one for one in story.decisions if one.decision.cause > after]
        if decided:
            await self.journal.decisions.append(
                [Message(one.subject, decisions.encode(one.decision), one.decision.message_id) for one in decided]
            )


@asynccontextmanager
async def in_memory(_: Path) -> AsyncIterator[Stage]:
    """On the doubles."""
    memory = MemoryJournal(CLUSTER, now_ns=1_700_000_000_000_000_000)
    stage = Stage(memory.journal)
    stage.use(memory)
    yield stage


@asynccontextmanager
async def on_nats(data_dir: Path) -> AsyncIterator[Stage]:
    """On a fresh embedded server, which ends with the test."""
    async with EmbeddedServer(data_dir) as server:
        connection = await connect(server.settings)
        try:
            yield Stage((await open_journal(connection, CLUSTER)).journal, connection, server.settings)
        finally:
            await connection.close()


def story(*, recreations: int = 8) -> JournalBuilder:
    """Two sets whose groups are recreated in turn, once each second: decisions of one to three facts, or of none."""
    journal = JournalBuilder()
    sample = journal.set_name
    go_on(journal, recreations, sample)
    return journal


def go_on(journal: JournalBuilder, recreations: int, sample: SetName) -> None:
    """More of the same."""
    for number in range(recreations):
        set_name = OTHER if number % 3 == 2 else sample
        journal.about(set_name).later(milliseconds=1000)
        group = f"{set_name.name}-{number % 2}"
        started = GroupRecreationStarted(
            group=group,
            leader=group,
            leader_uid=f"leader-{number}",
            failed_pod=f"{group}-1",
            failed_uid=f"worker-{number}",
            failure="deleted",
        )
        journal.pod_deleted(f"{group}-1", uid=f"worker-{number}")
        journal.decided(facts=[started, GroupChanged(group=group, before="Ready", after="Recreating")])
        journal.running(f"{group}-0", uid=f"leader-{number}")
        journal.decided()
        journal.running(f"{group}-1", uid=f"worker-{number + 1}")
        journal.decided(
            facts=[
                GroupChanged(group=group, before="Recreating", after="Ready"),
                ConditionChanged(condition="Progressing", status="False"),
                ConditionChanged(condition="Available", status="True"),
            ]
        )
    journal.about(sample)


def expected(journal: JournalBuilder, wanted: Wanted | None = None) -> list[CloudEvent]:
    """All events of a story, by the projection alone."""
    found: list[CloudEvent] = []
    for step in journal.steps:
        if step.recorded is not None:
            found += cloud_events(step.recorded, step.event, recorded_ms=0, wanted=wanted)
    return found


async def read(journal: Journal, start: Start = FIRST, wanted: Wanted | None = None) -> list[CloudEvent]:
    """All events of a journal from a place on."""
    reading = lifecycle_events(journal, start, wanted=wanted or Wanted(), follow=False)
    async with aclosing(reading) as batches:
        return [event async for batch in batches for event in batch.events]


def ids(told: Sequence[Record] | Sequence[CloudEvent]) -> list[str | None]:
    return [one.id if isinstance(one, CloudEvent) else one.message_id for one in told]


def bodies(records: Sequence[Record]) -> list[CloudEvent]:
    return [msgspec.json.decode(record.data, type=CloudEvent) for record in records]
