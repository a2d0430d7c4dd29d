"""Who changed what, on its way from admission into the journal."""

import asyncio

from adapters.controller.serving import recorder
from adapters.journal.group_commit import GroupCommit
from adapters.journal.memory import MemoryJournal
from adapters.webhooks.changes import ChangeRelay
from lws_events import events
from lws_events.admission import SpecChange
from lws_events.events import SpecChangeRequested
from lws_events.subjects import REQUEST, parse
from tests.unit.virtual_clocks import TurnedClock

_DEADLINE_SECONDS = 10


def change(*, user: str = "jane@example.test", generation: int = 2) -> SpecChange:
    fact = SpecChangeRequested(uid="u1", generation=generation, operation="UPDATE", user=user)
    return SpecChange(namespace="default", name="sample", fact=fact)


def ready(writer: GroupCommit) -> "asyncio.Future[GroupCommit]":
    future: asyncio.Future[GroupCommit] = asyncio.get_running_loop().create_future()
    future.set_result(writer)
    return future


async def test_a_change_is_recorded_under_its_set_and_user() -> None:
    memory = MemoryJournal("test")
    async with GroupCommit(memory.events) as writer:
        await recorder(ready(writer), cluster="test", clock=TurnedClock())(change())
    (record,) = memory.events.records
    address = parse(record.subject)
    assert address is not None
    assert (address.set_name.name, address.kind, address.name) == ("sample", REQUEST, "jane@example.test")
    assert events.decode(record.data).fact == change().fact


async def test_a_change_that_is_delivered_again_is_recorded_once() -> None:
    """The journal was slow, so the relay gave up waiting, while the message stayed on its way."""
    memory = MemoryJournal("test")
    memory.events.unavailable = True
    clock = TurnedClock()
    async with GroupCommit(memory.events, retry_seconds_max=0.02) as writer:
        record = recorder(ready(writer), cluster="test", clock=clock)
        tries = 0

        async def counted(one: SpecChange) -> None:
            nonlocal tries
            tries += 1
            clock.now += 1
            await record(one)

        relay = ChangeRelay(counted, delivery_seconds_max=0.01, retry_seconds=0.001)
        running = asyncio.create_task(relay.run())
        relay.offer(change())
        async with asyncio.timeout(_DEADLINE_SECONDS):
            while tries < 3:
                await asyncio.sleep(0.001)
        memory.events.unavailable = False
        assert await relay.drained(seconds_max=_DEADLINE_SECONDS)
        running.cancel()
    assert len(memory.events.records) == 1


async def test_equal_changes_of_different_requests_are_both_recorded() -> None:
    memory = MemoryJournal("test")
    clock = TurnedClock()
    async with GroupCommit(memory.events) as writer:
        record = recorder(ready(writer), cluster="test", clock=clock)
        await record(change())
        clock.now += 1
        await record(change())
    assert len(memory.events.records) == 2


async def test_a_change_waits_for_the_journal_to_be_opened() -> None:
    memory = MemoryJournal("test")
    opening: asyncio.Future[GroupCommit] = asyncio.get_running_loop().create_future()
    recording = asyncio.ensure_future(recorder(opening, cluster="test", clock=TurnedClock())(change()))
    await asyncio.sleep(0)
    assert not recording.done()
    async with GroupCommit(memory.events) as writer:
        opening.set_result(writer)
        await asyncio.wait_for(recording, _DEADLINE_SECONDS)
    assert len(memory.events.records) == 1
