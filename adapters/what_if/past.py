"""What a journal says of all sets at a point: the machine's state, the last views, nodes, and how long things took.

One pass over both streams. The machine is taken to that point by the recorded decisions, so that back-off counts,
timers and commands under way are as they were.
"""

from collections.abc import Callable, Iterable

import msgspec

from adapters.kubernetes.known import Known
from adapters.kubernetes.reduce import Key
from lws_events import events
from lws_events.fleet import Fleet
from lws_events.subjects import SetName
from projections.durations import DurationFold
from projections.journal import Step
from projections.replay import Until


class Past(msgspec.Struct):
    """A state of all sets. Taken apart by whoever goes on from it: it is used once."""

    fleet: Fleet
    known: Known
    durations: DurationFold
    nodes: dict[str, dict[str, str]]
    """Labels of each node that a pod was ever seen on, as far as pods told them."""
    unready_since_start: set[str]
    """Pods, by uid, that have not been ready yet."""
    version: int = 0
    """The highest resourceVersion."""
    sequence: int = 0
    at_ms: int = 0

    def names(self) -> list[SetName]:
        """Sets that exist and can be read, sorted."""
        found = self.fleet.aggregates.items()
        return sorted(name for name, state in found if state.set_ is not None and state.spec is not None)


def past_of(steps: Iterable[Step], *, until: Until, on_progress: Callable[[int], None] = lambda _: None) -> Past:
    """Read a journal up to a point. ``steps`` are those of all sets, in order; ``on_progress`` is told sequences."""
    past = Past(fleet=Fleet(), known=Known(), durations=DurationFold(), nodes={}, unready_since_start=set())
    for step in steps:
        event = step.event
        if until.sequence is not None and event.sequence > until.sequence:
            break
        if not until.includes(event):
            continue
        past.fleet.recall(event.sequence, event.subject, event.envelope, step.decision)
        past.durations.add(step)
        past.sequence, past.at_ms = event.sequence, max(past.at_ms, event.envelope.at_ms)
        _note(past, step)
        on_progress(event.sequence)
    return past


def _note(past: Past, step: Step) -> None:
    fact, address = step.event.envelope.fact, step.event.address
    if not isinstance(fact, events.View | events.Deleted):
        return
    assert address is not None, "an observation is about an object of a set"
    past.known.recall(Key(address.kind, address.set_name, address.name), fact)
    if fact.resource_version.isdecimal():
        past.version = max(past.version, int(fact.resource_version))
    if isinstance(fact, events.PodObserved):
        if fact.node:
            past.nodes.setdefault(fact.node, {}).update(fact.topology)
        if fact.ready or fact.restarts or fact.last_exit is not None:
            past.unready_since_start.discard(fact.uid)
        elif not fact.node or fact.phase == "Pending":
            past.unready_since_start.add(fact.uid)
    elif isinstance(fact, events.PodDeleted):
        past.unready_since_start.discard(fact.uid)
