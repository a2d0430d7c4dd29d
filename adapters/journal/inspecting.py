"""What a journal is, at a glance: how much there is, since when, from where it can be begun, whether it is sealed.

It reads ends and small records alone, so that it is cheap on a journal of any size. Nothing is checked here.
"""

from typing import Final

import msgspec

from adapters.journal.epoch import current_epoch
from adapters.journal.errors import JournalDamaged, JournalMissing
from adapters.journal.extents import first_event_ms, last_event_ms, recorded_ms
from adapters.journal.port import Journal, Stream, StreamInfo
from adapters.journal.retention.limits import Limits
from adapters.journal.retention.stated import stated_limits
from adapters.journal.seals.findings import SealNote
from adapters.journal.seals.model import newest
from adapters.journal.snapshots.generations import NEWEST, stored_sweep
from adapters.journal.snapshots.places import places
from lws_events.snapshots import SnapshotUnusableError

_MS: Final = 1000


class Moment(msgspec.Struct, frozen=True):
    """An event, and when it was recorded."""

    sequence: int
    at_ms: int


class SnapshotsInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a start begins from."""

    sets: int = 0
    newest: Moment | None = None
    """The last event that the newest have taken in; None: there are none that can be read."""
    size_bytes: int = 0
    places: tuple[int, ...] = ()
    """Events at which the journal can begin, besides."""
    problem: str = ""
    """Why the newest cannot be read."""


class KeepInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One limit: what is kept at least, and how much is there."""

    limit: str
    """``age_seconds``, ``events`` or ``bytes``."""
    at_least: float
    used: float


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. JSON has it as it is here."""

    cluster: str
    epoch: str
    events: StreamInfo
    decisions: StreamInfo
    begins: Moment | None = None
    """The first event that is there; None: there is none."""
    ends: Moment | None = None
    is_purged: bool = False
    """What was before the first event is gone."""
    snapshots: SnapshotsInfo | None = None
    """None: there is no place for them."""
    keeps: tuple[KeepInfo, ...] | None = None
    """Limits of the last leader that has told them; empty: everything is kept; None: not known."""
    seals: int = 0
    newest_seal: SealNote | None = None
    seals_problem: str = ""
    audit: StreamInfo | None = None
    """What is kept of purged events for audit."""


async def inspect(journal: Journal, *, now_ms: int | None = None) -> Inspection:
    """Look at it; ``now_ms``: what ages count from, else its last event.

    Raises ``JournalUnavailable``, and ``JournalDamaged`` where an end cannot be read.
    """
    events = await journal.events.info()
    epoch = await current_epoch(journal.events, journal.cluster)
    begins = await first_event_ms(journal.events)
    ends = await last_event_ms(journal.events)
    count, seal, problem = await _seals(journal)
    audit = await _info(journal.audit)
    return Inspection(
        cluster=journal.cluster,
        epoch=epoch.epoch if epoch else "",
        events=events,
        decisions=await journal.decisions.info(),
        begins=Moment(events.first_sequence, begins) if begins is not None else None,
        ends=Moment(events.last_sequence, ends) if ends is not None else None,
        is_purged=events.first_sequence > 1,
        snapshots=await _snapshots(journal),
        keeps=await _keeps(journal, events, begins_ms=begins, now_ms=now_ms or ends or 0),
        seals=count,
        newest_seal=seal,
        seals_problem=problem,
        audit=audit if audit is not None and audit.messages else None,
    )


async def _snapshots(journal: Journal) -> SnapshotsInfo | None:
    info = await _info(journal.snapshots)
    if journal.snapshots is None or info is None:
        return None
    kept = tuple(place.sequence for place in await places(journal.snapshots))
    try:
        sweep = await stored_sweep(journal.snapshots, NEWEST)
    except SnapshotUnusableError as error:
        return SnapshotsInfo(size_bytes=info.size_bytes, places=kept, problem=str(error))
    if sweep is None:
        return SnapshotsInfo(size_bytes=info.size_bytes, places=kept)
    at_ms = await recorded_ms(journal.events, sweep.sequence)
    return SnapshotsInfo(
        sets=len(sweep.sets),
        newest=Moment(sweep.sequence, at_ms) if at_ms is not None else None,
        size_bytes=info.size_bytes,
        places=kept,
        problem="" if at_ms is not None else f"the journal does not have the event {sweep.sequence} that they end at",
    )


async def _keeps(
    journal: Journal, events: StreamInfo, *, begins_ms: int | None, now_ms: int
) -> tuple[KeepInfo, ...] | None:
    limits = await stated_limits(journal.snapshots) if journal.snapshots is not None else None
    if limits is None:
        return None
    age_ms = 0 if begins_ms is None else max(now_ms - begins_ms, 0)
    return tuple(_kept(limits, age_ms=age_ms, events=events))


def _kept(limits: Limits, *, age_ms: int, events: StreamInfo) -> list[KeepInfo]:
    found = []
    if limits.age_ms is not None:
        found.append(KeepInfo(limit="age_seconds", at_least=limits.age_ms / _MS, used=age_ms / _MS))
    if limits.events is not None:
        found.append(KeepInfo(limit="events", at_least=limits.events, used=events.messages))
    if limits.size_bytes is not None:
        found.append(KeepInfo(limit="bytes", at_least=limits.size_bytes, used=events.size_bytes))
    return found


async def _seals(journal: Journal) -> tuple[int, SealNote | None, str]:
    info = await _info(journal.seals)
    if journal.seals is None or info is None or not info.messages:
        return 0, None, ""
    try:
        found = await newest(journal.seals)
    except JournalDamaged as error:
        return info.messages, None, str(error)
    return info.messages, SealNote.of(found.sealing) if found and found.sealing else None, ""


async def _info(stream: Stream | None) -> StreamInfo | None:
    """None where there is no such stream, as with a release of before."""
    if stream is None:
        return None
    try:
        return await stream.info()
    except JournalMissing:
        return None
