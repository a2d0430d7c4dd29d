"""What a leader does for the journal's own life: how often sets are written down, what is kept, what is archived."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog

from adapters.controller.neighbours import NO_METRICS, JournalLifeMetrics
from adapters.controller.sealer import SealRhythm
from adapters.controller.sweeping import Sweeper
from adapters.journal.archive.errors import ArchiveError
from adapters.journal.archive.segments import Archiver
from adapters.journal.archive.store import open_store
from adapters.journal.audit.limits import AuditLimits
from adapters.journal.errors import JournalError
from adapters.journal.port import Journal
from adapters.journal.retention.limits import Limits, Place
from adapters.journal.retention.purge import Retention
from lws_events.snapshots import SnapshotUnusableError

_log = structlog.get_logger(__name__)

SNAPSHOT_EVENTS: Final = 10_000
"""Folding so many takes half a second."""


class Keeping(NamedTuple):
    """How much of a journal is kept."""

    snapshot_events: int = SNAPSHOT_EVENTS
    """After how many events the sets that have changed are written down."""
    limits: Limits = Limits()
    archive_to: str = ""
    """Where everything is archived before it is purged; empty: nowhere."""
    audit: AuditLimits | None = AuditLimits()
    """How long facts of audit are kept beyond the rest; None: not at all."""
    seals: SealRhythm = SealRhythm()
    """How often the journal is sealed."""

    def after_sweeps_of(
        self,
        journal: Journal,
        *,
        now_ms: Callable[[], int],
        metrics: JournalLifeMetrics = NO_METRICS,
        retention: Retention | None = None,
    ) -> Callable[[Sweeper], Awaitable[None]] | None:
        """What is to be done after each sweep; None where everything is kept. ``retention``: one that is there."""
        if self.limits.keep_everything:
            return None
        retention = retention or self.retention(journal, now_ms=now_ms)

        async def after_sweep(sweeper: Sweeper) -> None:
            try:
                before = (await journal.events.info()).first_sequence
                await retention.after_sweep(sweeper.take_place)
                gone = (await journal.events.info()).first_sequence - before
                if gone > 0:
                    metrics.purged(events=gone, at_ms=now_ms())
            except (JournalError, SnapshotUnusableError, ArchiveError) as error:
                metrics.not_purged()
                _log.warning("nothing is purged; once more after the next snapshots", error=str(error))

        return after_sweep

    def retention(
        self,
        journal: Journal,
        *,
        now_ms: Callable[[], int],
        before_purge: Callable[[Place], Awaitable[None]] | None = None,
    ) -> Retention:
        """What keeps the journal within its limits.

        ``before_purge`` comes before anything is archived, and keeps the journal as it is where it fails.
        """
        preparing = _all_of(before_purge, _archiving(journal, self.archive_to))
        return Retention(journal, self.limits, now_ms=now_ms, before_purge=preparing, audit=self.audit)


KEEP_ALL: Final = Keeping()
"""Nothing is ever purged."""


def _all_of(*steps: Callable[[Place], Awaitable[None]] | None) -> Callable[[Place], Awaitable[None]]:
    async def prepare(place: Place) -> None:
        for step in steps:
            if step is not None:
                await step(place)

    return prepare


def _archiving(journal: Journal, place: str) -> Callable[[Place], Awaitable[None]] | None:
    if not place:
        return None

    async def archive(_: Place) -> None:
        async with open_store(place) as store:
            await Archiver(journal, store).run()

    return archive
