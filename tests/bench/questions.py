"""How long a question about one set takes in a journal of many sets with an index: whole runs of the program."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from adapters.journal.file_format import JournalFileWriter, StreamKind
from adapters.journal.index.directory import index_path
from adapters.journal.index.writing import build_index
from adapters.journal.port import Record
from lws_events import decisions
from lws_events.subjects import SetName, decision_subject, event_subject, parse
from tests.bench.figures import QuestionFigures
from tests.bench.recorded import Recording, play, read

EVENTS_MIN: Final = 1_000_000
GROUPS: Final = 8
SIZE: Final = 8
REPEATED: Final = 5
"""The quickest of them counts: the others had company."""

_PROGRAM: Final = Path(sys.executable).parent / "lws-events"


def measure(*, events_min: int = EVENTS_MIN) -> QuestionFigures:
    """Write a journal in which many sets live the same life, index it, and ask about the first of them."""
    with TemporaryDirectory(prefix="lws-bench-") as scratch:
        one, many = Path(scratch) / "one.jsonl", Path(scratch) / "many.jsonl.gz"
        play(one, groups=GROUPS, size=SIZE)
        life = read(one)
        sets = -(-events_min // (len(life.events) - 1))
        _write(many, life, sets=sets)
        began = time.perf_counter()
        build_index(many)
        index_seconds = time.perf_counter() - began
        return QuestionFigures(
            sets=sets,
            events=sets * (len(life.events) - 1) + 1,
            decisions=sets * len(life.decisions),
            events_of_set=len(life.events),
            file_bytes=many.stat().st_size,
            index_bytes=index_path(many).stat().st_size,
            index_seconds=index_seconds,
            start_seconds=_seconds("--version"),
            timeline_seconds=_seconds("timeline", "default/sample", "--file", str(many)),
            page_seconds=_seconds("timeline", "default/sample", "-o", "html", "--file", str(many)),
            why_seconds=_seconds("why", "default/sample", "--file", str(many)),
        )


def _write(path: Path, life: Recording, *, sets: int) -> None:
    """The same life again and again, each time of another set, one after the other."""
    with JournalFileWriter(path, cluster=life.cluster, epoch="e1") as writer:
        for number in range(sets):
            for kind, record in _copied(life, number):
                writer.add(kind, record)


def _copied(life: Recording, number: int) -> Iterator[tuple[StreamKind, Record]]:
    name = SetName("default", f"sample-x{number}" if number else "sample")
    shift = number * len(life.events)
    for record in life.events:
        address = parse(record.subject)
        if address is None:  # the epoch began once for all
            if number == 0:
                yield "events", record
            continue
        subject = event_subject(life.cluster, name, address.kind, address.name)
        yield "events", Record(record.sequence + shift, subject, record.data, record.at_ns)
    for record in life.decisions:
        decided = decisions.decode(record.data)
        data = decisions.encode(msgspec.structs.replace(decided, cause=decided.cause + shift))
        sequence = record.sequence + number * len(life.decisions)
        yield "decisions", Record(sequence, decision_subject(life.cluster, name), data, record.at_ns)


def _seconds(*arguments: str) -> float:
    return min(_once(arguments) for _ in range(REPEATED))


def _once(arguments: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run([str(_PROGRAM), *arguments], check=True, stdout=subprocess.DEVNULL, timeout=300)
    return time.perf_counter() - began
