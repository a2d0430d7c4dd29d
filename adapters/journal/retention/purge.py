"""Let the beginning of a journal go, up to a place at which it can begin.

In this order, so that a crash at any point leaves a journal that is whole: the epoch in force is told again, what audit
and what recovery need is put aside, the events go, then the decisions. What is done twice does no harm. What cannot be
put aside keeps everything as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Final

import msgspec
import structlog

from adapters.journal.audit import limits as audit_limits
from adapters.journal.audit.limits import AuditLimits
from adapters.journal.audit.putting_aside import PuttingAside, begin
from adapters.journal.epoch import announce_epoch, current_epoch
from adapters.journal.errors import JournalDamaged, JournalFull
from adapters.journal.port import Journal, Record, StreamInfo
from adapters.journal.retention.limits import Extent, Limits, Place, beginning, is_due
from adapters.journal.snapshots.generations import stored_sweep
from adapters.journal.snapshots.last_known import LastKnown
from adapters.journal.snapshots.places import add_place, forget_before, places
from lws_events import events
from lws_events.snapshots import Sweep

_log = structlog.get_logger(__name__)

_AT_ONCE: Final = 100
"""Events that are looked at before others get a turn: about a millisecond."""


class Retention:
    """Keeps one journal within its limits. ``after_sweep`` is to be called after each sweep, before the next."""

    def __init__(
        self,
        journal: Journal,
        limits: Limits,
        *,
        now_ms: Callable[[], int],
        before_purge: Callable[[Place], Awaitable[None]] | None = None,
        audit: AuditLimits | None = None,
    ) -> None:
        """``before_purge`` is called with where the journal will begin; what it raises keeps the journal as it is.

        ``audit``: how long facts of audit are kept beyond the journal; None: not at all.
        """
        assert journal.snapshots is not None, "a journal without snapshots can only begin at its beginning"
        self._journal = journal
        self._snapshots = journal.snapshots
        self._limits = limits
        self._now_ms = now_ms
        self._before_purge = before_purge
        self._audit = audit if journal.audit is not None else None
        self._alone = asyncio.Lock()

    async def after_sweep(self, take_place: Callable[[], Awaitable[Sweep]]) -> None:
        """Take a place to begin at if it is time for one, and purge what is over the limits.

        Raises ``JournalUnavailable``, ``SnapshotUnusableError``, and what ``before_purge`` raises.
        """
        info = await self._journal.events.info()
        extent = _extent(info, now_ms=self._now_ms())
        listed = await places(self._snapshots)
        if is_due(self._limits, listed[-1] if listed else None, extent):
            sweep = await take_place()
            listed = await add_place(self._snapshots, Place(sweep.sequence, extent.now_ms))
        place = beginning(self._limits, listed, extent)
        if place is not None and info.first_sequence < place.sequence:
            await self._purge(place)
        if self._audit is not None:
            gone = await audit_limits.keep_within(self._journal, self._audit, now_ms=extent.now_ms)
            if gone:
                _log.info("facts of audit were let go", purges=gone)

    async def relieve(self, make_place: Callable[[Limits, Extent], Awaitable[Place | None]]) -> bool:
        """Purge what is over the limits without a sweep, for a journal that is full: True where something went.

        Where no place is listed at which it can begin, ``make_place`` is asked for one in the past. Raises as
        ``after_sweep``.
        """
        info = await self._journal.events.info()
        extent = _extent(info, now_ms=self._now_ms())
        place = beginning(self._limits, await places(self._snapshots), extent)
        if place is None or place.sequence <= info.first_sequence:
            place = await make_place(self._limits, extent)
            if place is not None:
                await add_place(self._snapshots, place)
        if place is None or place.sequence <= info.first_sequence:
            return False
        await self._purge(place)
        return True

    async def _purge(self, place: Place) -> None:
        async with self._alone:
            sweep = await stored_sweep(self._snapshots, place.generation)
            if sweep is not None and (await self._journal.events.info()).first_sequence < place.sequence:
                await self._cut(place, sweep)

    async def _cut(self, place: Place, sweep: Sweep) -> None:
        if self._before_purge is not None:
            await self._before_purge(place)
        epoch = await current_epoch(self._journal.events, self._journal.cluster)
        goes = epoch.epoch if epoch is not None and epoch.sequence < place.sequence else ""
        is_told = not goes or await self._tell_epoch(goes)
        await self._put_aside(place, sweep)
        # The event of the place itself stays: by it is known that the snapshots are of this journal.
        await self._journal.events.purge(before=place.sequence)
        if not is_told:
            await announce_epoch(self._journal.events, self._journal.cluster, goes, at_ms=self._now_ms())
        await self._journal.decisions.purge(before=sweep.decisions)
        await forget_before(self._snapshots, place)
        _log.info("the journal begins later now", first_event=place.sequence, first_decision=sweep.decisions)

    async def _tell_epoch(self, epoch: str) -> bool:
        """Whether there was room for it. In a full journal it is told when there is; after a crash before that the
        next start begins an epoch of its own, as in any journal without one.
        """
        try:
            await announce_epoch(self._journal.events, self._journal.cluster, epoch, at_ms=self._now_ms())
        except JournalFull:
            return False
        return True

    async def _put_aside(self, place: Place, sweep: Sweep) -> None:
        """All that is needed of what goes, in one reading. Audit comes first: what recovery knows is its beginning."""
        facts = await self._facts_of_audit(sweep)
        last_known = LastKnown(self._snapshots, events_root=self._journal.events.root)
        reading = self._journal.events.read(to_sequence=place.sequence - 1, follow=False)
        try:
            async with aclosing(reading) as batches:
                async for batch in batches:
                    for number, record in enumerate(batch):
                        envelope = _envelope(record)
                        if facts is not None:
                            await facts.add(record, envelope)
                        await last_known.add(record, envelope.fact)
                        if number % _AT_ONCE == 0:
                            await asyncio.sleep(0)
            if facts is not None:
                await facts.finish()
        finally:
            if facts is not None:
                await facts.close()
        await last_known.flush()

    async def _facts_of_audit(self, sweep: Sweep) -> PuttingAside | None:
        if self._audit is None:
            await audit_limits.forget(self._journal)
            return None
        facts = await begin(self._journal, decisions_through=sweep.decisions)
        first = (await self._journal.events.info()).first_sequence
        if facts.through < first - 1:
            await audit_limits.begin_anew(self._journal, through=first - 1)
        return facts


def _envelope(record: Record) -> events.Envelope:
    """Raises ``JournalDamaged``: what cannot be read is not thrown away."""
    try:
        return events.decode(record.data)
    except msgspec.DecodeError as error:
        raise JournalDamaged(f"event {record.sequence} on {record.subject} cannot be read: {error}") from error


def _extent(info: StreamInfo, *, now_ms: int) -> Extent:
    mean = info.size_bytes / info.messages if info.messages else 0.0
    return Extent(info.last_sequence, mean, now_ms)
