"""Passing admitted spec changes on to the audit without ever making admission wait.

The journal may be slow or down while people change their sets. Changes wait in a bounded queue; when it is full the
oldest is dropped and counted, because the newest change is the one that somebody will ask about first.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from lws_events.admission import SpecChange

OnReview = Callable[[SpecChange], Awaitable[None]]

_log = structlog.get_logger(__name__)


class ChangeRelay:
    """A queue with one worker: ``offer`` is called by the server, ``run`` is a task of the composition."""

    def __init__(
        self,
        on_review: OnReview,
        *,
        waiting_max: int = 1000,
        delivery_seconds_max: float = 10.0,
        retry_seconds: float = 0.5,
        retry_seconds_max: float = 15.0,
    ) -> None:
        """``waiting_max`` bounds memory (a change is under a kilobyte); a delivery that takes longer than
        ``delivery_seconds_max``, or fails, is tried again after ``retry_seconds``, doubled up to the maximum.
        """
        self._on_review = on_review
        self._waiting: deque[SpecChange] = deque()
        self._waiting_max = waiting_max
        self._delivery_seconds_max = delivery_seconds_max
        self._retry_seconds = retry_seconds
        self._retry_seconds_max = retry_seconds_max
        self._arrived = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self.dropped = 0
        """How many changes were lost since the start."""

    def offer(self, change: SpecChange) -> None:
        """Take a change. Never waits, never fails."""
        if len(self._waiting) >= self._waiting_max:
            lost = self._waiting.popleft()
            self.dropped += 1
            _log.warning(
                "a spec change was dropped from the audit, the journal does not keep up",
                namespace=lost.namespace,
                name=lost.name,
                user=lost.fact.user,
                dropped=self.dropped,
            )
        self._waiting.append(change)
        self._emptied.clear()
        self._arrived.set()

    async def run(self) -> None:
        """Deliver, oldest first, for ever."""
        while True:
            await self._arrived.wait()
            delay_seconds = self._retry_seconds
            while self._waiting:
                change = self._waiting[0]
                if await self._deliver(change):
                    delay_seconds = self._retry_seconds
                    # It may have been dropped as the oldest while it was under way.
                    if self._waiting and self._waiting[0] is change:
                        self._waiting.popleft()
                else:
                    await asyncio.sleep(delay_seconds)
                    delay_seconds = min(2 * delay_seconds, self._retry_seconds_max)
            self._arrived.clear()
            self._emptied.set()

    async def drained(self, *, seconds_max: float) -> bool:
        """Wait until nothing is left to deliver; False if that took too long. For a graceful end."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._emptied.wait()
        except TimeoutError:
            return False
        return True

    async def _deliver(self, change: SpecChange) -> bool:
        try:
            async with asyncio.timeout(self._delivery_seconds_max):
                await self._on_review(change)
        except Exception as error:  # the journal's errors are not ours to know; admission must go on
            _log.warning("a spec change is not in the journal yet", error=repr(error), waiting=len(self._waiting))
            return False
        return True
