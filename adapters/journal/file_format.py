"""A journal as a plain file: the format, and reading it without trusting it.

JSON lines, compressed with gzip when the name ends in ``.gz``:

    {"format":"lws-events-journal","version":1,"cluster":"default","epoch":"..."}
    {"stream":"events","sequence":1,"at_ns":1700000000000000000,"subject":"...","id":"...","data":{...}}
    {"stream":"decisions","sequence":1,...}
    {"end":true,"events":1,"decisions":1}

``data`` is the body as it was, byte for byte; a body that is not one line of JSON is kept as ``base64`` instead.
Sequences grow within each stream; the two streams are mixed by time, for people who read the file. Without its last
line a file is known to be cut off. Every fault is reported with its line number.
"""

import base64
import binascii
import gzip
import os
import zlib
from collections.abc import Iterator
from gzip import GzipFile
from io import BufferedIOBase
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

import msgspec

from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Record

FORMAT: Final = "lws-events-journal"
VERSION: Final = 1

StreamKind = Literal["events", "decisions", "snapshots", "seals", "audit"]


KINDS: Final[tuple[StreamKind, ...]] = ("events", "decisions", "snapshots", "seals", "audit")
IN_FRONT: Final[tuple[StreamKind, ...]] = ("snapshots", "seals", "audit")
"""What stands before all events and decisions: it is read without reading those."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """First line. ``epoch`` is empty for a journal that has none yet."""

    format: str
    version: int
    cluster: str
    epoch: str = ""


class End(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Last line: how many records there are."""

    end: Literal[True]
    events: int
    decisions: int
    snapshots: int = 0
    seals: int = 0
    audit: int = 0


class FileRecord(NamedTuple):
    """One record and where it stands."""

    line: int
    stream: StreamKind
    record: Record


class _Line(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    stream: StreamKind
    sequence: int
    at_ns: int
    subject: str
    id: str | None = None
    base64: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_ENCODER: Final = msgspec.json.Encoder()
_LINE: Final = msgspec.json.Decoder(_Line)
_END: Final = msgspec.json.Decoder(End)
_HEADER: Final = msgspec.json.Decoder(Header)
_END_PREFIX: Final = b'{"end"'


class JournalFileWriter:
    """Writes a file that appears under its name only when it is complete. Use it with ``with``. Not for event loops."""

    def __init__(self, path: Path, *, cluster: str, epoch: str) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.part")
        # A journal holds environment variables of pods: for its owner only, like what it was made from.
        try:
            descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:  # about the file that was asked for, not about the one that nobody knows of
            raise OSError(error.errno, error.strerror, str(path)) from error
        raw = os.fdopen(descriptor, "wb")
        self._file: BufferedIOBase = GzipFile(fileobj=raw, mode="wb", compresslevel=6) if path.suffix == ".gz" else raw
        self._raw = raw
        self._counts: dict[StreamKind, int] = dict.fromkeys(KINDS, 0)
        self._write(Header(format=FORMAT, version=VERSION, cluster=cluster, epoch=epoch))

    def add(self, stream: StreamKind, record: Record) -> None:
        """Write one record."""
        self._counts[stream] += 1
        self._file.write(encode_record(stream, record) + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        try:
            if kind is None:
                self._write(End(end=True, **self._counts))
            self._file.close()
            self._raw.close()
            if kind is None:
                self._temporary.replace(self._path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def _write(self, line: msgspec.Struct) -> None:
        self._file.write(_ENCODER.encode(line) + b"\n")


def read_header(path: Path) -> Header:
    """The first line of a file. Raises ``JournalDamaged`` if it is no journal or of a newer version."""
    for _, line in _lines(path):
        return _header(path, line)
    raise JournalDamaged(f"{path} is empty", line=1)


def read_file(path: Path, *, only: StreamKind | None = None) -> Iterator[FileRecord]:
    """All records of a file, or those of one stream, checked as they are read: form, order, completeness.

    Raises ``JournalDamaged`` with the number of the line.
    """
    last: dict[StreamKind, int] = dict.fromkeys(KINDS, 0)
    counts: dict[StreamKind, int] = dict.fromkeys(KINDS, 0)
    unwanted = tuple(f'{{"stream":"{kind}",'.encode() for kind in KINDS if only not in (None, kind))
    end: End | None = None
    number = 0
    for number, line in _lines(path):
        if number == 1:
            _header(path, line)
        elif end is not None:
            raise JournalDamaged(f"{path}, line {number}: something follows the last line", line=number)
        elif line.startswith(_END_PREFIX):
            end = _end(path, number, line)
        elif not line.endswith(b"\n"):
            raise JournalDamaged(f"{path} is cut off in line {number}", line=number)
        elif not line.startswith(unwanted):  # cheaper than to decode what nobody asked for
            found = _record(path, number, line)
            if found.record.sequence <= last[found.stream]:
                raise JournalDamaged(
                    f"{path}, line {number}: sequence {found.record.sequence} of {found.stream} "
                    f"does not come after {last[found.stream]}",
                    line=number,
                )
            last[found.stream] = found.record.sequence
            counts[found.stream] += 1
            if only in (None, found.stream):
                yield found
    if end is None:
        raise JournalDamaged(f"{path} is cut off after line {number}: its last line is missing", line=number)
    for stream, count in counts.items():
        expected = getattr(end, stream)
        if only in (None, stream) and count != expected:
            raise JournalDamaged(f"{path} has {count} {stream}, its last line says {expected}", line=number)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise JournalDamaged(f"{path} cannot be unpacked after line {number}: {error}", line=number) from error
    except OSError as error:
        raise JournalDamaged(f"{path} cannot be read: {error.strerror or error}", line=None) from error


def _header(path: Path, line: bytes) -> Header:
    try:
        header = _HEADER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalDamaged(f"{path}, line 1: this is no journal: {error}", line=1) from error
    if header.format != FORMAT:
        raise JournalDamaged(f"{path}, line 1: the format is {header.format!r}, not {FORMAT!r}", line=1)
    if header.version != VERSION:
        raise JournalDamaged(
            f"{path}, line 1: version {header.version} of the format; this release reads version {VERSION}", line=1
        )
    return header


def _end(path: Path, number: int, line: bytes) -> End:
    try:
        return _END.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalDamaged(f"{path}, line {number}: {error}", line=number) from error


def _record(path: Path, number: int, line: bytes) -> FileRecord:
    return FileRecord(number, *parse_record(line, place=f"{path}, line {number}", number=number))


def encode_record(stream: StreamKind, record: Record) -> bytes:
    """One line, without its end."""
    data, encoded = _body(record.data)
    return _ENCODER.encode(
        _Line(
            stream=stream,
            sequence=record.sequence,
            at_ns=record.at_ns,
            subject=record.subject,
            id=record.message_id,
            base64=encoded,
            data=data,
        )
    )


def parse_record(line: bytes, *, place: str, number: int | None = None) -> tuple[StreamKind, Record]:
    """The inverse of ``encode_record``. Raises ``JournalDamaged``, which begins with ``place``."""
    try:
        found = _LINE.decode(line)
        if found.base64 is not None:
            data = base64.b64decode(found.base64, validate=True)
        elif isinstance(found.data, msgspec.Raw):
            data = bytes(found.data)
        else:
            raise JournalDamaged(f"{place}: neither data nor base64", line=number)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error) as error:
        raise JournalDamaged(f"{place}: {error}", line=number) from error
    return found.stream, Record(found.sequence, found.subject, data, found.at_ns, found.id)


def _body(data: bytes) -> tuple[msgspec.Raw | msgspec.UnsetType, str | None]:
    """The body as raw JSON, or as base64 where it would break the line or the file."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
        data.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.UNSET, base64.b64encode(data).decode()
    if data.strip() != data or b"\n" in data or b"\r" in data:
        return msgspec.UNSET, base64.b64encode(data).decode()
    return msgspec.Raw(data), None
