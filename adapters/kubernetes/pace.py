"""Time and chance as the adapters for Kubernetes need them, behind a port, so that tests turn the clock by hand.

Deliberately absent: any decision about what is repeated. ``BackOff`` only says how long to wait before the n-th try.
"""

import asyncio
import random
import time
from datetime import UTC, datetime
from typing import Protocol

import msgspec


class Clock(Protocol):
    """Time and chance."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""

    def random(self) -> float:
        """A number in [0, 1)."""

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of ``monotonic``."""


class SystemClock:
    """The clock of this machine."""

    def monotonic(self) -> float:
        """``time.monotonic``."""
        return time.monotonic()

    def now_ms(self) -> int:
        """``time.time`` in milliseconds."""
        return time.time_ns() // 1_000_000

    def random(self) -> float:
        """From the process's generator."""
        return random.random()

    async def sleep(self, seconds: float) -> None:
        """``asyncio.sleep``."""
        await asyncio.sleep(seconds)


class BackOff(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential back-off with jitter, so that many clients that failed together do not return together."""

    initial_seconds: float = 0.2
    """Short: most failures are one lost connection."""
    factor: float = 2.0
    cap_seconds: float = 30.0
    """An API server that was restarted is used again within half a minute."""
    jitter: float = 0.5
    """A delay is drawn from ``[1 - jitter, 1]`` of the exponential one."""

    def delay_seconds(self, attempt: int, *, clock: Clock, at_least: float | None = None) -> float:
        """How long to wait after failure number ``attempt`` (from 1). ``at_least``: what the server asked for."""
        exponent = min(max(attempt - 1, 0), 32)  # 2**32 is beyond every cap; a bare power would overflow one day
        delay = min(self.cap_seconds, self.initial_seconds * self.factor**exponent)
        return max(at_least or 0.0, delay * (1 - self.jitter * clock.random()))


def micro_time(now_ms: int) -> str:
    """A time as Kubernetes writes ``MicroTime``: RFC 3339 with six digits."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
