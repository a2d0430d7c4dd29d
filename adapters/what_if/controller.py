"""The controller in virtual time: watches, machine, writes and timers on the clock of a simulated cluster.

It is what ``adapters.controller`` composes with streams and sockets, without either: an event is folded when a watch
brings it, a command is carried out a moment later, its outcome is the next event. Nothing is stored. Kubernetes Events
that go with commands are not posted: nobody reads them.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, cast

import msgspec

from adapters.kubernetes import kinds, recovery
from adapters.kubernetes.errors import ApiError
from adapters.kubernetes.known import Change, Known
from adapters.kubernetes.placement import Placement
from adapters.kubernetes.reduce import Key, key_of
from adapters.kubernetes.reduction import Reduction, read
from adapters.kubernetes.unreadable import reader
from adapters.kubernetes.wire import Node
from adapters.kubernetes.writes import Writes
from adapters.simulation import Simulation
from adapters.simulation import kinds as simulated
from adapters.simulation.store import Change as Written
from adapters.what_if.client import InProcessClient, completed
from lws_events import commands, events, subjects
from lws_events.commands import SetTimer, UpdateSetStatus
from lws_events.decisions import Decision, Issued
from lws_events.fleet import Fleet
from lws_events.gang import GangScheduling
from lws_events.subjects import SetName

CLUSTER: Final = "what-if"
WATCH_SECONDS: Final = 0.02
"""From a change to the event about it."""
WRITE_SECONDS: Final = 0.02
"""From a decision to the answer of the API server."""

_KINDS: Final = {
    simulated.REVISIONS: subjects.REVISION,
    simulated.STATEFULSETS: subjects.STATEFULSET,
    simulated.SERVICES: subjects.SERVICE,
    simulated.PODS: subjects.POD,
    simulated.POD_GROUPS: subjects.POD_GROUP,
    simulated.LEADERWORKERSETS: subjects.SET,
}
_READ_NODE: Final = reader(Node)

OnStep = Callable[[int, str, events.Envelope, Decision | None], None]


class _Lane(NamedTuple):
    set_name: SetName
    target: str


class _VirtualClock:
    """Time and chance for what needs them by the way: the names of instances, the times in Events."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms

    def monotonic(self) -> float:
        return self._now_ms() / 1000

    def now_ms(self) -> int:
        return self._now_ms()

    def random(self) -> float:
        return 0.5

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"a request to a cluster in this process waits for {seconds} s")


class Controller:
    """Acts on all sets of a simulated cluster, from a state that is known or from none."""

    def __init__(
        self,
        simulation: Simulation,
        *,
        fleet: Fleet,
        known: Known,
        gang: GangScheduling | None = None,
    ) -> None:
        """``fleet`` and ``known`` are what the journal says; empty ones adopt what is there."""
        self.fleet = fleet
        self.on_step: OnStep = lambda *_: None
        """Called with each event (sequence, subject, body) and its decision, before that is carried out."""
        self._simulation = simulation
        self._known = known
        self._placement = Placement()
        self._reduction = Reduction(self._placement, gang)
        self._writes = Writes(InProcessClient(simulation.api), instance=CLUSTER, clock=_VirtualClock(self.now_ms))
        self._lanes: dict[_Lane, deque[Issued]] = {}
        self._timers: dict[tuple[SetName, str], int] = {}

    def now_ms(self) -> int:
        """The present, in milliseconds since the Unix epoch."""
        return round(self._simulation.settings.epoch.timestamp() * 1000 + self._simulation.clock.now * 1000)

    def start(self) -> list[Change]:
        """List the cluster, take in what differs from what is known, go on with what was under way; then watch.

        Returns the differences: none where the cluster is as the journal says.
        """
        for record in self._simulation.store.records(simulated.NODES):
            self._placement.node_changed(_READ_NODE(msgspec.Raw(record.encoded())), None)
        if not self.fleet.epoch:
            self._record(subjects.epoch_subject(CLUSTER), events.EpochStarted(epoch=CLUSTER))
        differences = self._differences()
        unfinished = [
            (name, issued)
            for name, state in sorted(self.fleet.aggregates.items())
            for issued in state.in_flight.values()
        ]
        timers = [
            (name, timer, at_ms)
            for name, state in sorted(self.fleet.aggregates.items())
            for timer, at_ms in state.timers.items()
        ]
        for change in differences:
            self._take(change)
        for name, issued in unfinished:
            self._submit(name, issued)
        for name, timer, at_ms in timers:
            self._set_timer(name, SetTimer(timer=timer, fire_at_ms=at_ms))
        self._simulation.store.subscribe(self._on_change)
        return differences

    # watches

    def _differences(self) -> list[Change]:
        version = str(self._simulation.store.revision)
        changes: dict[str, list[Change]] = {}
        listed: dict[str, dict[Key, events.View]] = {}
        for kind, token in _KINDS.items():
            listed.setdefault(token, {})
            for record in self._simulation.store.records(kind):
                for key, view in self._reduction.views(self._known, read(token, record.encoded())):
                    listed.setdefault(key.kind, {})[key] = view
        known_sets = {key: entry.uid for key, entry in self._known.live(subjects.SET)}
        for token, views in listed.items():
            vanished = self._known.vanished(token, views, version=version, initial=True)
            changes[token] = recovery.compare(self._known, views, vanished, version=version)
        return [*recovery.announcements(known_sets, changes), *recovery.across_kinds(changes)]

    def _on_change(self, written: Written) -> None:
        if written.kind is simulated.NODES or written.kind in _KINDS:
            clock = self._simulation.clock
            clock.at(clock.now + WATCH_SECONDS, lambda: self._see(written))

    def _see(self, written: Written) -> None:
        data = written.record.encoded()
        if written.kind is simulated.NODES:
            node = _READ_NODE(msgspec.Raw(data))
            if written.type == "DELETED":
                self._placement.nodes.forget(node.metadata.name)
                return
            changes = self._placement.node_changed(node, self._known)
        elif written.type == "DELETED":
            changes = self._removed(_KINDS[written.kind], data)
        else:
            found = read(_KINDS[written.kind], data)
            views = self._reduction.views(self._known, found)
            changes = [change for key, view in views for change in self._known.observe(key, view)]
        for change in changes:
            self._take(change)

    def _removed(self, kind: str, data: bytes) -> list[Change]:
        found = read(kind, data)
        key = key_of(kind, found.metadata)
        if key is None or not kinds.of_interest(found):
            return []
        changes = self._known.remove(key, kinds.deletion(kinds.BY_KIND[kind], found))
        self._placement.forget(key)
        return changes

    # events and decisions

    def _take(self, change: Change) -> None:
        key = change.key
        self._record(subjects.event_subject(CLUSTER, key.set_name, key.kind, key.name), cast(events.Fact, change.fact))

    def _record(self, subject: str, fact: events.Fact) -> None:
        envelope = events.Envelope(at_ms=self.now_ms(), fact=fact)
        sequence = self.fleet.sequence + 1
        stepped = self.fleet.step(sequence, subject, envelope)
        self.on_step(sequence, subject, envelope, stepped[1] if stepped is not None else None)
        if stepped is None:
            return
        set_name, decision = stepped
        for issued in decision.commands:
            self._submit(set_name, issued)

    # commands

    def _submit(self, set_name: SetName, issued: Issued) -> None:
        if isinstance(issued.command, SetTimer):
            self._set_timer(set_name, issued.command)
            return
        lane = _Lane(set_name, commands.target(issued.command))
        waiting = self._lanes.setdefault(lane, deque())
        waiting.append(issued)
        if len(waiting) == 1:
            self._later(lane)

    def _later(self, lane: _Lane) -> None:
        clock = self._simulation.clock
        clock.at(clock.now + WRITE_SECONDS, lambda: self._work(lane))

    def _work(self, lane: _Lane) -> None:
        waiting = self._lanes[lane]
        issued = waiting[0]
        if isinstance(issued.command, UpdateSetStatus) and len(waiting) > 1:
            outcome: events.Outcome = events.CommandFailed(
                command_id=issued.id, target=lane.target, code=0, reason=events.SUPERSEDED
            )
        else:
            outcome = self._carried_out(lane, issued)
        waiting.popleft()
        if waiting:
            self._later(lane)
        else:
            del self._lanes[lane]
        self._record(subjects.event_subject(CLUSTER, lane.set_name, subjects.OUTCOME, lane.target), outcome)

    def _carried_out(self, lane: _Lane, issued: Issued) -> events.Outcome:
        """What the answer shows is taken in before the outcome, as the executor does it."""
        try:
            written = completed(self._writes.carry_out(lane.set_name, issued.id, issued.command))
        except ApiError as error:
            return _refusal(lane, issued, error)
        meta = written.meta
        found = read(written.kind, written.body) if written.kind else None
        if found is not None and found.metadata.uid:
            for key, view in self._reduction.views(self._known, found, unlabelled=lane.set_name):
                for change in self._known.observe(key, view):
                    self._take(change)
        return events.CommandSucceeded(
            command_id=issued.id,
            target=lane.target,
            uid=meta.uid,
            resource_version=meta.resource_version,
            generation=meta.generation,
        )

    # timers

    def _set_timer(self, set_name: SetName, command: SetTimer) -> None:
        """A timer of the same name is replaced."""
        key = (set_name, command.timer)
        self._timers[key] = command.fire_at_ms
        due = self._simulation.clock.now + max(0, command.fire_at_ms - self.now_ms()) / 1000
        self._simulation.clock.at(due, lambda: self._fire(key, command.fire_at_ms))

    def _fire(self, key: tuple[SetName, str], fire_at_ms: int) -> None:
        if self._timers.get(key) != fire_at_ms:
            return
        del self._timers[key]
        subject = subjects.event_subject(CLUSTER, key[0], subjects.TIMER, key[1])
        self._record(subject, events.TimerFired(timer=key[1]))


def _refusal(lane: _Lane, issued: Issued, error: ApiError) -> events.CommandFailed:
    return events.CommandFailed(
        command_id=issued.id, target=lane.target, code=error.code, reason=error.reason, message=error.message
    )
