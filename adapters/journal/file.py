"""An exported journal as a journal: everything that only reads works on a file as on a bus.

The file is checked once from end to end, then read again for each reading, so that it may be larger than the memory.
With an index beside it neither is needed for the records of one set. A file does not grow: following it ends where it
ends.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from adapters.journal.errors import JournalReadOnly
from adapters.journal.file_format import IN_FRONT, KINDS, StreamKind, read_file, read_header
from adapters.journal.index.directory import set_key
from adapters.journal.index.reading import Index, open_index
from adapters.journal.log_file import FileLogs, logs_beside
from adapters.journal.port import BATCH_MESSAGES_MAX, Journal, Latest, Message, Record, StreamInfo
from adapters.journal.subject_filter import matcher
from lws_events.subjects import AUDIT, DECISIONS, EVENTS, SEALS, SET, SNAPSHOTS, encode_token, observations_filter

_ROOTS: Final[dict[StreamKind, str]] = {
    "events": EVENTS,
    "decisions": DECISIONS,
    "snapshots": SNAPSHOTS,
    "seals": SEALS,
    "audit": AUDIT,
}


class FileStream:
    """One stream of a file. Made by ``open_file``."""

    def __init__(
        self, path: Path, kind: StreamKind, *, cluster: str, info: StreamInfo, index: Index | None = None
    ) -> None:
        self.name = info.name
        self.root = f"{_ROOTS[kind]}.{encode_token(cluster)}"
        self._path = path
        self._kind = kind
        self._sets_filter = observations_filter(cluster, SET)
        self._info = info
        self._index = index

    async def append(
        self,
        messages: Sequence[Message],  # noqa: ARG002
        *,
        expected_last_sequence: int | None = None,  # noqa: ARG002
        atomic: bool = True,  # noqa: ARG002
    ) -> NoReturn:
        self._refuse()

    async def purge(self, *, before: int, subject_filter: str | None = None) -> NoReturn:  # noqa: ARG002
        self._refuse()

    async def schedule(self, subject: str, *, fire_at_ns: int, data: bytes) -> NoReturn:  # noqa: ARG002
        self._refuse()

    async def cancel(self, subject: str) -> NoReturn:  # noqa: ARG002
        self._refuse()

    async def latest(self, subject_filter: str, *, up_to: int | None = None) -> Latest:
        limit = self._info.last_sequence if up_to is None else min(up_to, self._info.last_sequence)
        is_present = limit == self._info.last_sequence
        if self._index is not None and is_present and subject_filter == self._sets_filter:
            return Latest(limit, self._index.latest_sets())
        found: dict[str, Record] = {}
        async for batch in self.read(to_sequence=limit, subject_filter=subject_filter, follow=False):
            found.update((record.subject, record) for record in batch)
        return Latest(limit, sorted(found.values(), key=lambda record: record.sequence))

    async def read(
        self,
        *,
        from_sequence: int = 1,
        to_sequence: int | None = None,
        subject_filter: str | None = None,
        follow: bool,  # noqa: ARG002 - a file does not grow
    ) -> AsyncGenerator[Sequence[Record], None]:
        limit = self._info.last_sequence if to_sequence is None else to_sequence
        wanted = subject_filter or f"{self.root}.>"
        matches = matcher(wanted)
        reached = takewhile(lambda record: record.sequence <= limit, self._records(wanted, from_sequence, limit))
        records = (record for record in reached if record.sequence >= from_sequence and matches(record.subject))
        while batch := list(islice(records, BATCH_MESSAGES_MAX)):
            yield batch
            await asyncio.sleep(0)

    async def last_sequence(self) -> int:
        return self._info.last_sequence

    async def info(self) -> StreamInfo:
        return self._info

    def _records(self, subject_filter: str, from_sequence: int, to_sequence: int) -> Iterator[Record]:
        """A superset of what is asked for."""
        if self._kind in IN_FRONT:  # and in no index
            front = takewhile(lambda found: found.stream in IN_FRONT, read_file(self._path))
            return (found.record for found in front if found.stream == self._kind)
        if self._index is not None:
            key = set_key(subject_filter)
            if key is not None:
                return self._index.records(self._kind, key, from_sequence=from_sequence, to_sequence=to_sequence)
            if from_sequence == to_sequence:
                found = self._index.record_at(self._kind, from_sequence)
                return iter(() if found is None else (found,))
        return (found.record for found in read_file(self._path, only=self._kind))

    def _refuse(self) -> NoReturn:
        raise JournalReadOnly(f"{self._path} is an exported journal; import it to go on with it")


class Survey(NamedTuple):
    """What a file holds."""

    cluster: str
    infos: dict[StreamKind, StreamInfo]


def open_file(path: Path) -> Journal:
    """The journal in an exported file, by its index if there is one, with the captured logs that lie beside it.

    Raises ``JournalDamaged`` with a line number if any of the file cannot be read; one with an index is not read yet.
    """
    index = open_index(path)
    found = survey(path) if index is None else Survey(index.directory.cluster, index.directory.infos)

    def stream(kind: StreamKind) -> FileStream:
        return FileStream(path, kind, cluster=found.cluster, info=found.infos[kind], index=index)

    def stream_if_any(kind: StreamKind) -> FileStream | None:
        return stream(kind) if found.infos[kind].messages else None

    return Journal(
        found.cluster,
        stream("events"),
        stream("decisions"),
        FileLogs(logs_beside(path)) if logs_beside(path).exists() else None,
        snapshots=stream_if_any("snapshots"),
        audit=stream_if_any("audit"),
        seals=stream_if_any("seals"),
    )


def survey(path: Path) -> Survey:
    """Read a whole file to know what it holds. Raises ``JournalDamaged``."""
    header = read_header(path)
    first: dict[StreamKind, Record] = {}
    last: dict[StreamKind, Record] = {}
    counts: dict[StreamKind, int] = dict.fromkeys(KINDS, 0)
    sizes: dict[StreamKind, int] = dict.fromkeys(KINDS, 0)
    for _, kind, record in read_file(path):
        first.setdefault(kind, record)
        last[kind] = record
        counts[kind] += 1
        sizes[kind] += len(record.data)

    def info(kind: StreamKind) -> StreamInfo:
        return StreamInfo(
            name=f"{path}#{kind}",
            first_sequence=first[kind].sequence if kind in first else 0,
            last_sequence=last[kind].sequence if kind in last else 0,
            messages=counts[kind],
            size_bytes=sizes[kind],
            size_bytes_max=-1,
            created_at_ns=first[kind].at_ns if kind in first else 0,
        )

    return Survey(header.cluster, {kind: info(kind) for kind in KINDS})
