"""Let the beginning of a journal go, up to a place at which it can begin.

In this order, so that a crash at any point leaves a journal that is whole: the epoch in force is told again, what
recovery needs of the events is put aside, the events go, then the decisions. What is done twice does no harm.
"""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

import structlog

from adapters.journal.epoch import announce_epoch, current_epoch
from adapters.journal.port import Journal, Record
from adapters.journal.retention.limits import Extent, Limits, Place, beginning, is_due
from adapters.journal.snapshots.generations import stored_sweep
from adapters.journal.snapshots.last_known import LastKnown
from adapters.journal.snapshots.places import add_place, forget_before, places
from lws_events import events
from lws_events.snapshots import Sweep

_log = structlog.get_logger(__name__)


class Retention:
    """Keeps one journal within its limits. ``after_sweep`` is to be called after each sweep, before the next."""

    def __init__(
        self,
        journal: Journal,
        limits: Limits,
        *,
        now_ms: Callable[[], int],
        before_purge: Callable[[Place], Awaitable[None]] | None = None,
    ) -> None:
        """``before_purge`` is called with where the journal will begin; what it raises keeps the journal as it is."""
        assert journal.snapshots is not None, "a journal without snapshots can only begin at its beginning"
        self._journal = journal
        self._snapshots = journal.snapshots
        self._limits = limits
        self._now_ms = now_ms
        self._before_purge = before_purge

    async def after_sweep(self, take_place: Callable[[], Awaitable[Sweep]]) -> None:
        """Take a place to begin at if it is time for one, and purge what is over the limits.

        Raises ``JournalUnavailable``, ``SnapshotUnusableError``, and what ``before_purge`` raises.
        """
        info = await self._journal.events.info()
        mean = info.size_bytes / info.messages if info.messages else 0.0
        extent = Extent(info.last_sequence, mean, self._now_ms())
        listed = await places(self._snapshots)
        if is_due(self._limits, listed[-1] if listed else None, extent):
            sweep = await take_place()
            listed = await add_place(self._snapshots, Place(sweep.sequence, extent.now_ms))
        place = beginning(self._limits, listed, extent)
        if place is not None and info.first_sequence < place.sequence:
            await self._purge(place)

    async def _purge(self, place: Place) -> None:
        sweep = await stored_sweep(self._snapshots, place.generation)
        if sweep is None:
            return
        if self._before_purge is not None:
            await self._before_purge(place)
        epoch = await current_epoch(self._journal.events, self._journal.cluster)
        if epoch is not None and epoch.sequence < place.sequence:
            await announce_epoch(self._journal.events, self._journal.cluster, epoch.epoch, at_ms=self._now_ms())
        await self._put_aside(place)
        # The event of the place itself stays: by it is known that the snapshots are of this journal.
        await self._journal.events.purge(before=place.sequence)
        await self._journal.decisions.purge(before=sweep.decisions)
        await forget_before(self._snapshots, place)
        _log.info("the journal begins later now", first_event=place.sequence, first_decision=sweep.decisions)

    async def _put_aside(self, place: Place) -> None:
        last_known = LastKnown(self._snapshots, events_root=self._journal.events.root)
        reading = self._journal.events.read(to_sequence=place.sequence - 1, follow=False)
        async with aclosing(reading) as batches:
            async for batch in batches:
                for record in batch:
                    await last_known.add(record, _fact(record))
        await last_known.flush()


def _fact(record: Record) -> events.Fact:
    return events.decode(record.data).fact
