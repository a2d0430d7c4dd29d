"""How fast requests may follow each other: ``clientConnection.qps`` and ``burst`` of the configuration (spec 10.3).

A bucket of tokens, as in Kubernetes clients: it holds ``burst``, fills with ``qps`` a second, and a request takes one.
Whoever finds none waits, in the order of asking.
"""

from typing import Final

from adapters.kubernetes.pace import Clock, SystemClock

DEFAULT_QPS: Final = 5.0
DEFAULT_BURST: Final = 10
"""What Kubernetes clients take for 0."""


class RequestRate:
    """The limit of one client. A negative ``qps`` is none."""

    def __init__(self, *, qps: float, burst: int, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._qps = qps or DEFAULT_QPS
        self._burst = float(max(burst, 1) if burst else DEFAULT_BURST)
        self._tokens = self._burst
        self._filled_at = self._clock.monotonic()

    async def admitted(self) -> None:
        """Return when the next request may be sent."""
        if self._qps < 0:
            return
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._qps)
        self._filled_at = now
        self._tokens -= 1  # below zero it is a debt: the place in the queue
        if self._tokens < 0:
            await self._clock.sleep(-self._tokens / self._qps)
