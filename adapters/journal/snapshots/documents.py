"""Documents in a stream that keeps the last record of each subject: any size, compressed, whole or not at all.

A document is cut into parts below any server's payload limit, one subject each, stored in one atomic batch. Parts of
two versions never make a document: each part names the checksum of the whole. It does not know what a document says.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, NamedTuple

import msgspec

from adapters.journal.port import Message, Stream
from lws_events.subjects import decode_token, encode_token

PART_BYTES: Final = 512 * 1024
"""Half of the payload that a NATS server takes by default."""

_LEVEL: Final = 3
"""Of zlib: a tenth of the size, at a fifth of the time of the best."""


class Document(NamedTuple):
    """One document and its name: the tokens after the stream's root, decoded."""

    name: tuple[str, ...]
    data: bytes


class _Part(msgspec.Struct, frozen=True, array_like=True):
    number: int
    count: int
    checksum: int
    """CRC-32 of all parts together."""
    data: bytes


_ENCODER: Final = msgspec.msgpack.Encoder()
_PART: Final = msgspec.msgpack.Decoder(_Part)


async def write(stream: Stream, name: tuple[str, ...], data: bytes) -> None:
    """Store a document in place of an earlier one of its name. Raises as ``Stream.append``."""
    packed = await asyncio.to_thread(zlib.compress, data, _LEVEL)  # a large set takes a while
    pieces = [packed[start : start + PART_BYTES] for start in range(0, len(packed), PART_BYTES)]
    checksum = zlib.crc32(packed)
    prefix = _prefix(stream, name)
    await stream.append(
        [
            Message(f"{prefix}.{number}", _ENCODER.encode(_Part(number, len(pieces), checksum, piece)))
            for number, piece in enumerate(pieces)
        ]
    )


async def read(stream: Stream, below: tuple[str, ...]) -> AsyncGenerator[Document, None]:
    """All whole documents whose name begins so, in the order in which they were stored, one at a time.

    What is damaged or incomplete is left out: whoever needs it finds that it is missing. Raises as ``Stream.read``.
    """
    waiting: dict[tuple[str, int, int], dict[int, bytes]] = {}
    async with aclosing(stream.read(subject_filter=f"{_prefix(stream, below)}.>", follow=False)) as batches:
        async for batch in batches:
            for record in batch:
                prefix, _, _ = record.subject.rpartition(".")
                try:
                    part = _PART.decode(record.data)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                key = (prefix, part.count, part.checksum)
                parts = waiting.setdefault(key, {})
                parts[part.number] = part.data
                if len(parts) < part.count:
                    continue
                del waiting[key]
                data = _unpacked(b"".join(parts[number] for number in sorted(parts)), part.checksum)
                if data is not None:
                    yield Document(_name(stream, prefix), data)


async def remove(stream: Stream, name: tuple[str, ...]) -> None:
    """Forget a document, also one that is not whole. Raises ``JournalUnavailable``."""
    last = await stream.last_sequence()
    await stream.purge(before=last + 1, subject_filter=f"{_prefix(stream, name)}.>")


def _prefix(stream: Stream, name: tuple[str, ...]) -> str:
    return ".".join((stream.root, *map(encode_token, name)))


def _name(stream: Stream, prefix: str) -> tuple[str, ...]:
    return tuple(decode_token(token) for token in prefix.removeprefix(f"{stream.root}.").split("."))


def _unpacked(packed: bytes, checksum: int) -> bytes | None:
    if zlib.crc32(packed) != checksum:
        return None
    try:
        return zlib.decompress(packed)
    except zlib.error:
        return None
