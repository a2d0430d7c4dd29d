"""Epochs: what makes a sequence an identity.

A stream hands sequences out again after it was deleted or has lost its tail. Command ids therefore begin with an epoch:
a random name, recorded in the stream itself when the stream is created, and again by whoever finds it shorter than a
snapshot says. Whether a stream is too short is for the caller to judge.
"""

import contextlib
from collections.abc import AsyncGenerator
from typing import NamedTuple

import msgspec

from adapters.journal.errors import Fenced, JournalDamaged
from adapters.journal.port import Message, Record, Stream
from lws_events.events import Envelope, EpochStarted, decode, encode
from lws_events.subjects import epoch_subject


class Epoch(NamedTuple):
    """The epoch in force, the sequence of its record, and whether this call began it."""

    epoch: str
    sequence: int
    started: bool


async def current_epoch(events: Stream, cluster: str) -> Epoch | None:
    """The epoch in force; None in a stream without one. Raises ``JournalDamaged`` if it cannot be read."""
    records = (await events.latest(epoch_subject(cluster))).records
    if not records:
        return None
    return Epoch(_epoch(events, records[-1]), records[-1].sequence, False)


async def epochs(events: Stream, cluster: str) -> AsyncGenerator[str, None]:
    """All epochs of a stream in the order in which they began. Raises ``JournalUnavailable``, ``JournalDamaged``."""
    reading = events.read(subject_filter=epoch_subject(cluster), follow=False)
    async with contextlib.aclosing(reading) as batches:
        async for batch in batches:
            for record in batch:
                yield _epoch(events, record)


async def ensure_epoch(events: Stream, cluster: str, *, new_epoch: str, at_ms: int) -> Epoch:
    """The epoch in force; in a stream without one, ``new_epoch`` begins. Of several callers one begins it.

    Raises ``JournalUnavailable`` and ``JournalFull``, as an append does, and ``JournalDamaged``.
    """
    present = await current_epoch(events, cluster)
    if present is not None:
        return present
    try:
        return await _append(events, cluster, new_epoch=new_epoch, at_ms=at_ms, expected=0)
    except Fenced:
        present = await current_epoch(events, cluster)
        assert present is not None, "a fence on an empty subject fails only because somebody was first"
        return present


async def begin_epoch(events: Stream, cluster: str, *, new_epoch: str, at_ms: int) -> Epoch:
    """Begin another epoch, because the stream was found shorter than it should be. Raises as ``ensure_epoch``."""
    return await _append(events, cluster, new_epoch=new_epoch, at_ms=at_ms, expected=None)


async def announce_epoch(events: Stream, cluster: str, epoch: str, *, at_ms: int) -> None:
    """Tell the epoch in force again, before its record goes with the beginning of the stream.

    Raises as ``ensure_epoch``.
    """
    data = encode(Envelope(at_ms=at_ms, fact=EpochStarted(epoch=epoch)))
    await events.append([Message(epoch_subject(cluster), data, f"epoch/{epoch}/{at_ms}")])


def is_told_again(message_id: str | None) -> bool:
    """Whether the record of an epoch, by its message id, is that of ``announce_epoch``: then it began before."""
    return message_id is not None and message_id.count("/") > 1


async def _append(events: Stream, cluster: str, *, new_epoch: str, at_ms: int, expected: int | None) -> Epoch:
    data = encode(Envelope(at_ms=at_ms, fact=EpochStarted(epoch=new_epoch)))
    message = Message(epoch_subject(cluster), data, f"epoch/{new_epoch}", expected)
    appended = await events.append([message])
    return Epoch(new_epoch, appended.last_sequence, True)


def _epoch(events: Stream, record: Record) -> str:
    try:
        fact = decode(record.data).fact
    except msgspec.DecodeError as error:
        raise JournalDamaged(f"stream {events.name}, sequence {record.sequence}: no epoch: {error}") from error
    if not isinstance(fact, EpochStarted):
        raise JournalDamaged(f"stream {events.name}, sequence {record.sequence}: {type(fact).__name__} is no epoch")
    return fact.epoch
