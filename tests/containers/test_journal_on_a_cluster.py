"""The journal with three replicas survives the loss of a server, also of the one that leads the stream."""

import asyncio
import time
from typing import Any

import pytest

from adapters.journal.errors import JournalError, JournalUnavailable
from adapters.journal.port import Journal, Message, Record
from adapters.nats import wire
from adapters.nats.connection import Connection
from adapters.nats.journal import open_journal
from adapters.nats.stream_names import StreamNames
from tests.containers.jetstream import SERVERS, JetStreamCluster
from tests.controlplane.api import eventually

pytestmark = pytest.mark.containers

CLUSTER = "test"
NAMES = StreamNames.of(CLUSTER)
SIZE_BYTES_MAX = 64 * 1024 * 1024


async def opened(connection: Connection) -> Journal:
    """The journal, as soon as the servers have found each other and a stream with three replicas can be placed."""

    async def created() -> Journal | None:
        try:
            return (await open_journal(connection, CLUSTER, size_bytes_max=SIZE_BYTES_MAX, replicas=3)).journal
        except JournalError:
            return None

    return await eventually(created, what="a journal with three replicas")


async def members(connection: Connection, stream: str) -> dict[str, Any]:
    info: dict[str, Any] = (await wire.api(connection, f"STREAM.INFO.{stream}"))["cluster"]
    return info


async def leader_of(connection: Connection, stream: str) -> str:
    async def elected() -> str | None:
        try:
            return (await members(connection, stream)).get("leader")
        except JournalUnavailable:
            return None

    return await eventually(elected, what=f"a leader of {stream}")


async def caught_up(connection: Connection, stream: str) -> None:
    """Return when every follower has all that the leader has."""

    async def all_current() -> bool:
        try:
            replicas = (await members(connection, stream)).get("replicas", [])
        except JournalUnavailable:
            return False
        return len(replicas) == len(SERVERS) - 1 and all(r["current"] and not r.get("offline") for r in replicas)

    await eventually(all_current, what=f"all replicas of {stream} to catch up")


def message(number: int) -> Message:
    return Message(f"{NAMES.events_root}.fact.{number % 7}", str(number).encode(), message_id=f"fact-{number}")


async def insist(journal: Journal, numbers: range) -> None:
    """Append as the controller does: the same ids again for as long as nothing is known about the append."""
    messages = [message(number) for number in numbers]
    deadline = time.monotonic() + 60
    while True:
        try:
            await journal.events.append(messages)
            return
        except JournalUnavailable:
            assert time.monotonic() < deadline, "the cluster did not come back within a minute"
            await asyncio.sleep(0.1)


async def read_all(journal: Journal) -> list[Record]:
    records: list[Record] = []
    async for batch in journal.events.read(follow=False):
        records.extend(batch)
    return records


def numbers_in(records: list[Record]) -> list[int]:
    return [int(record.data) for record in records]


async def test_the_leaders_loss_loses_nothing_and_duplicates_nothing(
    cluster: JetStreamCluster, connection: Connection
) -> None:
    journal = await opened(connection)
    leader = await leader_of(connection, NAMES.events)

    for start in range(0, 1000, 10):
        if start == 500:
            await asyncio.to_thread(cluster.kill, leader)
        await insist(journal, range(start, start + 10))
    assert await leader_of(connection, NAMES.events) != leader
    assert numbers_in(await read_all(journal)) == list(range(1000))

    await asyncio.to_thread(cluster.start, leader)
    await caught_up(connection, NAMES.events)
    other = next(name for name in SERVERS if name != leader)
    await asyncio.to_thread(cluster.kill, other)
    await insist(journal, range(1000, 1010))
    assert numbers_in(await read_all(journal)) == list(range(1010))


async def test_a_reader_follows_through_the_leaders_loss(cluster: JetStreamCluster, connection: Connection) -> None:
    journal = await opened(connection)
    seen: list[Record] = []

    async def follow() -> None:
        async for batch in journal.events.read(to_sequence=200, follow=True):
            seen.extend(batch)

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        group.create_task(follow())
        await insist(journal, range(100))
        await asyncio.to_thread(cluster.kill, await leader_of(connection, NAMES.events))
        await insist(journal, range(100, 200))
    assert numbers_in(seen) == list(range(200))


async def test_without_a_majority_nothing_is_acknowledged(cluster: JetStreamCluster, connection: Connection) -> None:
    journal = await opened(connection)
    await insist(journal, range(10))
    lost = SERVERS[:2]
    for name in lost:
        await asyncio.to_thread(cluster.kill, name)
    with pytest.raises(JournalUnavailable):
        await journal.events.append([message(10)])

    await asyncio.to_thread(cluster.start, lost[0])
    await insist(journal, range(10, 20))
    assert numbers_in(await read_all(journal)) == list(range(20))


async def test_a_timer_fires_once_after_the_loss_of_the_server_that_keeps_it(
    cluster: JetStreamCluster, connection: Connection
) -> None:
    journal = await opened(connection)
    subject = f"{NAMES.events_root}.timer.one"
    await journal.events.schedule(subject, fire_at_ns=time.time_ns() + 3_000_000_000, data=b"0")
    await asyncio.to_thread(cluster.kill, await leader_of(connection, NAMES.timers))

    async def fired() -> bool:
        try:
            return bool((await journal.events.latest(subject)).records)
        except JournalUnavailable:
            return False

    # It fires within seconds, but a server that lost the leader of a stream's source looks for the new one only after
    # its own pauses, up to half a minute; until then the fired timer is not in EVENTS.
    await eventually(fired, what="the timer to fire", timeout_seconds=120)
    await insist(journal, range(1, 5))
    assert [r.subject for r in await read_all(journal)].count(subject) == 1
