"""Group commit on the in-memory journal: nothing lost, nothing doubled, nobody forgotten, whatever the journal does."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.journal.errors import Fenced, JournalUnavailable, MessageRefused
from adapters.journal.group_commit import GroupCommit
from adapters.journal.memory import MemoryJournal, MemoryStream
from adapters.journal.port import Message

DEADLINE_SECONDS = 10.0


def message(number: int, *, expected: int | None = None, size: int = 2) -> Message:
    return Message(f"lws.events.test.7.default.sample.pod.p{number}", b"x" * size, f"id{number}", expected)


def ids(stream: MemoryStream) -> list[str | None]:
    return [record.message_id for record in stream.records]


@pytest.fixture
def events() -> MemoryStream:
    return MemoryJournal("test").events


@pytest.fixture
async def writer(events: MemoryStream) -> AsyncIterator[GroupCommit]:
    async with GroupCommit(events, retry_seconds_max=0.02) as writer:
        yield writer


async def until_retrying(writer: GroupCommit) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            if not writer.healthy:
                return
            await asyncio.sleep(0)


async def test_a_lone_message_goes_alone_and_what_comes_meanwhile_goes_together(
    events: MemoryStream, writer: GroupCommit
) -> None:
    assert await writer.publish(message(0)) == 1
    assert writer.batches == 1
    sequences = await asyncio.gather(*(writer.publish(message(number)) for number in range(1, 500)))
    assert sequences == list(range(2, 501))
    assert writer.batches <= 3


async def test_a_lost_acknowledgement_stores_nothing_twice(events: MemoryStream, writer: GroupCommit) -> None:
    events.acknowledgements_to_lose = 3
    sequences = await asyncio.gather(*(writer.publish(message(number)) for number in range(5)))
    assert sequences == [1, 2, 3, 4, 5]
    assert ids(events) == [f"id{number}" for number in range(5)]
    assert writer.healthy


async def test_it_waits_while_the_journal_is_unavailable_and_says_so(events: MemoryStream, writer: GroupCommit) -> None:
    events.unavailable = True
    published = [asyncio.create_task(writer.publish(message(number))) for number in range(3)]
    await until_retrying(writer)
    assert writer.waiting == 3
    assert "unavailable" in str(writer.trouble)
    events.unavailable = False
    assert await asyncio.gather(*published) == [1, 2, 3]
    assert writer.healthy


async def test_it_waits_while_the_journal_is_full(events: MemoryStream, writer: GroupCommit) -> None:
    events.size_bytes_max = 0
    published = asyncio.create_task(writer.publish(message(0)))
    await until_retrying(writer)
    events.size_bytes_max = -1
    assert await published == 1


async def test_a_full_queue_holds_publishers_back(events: MemoryStream) -> None:
    events.unavailable = True
    async with GroupCommit(events, queue_messages_max=2, retry_seconds_max=0.02) as writer:
        published = [asyncio.create_task(writer.publish(message(number))) for number in range(4)]
        await until_retrying(writer)
        assert writer.waiting == 2
        events.unavailable = False
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await asyncio.gather(*published) == [1, 2, 3, 4]


async def test_a_refused_or_fenced_message_does_not_take_the_others_with_it(
    events: MemoryStream, writer: GroupCommit
) -> None:
    foreign = Message("elsewhere.pod", b"{}", "foreign")
    messages = [message(0), foreign, message(1, expected=7), message(2)]
    first, refused, fenced, last = await asyncio.gather(*map(writer.publish, messages), return_exceptions=True)
    assert (first, last) == (1, 2)
    assert isinstance(refused, MessageRefused)
    assert isinstance(fenced, Fenced)
    assert await writer.publish(message(3)) == 3


async def test_a_publisher_that_gives_up_does_not_take_its_message_back(
    events: MemoryStream, writer: GroupCommit
) -> None:
    events.unavailable = True
    publisher = asyncio.create_task(writer.publish(message(0)))
    await until_retrying(writer)
    publisher.cancel()
    await asyncio.gather(publisher, return_exceptions=True)
    events.unavailable = False
    assert await writer.publish(message(1)) == 2
    assert ids(events) == ["id0", "id1"]


async def test_large_messages_make_small_batches(events: MemoryStream) -> None:
    async with GroupCommit(events, batch_bytes_max=1000) as writer:
        await asyncio.gather(*(writer.publish(message(number, size=400)) for number in range(6)))
        assert writer.batches >= 3


async def test_closing_stores_what_waits(events: MemoryStream) -> None:
    async with GroupCommit(events) as writer:
        futures = [await writer.submit(message(number)) for number in range(10)]
    assert [future.result() for future in futures] == list(range(1, 11))
    with pytest.raises(JournalUnavailable, match="closed"):
        await writer.publish(message(11))


async def test_closing_fails_what_cannot_be_stored(events: MemoryStream) -> None:
    events.unavailable = True
    writer = GroupCommit(events, queue_messages_max=1, retry_seconds_max=0.02)
    async with writer:
        publishers = [asyncio.create_task(writer.publish(message(number))) for number in range(3)]
        await until_retrying(writer)
        await writer.close(timeout=0.05)
    results = await asyncio.gather(*publishers, return_exceptions=True)
    assert all(isinstance(result, JournalUnavailable) for result in results)
    assert ids(events) == []


async def test_a_message_without_id_is_refused(writer: GroupCommit) -> None:
    with pytest.raises(MessageRefused, match="message id"):
        await writer.publish(Message("lws.events.test.7.default.sample.pod.p", b"{}"))
