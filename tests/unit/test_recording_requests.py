"""Who asked for what, on its way from admission into the journal."""

import asyncio
from collections.abc import Sequence

import pytest

from adapters.controller.recording import Recorder
from adapters.journal.group_commit import GroupCommit
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Message
from adapters.journal.snapshots.last_known import LastStates
from adapters.webhooks.errors import RequestsRefused
from adapters.webhooks.relay import RequestRelay
from lws_events import events
from lws_events.admission import AdmissionRequest
from lws_events.requests import DeletionRequested, SpecChangeRequested
from lws_events.subjects import POD, REQUEST, SetName, event_subject, parse
from tests.unit.virtual_clocks import TurnedClock

_DEADLINE_SECONDS = 10


def change(*, user: str = "jane@example.test", request: str = "r1") -> AdmissionRequest:
    fact = SpecChangeRequested(uid="u1", generation=2, operation="UPDATE", user=user, request=request)
    return AdmissionRequest(namespace="default", name="sample", fact=fact)


def eviction(pod: str, *, uid: str = "") -> AdmissionRequest:
    fact = DeletionRequested(kind="pod", name=pod, user="carol", uid=uid, eviction=True, request=f"evict-{pod}")
    return AdmissionRequest(namespace="default", name="", fact=fact)


def recorder(memory: MemoryJournal, writer: GroupCommit) -> Recorder:
    found = Recorder(cluster="test", clock=TurnedClock())
    found.open(writer, LastStates(memory.journal))
    return found


async def observe(memory: MemoryJournal, set_name: str, pod: str, fact: events.Fact) -> None:
    subject = event_subject("test", SetName("default", set_name), POD, pod)
    await memory.events.append([Message(subject, events.encode(events.Envelope(at_ms=1, fact=fact)))])


def recorded(memory: MemoryJournal) -> list[tuple[str, events.Fact]]:
    """Requests in the journal, each with its set."""
    found = []
    for record in memory.events.records:
        address = parse(record.subject)
        if address is not None and address.kind == REQUEST:
            found.append((address.set_name.name, events.decode(record.data).fact))
    return found


async def test_a_request_is_recorded_under_its_set_and_user() -> None:
    memory = MemoryJournal("test")
    async with GroupCommit(memory.events) as writer:
        await recorder(memory, writer).record([change(), change(user="x" * 200, request="r2")])
    addresses = [parse(record.subject) for record in memory.events.records]
    assert [address.name for address in addresses if address] == ["jane@example.test", "x" * 64]
    assert recorded(memory)[0] == ("sample", change().fact)


async def test_a_request_that_is_delivered_again_is_recorded_once() -> None:
    """The journal was slow, so the relay gave up waiting, while the message stayed on its way."""
    memory = MemoryJournal("test")
    memory.events.unavailable = True
    async with GroupCommit(memory.events, retry_seconds_max=0.02) as writer:
        kept = recorder(memory, writer)
        tries = 0

        async def counted(requests: Sequence[AdmissionRequest]) -> None:
            nonlocal tries
            tries += 1
            await kept.record(requests)

        relay = RequestRelay(counted, delivery_seconds_max=0.01, retry_seconds=0.001)
        running = asyncio.create_task(relay.run())
        relay.offer(change())
        async with asyncio.timeout(_DEADLINE_SECONDS):
            while tries < 3:
                await asyncio.sleep(0.001)
        assert "1 requests wait" in relay.problem
        memory.events.unavailable = False
        assert await relay.drained(seconds_max=_DEADLINE_SECONDS)
        running.cancel()
    assert len(memory.events.records) == 1
    assert relay.problem == ""


async def test_equal_changes_of_different_requests_are_both_recorded() -> None:
    memory = MemoryJournal("test")
    async with GroupCommit(memory.events) as writer:
        await recorder(memory, writer).record([change(request="r1"), change(request="r2")])
    assert len(memory.events.records) == 2


async def test_a_request_waits_for_the_journal_to_be_opened() -> None:
    memory = MemoryJournal("test")
    waiting = Recorder(cluster="test", clock=TurnedClock())
    recording = asyncio.ensure_future(waiting.record([change()]))
    await asyncio.sleep(0)
    assert not recording.done()
    assert not waiting.is_open
    async with GroupCommit(memory.events) as writer:
        waiting.open(writer, LastStates(memory.journal))
        await asyncio.wait_for(recording, _DEADLINE_SECONDS)
    assert len(memory.events.records) == 1


async def test_an_evicted_pod_is_found_in_the_journal() -> None:
    memory = MemoryJournal("test")
    await observe(memory, "llama", "llama-0-1", events.PodObserved(uid="worker", resource_version="1"))
    await observe(memory, "llama", "llama-0", events.PodDeleted(uid="leader", resource_version="2"))
    async with GroupCommit(memory.events) as writer:
        pods = ("llama-0-1", "llama-0", "web-7f9c-x2x", "llama-0-2", "job", "a-1-2-3")
        await recorder(memory, writer).record([eviction(pod) for pod in pods])
    found = {fact.name: (name, fact.uid) for name, fact in recorded(memory) if isinstance(fact, DeletionRequested)}
    assert found == {"llama-0-1": ("llama", "worker"), "llama-0": ("llama", "leader")}


async def test_of_two_sets_that_such_a_pod_could_be_of_the_last_one_had_it() -> None:
    memory = MemoryJournal("test")
    await observe(memory, "a", "a-0-1", events.PodDeleted(uid="old", resource_version="1"))
    await observe(memory, "a-0", "a-0-1", events.PodObserved(uid="new", resource_version="2"))
    async with GroupCommit(memory.events) as writer:
        await recorder(memory, writer).record([eviction("a-0-1")])
        await recorder(memory, writer).record([eviction("a-0-1", uid="another")])
    assert [(name, fact.uid) for name, fact in recorded(memory) if isinstance(fact, DeletionRequested)] == [
        ("a-0", "new")
    ]


class Keeper:
    """Keeps requests as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.batches: list[list[str]] = []

    async def __call__(self, requests: Sequence[AdmissionRequest]) -> None:
        self.batches.append([request.fact.request for request in requests])
        if self.error is not None:
            raise self.error


async def test_what_waits_goes_out_together() -> None:
    keeper = Keeper()
    relay = RequestRelay(keeper, batch_max=3)
    for number in range(7):
        relay.offer(change(request=str(number)))
    running = asyncio.create_task(relay.run())
    assert await relay.drained(seconds_max=_DEADLINE_SECONDS)
    running.cancel()
    assert keeper.batches == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    assert relay.dropped == 0


async def test_what_is_refused_for_good_is_dropped_and_counted() -> None:
    keeper, dropped = Keeper(), list[int]()
    keeper.error = RequestsRefused("malformed")
    relay = RequestRelay(keeper, on_dropped=dropped.append)
    relay.offer(change())
    relay.offer(change(request="r2"))
    running = asyncio.create_task(relay.run())
    assert await relay.drained(seconds_max=_DEADLINE_SECONDS)
    running.cancel()
    assert (keeper.batches, dropped, relay.dropped) == ([["r1", "r2"]], [2], 2)


@pytest.mark.parametrize(("age_ms", "kept"), [(59_000, 1), (61_000, 0)])
async def test_what_has_waited_too_long_is_dropped(age_ms: int, kept: int) -> None:
    clock, keeper = TurnedClock(), Keeper()
    relay = RequestRelay(keeper, clock=clock, age_seconds_max=60)
    relay.offer(change())
    clock.now += age_ms / 1000
    running = asyncio.create_task(relay.run())
    assert await relay.drained(seconds_max=_DEADLINE_SECONDS)
    running.cancel()
    assert (len(keeper.batches), relay.dropped) == (kept, 1 - kept)
