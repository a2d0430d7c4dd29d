"""What a seal says, and the hash by which it is known.

A seal is about both streams: how far each is sealed, and its running hash there. It names the hash of the seal before,
so that seals are a chain of their own, and is itself known by the SHA-256 of its body: whoever has noted that one hash
can prove everything up to it. ``marks`` are checksums of the single records. They prove nothing, and show which record
it is that was changed.
"""

import base64
import binascii
import hashlib
import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, Literal, NamedTuple

import msgspec

from adapters.journal.errors import JournalDamaged, JournalMissing
from adapters.journal.port import Journal, Record, Stream
from lws_events.subjects import SEALS, encode_token

SealedStream = Literal["events", "decisions"]
SEALED: Final[tuple[SealedStream, ...]] = ("events", "decisions")

SealKind = Literal["", "lost-tail", "edge"]
GOES_ON: Final = ""
"""The seal begins where the one before ends."""
LOST_TAIL: Final = "lost-tail"
"""The stream had lost its tail: the seal begins where the one before was still right, and a new epoch has begun."""
EDGE: Final = "edge"
"""The seal seals nothing new: it says what the running hash was where the journal is about to begin."""

_MARK_BYTES: Final = 4


class Sealed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The records of one stream after ``after`` up to ``through``, with the running hashes there."""

    after: int
    before: str
    through: int
    hash: str
    marks: str = ""
    """CRC-32 of the subject and body of each record that was there, four bytes each, in base64."""


class Seal(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One seal, as it is recorded."""

    number: int
    """From 1; also its sequence in the stream of seals."""
    previous: str
    """Hash of the seal before; 64 zeros in the first."""
    at_ms: int
    machine: str
    """Version of the state machine of the leader that wrote it."""
    epoch: str
    kind: SealKind = GOES_ON
    events: Sealed
    decisions: Sealed


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Seal)


def encode(seal: Seal) -> bytes:
    """The body of its message."""
    return _ENCODER.encode(seal)


def decode(data: bytes) -> Seal:
    """The inverse of ``encode``. Raises ``JournalDamaged``."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalDamaged(f"a seal cannot be read: {error}") from error


def digest(body: bytes) -> str:
    """The hash by which a seal is known: 64 hexadecimal digits."""
    return hashlib.sha256(body).hexdigest()


def subject_of(cluster: str, kind: SealKind) -> str:
    """Where a seal is recorded: the newest that seals something is found without reading the edges."""
    return f"{SEALS}.{encode_token(cluster)}.{'edge' if kind == EDGE else 'seal'}"


def mark(record: Record) -> int:
    """Checksum of a record, whatever its sequence."""
    return zlib.crc32(record.data, zlib.crc32(record.subject.encode()))


def pack_marks(marks: Sequence[int]) -> str:
    """As a seal has them."""
    return base64.b64encode(b"".join(one.to_bytes(_MARK_BYTES, "big") for one in marks)).decode()


def unpack_marks(text: str) -> list[int]:
    """The inverse of ``pack_marks``; empty where they cannot be read: they only help to find the place."""
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return []
    if len(packed) % _MARK_BYTES:
        return []
    return [int.from_bytes(packed[at : at + _MARK_BYTES], "big") for at in range(0, len(packed), _MARK_BYTES)]


def part(seal: Seal, kind: SealedStream) -> Sealed:
    """What a seal says of one stream."""
    return seal.events if kind == "events" else seal.decisions


class StoredSeal(msgspec.Struct, frozen=True):
    """A seal that is recorded, and its hash."""

    seal: Seal
    hash: str


class Newest(NamedTuple):
    """The last seal of all, and the last one that seals something: edges do not."""

    any: StoredSeal
    sealing: StoredSeal | None


async def newest(stream: Stream) -> Newest | None:
    """None where there is no seal yet. Raises ``JournalUnavailable``, ``JournalMissing``, ``JournalDamaged``."""
    records = (await stream.latest(f"{stream.root}.>")).records
    if not records:
        return None
    stored = [StoredSeal(decode(record.data), digest(record.data)) for record in records]
    return Newest(stored[-1], next((one for one in reversed(stored) if one.seal.kind != EDGE), None))


async def sealed_up_to(journal: Journal) -> int:
    """Sequence of the last seal, of any kind; 0 where there is none. Raises ``JournalUnavailable``."""
    if journal.seals is None:
        return 0
    try:
        return await journal.seals.last_sequence()
    except JournalMissing:  # a journal of a release that did not seal
        return 0


async def read_seals(stream: Stream) -> AsyncGenerator[StoredSeal, None]:
    """All of them in order. Raises as ``newest``."""
    async with aclosing(stream.read(follow=False)) as batches:
        async for batch in batches:
            for record in batch:
                yield StoredSeal(decode(record.data), digest(record.data))
