"""A journal that is full, though it has limits: what is over them goes at once, so that work goes on.

Otherwise a purge follows a sweep, and a sweep follows events, of which a full journal takes none. That happens where
limits are set, or lowered, when it is late.
"""

from collections.abc import Callable
from typing import Final

import structlog

from adapters.controller.neighbours import JournalLifeMetrics
from adapters.controller.past_places import place_to_begin
from adapters.journal.archive.errors import ArchiveError
from adapters.journal.errors import JournalError
from adapters.journal.port import Journal
from adapters.journal.retention.limits import Extent, Limits, Place
from adapters.journal.retention.purge import Retention
from adapters.kubernetes.pace import Clock
from lws_events.snapshots import SnapshotUnusableError

_log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 30.0
_FULL_PERCENT: Final = 90
"""From here on it is nearly full: limits in bytes keep a journal below three quarters."""


class Relief:
    """Looks after one leader's journal."""

    def __init__(
        self,
        journal: Journal,
        retention: Retention,
        *,
        clock: Clock,
        now_ms: Callable[[], int],
        metrics: JournalLifeMetrics,
    ) -> None:
        self._journal = journal
        self._retention = retention
        self._clock = clock
        self._now_ms = now_ms
        self._metrics = metrics

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if await self._is_pressed():
                    await self._relieve()
            except (JournalError, SnapshotUnusableError, ArchiveError) as error:
                _log.warning("the journal is nearly full, and nothing could be purged", error=str(error))
            await self._clock.sleep(_LOOK_SECONDS)

    async def _relieve(self) -> None:
        before = (await self._journal.events.info()).first_sequence
        if not await self._retention.relieve(self._make_place):
            _log.warning("the journal is nearly full, and nothing of it is over the limits")
            return
        gone = (await self._journal.events.info()).first_sequence - before
        self._metrics.purged(events=gone, at_ms=self._now_ms())

    async def _make_place(self, limits: Limits, extent: Extent) -> Place | None:
        return await place_to_begin(self._journal, limits, extent)

    async def _is_pressed(self) -> bool:
        for stream in (self._journal.events, self._journal.decisions):
            info = await stream.info()
            if 0 < info.size_bytes_max * _FULL_PERCENT <= info.size_bytes * 100:
                return True
        return False
