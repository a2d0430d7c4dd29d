"""What is to be carried out (again) after a start: everything that has no outcome."""

from adapters.controller.neighbours import Executor
from lws_events.commands import SetTimer
from lws_events.decisions import Issued
from lws_events.fleet import Fleet


def resubmit(fleet: Fleet, executor: Executor) -> int:
    """Hand out again everything that has no outcome, timers included; returns how many commands that are."""
    unfinished = 0
    for name in sorted(fleet.aggregates):
        state = fleet.aggregates[name]
        for issued in state.in_flight.values():
            executor.submit(name, issued, again=True)
            unfinished += 1
        for timer, fire_at_ms in state.timers.items():
            command = SetTimer(timer=timer, fire_at_ms=fire_at_ms)
            # Of any set: an executor takes an id once.
            executor.submit(name, Issued(id=f"{fleet.epoch}-timer-{name}-{timer}", command=command))
    return unfinished
