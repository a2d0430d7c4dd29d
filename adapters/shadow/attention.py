"""A clock that only goes while the shadow sees the cluster: what it cannot see, nobody has failed to do."""

from collections.abc import Callable
from typing import Final

from adapters.kubernetes.pace import Clock

_STEP_SECONDS_MAX: Final = 1.0
"""What passes between two looks counts up to here: a process that was stopped for a minute has seen nothing of it."""


class Attention:
    """Seconds that were looked at. ``look`` is called again and again."""

    def __init__(self, clock: Clock, *, sees: Callable[[], bool]) -> None:
        """``sees``: whether the watches run and the journal takes what they bring."""
        self.seconds = 0.0
        self._clock = clock
        self._sees = sees
        self._looked_at = clock.monotonic()

    def look(self) -> float:
        """Go on to now; returns ``seconds``."""
        now = self._clock.monotonic()
        if self._sees():
            self.seconds += min(now - self._looked_at, _STEP_SECONDS_MAX)
        self._looked_at = now
        return self.seconds
