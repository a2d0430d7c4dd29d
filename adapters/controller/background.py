"""Tasks that run beside the main work and whose end is the end of all."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """A set of named tasks. ``ended`` returns the first that ends; nothing runs on unnoticed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._started = asyncio.Event()

    def start(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run ``work`` until it ends or ``stop`` is called."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        self._started.set()
        return task

    async def ended(self) -> asyncio.Task[Any]:
        """Wait for the first task that ends, for whatever reason."""
        while True:
            self._started.clear()
            started = asyncio.create_task(self._started.wait())
            try:
                done, _ = await asyncio.wait({*self._tasks, started}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                started.cancel()
            ended = done - {started}
            if ended:
                return ended.pop()

    async def stop(self, *tasks: asyncio.Task[Any]) -> None:
        """Cancel tasks (all, if none is named) and wait until they have ended."""
        stopped = set(tasks) or set(self._tasks)
        for task in stopped:
            task.cancel()
        await asyncio.gather(*stopped, return_exceptions=True)
        self._tasks -= stopped
