"""A journal of a million events, read from its file: decoding alone, replay and verification, in time and in memory.

Many sets live and go one after the other, each in a namespace of its own, so that a longer journal is no larger state:
memory that grew with it would be a leak. Each figure is a process of its own: ``python -m tests.bench.long_run``.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import msgspec

from adapters.journal.file_format import JournalFileWriter, StreamKind
from adapters.journal.port import Record
from adapters.reading.reader import open_for_reading
from adapters.reading.source import JournalSource
from lws_events.fleet import Fleet
from lws_events.subjects import SetName, decision_subject, event_subject, parse
from projections.journal import pair
from projections.verify import verify
from tests.bench.figures import LongJournal
from tests.bench.recorded import Recording, play_to_the_end, read
from tests.controlplane import proc

EVENTS: Final = 1_000_000
SHORTER: Final = 10
"""The journal that memory is compared with has a tenth of the events."""
REPEATED: Final = 2
SERVED: Final = 4
"""The journal that is put on a server has a quarter of them."""
GROUPS: Final = 20
SIZE: Final = 8

_COMMAND_ID: Final = re.compile(rb'"e1-(\d+)-')
_CAUSE: Final = re.compile(rb'"cause":(\d+)')


class Pass(msgspec.Struct):
    """What one process found."""

    events: int
    decisions: int
    seconds: float
    """Of CPU."""
    peak_mib: float
    differences: int = 0


class JournalOf(NamedTuple):
    """A file in which so many sets live the same life, one after the other: ``n0/sample``, ``n1/sample``…"""

    path: Path
    sets: int
    events_of_set: int

    @property
    def events(self) -> int:
        """All of them; the first one begins the epoch."""
        return self.sets * self.events_of_set + 1

    @property
    def middle(self) -> tuple[str, int]:
        """The set in the middle of the journal, and the sequence in the middle of its life."""
        number = self.sets // 2
        return f"n{number}/sample", 1 + number * self.events_of_set + self.events_of_set // 2


class Journals(NamedTuple):
    """The same lives, more or fewer of them."""

    long: JournalOf
    short: JournalOf
    on_server: JournalOf


@contextmanager
def journals(*, events: int = EVENTS) -> Iterator[Journals]:
    """Files for as long as they are needed: the first one has at least so many events."""
    with TemporaryDirectory(prefix="lws-bench-") as scratch:
        one = Path(scratch) / "one.jsonl"
        play_to_the_end(one, groups=GROUPS, size=SIZE)
        life = read(one)
        each = len(life.events) - 1
        sets = -(-events // each)
        long, short, on_server = (
            JournalOf(Path(scratch) / f"{name}.jsonl", -(-sets // part), each)
            for name, part in (("long", 1), ("short", SHORTER), ("on-server", SERVED))
        )
        for journal in (long, short, on_server):
            write(journal.path, life, sets=journal.sets)
        yield Journals(long, short, on_server)


def measure(written: Journals) -> LongJournal:
    """Read the long one and the short one."""
    long, short = written.long, written.short
    decoded, replayed, verified = _cheapest(long.path, ("decode", "replay", "verify"))
    if verified.differences:
        raise RuntimeError(f"the long journal verifies with {verified.differences} differences")
    return LongJournal(
        sets=long.sets,
        events=verified.events,
        decisions=verified.decisions,
        file_bytes=long.path.stat().st_size,
        decoded=verified.events / decoded.seconds,
        replayed=verified.events / replayed.seconds,
        verified=verified.events / verified.seconds,
        replay_to_decoding=decoded.seconds / replayed.seconds,
        verify_to_decoding=decoded.seconds / verified.seconds,
        peak_mib=verified.peak_mib,
        shorter_peak_mib=_once("verify", short.path).peak_mib,
    )


def write(path: Path, life: Recording, *, sets: int) -> None:
    """The same life again and again, each time in another namespace."""
    with JournalFileWriter(path, cluster=life.cluster, epoch="e1") as writer:
        for number in range(sets):
            for kind, record in _copied(life, number):
                writer.add(kind, record)


def _copied(life: Recording, number: int) -> Iterator[tuple[StreamKind, Record]]:
    namespace = f"n{number}"
    name, shift = SetName(namespace, "sample"), number * (len(life.events) - 1)
    for record in life.events:
        address = parse(record.subject)
        if address is None:  # the epoch began once for all
            if number == 0:
                yield "events", record
            continue
        subject = event_subject(life.cluster, name, address.kind, address.name)
        yield "events", Record(record.sequence + shift, subject, _shifted(record.data, shift), record.at_ns)
    for record in life.decisions:
        data = _CAUSE.sub(lambda found: b'"cause":%d' % (int(found[1]) + shift), _shifted(record.data, shift))
        data = data.replace(b'"namespace":"default"', b'"namespace":"%b"' % namespace.encode())
        sequence = record.sequence + number * len(life.decisions)
        yield "decisions", Record(sequence, decision_subject(life.cluster, name), data, record.at_ns)


def _shifted(data: bytes, shift: int) -> bytes:
    return _COMMAND_ID.sub(lambda found: b'"e1-%d-' % (int(found[1]) + shift), data)


def _cheapest(path: Path, passes: Sequence[str]) -> list[Pass]:
    """Of each pass the one that cost least. They take turns, so that company is the same for all."""
    rounds = [[_once(what, path) for what in passes] for _ in range(REPEATED)]
    return [min(of_one, key=lambda each: each.seconds) for of_one in zip(*rounds, strict=True)]


def _once(what: str, path: Path) -> Pass:
    command = [sys.executable, "-m", "tests.bench.long_run", what, str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=1800)
    return msgspec.json.decode(done.stdout, type=Pass)


def read_through(what: str, path: Path) -> Pass:
    """One pass in this process."""
    began, machine, differences = time.process_time(), Fleet(), 0
    with open_for_reading(JournalSource(file=path)) as reader:
        match what:
            case "decode":
                events, decided = sum(1 for _ in reader.events()), sum(1 for _ in reader.decisions())
            case "replay":
                events = decided = 0
                for events, step in enumerate(pair(reader.events(), reader.decisions()), start=1):  # noqa: B007
                    machine.recall(step.event.sequence, step.event.subject, step.event.envelope, step.decision)
                    decided += step.recorded is not None
            case _:
                found = verify(reader.events(), reader.decisions(), machine)
                events, decided, differences = found.events, found.decisions, found.differences + found.undecided
    seconds, peak = time.process_time() - began, proc.usage(os.getpid()).rss_peak_mib
    return Pass(events=events, decisions=decided, seconds=seconds, peak_mib=peak, differences=differences)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(read_through(sys.argv[1], Path(sys.argv[2]))))
