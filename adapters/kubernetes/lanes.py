"""Order and concurrency of commands: first in, first out for one target, side by side for different ones.

It knows nothing about commands but that some may be overtaken: where a newer one of the same lane waits, an older
overtakable one is handed back instead of run. A lane exists only while it has work.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
J = TypeVar("J")


class Lanes(Generic[K, J]):
    """Runs jobs, one at a time per lane."""

    def __init__(
        self,
        run: Callable[[K, J], Awaitable[None]],
        *,
        overtaken: Callable[[K, J], Awaitable[None]],
        overtakable: Callable[[J], bool],
    ) -> None:
        self._run = run
        self._overtaken = overtaken
        self._overtakable = overtakable
        self._waiting: dict[K, deque[J]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done with an exception once a job raised: a defect, nothing that the world does."""

    def put(self, lane: K, job: J) -> None:
        """Run a job when those of its lane that came before are done."""
        if lane in self._waiting:
            self._waiting[lane].append(job)
            return
        self._waiting[lane] = deque([job])
        task = asyncio.get_running_loop().create_task(self._work(lane))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def newest(self, lane: K, job: J) -> bool:
        """False where a newer job of the lane waits that makes this one pointless."""
        return not (self._overtakable(job) and self._waiting.get(lane))

    async def idle(self, *, timeout_seconds: float) -> bool:
        """Wait until no job is left; False if that takes too long."""
        end = asyncio.get_running_loop().time() + timeout_seconds
        while self._tasks:
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            await asyncio.wait(set(self._tasks), timeout=left)
        return True

    async def stop(self) -> None:
        """Cancel what runs, forget what waits."""
        self._waiting.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, lane: K) -> None:
        waiting = self._waiting[lane]
        while waiting:
            job = waiting.popleft()
            if self.newest(lane, job):
                await self._run(lane, job)
            else:
                await self._overtaken(lane, job)
        self._waiting.pop(lane, None)  # absent when everything was stopped meanwhile

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self.failed.done():
            self.failed.set_exception(error)
