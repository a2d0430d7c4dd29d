"""Read the records of one set from the index of a journal file."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from adapters.journal.errors import JournalDamaged
from adapters.journal.file_format import StreamKind
from adapters.journal.index.directory import (
    MAGIC,
    VERSION,
    Directory,
    IndexedRecord,
    Segment,
    fingerprint,
    index_path,
)
from adapters.journal.port import Record

_TAIL_BYTES: Final = 8 + 4 + len(MAGIC)
_DIRECTORY: Final = msgspec.msgpack.Decoder(Directory)
_RECORDS: Final = msgspec.msgpack.Decoder(list[IndexedRecord])


class Index:
    """The index of one file. Made by ``open_index``."""

    def __init__(self, path: Path, directory: Directory) -> None:
        self._path = path
        self.directory = directory

    def records(self, kind: StreamKind, key: str, *, from_sequence: int, to_sequence: int) -> Iterator[Record]:
        """Records of one set in order. Raises ``JournalDamaged`` if the index was changed after it was written."""
        segments = self.directory.segments[kind].get(key, [])
        wanted = [one for one in segments if one.last_sequence >= from_sequence and one.first_sequence <= to_sequence]
        for record in self._read(wanted):
            if from_sequence <= record.sequence <= to_sequence:
                yield record

    def record_at(self, kind: StreamKind, sequence: int) -> Record | None:
        """The record of a sequence, of whichever set; None where there is none. Raises as ``records`` does."""
        covering = [
            segment
            for segments in self.directory.segments[kind].values()
            for segment in segments
            if segment.first_sequence <= sequence <= segment.last_sequence
        ]
        # Many sets may have a segment around it. In that of a busy set it is most likely, and that one is narrow.
        covering.sort(key=lambda segment: (segment.last_sequence - segment.first_sequence, segment.offset))
        return next((record for record in self._read(covering) if record.sequence == sequence), None)

    def latest_sets(self) -> list[Record]:
        """The last observation of every LeaderWorkerSet object, by sequence."""
        return list(self._read(self.directory.latest_sets))

    def _read(self, segments: Sequence[Segment]) -> Iterator[Record]:
        if not segments:
            return
        with self._path.open("rb") as file:
            for segment in segments:
                file.seek(segment.offset)
                try:
                    records = _RECORDS.decode(zlib.decompress(file.read(segment.length)))
                except (zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise JournalDamaged(
                        f"{self._path} is damaged at byte {segment.offset} ({error}); "
                        "delete it: it is made again by `lws-events journal index`"
                    ) from error
                for one in records:
                    yield Record(one.sequence, one.subject, one.data, one.at_ns, one.message_id)


def open_index(path: Path) -> Index | None:
    """The index beside a journal file; None where there is none, or where it is of another file or release."""
    place = index_path(path)
    try:
        directory = _read_directory(place)
        if directory is None or directory.version != VERSION or directory.source != fingerprint(path):
            return None
    except OSError:
        return None
    return Index(place, directory)


def _read_directory(place: Path) -> Directory | None:
    with place.open("rb") as file:
        size = file.seek(0, 2)
        if size < _TAIL_BYTES:
            return None
        file.seek(size - _TAIL_BYTES)
        tail = file.read(_TAIL_BYTES)
        length = int.from_bytes(tail[:8], "big")
        if tail[12:] != MAGIC or length > size - _TAIL_BYTES:
            return None
        file.seek(size - _TAIL_BYTES - length)
        packed = file.read(length)
    if zlib.crc32(packed) != int.from_bytes(tail[8:12], "big"):
        return None
    try:
        return _DIRECTORY.decode(zlib.decompress(packed))
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError):
        return None
