"""What a journal says of all sets at a point: the machine's state, the last views, nodes, and how long things took.

One pass over both streams. The machine is taken to that point by the recorded decisions, so that back-off counts,
timers and commands under way are as they were.
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from adapters.kubernetes.known import Known
from adapters.kubernetes.reduce import Key
from lws_events import events, subjects
from lws_events.fleet import Fleet
from lws_events.machine.state import Aggregate
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


class Beginning(msgspec.Struct, frozen=True):
    """Where a journal whose first events are gone begins: a state of all sets, from its snapshots."""

    fleet: Fleet
    at_ms: int


def past_of(
    steps: Iterable[Step],
    *,
    until: Until,
    beginning: Beginning | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Past:
    """Read a journal up to a point. ``steps`` are those of all sets, in order; ``on_progress`` is told sequences.

    ``beginning``: what was before the first of them; it becomes part of the result.
    """
    past = Past(fleet=Fleet(), known=Known(), durations=DurationFold(), nodes={}, unready_since_start=set())
    if beginning is not None:
        past.fleet, past.sequence, past.at_ms = beginning.fleet, beginning.fleet.sequence, beginning.at_ms
        for state in beginning.fleet.aggregates.values():
            for key, view in _views_of(state):
                _note(past, key, view)
    for step in steps:
        event = step.event
        if until.sequence is not None and event.sequence > until.sequence:
            break
        if not until.includes(event):
            continue
        past.fleet.recall(event.sequence, event.subject, event.envelope, step.decision)
        past.durations.add(step)
        past.sequence, past.at_ms = event.sequence, max(past.at_ms, event.envelope.at_ms)
        address = event.address
        if address is not None:
            _note(past, Key(address.kind, address.set_name, address.name), event.envelope.fact)
        on_progress(event.sequence)
    return past


def _views_of(state: Aggregate) -> Iterator[tuple[Key, events.View]]:
    """All objects that the machine knows of a set."""
    name = state.name
    if state.set_ is not None:
        yield Key(subjects.SET, name, name.name), state.set_
        told = msgspec.Raw(msgspec.json.encode(state.status))
        status = events.SetStatusObserved(uid=state.set_.uid, resource_version=state.status_version, status=told)
        yield Key(subjects.SET_STATUS, name, name.name), status
    named: list[tuple[str, str, events.View | None]] = [
        (subjects.STATEFULSET, name.name, state.leader_set),
        (subjects.SERVICE, name.name, state.service),
    ]
    named += [(subjects.REVISION, of, revision) for of, revision in state.revisions.items()]
    named += [(subjects.POD_GROUP, of, pod_group) for of, pod_group in state.pod_groups.items()]
    for group in state.groups.values():
        named += [
            (subjects.POD, group.name, group.leader.view if group.leader is not None else None),
            (subjects.STATEFULSET, group.name, group.worker_set),
            (subjects.SERVICE, group.name, group.service),
        ]
        named += [(subjects.POD, of, pod.view) for of, pod in group.workers.items()]
    for kind, of, view in named:
        if view is not None:
            yield Key(kind, name, of), view


def _note(past: Past, key: Key, fact: object) -> None:
    if not isinstance(fact, events.View | events.Deleted):
        return
    past.known.recall(key, fact)
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
