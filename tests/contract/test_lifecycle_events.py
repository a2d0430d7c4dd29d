"""Lifecycle events: read from any place of a journal, and published once each, whatever happens to who publishes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import adapters.lifecycle_events.publisher as publishing
from adapters.journal.epoch import announce_epoch
from adapters.journal.file import open_file
from adapters.journal.memory import DEDUP_WINDOW_NS
from adapters.journal.port import Message
from adapters.lifecycle_events.errors import PositionGone, PositionUnknown
from adapters.lifecycle_events.positions import Positions
from adapters.lifecycle_events.publisher import LifecyclePublisher, expire
from adapters.nats.lifecycle import LifecycleLimits
from lws_events.decisions import GroupChanged
from projections.lifecycle import CONTENT_TYPE, EventId, Wanted, nats_subject, parse_id
from tests.contract.lifecycle_stages import (
    DEADLINE_SECONDS,
    OTHER,
    Stage,
    bodies,
    expected,
    go_on,
    ids,
    in_memory,
    on_nats,
    read,
    story,
)
from tests.journal_builder import CLUSTER, SAMPLE, START_MS
from tests.unit.cli.recreated_group import write


@pytest.fixture(params=[in_memory, on_nats], ids=["memory", "nats"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with request.param(tmp_path) as stage:
        yield stage


@pytest.fixture
async def memory_stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with in_memory(tmp_path) as stage:
        yield stage


@asynccontextmanager
async def running(publisher: LifecyclePublisher) -> AsyncIterator[LifecyclePublisher]:
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_all_events_are_read_in_order_with_their_causes(stage: Stage) -> None:
    told = story()
    await stage.record(told)
    assert await read(stage.journal) == expected(told)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(namespace=OTHER.namespace, set=OTHER.name),
        Wanted(namespace=SAMPLE.namespace),
        Wanted(set=OTHER.name, types=("group.recreation",)),
        Wanted(group="1"),
        Wanted(types=("condition",)),
    ],
)
async def test_what_is_asked_for_is_read(stage: Stage, wanted: Wanted) -> None:
    told = story()
    await stage.record(told)
    asked = expected(told, wanted)
    assert asked
    assert await read(stage.journal, wanted=wanted) == asked


async def test_reading_goes_on_after_any_event(stage: Stage) -> None:
    told = story(recreations=3)
    await stage.record(told)
    events = expected(told)
    positions = Positions(stage.journal, grows=True)
    for index, event in enumerate(events):
        seen = parse_id(event.id)
        assert seen is not None
        assert ids(await read(stage.journal, await positions.after(seen))) == ids(events[index + 1 :])


async def test_reading_begins_at_a_sequence_a_time_or_now(stage: Stage) -> None:
    told = story()
    await stage.record(told)
    events = expected(told)
    positions = Positions(stage.journal, grows=True)
    for sequence in (1, 2, 9, 10, 11, 25, 26):
        later = [event for event in events if event.data.cause.sequence >= sequence]
        assert ids(await read(stage.journal, await positions.at_event(sequence))) == ids(later)
    for milliseconds in (0, 1000, 2500, 8000):
        later = [event for event in events if _at_ms(event.time) >= START_MS + milliseconds]
        assert ids(await read(stage.journal, await positions.at_time(START_MS + milliseconds))) == ids(later)
    assert await read(stage.journal, await positions.now()) == []
    assert await read(stage.journal, await positions.at_time(START_MS + 3_600_000)) == []
    assert await read(stage.journal, await positions.at_event(len(told.events) + 1)) == []


def _at_ms(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)


async def test_places_that_are_not_there_are_refused(stage: Stage) -> None:
    told = story()
    await stage.record(told)
    positions = Positions(stage.journal, grows=True)
    with pytest.raises(PositionUnknown, match="still to come"):
        await positions.after(EventId("e1", 1000, 0))
    with pytest.raises(PositionUnknown, match="not in the journal of cluster"):
        await positions.after(EventId("e2", 2, 0))
    with pytest.raises(PositionUnknown, match="not in the journal of cluster"):
        await positions.after(EventId("e1", 1, 0))  # an event that led to nothing
    with pytest.raises(PositionUnknown, match="no fact 2"):
        await positions.after(EventId("e1", 2, 2))
    with pytest.raises(PositionUnknown, match="the last one is 25"):
        await positions.at_event(27)


async def test_a_purged_beginning_is_told_of_and_the_rest_is_read(stage: Stage) -> None:
    told = story()
    await stage.record(told)
    events = expected(told)
    await announce_epoch(stage.journal.events, CLUSTER, "e1", at_ms=told.now_ms)
    await stage.journal.events.purge(before=11)
    await stage.journal.decisions.purge(before=10)
    positions = Positions(stage.journal, grows=True)
    with pytest.raises(PositionGone, match="decisions begin at 10"):
        await positions.after(EventId("e1", 2, 0))
    with pytest.raises(PositionGone, match="the journal begins at 11"):
        await positions.at_event(5)
    kept = [event for event in events if event.data.cause.sequence >= 11]
    assert await read(stage.journal) == kept
    seen = parse_id(kept[0].id)
    assert seen is not None
    assert ids(await read(stage.journal, await positions.after(seen))) == ids(kept[1:])


async def test_a_sequence_that_was_handed_out_again_is_not_taken_for_the_old_one(stage: Stage) -> None:
    told = story(recreations=2)
    last = EventId("e1", told.sequence, 2)
    old = expected(told)
    # The events from 5 on are lost; another epoch begins with their sequences, while their decisions are kept.
    told.events[4:] = []
    told.sequence = 4
    told.epoch_started("e2")
    told.running("sample-0", uid="new")
    told.running("sample-0-1", uid="new")
    told.decided(facts=[GroupChanged(group="sample-0", before="Absent", after="Starting")])
    await stage.record(told)
    events = await read(stage.journal)
    assert ids(events) == [*ids(old), "e2-7-0"]
    causes = {event.id: event.data.cause.fact for event in events}
    assert (causes["e1-4-0"], causes["e1-7-0"], causes["e2-7-0"]) == ("PodObserved", "", "PodObserved")
    positions = Positions(stage.journal, grows=True)
    assert ids(await read(stage.journal, await positions.after(last))) == ["e2-7-0"]
    assert await read(stage.journal, await positions.after(EventId("e2", 7, 0))) == []
    assert ids(await read(stage.journal, await positions.at_event(5))) == ["e2-7-0"]


async def test_a_file_is_read_like_a_bus(memory_stage: Stage, tmp_path: Path) -> None:
    told = story()
    events = expected(told)
    journal = open_file(write(told, tmp_path / "journal.jsonl"))
    assert await read(journal) == events
    positions = Positions(journal, grows=False)
    seen = parse_id(events[7].id)
    assert seen is not None
    assert await read(journal, await positions.after(seen)) == events[8:]
    assert await read(journal, await positions.at_event(20)) == [one for one in events if one.data.cause.sequence >= 20]


async def test_every_event_is_published_once_in_order(stage: Stage) -> None:
    told = story()
    await stage.record(told)
    counted: list[str] = []
    publisher = stage.publisher()
    publisher.on_published = lambda event: counted.append(event.id)
    async with running(publisher):
        await stage.until_published(len(expected(told)))
        before = told.sequence
        go_on(told, 2, SAMPLE)
        await stage.record(told, after=before)
        events = expected(told)
        records = await stage.until_published(len(events))
    assert bodies(records) == events
    assert [record.subject for record in records] == [nats_subject(event) for event in events]
    assert ids(records) == ids(events) == counted
    assert (publisher.trouble, publisher.through) == ("", len(told.decisions))


async def test_publishers_that_are_stopped_anywhere_and_begin_again_leave_no_gap_and_no_duplicate(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_EVENTS_PER_APPEND", 7)
    told = story(recreations=12)
    await stage.record(told)
    events = expected(told)
    runs = 0
    while len(await stage.published()) < len(events):
        runs += 1
        enough = asyncio.Event()
        publisher = stage.publisher()
        publisher.on_published = lambda _, enough=enough: enough.set()  # type: ignore[misc]
        async with running(publisher), asyncio.timeout(DEADLINE_SECONDS):
            await enough.wait()
    assert runs > 3
    assert ids(await stage.published()) == ids(events)


async def test_two_publishers_at_once_leave_no_gap_and_no_duplicate(stage: Stage) -> None:
    told = story(recreations=3)
    await stage.record(told)
    async with running(stage.publisher()) as one, running(stage.publisher()) as other:
        for _ in range(8):
            before = told.sequence
            go_on(told, 1, SAMPLE)
            await stage.record(told, after=before)
            await stage.until_published(len(expected(told)))
        assert (one.trouble, other.trouble) == ("", "")
    assert ids(await stage.published()) == ids(expected(told))


async def test_old_events_go_but_never_the_last_and_publishing_goes_on_after_it(stage: Stage) -> None:
    told = story(recreations=2)
    await stage.record(told)
    count = len(expected(told))
    async with running(stage.publisher()):
        await stage.until_published(count)
    stream = await stage.open_stream()
    await expire(stream, before_ms=2**53)
    assert ids(await stage.published()) == ids(expected(told)[-1:])
    await expire(stream, before_ms=2**53)
    assert len(await stage.published()) == 1
    before = told.sequence
    go_on(told, 1, SAMPLE)
    await stage.record(told, after=before)
    async with running(stage.publisher()):
        await stage.until_published(len(expected(told)))
    await expire(stream, before_ms=0)
    assert ids(await stage.published()) == ids(expected(told)[count - 1 :])


async def test_messages_of_others_are_passed_over(stage: Stage) -> None:
    told = story(recreations=1)
    await stage.record(told)
    count = len(expected(told))
    async with running(stage.publisher()):
        await stage.until_published(count)
    stream = await stage.open_stream()
    foreign = [Message(f"{stream.root}.default.sample.group.kept", b"{}"), Message(f"{stream.root}.x", b"{}", "x")]
    await stream.append(foreign)
    before = told.sequence
    go_on(told, 1, SAMPLE)
    await stage.record(told, after=before)
    async with running(stage.publisher()):
        records = await stage.until_published(len(expected(told)) + len(foreign))
    ours = [record for record in records if record.data != b"{}"]
    assert ids(ours) == ids(expected(told))


async def test_what_is_too_old_is_not_published_at_first(stage: Stage) -> None:
    told = story()
    await stage.record(told)
    recent = [event for event in expected(told) if _at_ms(event.time) >= START_MS + 5000]
    clock = _ClockAt(START_MS + 8000)
    publisher = LifecyclePublisher(stage.journal, stage.open_stream, keep_ms=3000, clock=clock)
    async with running(publisher):
        assert ids(await stage.until_published(len(recent))) == ids(recent)


async def test_a_journal_that_was_purged_meanwhile_is_published_from_its_beginning(stage: Stage) -> None:
    told = story(recreations=1)
    await stage.record(told)
    first = expected(told)
    async with running(stage.publisher()):
        await stage.until_published(len(first))
    before = told.sequence
    go_on(told, 4, SAMPLE)
    await stage.record(told, after=before)
    await stage.journal.decisions.purge(before=8)
    rest = [event for event in expected(told) if event.data.decision >= 8]
    async with running(stage.publisher()):
        assert ids(await stage.until_published(len(first) + len(rest))) == ids(first) + ids(rest)


async def test_an_append_without_an_answer_is_not_repeated_even_when_ids_are_forgotten(memory_stage: Stage) -> None:
    told = story(recreations=2)
    await memory_stage.record(told)
    memory_stage.memory.acknowledgements_to_lose = 2
    publisher = memory_stage.publisher()
    async with running(publisher):
        await memory_stage.until_published(len(expected(told)))
    memory: Any = memory_stage.memory
    memory._clock.now_ns += 2 * DEDUP_WINDOW_NS
    before = told.sequence
    go_on(told, 1, SAMPLE)
    await memory_stage.record(told, after=before)
    async with running(memory_stage.publisher()):
        await memory_stage.until_published(len(expected(told)))
    assert ids(await memory_stage.published()) == ids(expected(told))


async def test_trouble_is_told_and_ends(memory_stage: Stage) -> None:
    told = story(recreations=1)
    await memory_stage.record(told)
    memory_stage.memory.unavailable = True
    publisher = memory_stage.publisher()
    async with running(publisher), asyncio.timeout(DEADLINE_SECONDS):
        while not publisher.trouble:
            await asyncio.sleep(0.01)
        assert "unavailable" in publisher.trouble
        memory_stage.memory.unavailable = False
        await memory_stage.until_published(len(expected(told)))
        while publisher.trouble:
            await asyncio.sleep(0.01)


async def test_a_defect_in_publishing_ends_nothing(memory_stage: Stage) -> None:
    told = story(recreations=1)
    await memory_stage.record(told)
    failures = iter([RuntimeError("a defect"), None])

    async def open_stream() -> Any:
        if (error := next(failures, None)) is not None:
            raise error
        return memory_stage.memory

    publisher = LifecyclePublisher(memory_stage.journal, open_stream, keep_ms=None, clock=_ClockAt(START_MS))
    async with running(publisher):
        await memory_stage.until_published(len(expected(told)))


async def test_messages_say_what_they_are_and_the_oldest_make_room(tmp_path: Path) -> None:
    told = story(recreations=20)
    async with on_nats(tmp_path) as stage:
        assert stage.connection is not None
        stage.limits = LifecycleLimits(size_bytes=1024**2, events=7)
        await stage.record(told)
        async with running(stage.publisher()):
            records = await stage.until_published(len(expected(told)))
        assert ids(records) == ids(expected(told)[-7:])
        answer = await stage.connection.request(
            f"$JS.API.DIRECT.GET.LWS_LIFECYCLE_{CLUSTER}", b'{"seq":%d}' % records[0].sequence
        )
        headers = answer.headers or {}
        assert (headers["content-type"], headers["Nats-Msg-Id"]) == (CONTENT_TYPE, records[0].message_id)


class _ClockAt:
    """A clock that stands still, and for which all sleeps are short."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def monotonic(self) -> float:
        return 0.0

    def now_ms(self) -> int:
        return self._now_ms

    def random(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))
