"""Whatever a leader does for the journal itself, beside its work: snapshots, purges, seals, and what they measure.

Nothing waits for any of it, and nothing fails with it but the snapshots, without which a leader would go on unnoticed.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from adapters.controller.engine import Engine
from adapters.controller.gauging import Gauging
from adapters.controller.keeping import Keeping
from adapters.controller.neighbours import NO_METRICS, JournalLifeMetrics
from adapters.controller.relief import Relief
from adapters.controller.sealer import Sealer
from adapters.controller.sweeping import Sweeper
from adapters.journal.port import Journal
from adapters.kubernetes.pace import Clock

_log = structlog.get_logger(__name__)

_LAST_SWEEP_SECONDS: Final = 5.0
"""For the last snapshots at a stop: without them the next start folds what has come since those before."""

_LAST_SEAL_SECONDS: Final = 2.0
"""For the last seal: what it does not cover the next leader seals."""


class Caretaker:
    """Looks after the journal of one leader."""

    def __init__(
        self,
        journal: Journal,
        engine: Engine,
        *,
        clock: Clock,
        keeping: Keeping,
        metrics: JournalLifeMetrics = NO_METRICS,
    ) -> None:
        self._gauging = Gauging(journal, limits=keeping.limits, clock=clock, metrics=metrics)
        self._sealer: Sealer | None = None
        if journal.seals is not None:
            self._sealer = Sealer(
                journal,
                ready=engine.caught_up,
                through=lambda: engine.fleet.sequence,
                clock=clock,
                rhythm=keeping.seals,
                metrics=metrics,
            )
        self._relief: Relief | None = None
        retention = None
        if journal.snapshots is not None and not keeping.limits.keep_everything:
            before_purge = self._sealer.before_purge if self._sealer is not None else None
            retention = keeping.retention(journal, now_ms=clock.now_ms, before_purge=before_purge)
            self._relief = Relief(journal, retention, clock=clock, now_ms=clock.now_ms, metrics=metrics)
        self._sweeper: Sweeper | None = None
        if journal.snapshots is not None:
            self._sweeper = Sweeper(
                engine,
                journal.decisions,
                journal.snapshots,
                clock=clock,
                every_events=keeping.snapshot_events,
                on_swept=keeping.after_sweeps_of(
                    journal,
                    now_ms=clock.now_ms,
                    metrics=metrics,
                    retention=retention,
                ),
                metrics=metrics,
            )

    async def run(self) -> None:
        """Until cancelled. Raises what ends the snapshots."""
        aside = [asyncio.create_task(_aside(self._gauging.run(), name="gauges"))]
        if self._sealer is not None:
            aside.append(asyncio.create_task(_aside(self._sealer.run(), name="seals")))
        if self._relief is not None:
            aside.append(asyncio.create_task(_aside(self._relief.run(), name="relief")))
        try:
            if self._sweeper is not None:
                await self._sweeper.run()
            await asyncio.gather(*aside)
        finally:
            for task in aside:
                task.cancel()
            await asyncio.gather(*aside, return_exceptions=True)

    async def finish(self) -> None:
        """When the engine has stopped: what makes the next start short."""
        if self._sweeper is not None:
            await self._sweeper.finish(seconds_max=_LAST_SWEEP_SECONDS)

    async def seal_the_end(self) -> None:
        """When nothing is written any more: what proves the journal up to its end."""
        if self._sealer is not None:
            await self._sealer.finish(seconds_max=_LAST_SEAL_SECONDS)


async def _aside(work: Coroutine[Any, Any, None], *, name: str) -> None:
    """Run something that nobody needs right now: a defect in it is told, and ends nothing else."""
    try:
        await work
    except Exception:
        _log.exception("a part that nothing depends on has ended; it begins again with the next leader", part=name)
    await asyncio.Event().wait()
