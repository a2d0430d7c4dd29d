"""Timers of the machine are those of its journal: set however long the journal needs."""

from typing import Final

import structlog

from adapters.journal.errors import JournalUnavailable
from adapters.journal.port import Timers
from adapters.kubernetes.pace import BackOff, Clock
from lws_events import events, subjects
from lws_events.commands import SetTimer
from lws_events.subjects import SetName

_log = structlog.get_logger(__name__)

_BACK_OFF: Final = BackOff(initial_seconds=0.05, cap_seconds=5.0)


class TimerSetter:
    """Sets timers, one at a time."""

    def __init__(self, timers: Timers, *, cluster: str, clock: Clock) -> None:
        self._timers = timers
        self._cluster = cluster
        self._clock = clock

    async def set(self, set_name: SetName, command: SetTimer) -> None:
        """Return once the journal has it, for as long as that takes."""
        subject = subjects.event_subject(self._cluster, set_name, subjects.TIMER, command.timer)
        fired = events.Envelope(at_ms=command.fire_at_ms, fact=events.TimerFired(timer=command.timer))
        attempt = 0
        while True:
            try:
                await self._timers.schedule(
                    subject, fire_at_ns=command.fire_at_ms * 1_000_000, data=events.encode(fired)
                )
            except JournalUnavailable as error:
                attempt += 1
                _log.warning("a timer waits for the journal", set=str(set_name), timer=command.timer, error=str(error))
                await self._clock.sleep(_BACK_OFF.delay_seconds(attempt, clock=self._clock))
            else:
                return
