"""The leader's hand on the seals: every so many events, after some time, at a stop, and before the journal is cut.

It runs beside the engine and reads for itself: nothing waits for it. A failure is told and tried again.
"""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from adapters.controller.neighbours import NO_METRICS, JournalLifeMetrics
from adapters.journal.errors import Fenced, JournalError
from adapters.journal.port import Journal
from adapters.journal.retention.limits import Place
from adapters.journal.seals.sealing import RECORDS_MAX, Sealing
from adapters.journal.snapshots.generations import stored_sweep
from adapters.kubernetes.pace import Clock

_log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 1.0
_BEHIND_SECONDS: Final = 0.02
"""Between two seals of a journal that was never sealed: other tasks come first."""

_RETRY_SECONDS: Final = 30.0


class SealRhythm(NamedTuple):
    """How often a journal is sealed: what is not sealed yet can be changed without a trace."""

    events: int = RECORDS_MAX
    """After so many events."""
    seconds: float = 60.0
    """Or after this time, if there was any event."""


class Sealer:
    """Seals the journal of one leader. ``through``: the last event that is worth a seal, known without asking
    once ``ready`` is set.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        ready: asyncio.Event,
        through: Callable[[], int],
        clock: Clock,
        rhythm: SealRhythm,
        metrics: JournalLifeMetrics = NO_METRICS,
    ) -> None:
        self._journal = journal
        self._sealing = Sealing(journal, now_ms=clock.now_ms)
        self._ready = ready
        self._through = through
        self._clock = clock
        self._rhythm = rhythm
        self._metrics = metrics
        self._is_taken_up = False
        self._alone = asyncio.Lock()

    async def run(self) -> None:
        """Until cancelled."""
        await self._ready.wait()
        while True:
            seconds = _LOOK_SECONDS
            try:
                if await self._is_due():
                    await self._seal()
                    behind = self._through() - self._sealed_through() >= self._rhythm.events
                    seconds = _BEHIND_SECONDS if behind else _LOOK_SECONDS
            except Fenced:
                self._is_taken_up = False  # somebody else has sealed: go on from there
            except JournalError as error:
                self._is_taken_up = False
                _log.warning("the journal could not be sealed; once more later", error=str(error))
                seconds = _RETRY_SECONDS
            await self._clock.sleep(seconds)

    async def finish(self, *, seconds_max: float) -> None:
        """A last seal when the engine has stopped."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._take_up()
                while await self._seal():
                    pass
        except (JournalError, TimeoutError) as error:
            _log.debug("no last seal was written", error=str(error) or "it took too long")

    async def before_purge(self, place: Place) -> None:
        """Seal everything, and the edge at which the journal is about to begin. Raises what keeps that from being."""
        assert self._journal.snapshots is not None, "a place is one of snapshots"
        sweep = await stored_sweep(self._journal.snapshots, place.generation)
        if sweep is None:
            return
        try:
            await self._take_up()
            async with self._alone:
                await self._sealing.seal_edge(events=place.sequence, decisions=sweep.decisions)
        except JournalError:
            self._is_taken_up = False
            raise
        self._tell()

    async def _is_due(self) -> bool:
        await self._take_up()
        last = self._sealing.last
        unsealed = self._through() - self._sealed_through()
        if last is None or unsealed >= self._rhythm.events:
            return unsealed > 0
        return unsealed != 0 and self._clock.now_ms() - last.seal.at_ms >= self._rhythm.seconds * 1000

    async def _seal(self) -> bool:
        async with self._alone:
            seal = await self._sealing.seal()
        if seal is not None:
            self._tell()
        return seal is not None

    async def _take_up(self) -> None:
        if self._is_taken_up:
            return
        async with self._alone:
            await self._sealing.take_up()
        self._is_taken_up = True
        problem = self._sealing.problem
        if problem:
            _log.error("the journal was changed: `lws-events journal check` shows where", found=problem)
        self._metrics.seal_found(broken=bool(problem))
        self._tell()

    def _sealed_through(self) -> int:
        return self._sealing.last.seal.events.through if self._sealing.last else 0

    def _tell(self) -> None:
        last = self._sealing.last
        if last is None:
            return
        seal = last.seal
        _log.info(
            "journal sealed",
            seal=seal.number,
            hash=last.hash,
            events=seal.events.through,
            decisions=seal.decisions.through,
        )
        self._metrics.sealed(sequence=seal.events.through, at_ms=seal.at_ms)
