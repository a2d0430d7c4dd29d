"""Throughput of the journal: publishing, folding live, replaying, and decoding alone to compare the replay with.

Publishing and folding live go through the embedded server as in production: every acknowledged append has been synced
to disk, so these two figures are as much the disk's as the code's. The others need no disk, and are per CPU second.
"""

import asyncio
import functools
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from adapters.controller.engine import Engine
from adapters.journal.group_commit import GroupCommit
from adapters.journal.port import BATCH_MESSAGES_MAX, Journal, Message, Record
from adapters.nats.connection import connect
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal
from lws_events import decisions, events
from lws_events.decisions import Decision, Issued
from lws_events.fleet import Fleet
from lws_events.subjects import SetName
from projections.journal import RecordedDecision, RecordedEvent
from projections.verify import verify
from tests.bench import long_run
from tests.bench.figures import JournalFigures
from tests.bench.recorded import Recording, read

SINGLE_EVENTS: Final = 1000
BATCH_EVENTS: Final = 20_000
REPEATED_SECONDS: Final = 1.0
"""What needs no disk is repeated for so long, and the best pass counts: the others had company."""
LIVE_SECONDS_MAX: Final = 300.0


def measure(path: Path, *, source: str) -> JournalFigures:
    """All figures of an exported journal; ``source`` tells people where it is from. Needs a loop of its own."""
    recording = read(path)
    count = len(recording.events)
    single, batches_of_50, batches_of_200 = asyncio.run(_published(recording))
    live = asyncio.run(_folded_live(recording))
    decoded_from_file, from_file, verified_from_file = (
        count / _best(functools.partial(_read_through, what, path)) for what in ("decode", "replay", "verify")
    )
    decoded = count / _best(lambda: _decode(recording))
    replayed = count / _best(lambda: _replay(recording))
    verified = count / _best(lambda: _verify(recording))
    return JournalFigures(
        source=source,
        events=count,
        decisions=len(recording.decisions),
        event_bytes_mean=sum(len(record.data) for record in recording.events) // count,
        published_single=single,
        published_batches_of_50=batches_of_50,
        published_batches_of_200=batches_of_200,
        folded_live=live,
        decoded_from_file=decoded_from_file,
        replayed_from_file=from_file,
        verified_from_file=verified_from_file,
        decoded=decoded,
        replayed=replayed,
        verified=verified,
        replay_to_decoding=replayed / decoded,
        verify_to_decoding=verified / decoded,
        file_replay_to_decoding=from_file / decoded_from_file,
        file_verify_to_decoding=verified_from_file / decoded_from_file,
    )


@asynccontextmanager
async def _embedded(cluster: str) -> AsyncIterator[Journal]:
    """An empty journal on a server of its own; ``TMPDIR`` says on which disk."""
    with tempfile.TemporaryDirectory(prefix="lws-bench-") as directory:
        async with EmbeddedServer(Path(directory)) as server:
            connection = await connect(server.settings, name="lws-events bench")
            try:
                yield (await open_journal(connection, cluster)).journal
            finally:
                await connection.close()


async def _published(recording: Recording) -> tuple[float, float, float]:
    """Events per second: each awaited, and by group commit in batches of 50 and of 200."""
    async with _embedded(recording.cluster) as journal:
        async with GroupCommit(journal.events) as writer:
            began = time.perf_counter()
            for message in _messages(recording.events, SINGLE_EVENTS, prefix="single"):
                await writer.publish(message)
            single = SINGLE_EVENTS / (time.perf_counter() - began)
        batches = [await _published_in_batches(recording, journal, batch=batch) for batch in (50, 200)]
    return single, batches[0], batches[1]


async def _published_in_batches(recording: Recording, journal: Journal, *, batch: int) -> float:
    messages = _messages(recording.events, BATCH_EVENTS, prefix=f"batch-{batch}")
    async with GroupCommit(journal.events, batch_messages_max=batch) as writer:
        began = time.perf_counter()
        await asyncio.gather(*[await writer.submit(message) for message in messages])
        return BATCH_EVENTS / (time.perf_counter() - began)


def _messages(records: Sequence[Record], count: int, *, prefix: str) -> list[Message]:
    """So many messages with the recorded bodies over and over, each under an id of its own."""
    bodies = islice(cycle(records), count)
    return [Message(record.subject, record.data, f"{prefix}-{n}") for n, record in enumerate(bodies)]


async def _folded_live(recording: Recording) -> float:
    """Events per second through the engine that follows the stream and records its decisions; nothing is executed."""
    async with _embedded(recording.cluster) as journal:
        metrics = _Counting(len(recording.events))
        live = Engine(journal, _NoExecutor(), metrics=metrics)
        engine = asyncio.create_task(live.run())
        try:
            async with asyncio.timeout(LIVE_SECONDS_MAX):
                await live.caught_up.wait()  # with the empty stream, so that everything to come is live
            began = time.perf_counter()
            for start in range(0, len(recording.events), BATCH_MESSAGES_MAX):
                part = recording.events[start : start + BATCH_MESSAGES_MAX]
                await journal.events.append([Message(r.subject, r.data, f"live-{r.sequence}") for r in part])
            through = asyncio.create_task(metrics.through.wait())
            async with asyncio.timeout(LIVE_SECONDS_MAX):
                await asyncio.wait({engine, through}, return_when=asyncio.FIRST_COMPLETED)
            seconds = time.perf_counter() - began
        finally:
            engine.cancel()
            with suppress(asyncio.CancelledError):
                await engine  # raises the defect of an engine that ended by itself
        return len(recording.events) / seconds


class _NoExecutor:
    def submit(self, set_name: SetName, issued: Issued, *, again: bool = False) -> None:
        """The recording has the outcomes already."""


class _Counting:
    """The engine's metrics, as far as to know when it is through."""

    def __init__(self, expected: int) -> None:
        self.through = asyncio.Event()
        self._left = expected

    def event_folded(self, envelope: events.Envelope) -> None:
        self._left -= 1
        if self._left == 0:
            self.through.set()

    def decided(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """Counted with its event."""

    def recalled(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """There is nothing to recall."""


def _decode(recording: Recording) -> None:
    for record in recording.events:
        events.decode(record.data)
    for record in recording.decisions:
        decisions.decode(record.data)


def _replay(recording: Recording) -> None:
    """As ``lws-events replay``, from memory, one decision ahead: the streams are in the order of their causes."""
    fleet = Fleet()
    recorded = {decision.cause: decision for decision in _decoded(recording.decisions)}
    for record in recording.events:
        fleet.recall(record.sequence, record.subject, events.decode(record.data), recorded.get(record.sequence))


def _verify(recording: Recording) -> None:
    """As ``lws-events verify``, from memory."""
    recorded_events = (
        RecordedEvent(each.sequence, each.subject, events.decode(each.data)) for each in recording.events
    )
    recorded_decisions = (
        RecordedDecision(each.sequence, each.subject, decisions.decode(each.data)) for each in recording.decisions
    )
    verify(recorded_events, recorded_decisions, Fleet())


def _decoded(records: Iterable[Record]) -> Iterable[Decision]:
    return (decisions.decode(record.data) for record in records)


def _read_through(what: str, path: Path) -> None:
    long_run.read_through(what, path)


def _best(work: Callable[[], None]) -> float:
    """CPU seconds of the cheapest of several passes."""
    best, end = float("inf"), time.perf_counter() + REPEATED_SECONDS
    while True:
        before = time.process_time()
        work()
        best = min(best, time.process_time() - before)
        if time.perf_counter() > end:
            return best
