"""What a journal promises (``adapters.journal.port``), required of every implementation."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from adapters.journal.epoch import begin_epoch, ensure_epoch
from adapters.journal.errors import Fenced, JournalFull, MessageRefused
from adapters.journal.group_commit import GroupCommit
from adapters.journal.port import EventStream, Message, Record, Stream
from adapters.journal.snapshots import documents
from tests.contract.journals_under_test import (
    CLUSTER,
    DEADLINE_SECONDS,
    SECOND_NS,
    JournalUnderTest,
    in_memory,
    on_nats,
)

ROOT = f"lws.events.{CLUSTER}"


@pytest.fixture(params=[in_memory, on_nats], ids=["memory", "nats"])
async def under_test(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JournalUnderTest]:
    async with request.param(tmp_path) as journal:
        yield journal


@pytest.fixture
def events(under_test: JournalUnderTest) -> EventStream:
    return under_test.journal.events


def pod(name: str, message_id: str | None = None, data: bytes = b"{}") -> Message:
    return Message(f"{ROOT}.7.default.sample.pod.{name}", data, message_id)


async def read_all(stream: Stream, **options: object) -> list[Record]:
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for batch in stream.read(follow=False, **options):  # type: ignore[arg-type]
            assert batch, "a batch is never empty"
            records += batch
    return records


async def read_until(stream: Stream, count: int, *, from_sequence: int = 1) -> list[Record]:
    records: list[Record] = []
    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        aclosing(stream.read(from_sequence=from_sequence, follow=True)) as batches,
    ):
        async for batch in batches:
            records += batch
            if len(records) >= count:
                break
    return records


def ids(records: Sequence[Record]) -> list[str | None]:
    return [record.message_id for record in records]


async def test_an_empty_stream_has_nothing(events: EventStream) -> None:
    assert await events.last_sequence() == 0
    assert await read_all(events) == []
    latest = await events.latest(f"{ROOT}.>")
    assert (latest.sequence, list(latest.records)) == (0, [])
    assert (await events.info()).messages == 0


async def test_a_single_record_is_read_by_its_sequence(events: EventStream) -> None:
    await events.append([pod("a", "1"), pod("b", "2"), pod("c", "3")])
    await events.purge(before=2)
    assert ids(await read_all(events, from_sequence=2, to_sequence=2)) == ["2"]
    of_b = f"{ROOT}.7.default.sample.pod.b"
    assert ids(await read_all(events, from_sequence=2, to_sequence=2, subject_filter=of_b)) == ["2"]
    assert await read_all(events, from_sequence=3, to_sequence=3, subject_filter=of_b) == []
    for sequence in (1, 4):
        assert await read_all(events, from_sequence=sequence, to_sequence=sequence) == []


async def test_what_is_appended_is_read_as_it_was(events: EventStream, under_test: JournalUnderTest) -> None:
    before_ns = under_test.now_ns()
    data = '{"text":"caf\u00e9 \\u0000 \\n"}'.encode()
    appended = await events.append([pod("a", "uid/1/observed", data)])
    (record,) = await read_all(events)
    assert (record.sequence, record.subject, record.data) == (1, f"{ROOT}.7.default.sample.pod.a", data)
    assert record.message_id == "uid/1/observed"
    assert abs(record.at_ns - before_ns) < 10 * SECOND_NS
    assert (list(appended.sequences), appended.duplicates) == ([1], 0)


async def test_a_batch_is_stored_next_to_each_other_in_order(events: EventStream) -> None:
    await events.append([pod("first", "0")])
    appended = await events.append([pod(f"p{number}", f"id{number}") for number in range(50)])
    assert list(appended.sequences) == list(range(2, 52))
    assert ids(await read_all(events, from_sequence=2)) == [f"id{number}" for number in range(50)]


async def test_more_than_one_batch_can_hold_is_split_in_order(events: EventStream) -> None:
    messages = [pod("a", f"id{number}") for number in range(2345)]
    appended = await events.append(messages, expected_last_sequence=0)
    assert (appended.first_sequence, appended.last_sequence) == (1, 2345)
    assert ids(await read_all(events)) == [f"id{number}" for number in range(2345)]


async def test_a_message_is_stored_once(events: EventStream) -> None:
    first = await events.append([pod("a", "same")])
    again = await events.append([pod("a", "same")])
    assert (again.last_sequence, again.duplicates) == (first.last_sequence, 1)
    assert await events.last_sequence() == 1


async def test_a_batch_sent_again_is_already_stored(events: EventStream) -> None:
    batch = [pod(f"p{number}", f"id{number}") for number in range(5)]
    first = await events.append(batch)
    again = await events.append(batch)
    assert list(again.sequences) == list(first.sequences)
    assert again.duplicates == 5
    assert await events.last_sequence() == 5


async def test_a_batch_that_is_partly_known_adds_the_rest_in_order(events: EventStream) -> None:
    await events.append([pod("b", "b")])
    appended = await events.append([pod("a", "a"), pod("b", "b"), pod("c", "c")])
    assert (list(appended.sequences), appended.duplicates) == ([2, 1, 3], 1)
    assert ids(await read_all(events)) == ["b", "a", "c"]


async def test_messages_that_need_not_be_atomic_keep_their_order_and_are_stored_once(events: EventStream) -> None:
    async def store(*names: str) -> tuple[list[int], int]:
        appended = await events.append([pod("a", name) for name in names], atomic=False)
        return list(appended.sequences), appended.duplicates

    assert await store("1", "2", "3") == ([1, 2, 3], 0)
    assert await store("1", "2", "3") == ([1, 2, 3], 3)
    assert await store("3", "4", "2", "5") == ([3, 4, 2, 5], 2)
    assert ids(await read_all(events)) == ["1", "2", "3", "4", "5"]
    with pytest.raises(Fenced):
        await events.append([pod("a", "6"), Message(pod("a").subject, b"{}", "7", 3)], atomic=False)


async def test_the_same_id_twice_in_one_batch_is_stored_once(events: EventStream) -> None:
    appended = await events.append([pod("a", "x"), pod("a", "x"), pod("a", "y")])
    assert (list(appended.sequences), appended.duplicates) == ([1, 1, 2], 1)


async def test_an_append_is_fenced_by_the_last_sequence(events: EventStream) -> None:
    await events.append([pod("a", "1"), pod("a", "2")])
    with pytest.raises(Fenced) as fenced:
        await events.append([pod("a", "3"), pod("a", "4")], expected_last_sequence=1)
    assert (fenced.value.expected, fenced.value.actual) == (1, 2)
    with pytest.raises(Fenced):
        await events.append([pod("a", "3")], expected_last_sequence=1)
    assert await events.last_sequence() == 2
    assert (await events.append([pod("a", "3")], expected_last_sequence=2)).last_sequence == 3


async def test_a_fenced_append_sent_again_is_already_stored(events: EventStream) -> None:
    await events.append([pod("a", "1")])
    for messages in ([pod("a", "2")], [pod("a", "3"), pod("a", "4")]):
        expected = await events.last_sequence()
        first = await events.append(messages, expected_last_sequence=expected)
        again = await events.append(messages, expected_last_sequence=expected)
        assert list(again.sequences) == list(first.sequences)
    assert await events.last_sequence() == 4


async def test_a_fenced_append_that_was_overtaken_adds_nothing(events: EventStream) -> None:
    await events.append([pod("a", "1")], expected_last_sequence=0)
    await events.append([pod("a", "other")])
    with pytest.raises(Fenced):
        await events.append([pod("a", "1"), pod("a", "2")], expected_last_sequence=0)
    assert ids(await read_all(events)) == ["1", "other"]


async def test_an_append_is_fenced_by_the_last_sequence_of_a_subject(events: EventStream) -> None:
    await events.append([pod("a", "1"), pod("b", "2")])
    subject = pod("a").subject
    with pytest.raises(Fenced):
        await events.append([pod("c", "x"), Message(subject, b"{}", "3", 2)])
    assert await events.last_sequence() == 2
    await events.append([pod("c", "4"), Message(subject, b"{}", "5", 1)])
    await events.append([Message(pod("new").subject, b"{}", "6", 0)])
    assert ids(await read_all(events)) == ["1", "2", "4", "5", "6"]


async def test_a_foreign_subject_is_refused_and_nothing_of_its_batch_stored(events: EventStream) -> None:
    with pytest.raises(MessageRefused, match=r"elsewhere\.pod"):
        await events.append([pod("a", "1"), Message("elsewhere.pod", b"{}", "2")])
    assert await events.last_sequence() == 0


async def test_the_last_record_of_every_subject_as_of_a_sequence(events: EventStream) -> None:
    await events.append([pod("a", "1"), pod("b", "2"), pod("a", "3"), pod("c", "4")])
    now = await events.latest(f"{ROOT}.*.*.*.pod.*")
    assert (now.sequence, ids(now.records)) == (4, ["2", "3", "4"])
    earlier = await events.latest(f"{ROOT}.*.*.*.pod.*", up_to=2)
    assert (earlier.sequence, ids(earlier.records)) == (2, ["1", "2"])
    assert ids((await events.latest(pod("a").subject)).records) == ["3"]
    assert ids((await events.latest(f"{ROOT}.*.*.*.service.*")).records) == []


async def test_the_last_records_of_thousands_of_subjects(events: EventStream) -> None:
    count = 2500
    await events.append([pod(f"p{number}", f"old{number}") for number in range(count)])
    await events.append([pod(f"p{number}", f"new{number}") for number in range(0, count, 2)])
    latest = await events.latest(f"{ROOT}.>")
    expected = [f"old{n}" for n in range(1, count, 2)] + [f"new{n}" for n in range(0, count, 2)]
    assert ids(latest.records) == expected
    before = await events.latest(f"{ROOT}.>", up_to=count)
    assert ids(before.records) == [f"old{number}" for number in range(count)]


async def test_a_range_and_a_filter_limit_what_is_read(events: EventStream) -> None:
    await events.append([pod("ab"[number % 2], str(number)) for number in range(10)])
    assert ids(await read_all(events, from_sequence=3, to_sequence=5)) == ["2", "3", "4"]
    assert ids(await read_all(events, subject_filter=pod("b").subject)) == ["1", "3", "5", "7", "9"]
    assert await read_all(events, from_sequence=11) == []
    assert await read_all(events, subject_filter=f"{ROOT}.*.*.*.service.*") == []


async def test_a_follower_sees_what_is_appended_later_at_once_and_in_order(events: EventStream) -> None:
    await events.append([pod("a", "0")])
    seen: asyncio.Queue[str | None] = asyncio.Queue()

    async def follow() -> None:
        async with aclosing(events.read(follow=True)) as batches:
            async for batch in batches:
                for record in batch:
                    seen.put_nowait(record.message_id)

    follower = asyncio.create_task(follow())
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await seen.get() == "0"
            for number in range(1, 40):
                await events.append([pod("a", str(number))])
                assert await seen.get() == str(number)  # before the next is appended: no batch has to fill
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)


async def test_a_follower_with_an_end_ends(events: EventStream) -> None:
    await events.append([pod("a", "0")])

    async def follow(subject_filter: str | None) -> list[Record]:
        records: list[Record] = []
        async for batch in events.read(follow=True, to_sequence=3, subject_filter=subject_filter):
            records += batch
        return records

    everything = asyncio.create_task(follow(None))
    nothing = asyncio.create_task(follow(f"{ROOT}.*.*.*.service.*"))
    await events.append([pod("a", str(number)) for number in range(1, 6)])
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert ids(await everything) == ["0", "1", "2"]
        assert await nothing == []


async def test_a_slow_follower_misses_nothing(events: EventStream) -> None:
    count = 6000
    payload = b'"' + b"x" * 500 + b'"'
    async with asyncio.timeout(DEADLINE_SECONDS), aclosing(events.read(follow=True)) as batches:
        seen: list[str | None] = []
        for start in range(0, count, 1000):
            await events.append([pod("a", str(start + number), payload) for number in range(1000)])
            seen += ids(await anext(batches))
        while len(seen) < count:
            seen += ids(await anext(batches))
    assert seen == [str(number) for number in range(count)]


async def test_a_full_journal_refuses_and_recovers(under_test: JournalUnderTest) -> None:
    events = under_test.journal.events
    await events.append([pod("a", "1", b'"' + b"x" * 3000 + b'"')])
    await under_test.limit(5000)
    big = [pod("b", f"big{number}", b'"' + b"y" * 1500 + b'"') for number in range(2)]
    with pytest.raises(JournalFull):
        await events.append(big)
    assert ids(await read_all(events)) == ["1"]
    assert (await events.info()).size_bytes_max == 5000
    await under_test.limit(1_000_000)
    assert (await events.append(big)).duplicates == 0
    assert ids(await read_all(events)) == ["1", "big0", "big1"]


async def test_a_timer_fires_once_not_before_its_time(under_test: JournalUnderTest) -> None:
    events = under_test.journal.events
    subject = f"{ROOT}.7.default.sample.timer.retry"
    fire_at_ns = under_test.now_ns() + SECOND_NS
    await events.schedule(subject, fire_at_ns=fire_at_ns, data=b'"fired"')
    assert await read_all(events) == []
    await under_test.reach(fire_at_ns)
    (record,) = await read_until(events, 1)
    assert (record.subject, record.data, record.message_id) == (subject, b'"fired"', None)
    assert record.at_ns >= fire_at_ns
    await under_test.reach(fire_at_ns + SECOND_NS)
    assert len(await read_all(events)) == 1


async def test_a_timer_is_replaced_by_the_next_of_its_subject(under_test: JournalUnderTest) -> None:
    events = under_test.journal.events
    subject = f"{ROOT}.7.default.sample.timer.retry"
    soon_ns = under_test.now_ns() + SECOND_NS
    await events.schedule(subject, fire_at_ns=soon_ns, data=b"1")
    await events.schedule(subject, fire_at_ns=soon_ns + SECOND_NS, data=b"2")
    await under_test.reach(soon_ns + SECOND_NS)
    assert [record.data for record in await read_until(events, 1)] == [b"2"]
    assert len(await read_all(events)) == 1


async def test_a_cancelled_timer_does_not_fire(under_test: JournalUnderTest) -> None:
    events = under_test.journal.events
    cancelled, kept = (f"{ROOT}.7.default.sample.timer.{name}" for name in ("cancelled", "kept"))
    fire_at_ns = under_test.now_ns() + SECOND_NS
    await events.schedule(cancelled, fire_at_ns=fire_at_ns, data=b"1")
    await events.schedule(kept, fire_at_ns=fire_at_ns + SECOND_NS // 2, data=b"2")
    await events.cancel(cancelled)
    await events.cancel(f"{ROOT}.7.default.sample.timer.unknown")
    await under_test.reach(fire_at_ns + SECOND_NS // 2)
    assert [record.subject for record in await read_until(events, 1)] == [kept]


async def test_a_timer_in_the_past_fires_at_once_and_can_be_set_again(under_test: JournalUnderTest) -> None:
    events = under_test.journal.events
    subject = f"{ROOT}.7.default.sample.timer.retry"
    for count in (1, 2):
        await events.schedule(subject, fire_at_ns=under_test.now_ns() - SECOND_NS, data=b"%d" % count)
        assert [record.data for record in await read_until(events, count)][-1] == b"%d" % count


async def test_decisions_are_a_stream_of_their_own(under_test: JournalUnderTest) -> None:
    decisions = under_test.journal.decisions
    await under_test.journal.events.append([pod("a", "same id")])
    subject = f"lws.decisions.{CLUSTER}.7.default.sample"
    await decisions.append([Message(subject, b"{}", "same id")], expected_last_sequence=0)
    assert [record.subject for record in await read_all(decisions)] == [subject]
    with pytest.raises(MessageRefused):
        await decisions.append([pod("a")])


async def test_an_epoch_is_recorded_once_and_can_begin_again(under_test: JournalUnderTest) -> None:
    events = under_test.journal.events
    first = await ensure_epoch(events, CLUSTER, new_epoch="one", at_ms=1)
    assert (first.epoch, first.sequence, first.started) == ("one", 1, True)
    again = await ensure_epoch(events, CLUSTER, new_epoch="two", at_ms=2)
    assert (again.epoch, again.sequence, again.started) == ("one", 1, False)
    next_one = await begin_epoch(events, CLUSTER, new_epoch="three", at_ms=3)
    assert (next_one.epoch, next_one.sequence, next_one.started) == ("three", 2, True)
    assert (await ensure_epoch(events, CLUSTER, new_epoch="four", at_ms=4)).epoch == "three"


async def test_only_one_of_two_begins_the_first_epoch(events: EventStream) -> None:
    epochs = await asyncio.gather(
        *(ensure_epoch(events, CLUSTER, new_epoch=name, at_ms=1) for name in ("one", "two", "three"))
    )
    assert len({epoch.epoch for epoch in epochs}) == 1
    assert [epoch.started for epoch in epochs].count(True) == 1


async def test_group_commit_keeps_the_order_of_each_publisher(events: EventStream) -> None:
    async def publish_all(publisher: int) -> list[int]:
        futures = [await writer.submit(pod(f"p{publisher}", f"{publisher}/{number}")) for number in range(200)]
        return [await future for future in futures]

    async with GroupCommit(events, queue_messages_max=300) as writer:
        sequences = await asyncio.gather(*(publish_all(publisher) for publisher in range(5)))
        batches = writer.batches
    assert batches < 500, "what arrives together is stored together"
    by_sequence = {record.sequence: record.message_id for record in await read_all(events)}
    assert len(by_sequence) == 1000
    for publisher, mine in enumerate(sequences):
        assert mine == sorted(mine)
        assert [by_sequence[sequence] for sequence in mine] == [f"{publisher}/{number}" for number in range(200)]


async def test_a_purge_removes_what_is_below_a_sequence(events: EventStream) -> None:
    await events.append([pod(name, f"id-{name}") for name in "abc"])
    await events.purge(before=1)
    assert (await events.info()).messages == 3
    await events.purge(before=3)
    assert [record.sequence for record in await read_all(events)] == [3]
    assert (await events.info()).first_sequence == 3
    await events.purge(before=9)
    info = await events.info()
    assert (info.messages, info.last_sequence) == (0, 3)
    assert (await events.append([pod("a", "next")])).last_sequence == 4


async def test_a_purge_may_be_about_some_subjects(events: EventStream) -> None:
    await events.append([pod("a", "1"), pod("b", "2"), pod("a", "3"), pod("a", "4")])
    await events.purge(before=4, subject_filter=f"{ROOT}.*.*.*.pod.a")
    assert [record.sequence for record in await read_all(events)] == [2, 4]
    assert [record.sequence for record in (await events.latest(f"{ROOT}.>")).records] == [2, 4]


async def test_of_snapshots_the_last_of_each_subject_is_kept(under_test: JournalUnderTest) -> None:
    stream = under_test.journal.snapshots
    assert stream is not None
    await stream.append([Message(f"{stream.root}.{name}", data) for name, data in (("a", b"1"), ("b", b"1"))])
    await stream.append([Message(f"{stream.root}.a", b"2")])
    assert [(record.subject[-1], record.data) for record in await read_all(stream)] == [("b", b"1"), ("a", b"2")]


@pytest.mark.parametrize("size", [0, 10, documents.PART_BYTES * 3])
async def test_documents_of_any_size_are_whole(under_test: JournalUnderTest, size: int) -> None:
    stream = under_test.journal.snapshots
    assert stream is not None
    data = random.Random(1).randbytes(size)  # does not compress
    await documents.write(stream, ("set", "a.b", "c"), data * 2)
    await documents.write(stream, ("set", "a.b", "c"), data)
    await documents.write(stream, ("set", "a", "c"), b"other")
    await documents.write(stream, ("other",), b"other")
    found = {one.name: one.data async for one in documents.read(stream, ("set",))}
    assert found == {("set", "a.b", "c"): data, ("set", "a", "c"): b"other"}
    await documents.remove(stream, ("set", "a.b", "c"))
    assert [one.name async for one in documents.read(stream, ("set",))] == [("set", "a", "c")]
