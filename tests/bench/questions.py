"""How long the commands take that ask a journal, and in how much memory: whole runs of the program.

About one set of many in a file with an index and on a server, and about all of them. Each is asked of the short journal
as well: a command whose memory grew with the journal would need more for the long one.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from adapters.journal.index.directory import index_path
from adapters.journal.index.writing import build_index
from tests.bench.figures import Question, QuestionFigures
from tests.bench.long_run import JournalOf, Journals

REPEATED: Final = 5
"""The quickest of them counts: the others had company."""
SECONDS_MAX: Final = 900.0
_DIFFERENCE: Final = 50
"""Events between the two states that are compared."""

Command = tuple[str, ...]
Commands = Callable[[JournalOf], list[Command]]


def measure(written: Journals, *, repeated: int = REPEATED) -> QuestionFigures:
    """Index the files and ask them, and a data directory into which one of them is imported."""
    long, short, on_server = written
    began = time.perf_counter()
    build_index(long.path)
    index_seconds = time.perf_counter() - began
    build_index(short.path)
    with TemporaryDirectory(prefix="lws-bench-") as directory:
        data_dir = str(Path(directory) / "data")
        _ask("journal", "import", str(on_server.path), "--data-dir", data_dir)
        of_a_server = [
            _best(asked, ("--data-dir", data_dir), repeated=repeated)
            for asked in (*commands_of_one_set(on_server), ("status",))
        ]
    return QuestionFigures(
        sets=long.sets,
        events=long.events,
        events_of_set=long.events_of_set,
        file_bytes=long.path.stat().st_size,
        index_bytes=index_path(long.path).stat().st_size,
        index_seconds=index_seconds,
        start_seconds=_best(("--version",), (), repeated=repeated).seconds,
        of_one_set=_of_files(commands_of_one_set, long, short, repeated=repeated),
        of_all=_of_files(commands_of_all, long, short, repeated=1),
        server_events=on_server.events,
        of_a_server=of_a_server,
    )


def commands_of_one_set(journal: JournalOf) -> list[Command]:
    name, sequence = journal.middle
    at = str(sequence)
    return [
        ("why", name),
        ("why", name, "--at", at),
        ("why", "--at", at),
        ("why-not", f"{name}-0-1"),
        ("timeline", name),
        ("timeline", name, "-o", "html"),
        ("status", name, "--at", at),
        ("replay", name, "--at", at),
        ("replay", name, "--diff", f"{sequence - _DIFFERENCE}..{at}"),
        ("audit", "rows", name),
        ("audit", "report", name),
    ]


def commands_of_all(_: JournalOf) -> list[Command]:
    return [("status",), ("audit", "rows", "-o", "csv"), ("audit", "report"), ("verify",)]


def _of_files(commands: Commands, long: JournalOf, short: JournalOf, *, repeated: int) -> list[Question]:
    found = []
    for asked, of_short in zip(commands(long), commands(short), strict=True):
        best = _best(asked, ("--file", str(long.path)), repeated=repeated)
        shorter = _best(of_short, ("--file", str(short.path)), repeated=1)
        found.append(
            Question(
                command=best.command,
                seconds=best.seconds,
                peak_mib=best.peak_mib,
                shorter_peak_mib=shorter.peak_mib,
            )
        )
    return found


def _best(asked: Command, place: Sequence[str], *, repeated: int) -> Question:
    seconds, peak_mib = min(_ask(*asked, *place) for _ in range(repeated))
    return Question(command=" ".join(asked), seconds=seconds, peak_mib=peak_mib)


def _ask(*arguments: str) -> tuple[float, float]:
    """Seconds and mebibytes."""
    with TemporaryDirectory(prefix="lws-bench-") as directory:
        place = Path(directory) / "peak"
        command = [sys.executable, "-m", "tests.bench.one_command", str(place), *arguments]
        began = time.perf_counter()
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=SECONDS_MAX, check=False
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(f"lws-events {' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()}")
        return seconds, float(place.read_text())
