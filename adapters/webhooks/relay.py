"""Passing on who asked for what without ever making admission wait.

Whoever keeps the requests may be slow or away while people change their sets. Requests wait in a bounded queue; when it
is full the oldest is dropped, because the newest is the one that somebody will ask about first. What has waited too
long is dropped as well. What is dropped is counted, and told.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from adapters.kubernetes.pace import Clock, SystemClock
from adapters.webhooks.errors import RequestsRefused
from lws_events.admission import AdmissionRequest

Deliver = Callable[[Sequence[AdmissionRequest]], Awaitable[None]]
"""Keeps requests, of which some may be kept already. Raises ``RequestsRefused`` for what it will never keep, anything
else for what may be tried again."""

_log = structlog.get_logger(__name__)


class RequestRelay:
    """A queue with one worker: ``offer`` is called by the server, ``run`` is a task of the composition."""

    def __init__(
        self,
        deliver: Deliver,
        *,
        clock: Clock | None = None,
        on_dropped: Callable[[int], None] = lambda _: None,
        waiting_max: int = 1000,
        batch_max: int = 100,
        age_seconds_max: float = 600.0,
        delivery_seconds_max: float = 10.0,
        retry_seconds: float = 0.5,
        retry_seconds_max: float = 5.0,
    ) -> None:
        """``waiting_max`` bounds memory (a request is under a kilobyte as a rule); ``batch_max`` go out together.

        A delivery that takes longer than ``delivery_seconds_max``, or fails, is tried again after ``retry_seconds``,
        doubled up to the maximum, until a request is ``age_seconds_max`` old. ``on_dropped``: so many were lost.
        """
        self._deliver = deliver
        self._clock = clock or SystemClock()
        self._on_dropped = on_dropped
        self._waiting: deque[AdmissionRequest] = deque()
        self._waiting_max = waiting_max
        self._batch_max = batch_max
        self._age_ms_max = int(age_seconds_max * 1000)
        self._delivery_seconds_max = delivery_seconds_max
        self._retry_seconds = retry_seconds
        self._retry_seconds_max = retry_seconds_max
        self._arrived = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._trouble = ""
        self.dropped = 0
        """How many requests were lost since the start."""

    @property
    def problem(self) -> str:
        """Why requests wait; empty while they do not."""
        return f"{len(self._waiting)} requests wait to be recorded: {self._trouble}" if self._trouble else ""

    def offer(self, request: AdmissionRequest) -> None:
        """Take a request, as of now. Never waits, never fails."""
        fact = msgspec.structs.replace(request.fact, asked_ms=self._clock.now_ms())
        if len(self._waiting) >= self._waiting_max:
            self._drop([self._waiting.popleft()], "too many wait")
        self._waiting.append(msgspec.structs.replace(request, fact=fact))
        self._emptied.clear()
        self._arrived.set()

    async def run(self) -> None:
        """Deliver, oldest first, for ever."""
        while True:
            await self._arrived.wait()
            delay_seconds = self._retry_seconds
            while self._waiting:
                self._drop_the_old()
                batch = list(self._waiting)[: self._batch_max]
                if not batch:
                    continue
                if await self._is_settled(batch):
                    delay_seconds = self._retry_seconds
                    self._forget(batch)
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

    async def _is_settled(self, batch: list[AdmissionRequest]) -> bool:
        """Whether these need not be tried again."""
        try:
            async with asyncio.timeout(self._delivery_seconds_max):
                await self._deliver(batch)
        except RequestsRefused as error:
            self._forget(batch)
            self._drop(batch, str(error))
        except Exception as error:  # errors of others are not ours to know; admission must go on
            if not self._trouble:
                _log.warning("requests are not recorded yet", error=repr(error), waiting=len(self._waiting))
            self._trouble = str(error) or repr(error)
            return False
        if self._trouble:
            _log.info("requests are recorded again")
        self._trouble = ""
        return True

    def _forget(self, batch: list[AdmissionRequest]) -> None:
        """Some may have been dropped as the oldest while they were under way."""
        settled = {id(request) for request in batch}
        while self._waiting and id(self._waiting[0]) in settled:
            self._waiting.popleft()

    def _drop_the_old(self) -> None:
        oldest_ms = self._clock.now_ms() - self._age_ms_max
        old = []
        while self._waiting and self._waiting[0].fact.asked_ms < oldest_ms:
            old.append(self._waiting.popleft())
        if old:
            self._drop(old, f"they have waited for too long: {self._trouble}")

    def _drop(self, lost: list[AdmissionRequest], because: str) -> None:
        self.dropped += len(lost)
        self._on_dropped(len(lost))
        _log.warning(
            "who asked for something will not be recorded",
            because=because,
            requests=len(lost),
            first=f"{lost[0].namespace}/{lost[0].name}",
            user=lost[0].fact.user,
            dropped=self.dropped,
        )
