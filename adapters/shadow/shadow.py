"""All parts of a shadow around one journal of its own: observer, engine, expectations, extras.

It runs once, like a leader's term, and needs no election: it writes nothing that another one could contradict.
"""

import asyncio
from collections.abc import Callable

from adapters.controller.engine import Engine
from adapters.controller.tail import watch_tail
from adapters.controller.up_to_date import why_behind
from adapters.journal.group_commit import GroupCommit
from adapters.journal.port import Journal
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.observer import Observer
from adapters.kubernetes.pace import SystemClock
from adapters.kubernetes.timers import TimerSetter
from adapters.shadow.attention import Attention
from adapters.shadow.expectations import Expectations
from adapters.shadow.extras import Extras
from adapters.shadow.looking import Looking
from adapters.shadow.memory import Memory
from adapters.shadow.metrics import ShadowMetrics
from adapters.shadow.recording import Recording
from lws_events.gang import GangScheduling


class Shadow:
    """Decides about all sets of a cluster, and does nothing."""

    def __init__(
        self,
        journal: Journal,
        client: ApiClient,
        *,
        metrics: ShadowMetrics,
        reaches: Callable[[], bool],
        patience_seconds: float,
        gang: GangScheduling | None = None,
    ) -> None:
        """``reaches``: whether the API server answers right now. ``gang``: as whoever is in charge has it."""
        clock = SystemClock()
        self._clock = clock
        self._journal = journal
        self._writer = GroupCommit(journal.events)
        reading = client.writing_while(lambda: False)
        self.observer = Observer(reading, journal.events, self._writer, cluster=journal.cluster, clock=clock, gang=gang)
        memory = Memory()
        metrics.tell_decisions(memory.note)
        attention = Attention(clock, sees=lambda: not self.problem and reaches())
        self._recording = Recording(self._writer, cluster=journal.cluster, clock=clock, metrics=metrics)
        looking = Looking(reading)
        self._expectations = Expectations(
            sets=lambda: self.engine.fleet.aggregates,
            attention=attention,
            recording=self._recording,
            looking=looking,
            timers=TimerSetter(journal.events, cluster=journal.cluster, clock=clock),
            clock=clock,
            patience_seconds=patience_seconds,
        )
        self._extras = Extras(
            journal.events,
            cluster=journal.cluster,
            sets=lambda: self.engine.fleet.aggregates,
            memory=memory,
            attention=attention,
            recording=self._recording,
            looking=looking,
            clock=clock,
            patience_seconds=patience_seconds,
        )
        self.engine = Engine(journal, self._expectations, metrics=metrics)
        metrics.tell_events(self._glance)
        metrics.waiting(lambda: self._expectations.waiting + self._extras.waiting)

    @property
    def problem(self) -> str:
        """Why it is not up to date; empty when it is."""
        return why_behind(self._writer, self.engine, self.observer)

    async def run(self) -> None:
        """Until cancelled. Raises what ended a part of it."""
        async with self._writer:
            await self._recording.recall(self._journal.events)
            parts = {
                asyncio.create_task(self.engine.run(), name="engine"),
                asyncio.create_task(self.observer.run(), name="observer"),
                asyncio.create_task(self._expectations.run(), name="expectations"),
                asyncio.create_task(self._find_extras(), name="extras"),
                asyncio.create_task(watch_tail(self.engine, clock=self._clock), name="tail"),
            }
            try:
                ended, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
                for part in ended:
                    part.result()
            finally:
                for part in parts:
                    part.cancel()
                await asyncio.gather(*parts, return_exceptions=True)

    def _glance(self) -> None:
        self._expectations.glance()
        self._extras.glance()

    async def _find_extras(self) -> None:
        """What is there when the cluster has been listed was written while nobody here looked."""
        await self.observer.synced.wait()
        await self._extras.run(after=await self._journal.events.last_sequence())
