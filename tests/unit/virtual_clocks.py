"""Clocks for tests of the Kubernetes adapters: time passes only when the test, or a sleeper, makes it pass."""

import asyncio
import heapq
import itertools
from collections.abc import Coroutine
from typing import Any


class LeapingClock:
    """Whoever sleeps is woken at once, and that much time has passed. For one actor at a time."""

    def __init__(self, *, chance: float = 0.0) -> None:
        self.now = 1000.0
        self.chance = chance
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def random(self) -> float:
        return self.chance

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class TurnedClock:
    """Time passes by ``turn``; sleepers wake in the order of their times, and are waited for until they sleep again."""

    def __init__(self, *, chance: float = 0.0) -> None:
        self.now = 1000.0
        self.chance = chance
        self._numbers = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._actors: list[asyncio.Task[Any]] = []

    def monotonic(self) -> float:
        return self.now

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def random(self) -> float:
        return self.chance

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), woken))
        await woken

    async def start(self, actor: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run somebody who lives by this clock, until he sleeps or ends."""
        task = asyncio.create_task(actor)
        self._actors.append(task)
        await self._all_asleep()
        return task

    async def turn(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            self.now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await self._all_asleep()
        self.now = end

    async def stop(self) -> None:
        """End all who were started."""
        for task in self._actors:
            task.cancel()
        await asyncio.gather(*self._actors, return_exceptions=True)

    async def _all_asleep(self, *, deadline_seconds: float = 10.0) -> None:
        async with asyncio.timeout(deadline_seconds):
            while sum(not task.done() for task in self._actors) > sum(not w.done() for _, _, w in self._sleepers):
                await asyncio.sleep(0.001)
