"""Segments of an archive: successive records of one stream, compressed, with the running hash before and after them.

    <cluster>/events/<first>-<last>-<hash after>.jsonl.gz
    <cluster>/decisions/…
    <cluster>/seals/…
    <cluster>/snapshots/<first event>.jsonl.gz    of a journal that was purged before it was archived

The first line says what the others are; those are lines of an exported file. A segment is stored whole and never
rewritten, so archiving goes on after the last one that is there, whatever happened in between.
"""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final, Literal, NamedTuple

import msgspec

from adapters.journal.archive.errors import ArchiveDamaged
from adapters.journal.archive.store import BlobStore
from adapters.journal.chain import START, link
from adapters.journal.errors import JournalDamaged
from adapters.journal.file_format import encode_record, parse_record
from adapters.journal.port import Journal, Record, Stream
from adapters.journal.seals.model import sealed_up_to
from lws_events.subjects import encode_token

ArchivedStream = Literal["events", "decisions", "seals"]
STREAMS: Final[tuple[ArchivedStream, ...]] = ("events", "decisions")

_SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""Of bodies: some ten thousand events, half a megabyte compressed."""

_FORMAT: Final = "lws-events-segment"


class SegmentName(NamedTuple):
    """What the name of a segment says."""

    path: str
    first: int
    last: int
    after: str


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    version: int
    cluster: str
    stream: str
    first: int
    last: int
    before: str
    after: str


class Segment(NamedTuple):
    """One that was read and found to be what its name and its first line say."""

    before: str
    after: str
    records: list[Record]


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive holds of one stream."""

    first: int = 0
    last: int = 0
    segments: int = 0
    hash: str = START


class Archiver:
    """Brings an archive up to date with a journal."""

    def __init__(self, journal: Journal, store: BlobStore, *, segment_bytes: int = _SEGMENT_BYTES) -> None:
        self._journal = journal
        self._store = store
        self._segment_bytes = segment_bytes

    async def run(self) -> dict[str, Archived]:
        """Store what is not archived yet; returns what is there then. It can be cut off and called again.

        Raises ``ArchiveUnavailable``, ``ArchiveDamaged`` (what is there is not the beginning of this journal, or
        something was purged before it was archived), ``JournalUnavailable``.
        """
        seals = self._journal.seals
        last_seal = await sealed_up_to(self._journal)  # before all: what is sealed is there
        decisions = await self._journal.decisions.last_sequence()  # first: no decision without its cause
        bounds = {"decisions": decisions, "events": await self._journal.events.last_sequence()}
        done: dict[str, Archived] = {}
        for kind in STREAMS:
            stream = self._journal.events if kind == "events" else self._journal.decisions
            present = await segments(self._store, self._journal.cluster, kind)
            if present:
                await self._require_same(stream, kind, present[-1], bounds[kind])
            elif kind == "events":
                await self._store_snapshots()
            await self._add(stream, kind, present[-1] if present else None, to_sequence=bounds[kind])
            done[kind] = summary(await segments(self._store, self._journal.cluster, kind))
        if seals is not None and last_seal:
            present = await segments(self._store, self._journal.cluster, "seals")
            if present:
                await self._require_same(seals, "seals", present[-1], last_seal)
            await self._add(seals, "seals", present[-1] if present else None, to_sequence=last_seal)
        return done

    async def _add(self, stream: Stream, kind: ArchivedStream, last: SegmentName | None, *, to_sequence: int) -> None:
        expected = last.last + 1 if last else (await stream.info()).first_sequence
        before = last.after if last else START
        waiting: list[Record] = []
        size = 0
        if expected > to_sequence:
            return
        reading = stream.read(from_sequence=expected, to_sequence=to_sequence, follow=False)
        async with aclosing(reading) as batches:
            async for batch in batches:
                for record in batch:
                    if record.sequence != expected:
                        raise ArchiveDamaged(
                            f"{kind} {expected} to {record.sequence - 1} are no longer in the journal and were not "
                            "archived before: begin another archive"
                        )
                    expected += 1
                    waiting.append(record)
                    size += len(record.data)
                    if size >= self._segment_bytes:
                        before = await self._store_segment(kind, before, waiting)
                        waiting, size = [], 0
        if waiting:
            await self._store_segment(kind, before, waiting)

    async def _store_segment(self, kind: ArchivedStream, before: str, records: list[Record]) -> str:
        after = before
        for record in records:
            after = link(after, record)
        cluster = self._journal.cluster
        header = _Header(
            format=_FORMAT,
            version=1,
            cluster=cluster,
            stream=kind,
            first=records[0].sequence,
            last=records[-1].sequence,
            before=before,
            after=after,
        )
        lines = [msgspec.json.encode(header), *(encode_record(kind, record) for record in records)]
        packed = await asyncio.to_thread(gzip.compress, b"\n".join(lines) + b"\n", 6, mtime=0)
        await self._store.put(_path(cluster, kind, header.first, header.last, after), packed)
        return after

    async def _require_same(self, stream: Stream, kind: ArchivedStream, last: SegmentName, present: int) -> None:
        if present < last.last:
            raise ArchiveDamaged(
                f"the archive has {kind} up to {last.last}, the journal ends at {present}: it is another journal's"
            )
        archived = (await read_segment(self._store, self._journal.cluster, kind, last)).records[-1]
        reading = stream.read(from_sequence=last.last, to_sequence=last.last, follow=False)
        async with aclosing(reading) as batches:
            found = [record async for batch in batches for record in batch]
        if found and (found[0].subject, found[0].data) != (archived.subject, archived.data):
            raise ArchiveDamaged(f"{kind} {last.last} is another record in the archive: it is another journal's")

    async def _store_snapshots(self) -> None:
        """Without its first events a journal begins from snapshots: they are part of its archive then."""
        first = (await self._journal.events.info()).first_sequence
        if first <= 1 or self._journal.snapshots is None:
            return
        lines: list[bytes] = []
        async with aclosing(self._journal.snapshots.read(follow=False)) as batches:
            async for batch in batches:
                lines += [encode_record("snapshots", record) for record in batch]
        packed = await asyncio.to_thread(gzip.compress, b"\n".join(lines) + b"\n", 6, mtime=0)
        await self._store.put(f"{encode_token(self._journal.cluster)}/snapshots/{first:020d}.jsonl.gz", packed)


async def segments(store: BlobStore, cluster: str, kind: ArchivedStream) -> list[SegmentName]:
    """Names of the segments of a stream, in order. Raises ``ArchiveDamaged`` where some are missing in between."""
    prefix = f"{encode_token(cluster)}/{kind}/"
    found = []
    for path in await store.names(prefix):
        first, _, rest = path.removeprefix(prefix).removesuffix(".jsonl.gz").partition("-")
        last, _, after = rest.partition("-")
        if not (first.isdecimal() and last.isdecimal() and after):
            raise ArchiveDamaged(f"{path}: this is no name of a segment")
        found.append(SegmentName(path, int(first), int(last), after))
    if len({(name.first, name.last) for name in found}) < len(found):
        raise ArchiveDamaged(f"{kind}: two segments have the same records, and another running hash")
    chain = _chain(found)
    reached = chain[-1].last if chain else 0
    beyond = min((name.first for name in found if name.first > reached), default=None)
    if beyond is not None:
        raise ArchiveDamaged(f"{kind} {reached + 1} to {beyond - 1}: their segment is missing")
    return chain


def _chain(found: list[SegmentName]) -> list[SegmentName]:
    """Segments that follow each other, as far as there are any.

    Two who archived the same journal at once have cut it in two ways: either will do, and some are of no use.
    """
    onwards: dict[int, tuple[int, SegmentName]] = {}
    """First sequence → how far one comes from there, and by which segment."""
    for name in sorted(found, key=lambda name: (name.first, name.last), reverse=True):
        reach = max(name.last, onwards[name.last + 1][0] if name.last + 1 in onwards else 0)
        if name.first not in onwards or reach > onwards[name.first][0]:
            onwards[name.first] = (reach, name)
    chain: list[SegmentName] = []
    first = min(onwards, default=0)
    while first in onwards:
        chain.append(onwards[first][1])
        first = chain[-1].last + 1
    return chain


async def read_segment(store: BlobStore, cluster: str, kind: ArchivedStream, name: SegmentName) -> Segment:
    """A segment, checked against its name and its own hashes. Raises ``ArchiveDamaged``, ``ArchiveUnavailable``."""
    packed = await store.get(name.path)
    try:
        head, *lines = (await asyncio.to_thread(gzip.decompress, packed)).splitlines()
        header = msgspec.json.decode(head, type=_Header)
        records = [parse_record(line, place=f"{name.path}, line {n}")[1] for n, line in enumerate(lines, start=2)]
    except (OSError, EOFError, zlib.error, ValueError, msgspec.DecodeError, JournalDamaged) as error:
        raise ArchiveDamaged(f"{name.path} cannot be read: {error}") from error
    said = (header.format, header.version, header.cluster, header.stream, header.first, header.last, header.after)
    if said != (_FORMAT, 1, cluster, kind, name.first, name.last, name.after):
        raise ArchiveDamaged(f"{name.path}: its first line says something else than its name")
    after, expected = header.before, name.first
    for record in records:
        if record.sequence != expected:
            raise ArchiveDamaged(f"{name.path}: {kind} {expected} is missing")
        expected += 1
        after = link(after, record)
    if after != name.after or expected != name.last + 1:
        raise ArchiveDamaged(f"{name.path}: the running hash is another one: something in it was changed")
    return Segment(header.before, after, records)


async def read_archive(store: BlobStore, cluster: str, kind: ArchivedStream) -> AsyncIterator[Record]:
    """All records of a stream, each checked by the running hash before it is given out. Raises as ``read_segment``."""
    before: str | None = None
    for name in await segments(store, cluster, kind):
        segment = await read_segment(store, cluster, kind, name)
        if before is None and name.first == 1:
            before = START
        if before is not None and segment.before != before:
            raise ArchiveDamaged(f"{name.path}: the running hash does not go on from the segment before")
        before = segment.after
        for record in segment.records:
            yield record


async def archived_snapshots(store: BlobStore, cluster: str) -> list[Record]:
    """What a journal without its first events begins from. Raises ``ArchiveDamaged``, ``ArchiveUnavailable``."""
    paths = await store.names(f"{encode_token(cluster)}/snapshots/")
    if not paths:
        return []
    try:
        lines = gzip.decompress(await store.get(paths[0])).splitlines()
        return [parse_record(line, place=paths[0])[1] for line in lines]
    except (OSError, EOFError, zlib.error, msgspec.DecodeError, JournalDamaged) as error:
        raise ArchiveDamaged(f"{paths[0]} cannot be read: {error}") from error


def summary(names: list[SegmentName]) -> Archived:
    """What there is of a stream."""
    if not names:
        return Archived()
    return Archived(first=names[0].first, last=names[-1].last, segments=len(names), hash=names[-1].after)


def _path(cluster: str, kind: str, first: int, last: int, after: str) -> str:
    return f"{encode_token(cluster)}/{kind}/{first:020d}-{last:020d}-{after}.jsonl.gz"
