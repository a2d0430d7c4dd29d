"""What a leader does for the journal's own life: how often sets are written down, what is kept, what is archived."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog

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

    def after_sweeps_of(
        self, journal: Journal, *, now_ms: Callable[[], int]
    ) -> Callable[[Sweeper], Awaitable[None]] | None:
        """What is to be done after each sweep; None where everything is kept."""
        if self.limits.keep_everything:
            return None
        archiving = _archiving(journal, self.archive_to)
        retention = Retention(journal, self.limits, now_ms=now_ms, before_purge=archiving, audit=self.audit)

        async def after_sweep(sweeper: Sweeper) -> None:
            try:
                await retention.after_sweep(sweeper.take_place)
            except (JournalError, SnapshotUnusableError, ArchiveError) as error:
                _log.warning("nothing is purged; once more after the next snapshots", error=str(error))

        return after_sweep


KEEP_ALL: Final = Keeping()
"""Nothing is ever purged."""


def _archiving(journal: Journal, place: str) -> Callable[[Place], Awaitable[None]] | None:
    if not place:
        return None

    async def archive(_: Place) -> None:
        async with open_store(place) as store:
            await Archiver(journal, store).run()

    return archive
