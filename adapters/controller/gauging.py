"""How full the journal is, measured every so often: for metrics alone."""

from typing import Final

import structlog

from adapters.controller.neighbours import JournalLifeMetrics
from adapters.journal.errors import JournalError
from adapters.journal.extents import first_event_ms
from adapters.journal.port import Journal, StreamInfo
from adapters.journal.retention.limits import Limits
from adapters.journal.retention.stated import state_limits
from adapters.kubernetes.pace import Clock

_log = structlog.get_logger(__name__)

_EVERY_SECONDS: Final = 30.0
"""As often as it is scraped, at most."""

_MS: Final = 1000


class Gauging:
    """Measures one journal."""

    def __init__(self, journal: Journal, *, limits: Limits, clock: Clock, metrics: JournalLifeMetrics) -> None:
        self._journal = journal
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._is_stated = False
        self._first = (0, 0)
        """Sequence and time of the first event."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._state()
                await self.measure()
            except JournalError as error:
                _log.debug("the journal could not be measured", error=str(error))
            await self._clock.sleep(_EVERY_SECONDS)

    async def measure(self) -> None:
        """Once. Raises ``JournalUnavailable``."""
        journal = self._journal
        events = await journal.events.info()
        self._tell("events", events)
        self._tell("decisions", await journal.decisions.info())
        if journal.snapshots is not None:
            self._tell("snapshots", await journal.snapshots.info())
        if journal.audit is not None:
            self._tell("audit", await journal.audit.info())
        if self._limits.events is not None:
            self._metrics.kept("events", at_least=self._limits.events, used=events.messages)
        if self._limits.size_bytes is not None:
            self._metrics.kept("bytes", at_least=self._limits.size_bytes, used=events.size_bytes)
        if self._limits.age_ms is not None and events.messages:
            if self._first[0] != events.first_sequence:
                self._first = (events.first_sequence, await first_event_ms(journal.events) or self._clock.now_ms())
            age_ms = self._clock.now_ms() - self._first[1]
            self._metrics.kept("age_seconds", at_least=self._limits.age_ms / _MS, used=max(age_ms, 0) / _MS)

    async def _state(self) -> None:
        """Let whoever reads the journal know what its limits are."""
        if not self._is_stated and self._journal.snapshots is not None:
            await state_limits(self._journal.snapshots, self._limits)
            self._is_stated = True

    def _tell(self, stream: str, info: StreamInfo) -> None:
        self._metrics.holds(
            stream,
            first=info.first_sequence,
            last=info.last_sequence,
            size_bytes=info.size_bytes,
            size_bytes_max=info.size_bytes_max,
        )
