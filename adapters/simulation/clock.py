"""Virtual time: a queue of actions to come, and work queues for controllers on top of it.

Time moves only when an action is taken from the queue. Two actions of the same instant run in the order in which they
were put in or, with ``random_order``, in an order drawn from the seed, so that many seeds explore many interleavings.
"""

import heapq
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeAlias, TypeVar

Action: TypeAlias = Callable[[], object]
Seconds: TypeAlias = tuple[float, float]
"""A range, in seconds, from which a delay is drawn."""

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)

K = TypeVar("K", bound=Hashable)


@dataclass(order=True)
class _Entry:
    at: float
    order: float
    sequence: int
    action: Action = field(compare=False)


class Clock:
    """Seconds since the start of the simulation, and what is to happen later."""

    def __init__(self, rng: random.Random, *, epoch: datetime = EPOCH, random_order: bool = False) -> None:
        self.now = 0.0
        self._rng = rng
        self._epoch = epoch
        self._random_order = random_order
        self._queue: list[_Entry] = []
        self._sequence = 0

    def at(self, time: float, action: Action) -> None:
        """Run an action at a time (seconds since the start); one in the past runs next."""
        self._sequence += 1
        order = self._rng.random() if self._random_order else 0.0
        heapq.heappush(self._queue, _Entry(max(time, self.now), order, self._sequence, action))

    def after(self, delay: Seconds, action: Action) -> None:
        """Run an action after a delay drawn from a range."""
        low, high = delay
        self.at(self.now + low + (high - low) * self._rng.random(), action)

    def next_at(self) -> float | None:
        """When the next action is due, or ``None`` when nothing is to come."""
        return self._queue[0].at if self._queue else None

    def step(self) -> bool:
        """Run the next action and move to its time. False when nothing is to come."""
        if not self._queue:
            return False
        entry = heapq.heappop(self._queue)
        self.now = entry.at
        entry.action()
        return True

    def advance_to(self, time: float) -> None:
        """Run all that is due up to a time, and arrive there."""
        while self._queue and self._queue[0].at <= time:
            self.step()
        self.now = max(self.now, time)

    def timestamp(self, *, offset_seconds: float = 0.0) -> str:
        """The present (plus an offset) as Kubernetes writes it, with whole seconds."""
        moment = self._epoch + timedelta(seconds=int(self.now + offset_seconds))
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def seconds_since(self, timestamp: str) -> float:
        """Seconds from a timestamp of this clock until now."""
        moment = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        return self.now - (moment - self._epoch).total_seconds()


class WorkQueue(Generic[K]):
    """Keys to be reconciled, each at most once in the queue, taken after a drawn latency: a controller's lag."""

    def __init__(self, clock: Clock, handle: Callable[[K], None], *, latency: Seconds) -> None:
        self._clock = clock
        self._handle = handle
        self._latency = latency
        self._pending: set[K] = set()

    def add(self, key: K) -> None:
        """Ask for a key to be handled soon."""
        if key in self._pending:
            return
        self._pending.add(key)
        self._clock.after(self._latency, lambda: self._run(key))

    def add_at(self, key: K, time: float) -> None:
        """Ask for a key to be handled at a time, whatever else happens."""
        self._clock.at(time, lambda: self.add(key))

    def _run(self, key: K) -> None:
        self._pending.discard(key)
        self._handle(key)
