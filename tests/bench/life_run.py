"""The journal's own life in figures: how long a start takes with snapshots, in how much memory, and what things weigh.

Each start is a process of its own, so that its peak of memory is its own. The journals are filled with the events of
one story over and over; what came before a snapshot is not read, so it does not matter what it was.
"""

import asyncio
import itertools
import os
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Final

import msgspec

from adapters.controller.engine import Engine
from adapters.journal.port import BATCH_MESSAGES_MAX, Journal, Message
from adapters.journal.snapshots.generations import NEWEST, store_snapshot, store_sweep
from adapters.nats.connection import connect
from adapters.nats.connection_settings import ConnectionSettings
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal
from adapters.observability.logs import configure_tool_logs
from lws_events import decisions, events, subjects
from lws_events.decisions import MACHINE_VERSION
from lws_events.fleet import Fleet
from lws_events.snapshots import STATE_VERSION, Sweep, record_digest, take_snapshot
from tests.bench.figures import MEBIBYTE, JournalLife, StartUp
from tests.bench.recorded import Recording, play, read
from tests.controlplane import proc
from tests.journals.recording import FOLDER

SIZES: Final = (100_000, 1_000_000)
TAIL: Final = 5_000
"""Events since the last snapshots: half of what a controller lets come together."""
GROUPS: Final = 100
GROUP_SIZE: Final = 8
START_SECONDS_MAX: Final = 120.0
_TIMERS_MAX: Final = 10
_CLUSTER: Final = "test"


def measure() -> JournalLife:
    """All figures. Needs no loop, and about a gigabyte below ``TMPDIR``."""
    with tempfile.TemporaryDirectory(prefix="lws-bench-") as directory:
        path = Path(directory) / "story.jsonl"
        play(path, groups=GROUPS, size=GROUP_SIZE)
        recording = read(path)
    return JournalLife(
        groups=GROUPS,
        size=GROUP_SIZE,
        bytes_per_recreation=_bytes_per_recreation(_recreated()),
        is_silent_when_idle=not _goes_on_by_itself(_recreated()),
        snapshot_bytes_per_group=_snapshot_bytes(recording) // GROUPS,
        starts=[asyncio.run(_start(recording, count)) for count in SIZES],
    )


def _recreated() -> Recording:
    """A journal of the simulated cluster in which one group of three pods is recreated, and that is all."""
    return read(FOLDER / "force_deleted_worker_recreates_its_group.jsonl.gz")


def _bytes_per_recreation(recording: Recording) -> int:
    """Bodies of events and decisions from the loss of a worker until its group is ready again."""
    lost = next(
        record.sequence for record in recording.events if isinstance(events.decode(record.data).fact, events.PodDeleted)
    )
    told = sum(len(record.data) for record in recording.events if record.sequence >= lost)
    return told + sum(len(r.data) for r in recording.decisions if decisions.decode(r.data).cause >= lost)


def _goes_on_by_itself(recording: Recording) -> bool:
    """Whether timers go on making events, and commands, when nothing happens any more in the cluster."""
    fleet = _folded(recording)
    for _ in range(_TIMERS_MAX):
        due = [
            (fire_at_ms, timer, name)
            for name, state in fleet.aggregates.items()
            for timer, fire_at_ms in state.timers.items()
        ]
        if not due:
            return any(state.in_flight for state in fleet.aggregates.values())
        at_ms, timer, name = min(due)
        subject = subjects.event_subject(recording.cluster, name, subjects.TIMER, timer)
        fleet.step(fleet.sequence + 1, subject, events.Envelope(at_ms=at_ms, fact=events.TimerFired(timer=timer)))
    return True


def _folded(recording: Recording) -> Fleet:
    fleet = Fleet()
    recorded = {decision.cause: decision for decision in map(decisions.decode, (r.data for r in recording.decisions))}
    for record in recording.events:
        fleet.recall(record.sequence, record.subject, events.decode(record.data), recorded.get(record.sequence))
    return fleet


def _snapshot_bytes(recording: Recording) -> int:
    fleet = _folded(recording)
    return sum(
        len(zlib.compress(take_snapshot(state, epoch="", sequence=1, decisions=0, digest=""), 3))
        for state in fleet.aggregates.values()
    )


async def _start(recording: Recording, count: int) -> StartUp:
    """Fill a journal, write the sets down before its end, and start on it in another process."""
    with tempfile.TemporaryDirectory(prefix="lws-bench-") as directory:
        async with EmbeddedServer(Path(directory)) as server:
            connection = await connect(server.settings)
            try:
                journal = (await open_journal(connection, _CLUSTER)).journal
                await _fill(journal, recording, count)
            finally:
                await connection.close()
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.bench.life_run",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            told, _ = await child.communicate(msgspec.json.encode(server.settings, enc_hook=str))
            return msgspec.json.decode(told, type=StartUp)


async def _fill(journal: Journal, recording: Recording, count: int) -> None:
    bodies = itertools.islice(itertools.cycle(recording.events), count)
    numbers = itertools.count(1)
    while batch := [
        Message(r.subject, r.data, f"m{next(numbers)}") for r in itertools.islice(bodies, BATCH_MESSAGES_MAX)
    ]:
        await journal.events.append(batch)
    begins = count - TAIL
    record = recording.events[(begins - 1) % len(recording.events)]
    digest = record_digest(record.subject, record.data)
    fleet, stream = _folded(recording), journal.snapshots
    assert stream is not None
    for name, state in fleet.aggregates.items():
        data = take_snapshot(state, epoch=fleet.epoch, sequence=begins, decisions=0, digest=digest)
        await store_snapshot(stream, NEWEST, name, data)
    sets = tuple((name.namespace, name.name, begins) for name in sorted(fleet.aggregates))
    sweep = Sweep(
        state_version=STATE_VERSION,
        machine=MACHINE_VERSION,
        epoch=fleet.epoch,
        sequence=begins,
        decisions=0,
        digest=digest,
        sets=sets,
    )
    await store_sweep(stream, NEWEST, sweep)


class _Nobody:
    """Executor and metrics of an engine that only starts."""

    def submit(self, set_name: subjects.SetName, issued: decisions.Issued, *, again: bool = False) -> None:
        """Nothing is carried out."""

    def event_folded(self, envelope: events.Envelope) -> None:
        """Not counted."""

    def decided(self, set_name: subjects.SetName, decision: decisions.Decision, *, at_ms: int) -> None:
        """Not counted."""

    def recalled(self, set_name: subjects.SetName, decision: decisions.Decision, *, at_ms: int) -> None:
        """Not counted."""


async def _started(settings: ConnectionSettings) -> StartUp:
    connection = await connect(settings)
    try:
        journal = (await open_journal(connection, _CLUSTER)).journal
        before = time.perf_counter()
        engine = Engine(journal, _Nobody(), metrics=_Nobody())
        running = asyncio.create_task(engine.run())
        async with asyncio.timeout(START_SECONDS_MAX):
            await engine.caught_up.wait()
        seconds = time.perf_counter() - before
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return StartUp(
            events=engine.fleet.sequence,
            seconds=seconds,
            peak_bytes=int(proc.usage(os.getpid()).rss_peak_mib * MEBIBYTE),
        )
    finally:
        await connection.close()


if __name__ == "__main__":
    configure_tool_logs()
    found = asyncio.run(_started(msgspec.json.decode(sys.stdin.buffer.read(), type=ConnectionSettings)))
    sys.stdout.buffer.write(msgspec.json.encode(found))
