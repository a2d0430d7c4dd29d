"""What only the leader runs: observer, engine and executor around one journal.

A leader serves one term: it may stand by first (``follow``), runs once, and is thrown away. Its writer is its own, so
that nothing of a term that was broken off reaches the journal later.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from adapters.controller.also_told import AlsoTold, TellsWhatIsLeft
from adapters.controller.caretaking import Caretaker
from adapters.controller.engine import Engine
from adapters.controller.keeping import KEEP_ALL, Keeping
from adapters.controller.neighbours import NO_METRICS, EngineMetrics, JournalLifeMetrics
from adapters.controller.neighbours import Executor as Hands
from adapters.controller.tail import watch_tail
from adapters.controller.up_to_date import why_behind
from adapters.journal.group_commit import GroupCommit
from adapters.journal.port import Journal, Timers
from adapters.journal.snapshots.last_known import LastStates
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.errors import NotLeading
from adapters.kubernetes.executor import Executor
from adapters.kubernetes.log_capture import LogCapture, LogCaptureSettings
from adapters.kubernetes.observer import Observer
from adapters.kubernetes.pace import SystemClock
from adapters.lifecycle_events.publisher import LifecyclePublisher
from lws_events.admission import Surroundings
from lws_events.gang import GangScheduling

_log = structlog.get_logger(__name__)

_DRAIN_SECONDS: Final = 10.0
"""Below the termination grace period of most pods: what is not finished is sent again by the next leader."""


class Leader:
    """Runs the sets of one cluster from one journal."""

    def __init__(
        self,
        journal: Journal,
        client: ApiClient,
        *,
        metrics: EngineMetrics,
        may_write: Callable[[], bool] = lambda: True,
        gang: GangScheduling | None = None,
        capture_logs: LogCaptureSettings | None = None,
        keeping: Keeping = KEEP_ALL,
        life: JournalLifeMetrics = NO_METRICS,
        publisher: LifecyclePublisher | None = None,
    ) -> None:
        """``may_write`` is asked before every write to the cluster, and before every timer; ``gang``: as configured.

        ``capture_logs``: keep the ends of failed containers' logs; None: do not read logs. ``keeping``: how much of the
        journal is kept, how often its sets are written down, and it is sealed; ``life``: what is told of that.
        ``publisher``: tells other programs.
        """
        clock = SystemClock()
        self._clock = clock
        self._publisher = publisher
        self._writer = GroupCommit(journal.events)
        self._abandoned = asyncio.Event()
        self.observer = Observer(
            client, LastStates(journal), self._writer, cluster=journal.cluster, clock=clock, gang=gang
        )
        capture = None
        if capture_logs is not None and journal.logs is not None:
            capture = LogCapture(client, journal.logs, cluster=journal.cluster, clock=clock, settings=capture_logs)
            metrics = AlsoTold(metrics, capture.decided)
        self.executor = Executor(
            client.writing_while(may_write),
            self._writer,
            _TimersWhile(journal.events, may_write),
            cluster=journal.cluster,
            observe=self.observer.observed,
            has_missed=self.observer.has_missed,
            clock=clock,
            preparation=capture,
        )
        handed_to: Hands = self.executor
        if capture is not None:
            handed_to = TellsWhatIsLeft(self.executor, lambda: self.engine.fleet, capture.decided)
        self.engine = Engine(journal, handed_to, metrics=metrics)
        self._caretaker = Caretaker(journal, self.engine, clock=clock, keeping=keeping, metrics=life)

    @property
    def problem(self) -> str:
        """Why this leader is not up to date; empty when it is."""
        return why_behind(self._writer, self.engine, self.observer)

    def surroundings(self, namespace: str, name: str) -> Surroundings:
        """What admission may know around a set: the other sets of its namespace, as of the journal."""
        siblings = (
            other.name
            for other, state in self.engine.fleet.aggregates.items()
            if other.namespace == namespace and other.name != name and state.set_ is not None
        )
        return Surroundings(sibling_names=tuple(sorted(siblings)))

    def abandon(self) -> None:
        """Stop acting at once: somebody else may lead by now. What is under way is sent again by whoever does."""
        self._abandoned.set()

    async def follow(self) -> None:
        """Until cancelled: take in what the present leader decides, so that little is left to do at a take-over."""
        await self.engine.follow()

    async def run(self) -> None:
        """Until cancelled; then what is under way is finished, within a time. Raises what ended a part of it."""
        try:
            async with self._writer:
                await self._run()
        finally:
            if not self._abandoned.is_set():  # when all that was under way is stored
                await self._caretaker.seal_the_end()

    async def _run(self) -> None:
        parts = {
            asyncio.create_task(self.engine.run(), name="engine"),
            asyncio.create_task(self.observer.run(), name="observer"),
            asyncio.create_task(self.executor.run(), name="executor"),
            asyncio.create_task(watch_tail(self.engine, clock=self._clock), name="tail"),
            asyncio.create_task(self._caretaker.run(), name="snapshots"),
        }
        if self._publisher is not None:
            parts.add(asyncio.create_task(self._publisher.run(), name="lifecycle events"))
        try:
            ended, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            self.abandon()
            for part in ended:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            await self._finish()

    async def _finish(self) -> None:
        """Wait for what is under way, unless it was abandoned."""
        finishing = asyncio.create_task(self.executor.drain(timeout_seconds=_DRAIN_SECONDS))
        abandoned = asyncio.create_task(self._abandoned.wait())
        try:
            await asyncio.wait({finishing, abandoned}, return_when=asyncio.FIRST_COMPLETED)
            if abandoned.done():
                await self.executor.drain(timeout_seconds=0)
                await self._writer.close(timeout=0)
            await finishing
        finally:
            abandoned.cancel()
        if not self._abandoned.is_set():
            await self._caretaker.finish()
        if self.executor.unfinished:
            _log.warning("commands are left for the next start", unfinished=self.executor.unfinished)


class _TimersWhile:
    """Timers of a leader: one that was woken too late must not replace those of its successor."""

    def __init__(self, timers: Timers, permitted: Callable[[], bool]) -> None:
        self._timers = timers
        self._permitted = permitted

    async def schedule(self, subject: str, *, fire_at_ns: int, data: bytes) -> None:
        if not self._permitted():
            raise NotLeading(f"timer {subject}: not set, because somebody else may lead by now")
        await self._timers.schedule(subject, fire_at_ns=fire_at_ns, data=data)

    async def cancel(self, subject: str) -> None:
        await self._timers.cancel(subject)
