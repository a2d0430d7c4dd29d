"""An exported journal as a journal: everything that only reads works on a file as on a bus.

The file is checked once from end to end, then read again for each reading, so that it may be larger than the memory.
A file does not grow: following it ends where it ends.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NoReturn

from adapters.journal.errors import JournalReadOnly
from adapters.journal.file_format import StreamKind, read_file, read_header
from adapters.journal.port import BATCH_MESSAGES_MAX, Journal, Latest, Message, Record, StreamInfo
from adapters.journal.subject_filter import matcher
from lws_events.subjects import DECISIONS, EVENTS, encode_token


class FileStream:
    """One stream of a file. Made by ``open_file``."""

    def __init__(self, path: Path, kind: StreamKind, *, root: str, info: StreamInfo) -> None:
        self.name = info.name
        self.root = root
        self._path = path
        self._kind = kind
        self._info = info

    async def append(
        self,
        messages: Sequence[Message],  # noqa: ARG002
        *,
        expected_last_sequence: int | None = None,  # noqa: ARG002
        atomic: bool = True,  # noqa: ARG002
    ) -> NoReturn:
        self._refuse()

    async def schedule(self, subject: str, *, fire_at_ns: int, data: bytes) -> NoReturn:  # noqa: ARG002
        self._refuse()

    async def cancel(self, subject: str) -> NoReturn:  # noqa: ARG002
        self._refuse()

    async def latest(self, subject_filter: str, *, up_to: int | None = None) -> Latest:
        limit = self._info.last_sequence if up_to is None else min(up_to, self._info.last_sequence)
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
        matches = matcher(subject_filter or f"{self.root}.>")
        records = (
            record
            for record in self._records()
            if from_sequence <= record.sequence <= limit and matches(record.subject)
        )
        while batch := list(islice(records, BATCH_MESSAGES_MAX)):
            yield batch
            await asyncio.sleep(0)

    async def last_sequence(self) -> int:
        return self._info.last_sequence

    async def info(self) -> StreamInfo:
        return self._info

    def _records(self) -> Iterator[Record]:
        return (found.record for found in read_file(self._path, only=self._kind))

    def _refuse(self) -> NoReturn:
        raise JournalReadOnly(f"{self._path} is an exported journal; import it to go on with it")


def open_file(path: Path) -> Journal:
    """The journal in an exported file. Raises ``JournalDamaged`` with a line number if any of it cannot be read."""
    header = read_header(path)
    first: dict[StreamKind, Record] = {}
    last: dict[StreamKind, Record] = {}
    counts: dict[StreamKind, int] = {"events": 0, "decisions": 0}
    sizes: dict[StreamKind, int] = {"events": 0, "decisions": 0}
    for _, kind, record in read_file(path):
        first.setdefault(kind, record)
        last[kind] = record
        counts[kind] += 1
        sizes[kind] += len(record.data)

    def stream(kind: StreamKind, prefix: str) -> FileStream:
        info = StreamInfo(
            name=f"{path}#{kind}",
            first_sequence=first[kind].sequence if kind in first else 0,
            last_sequence=last[kind].sequence if kind in last else 0,
            messages=counts[kind],
            size_bytes=sizes[kind],
            size_bytes_max=-1,
            created_at_ns=first[kind].at_ns if kind in first else 0,
        )
        return FileStream(path, kind, root=f"{prefix}.{encode_token(header.cluster)}", info=info)

    return Journal(header.cluster, stream("events", EVENTS), stream("decisions", DECISIONS))
