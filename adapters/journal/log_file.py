"""Captured logs in a file beside an exported journal, for whoever wants to give them away with it.

The logs of ``incident.jsonl.gz`` are in ``incident.jsonl.gz.logs``: JSON lines, one for each log that is still kept.
They are a file of their own so that a journal can be sent without what programs have written, and so that it is seen
when they are sent along. Deliberately absent: sequences, times and checks of completeness; a log is no part of the
journal, and a fact there (``LogCaptured``) says how much of it there was.
"""

import os
from contextlib import aclosing
from pathlib import Path
from typing import Final

import msgspec

from adapters.journal.errors import JournalDamaged, JournalReadOnly
from adapters.journal.logs import LogStore
from adapters.journal.port import Journal
from lws_events import events
from lws_events.subjects import LOG, observations_filter

FORMAT: Final = "lws-events-logs"
VERSION: Final = 1


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    version: int
    cluster: str


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    reference: str
    text: str


_ENCODER: Final = msgspec.json.Encoder()
_HEADER: Final = msgspec.json.Decoder(_Header)
_LINE: Final = msgspec.json.Decoder(_Line)


def logs_beside(journal: Path) -> Path:
    """Where the logs of an exported journal are, if they are anywhere."""
    return journal.with_name(f"{journal.name}.logs")


class FileLogs:
    """The log store of a file. It is for reading; texts stay in the file until they are asked for."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path = path
        self._places: dict[str, int] | None = None

    async def put(self, reference: str, text: bytes) -> None:  # noqa: ARG002
        """Refused: a file is what was exported."""
        raise JournalReadOnly(f"{self._path} holds the logs of an exported journal; import it to go on with it")

    async def get(self, reference: str) -> bytes | None:
        """As of ``LogStore``. Raises ``JournalDamaged`` where the file cannot be understood."""
        if self._places is None:
            self._places = dict(self._survey())
        place = self._places.get(reference)
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place)
            return _LINE.decode(file.readline()).text.encode()

    def references(self) -> list[str]:
        """Of all logs in the file, in its order. Raises ``JournalDamaged``."""
        return [reference for reference, _ in self._survey()]

    def _survey(self) -> list[tuple[str, int]]:
        found, place, number = [], 0, 0
        try:
            with self._path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    if number == 1:
                        self._require(_HEADER.decode(line))
                    else:
                        found.append((_LINE.decode(line).reference, place))
                    place += len(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise JournalDamaged(f"{self._path}, line {number}: {error}", line=number) from error
        except OSError as error:
            raise JournalDamaged(f"{self._path} cannot be read: {error.strerror or error}", line=None) from error
        if not number:
            raise JournalDamaged(f"{self._path} is empty", line=1)
        return found

    def _require(self, header: _Header) -> None:
        if (header.format, header.version) != (FORMAT, VERSION):
            raise JournalDamaged(
                f"{self._path}, line 1: {header.format!r} of version {header.version}; "
                f"this release reads {FORMAT!r} of version {VERSION}",
                line=1,
            )


async def export_logs(journal: Journal, path: Path) -> int:
    """Write the logs of a journal that are still kept; how many. The file appears when it is complete.

    Raises ``JournalUnavailable``, and ``OSError`` about the file.
    """
    count, temporary = 0, path.with_name(f".{path.name}.part")
    # What programs have written is for its owner only, like the journal.
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:  # about the file that was asked for, not about the one that nobody knows of
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_ENCODER.encode(_Header(format=FORMAT, version=VERSION, cluster=journal.cluster)) + b"\n")
            for reference in await _references(journal):
                text = await journal.logs.get(reference) if journal.logs is not None else None
                if text is not None:
                    file.write(_ENCODER.encode(_Line(reference=reference, text=text.decode(errors="replace"))) + b"\n")
                    count += 1
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


async def import_logs(path: Path, store: LogStore) -> int:
    """Put the logs of a file where logs are kept; how many. Raises ``JournalDamaged``, and what the store raises."""
    logs = FileLogs(path)
    references = logs.references()
    for reference in references:
        text = await logs.get(reference)
        assert text is not None, "it has just been found"
        await store.put(reference, text)
    return len(references)


async def _references(journal: Journal) -> list[str]:
    wanted = observations_filter(journal.cluster, LOG)
    last = await journal.events.last_sequence()
    found = []
    async with aclosing(journal.events.read(to_sequence=last, subject_filter=wanted, follow=False)) as batches:
        async for batch in batches:
            facts = [events.decode(record.data).fact for record in batch]
            found += [fact.reference for fact in facts if isinstance(fact, events.LogCaptured) and fact.reference]
    return found
