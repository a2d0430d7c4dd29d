"""Make the index of an exported journal: one pass over the file, in bounded memory."""

import os
import zlib
from collections.abc import Callable
from io import BufferedWriter
from pathlib import Path
from typing import Final

import msgspec

from adapters.journal.file import survey
from adapters.journal.file_format import IN_FRONT, StreamKind, read_file
from adapters.journal.index.directory import (
    MAGIC,
    VERSION,
    Directory,
    IndexedRecord,
    Segment,
    fingerprint,
    index_path,
    set_key,
)
from adapters.journal.port import Record
from lws_events import subjects

_SEGMENT_BYTES: Final = 256 * 1024
"""Uncompressed. Small enough to read a part of a big set's past, large enough to compress well."""

_WAITING_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of all segments that are not full yet: a journal of very many sets gets smaller segments."""

_TOLD_EVERY: Final = 10_000


def build_index(path: Path, *, on_progress: Callable[[int], None] | None = None) -> Path:
    """Write the index of a journal file beside it, and return its path; ``on_progress`` is told how many records.

    Raises ``JournalDamaged`` (nothing is written) and ``OSError``.
    """
    source = fingerprint(path)
    found = survey(path)
    target = index_path(path)
    temporary = target.with_name(f".{target.name}.part")
    try:
        # It holds what the journal holds: for its owner only.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            segments = _Segments(file)
            for count, (_, kind, record) in enumerate(read_file(path), start=1):
                if kind not in IN_FRONT:
                    segments.add(kind, record)
                if on_progress is not None and count % _TOLD_EVERY == 0:
                    on_progress(count)
            segments.flush()
            directory = Directory(
                version=VERSION,
                source=source,
                cluster=found.cluster,
                infos=found.infos,
                segments=segments.written,
                latest_sets=segments.write_latest_sets(),
            )
            _finish(file, directory)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


class _Waiting:
    """The records of one set and stream that are not written yet."""

    __slots__ = ("records", "size_bytes")

    def __init__(self) -> None:
        self.records: list[IndexedRecord] = []
        self.size_bytes = 0


class _Segments:
    """Collects records by set and writes them in segments."""

    def __init__(self, file: BufferedWriter) -> None:
        self.written: dict[StreamKind, dict[str, list[Segment]]] = {"events": {}, "decisions": {}}
        self._file = file
        self._offset = file.write(MAGIC)
        self._waiting: dict[tuple[StreamKind, str], _Waiting] = {}
        self._waiting_bytes = 0
        self._latest_sets: dict[str, IndexedRecord] = {}

    def add(self, kind: StreamKind, record: Record) -> None:
        indexed = IndexedRecord(record.sequence, record.subject, record.data, record.at_ns, record.message_id)
        address = subjects.parse(record.subject)
        if kind == "events" and address is not None and address.kind == subjects.SET:
            self._latest_sets[record.subject] = indexed
        key = (kind, set_key(record.subject) or "")
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = _Waiting()
        waiting.records.append(indexed)
        waiting.size_bytes += len(record.data)
        self._waiting_bytes += len(record.data)
        if waiting.size_bytes >= _SEGMENT_BYTES:
            self._write(key)
        elif self._waiting_bytes >= _WAITING_BYTES_MAX:
            self._write(max(self._waiting, key=lambda each: self._waiting[each].size_bytes))

    def flush(self) -> None:
        for key in list(self._waiting):
            self._write(key)

    def write_latest_sets(self) -> list[Segment]:
        records = sorted(self._latest_sets.values(), key=lambda record: record.sequence)
        return [self._append(records)] if records else []

    def _write(self, key: tuple[StreamKind, str]) -> None:
        kind, of_set = key
        waiting = self._waiting.pop(key)
        self._waiting_bytes -= waiting.size_bytes
        self.written[kind].setdefault(of_set, []).append(self._append(waiting.records))

    def _append(self, records: list[IndexedRecord]) -> Segment:
        packed = zlib.compress(msgspec.msgpack.encode(records), 6)
        segment = Segment(self._offset, len(packed), records[0].sequence, records[-1].sequence)
        self._offset += self._file.write(packed)
        return segment


def _finish(file: BufferedWriter, directory: Directory) -> None:
    """The directory, then its length and checksum: a file without them is no index."""
    packed = zlib.compress(msgspec.msgpack.encode(directory), 6)
    file.write(packed)
    file.write(len(packed).to_bytes(8, "big") + zlib.crc32(packed).to_bytes(4, "big") + MAGIC)
