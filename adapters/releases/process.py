"""Another release in a process of its own, asked for its decisions batch by batch (protocol: ``driver``)."""

import json
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from adapters.releases import driver
from adapters.releases.errors import ReleaseError
from adapters.releases.finding import Release
from lws_events import decisions, events
from projections.journal import Step

_END_SECONDS: Final = 5.0
_ERROR_BYTES_MAX: Final = 2000


class OtherMachine:
    """The machine of another release. Made by ``run_release``."""

    def __init__(self, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._said = process, said
        self._to, self._from = process.stdin, process.stdout
        hello = json.loads(self._line())
        if "error" in hello:
            raise ReleaseError(f"the other release cannot be imported: {hello['error']}")
        self.version: str = hello["version"]
        self.machine: str = hello["machine"]
        self.path = Path(hello["path"])
        self.unknown: Counter[str] = Counter()
        """Kinds of facts and commands of the journal that it does not know, and how often it passed them over."""

    def propose(self, steps: Sequence[Step]) -> list[dict[str, Any] | None]:
        """What it decides about each event; the recorded decisions are applied. Raises ``ReleaseError``."""
        with suppress(BrokenPipeError):  # the reason is in what it has written
            self._to.write(b"".join(map(_request, steps)) + b"\n")
            self._to.flush()
        return [self._answer(self._line()) for _ in steps]

    def _answer(self, line: bytes) -> dict[str, Any] | None:
        if line.startswith(b"?"):
            kinds, _, line = line[1:].partition(b"\t")
            self.unknown.update(kinds.decode().split(","))
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer

    def _line(self) -> bytes:
        line = self._from.readline()
        if not line.endswith(b"\n"):
            self._process.wait()
            self._said.seek(0)
            said = self._said.read()[-_ERROR_BYTES_MAX:].decode(errors="replace").strip()
            raise ReleaseError(f"the other release ended ({self._process.returncode}): {said or 'it says nothing'}")
        if line.startswith(b"!"):
            raise ReleaseError(f"the other release cannot follow this journal: {line[1:-1].decode(errors='replace')}")
        return line[:-1]


@contextmanager
def run_release(release: Release) -> Iterator[OtherMachine]:
    """Start it, and end it in any case. Raises ``ReleaseError``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # it is somebody's folder
    if release.import_path is not None:
        environment["PYTHONPATH"] = str(release.import_path)
    source = Path(driver.__file__).read_text()
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                [release.interpreter, "-c", source],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=environment,
            )
        except OSError as error:
            raise ReleaseError(f"{release.interpreter} cannot be run: {error.strerror}") from error
        try:
            other = OtherMachine(process, said)
            if release.import_path is not None and release.import_path not in other.path.parents:
                raise ReleaseError(f"{release.import_path} was asked for, but {other.path} was imported")
            yield other
        finally:
            _end(process)


def _request(step: Step) -> bytes:
    event, recorded = step.event, step.decision
    body = events.encode(event.envelope)
    known = b"" if recorded is None else decisions.encode(recorded)
    return b"\t".join((str(event.sequence).encode(), event.subject.encode(), _one_line(body), _one_line(known))) + b"\n"


def _one_line(body: bytes) -> bytes:
    """Raw JSON of others may be laid out in lines; within strings both characters are escaped."""
    return body.replace(b"\n", b" ").replace(b"\t", b" ").replace(b"\r", b" ")


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    process.stdout.close()
    try:
        process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
