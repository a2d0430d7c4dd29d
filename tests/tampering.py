"""A journal in memory with its seals, and what somebody can do to it who can write where it is stored."""

from collections.abc import Sequence

import msgspec

from adapters.journal.archive.checking import Check, check_journal
from adapters.journal.memory import MemoryJournal, MemoryStream
from adapters.journal.port import Message, Record
from adapters.journal.seals.sealing import Sealing
from lws_events import decisions, events, subjects
from lws_events.decisions import MACHINE_VERSION, Decision
from lws_events.subjects import SetName, decision_subject, event_subject

CLUSTER = "test"
SAMPLE = SetName("default", "sample")


def sealing(memory: MemoryJournal) -> Sealing:
    return Sealing(memory.journal, now_ms=lambda: memory.clock.now_ns // 1_000_000)


async def begin_epoch(memory: MemoryJournal, epoch: str) -> None:
    fact = events.EpochStarted(epoch=epoch)
    data = events.encode(events.Envelope(at_ms=0, fact=fact))
    await memory.events.append([Message(subjects.epoch_subject(memory.cluster), data, f"epoch/{epoch}")])


async def grow(memory: MemoryJournal, count: int, *, note: str = "") -> None:
    """Append so many events, each another one, with a decision about every second."""
    for _ in range(count):
        number = await memory.events.last_sequence() + 1
        fact = events.PodDeleted(uid=f"{note}{number}", resource_version=str(number))
        subject = event_subject(memory.cluster, SAMPLE, subjects.POD, f"sample-{number % 3}")
        data = events.encode(events.Envelope(at_ms=number, fact=fact))
        await memory.events.append([Message(subject, data)])
        if number % 2:
            decision = Decision(epoch="e1", cause=number, machine=MACHINE_VERSION)
            body = decisions.encode(decision)
            await memory.decisions.append([Message(decision_subject(memory.cluster, SAMPLE), body)])


async def sealed(sizes: Sequence[int], *, cluster: str = CLUSTER) -> MemoryJournal:
    """A journal that was sealed after each of these numbers of events, an epoch first of all."""
    memory = MemoryJournal(cluster, now_ns=1_700_000_000_000_000_000)
    await begin_epoch(memory, "e1")
    for size in sizes:
        await grow(memory, size)
        memory.advance_to(memory.clock.now_ns + 60_000_000_000)
        mine = sealing(memory)
        await mine.take_up()
        await mine.seal_all()
    return memory


def replace(stream: MemoryStream, records: Sequence[Record]) -> None:
    """Store something else, as who can write to the server's disk can."""
    stream._records = list(records)
    stream._sequences = [record.sequence for record in records]
    stream._last_sequence = records[-1].sequence if records else 0
    stream._last_of_subject = {record.subject: record.sequence for record in records}


def renumbered(records: Sequence[Record], *, first: int) -> list[Record]:
    """As a stream hands out sequences: without a gap."""
    return [msgspec.structs.replace(record, sequence=first + at) for at, record in enumerate(records)]


def changed(record: Record) -> Record:
    """The same record with another body that can be read as well as the one before."""
    return msgspec.structs.replace(record, data=record.data.replace(b'"', b' "', 1))


async def check(memory: MemoryJournal, *, noted: str = "") -> Check:
    return await check_journal(memory.journal, noted=noted)
