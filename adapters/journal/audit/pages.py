"""The form in which facts of audit are put aside: the original bodies, compressed, set by set.

    lws.audit.<cluster>.<partition>.<namespace>.<set>   a part of a page: entries of one set
    lws.audit.<cluster>.chapter                         the end of a chapter: what one purge took away

An entry is an event as it was recorded, and the decision about it. Entries that follow each other in the journal make a
page, which is stored whole or not at all: within it there is a part, or several, for each set. Every message says how
far it reaches, so that whoever is cut off goes on behind the last one. Which entries there are is not decided here.
"""

import zlib
from collections.abc import Iterable
from typing import Final

import msgspec

from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Message, Record, Stream
from lws_events.subjects import SetName, decision_subject, decode_token, set_filter

PART_BYTES: Final = 512 * 1024
"""Of entries in a part, before compression: half of the payload that a NATS server takes by default."""

_LEVEL: Final = 6
_CHAPTER: Final = "chapter"


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One event, and what was decided by it."""

    sequence: int
    about: str
    """Kind and name of the object: the last tokens of its subject."""
    event: bytes
    decision_sequence: int = 0
    """0: there is none."""
    decision: bytes = b""

    @property
    def size_bytes(self) -> int:
        """Of what is compressed."""
        return len(self.about) + len(self.event) + len(self.decision)


class Reach(msgspec.Struct, frozen=True, array_like=True):
    """What a chapter has of the journal, up to a message of it."""

    first: int
    """First event that was looked at."""
    last: int
    """Last event that was looked at, or 0."""
    digest: str
    """Of the last event (``lws_events.snapshots.record_digest``): in another journal another one has its sequence."""
    epoch: str
    """In force after the last event."""
    from_ms: int
    to_ms: int
    """When the first and the last were recorded."""
    entries: int = 0
    size_bytes: int = 0
    """Of its messages."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """The body of one message of a page."""

    reach: Reach
    packed: bytes


class Found(msgspec.Struct, frozen=True):
    """A message that was read: a part of a page (``set_name``), or the end of a chapter (None)."""

    sequence: int
    reach: Reach
    set_name: SetName | None
    packed: bytes = b""


_ENCODER: Final = msgspec.msgpack.Encoder()
_PART: Final = msgspec.msgpack.Decoder(Part)
_REACH: Final = msgspec.msgpack.Decoder(Reach)
_ENTRIES: Final = msgspec.msgpack.Decoder(list[Entry])


def pack(entries: Iterable[Entry]) -> list[bytes]:
    """Entries of one set as the contents of as many parts as they need."""
    packed: list[bytes] = []
    waiting: list[Entry] = []
    size = 0
    for entry in entries:
        if waiting and size + entry.size_bytes > PART_BYTES:
            packed.append(zlib.compress(_ENCODER.encode(waiting), _LEVEL))
            waiting, size = [], 0
        waiting.append(entry)
        size += entry.size_bytes
    if waiting:
        packed.append(zlib.compress(_ENCODER.encode(waiting), _LEVEL))
    return packed


def part_message(stream: Stream, cluster: str, set_name: SetName, packed: bytes, reach: Reach) -> Message:
    """A part as it is stored."""
    return Message(set_subject(stream, cluster, set_name), _ENCODER.encode(Part(reach, packed)))


def chapter_message(stream: Stream, reach: Reach) -> Message:
    """The end of a chapter as it is stored."""
    return Message(f"{stream.root}.{_CHAPTER}", _ENCODER.encode(reach))


def set_subject(stream: Stream, cluster: str, set_name: SetName) -> str:
    """Subject of the parts of a set, which is also the filter for them."""
    tokens = decision_subject(cluster, set_name).split(".")
    return ".".join((stream.root, *tokens[3:]))


def chapter_filter(stream: Stream) -> str:
    """Filter for the ends of chapters."""
    return f"{stream.root}.{_CHAPTER}"


def parts_filter(stream: Stream) -> str:
    """Filter for the parts of all sets."""
    return f"{stream.root}.*.*.*"


def found(record: Record) -> Found:
    """A message of the stream. Raises ``JournalDamaged``."""
    try:
        if record.subject.endswith(f".{_CHAPTER}"):
            return Found(record.sequence, _REACH.decode(record.data), None)
        part = _PART.decode(record.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(record.sequence, record.subject, error) from error
    namespace, name = record.subject.split(".")[-2:]
    set_name = SetName(decode_token(namespace), decode_token(name))
    return Found(record.sequence, part.reach, set_name, part.packed)


def entries(part: Found) -> list[Entry]:
    """What is in a part. Raises ``JournalDamaged``."""
    try:
        return _ENTRIES.decode(zlib.decompress(part.packed))
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(part.sequence, str(part.set_name), error) from error


def about(subject: str) -> str:
    """What an entry says of an event's subject: the set is that of the part."""
    return ".".join(subject.split(".")[6:])


def event_subject(cluster: str, set_name: SetName, entry: Entry) -> str:
    """The inverse of ``about``."""
    return f"{set_filter(cluster, set_name)[:-1]}{entry.about}"


def _damaged(sequence: int, where: str, error: Exception) -> JournalDamaged:
    return JournalDamaged(f"what was put aside for audit cannot be read: message {sequence} ({where}): {error}")
