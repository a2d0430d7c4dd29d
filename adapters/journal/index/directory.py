"""What an index holds, and of which file it is.

The index of ``incident.jsonl.gz`` is ``incident.jsonl.gz.index``: the same records, set by set, in compressed
*segments*, then a directory of the segments, then where the directory begins. An index is a cache: it names the file
that it was made from by size, time and the file's ends, is ignored when they differ, and can be thrown away.
"""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from adapters.journal.file_format import StreamKind
from adapters.journal.port import StreamInfo

MAGIC: Final = b"lws-events-index"
VERSION: Final = 4

ALL_SETS: Final = ""
"""Key of what is about no set: the beginnings of epochs."""

_END_BYTES: Final = 65_536
_SET_TOKENS: Final = slice(3, 6)
_SET_SUBJECT_TOKENS: Final = 6


class IndexedRecord(msgspec.Struct, frozen=True, array_like=True):
    """One record within a segment."""

    sequence: int
    subject: str
    data: bytes
    at_ns: int
    message_id: str | None = None


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """Successive records of one set and stream, compressed together."""

    offset: int
    length: int
    first_sequence: int
    last_sequence: int


class Fingerprint(msgspec.Struct, frozen=True, array_like=True):
    """What tells the file of an index from any other."""

    size: int
    modified_ns: int
    ends: bytes
    """SHA-256 of the first and last 64 KiB."""


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is."""

    version: int
    source: Fingerprint
    cluster: str
    infos: dict[StreamKind, StreamInfo]
    segments: dict[StreamKind, dict[str, list[Segment]]]
    """Stream → set key → segments in the order of their sequences."""
    latest_sets: list[Segment]
    """The last observation of every LeaderWorkerSet object, for those who want to know which sets there are."""


def index_path(path: Path) -> Path:
    """Where the index of a journal file is."""
    return path.with_name(f"{path.name}.index")


def fingerprint(path: Path) -> Fingerprint:
    """Of the file as it is now. Raises ``OSError``."""
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(_END_BYTES))
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_BYTES))
        digest.update(file.read(_END_BYTES))
    return Fingerprint(size, path.stat().st_mtime_ns, digest.digest())


def set_key(subject: str) -> str | None:
    """The set that a subject is about, or a filter asks for, as its three tokens; None where a filter is wider."""
    tokens = subject.split(".")
    if len(tokens) < _SET_SUBJECT_TOKENS:
        return ALL_SETS if tokens[-1] not in ("*", ">") else None
    own = tokens[_SET_TOKENS]
    return None if "*" in own or ">" in own else ".".join(own)
