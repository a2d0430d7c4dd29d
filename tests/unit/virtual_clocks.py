"""Clocks for tests of the Kubernetes adapters: time passes only when the test, or a sleeper, makes it pass."""

import asyncio
import heapq
import itertools


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
    """Time passes by ``turn``; sleepers wake in the order of their times."""

    def __init__(self, *, chance: float = 0.0) -> None:
        self.now = 1000.0
        self.chance = chance
        self._numbers = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

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

    @property
    def sleepers(self) -> int:
        return sum(not woken.done() for _, _, woken in self._sleepers)

    async def turn(self, seconds: float) -> None:
        """Let time pass; the woken run until they wait for something else than this clock."""
        end = self.now + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            self.now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await self.settle()
        self.now = end
        await self.settle()

    async def settle(self) -> None:
        """Give everybody that can run the chance to, including requests to a server in this loop."""
        for _ in range(60):
            await asyncio.sleep(0.0005)
