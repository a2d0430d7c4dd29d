"""The lives of pods, the states of groups and the conditions of a set as intervals of time: what a picture is drawn of.

A fold over the same steps as ``timeline``. Intervals of one lane never overlap and have no gap within a life: time that
runs backwards in the journal (clocks of two recorders) is taken as standing still. Nothing is drawn here.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from lws_events.decisions import ConditionChanged, Decision, GroupChanged
from lws_events.events import PodDeleted, PodObserved, SetDeleted
from lws_events.machine.state import ABSENT, is_older
from lws_events.subjects import SetName
from projections.groups import group_of_object, group_token
from projections.journal import RecordedEvent, Step, about

# States of a pod's life.
PENDING: Final = "pending"
RUNNING: Final = "running"
"""Running, and not ready."""
READY: Final = "ready"
TERMINATING: Final = "terminating"
FAILED: Final = "failed"
SUCCEEDED: Final = "succeeded"


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in one state."""

    state: str
    from_ms: int
    to_ms: int | None = None
    """None: it has not ended where the journal ends."""
    sequence: int
    """Of the event that began it."""
    life: str = ""
    """Uid of the pod: a new one is a new life."""
    detail: str = ""
    """For a pod its node; for a group what it waits for."""


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """Intervals of one pod, one group or one condition, in order."""

    name: str
    group: str = ""
    """Token of the group; empty for a condition."""
    intervals: tuple[Interval, ...]


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is drawn besides the entries of the timeline."""

    from_ms: int
    to_ms: int
    conditions: tuple[Lane, ...]
    groups: tuple[Lane, ...]
    pods: tuple[Lane, ...]


class _Track:
    """A lane that is being drawn."""

    def __init__(self) -> None:
        self.done: list[Interval] = []
        self.open: Interval | None = None

    def enter(self, state: str, *, at_ms: int, sequence: int, life: str = "", detail: str = "") -> None:
        """Go over to a state; nothing happens if that is the present one."""
        present = self.open
        if present is not None and (present.state, present.life, present.detail) == (state, life, detail):
            return
        self.leave(at_ms)
        self.open = Interval(state=state, from_ms=at_ms, sequence=sequence, life=life, detail=detail)

    def leave(self, at_ms: int) -> None:
        """End the present state. One that lasted no time is left out: it could not be seen."""
        if self.open is not None and at_ms > self.open.from_ms:
            self.done.append(msgspec.structs.replace(self.open, to_ms=at_ms))
        self.open = None

    @property
    def intervals(self) -> tuple[Interval, ...]:
        return tuple(self.done) + (() if self.open is None else (self.open,))


class Lanes:
    """Fold of one set. ``group`` (a token) and ``pod`` leave out what is of others."""

    def __init__(self, set_name: SetName, *, group: str | None = None, pod: str | None = None) -> None:
        self._set = set_name
        self._group = group
        self._pod = pod
        self._from_ms: int | None = None
        self._now_ms = 0
        self._views: dict[str, PodObserved] = {}
        self._ended: dict[str, set[str]] = {}
        self._pods: dict[str, _Track] = {}
        self._groups: dict[str, _Track] = {}
        self._conditions: dict[str, _Track] = {}

    def add(self, step: Step) -> None:
        """Read one step, which must be about this set."""
        self._now_ms = max(self._now_ms, step.event.envelope.at_ms)
        self._from_ms = self._now_ms if self._from_ms is None else self._from_ms
        self._of_event(step.event)
        if step.decision is not None:
            self._of_decision(step.event, step.decision)

    def picture(self, *, since_ms: int | None = None, until_ms: int | None = None) -> Picture:
        """What is known so far, of a stretch of time."""
        from_ms = max(self._from_ms or 0, since_ms or 0)
        to_ms = max(self._now_ms if until_ms is None else min(until_ms, self._now_ms), from_ms)

        def lanes(tracks: dict[str, _Track], *, of_group: bool) -> Iterator[Lane]:
            for name in sorted(tracks, key=natural):
                found = tuple(clipped(tracks[name].intervals, from_ms=from_ms, to_ms=to_ms))
                if found:
                    group = group_of_object(self._set, name) if not of_group and name in self._pods else ""
                    yield Lane(name=name, group=name if of_group else group, intervals=found)

        return Picture(
            from_ms=from_ms,
            to_ms=to_ms,
            conditions=tuple(lanes(self._conditions, of_group=False)),
            groups=tuple(lanes(self._groups, of_group=True)),
            pods=tuple(lanes(self._pods, of_group=False)),
        )

    def _of_event(self, event: RecordedEvent) -> None:
        fact, address = event.envelope.fact, event.address
        assert address is not None, f"{event.subject} is about no set"
        if isinstance(fact, SetDeleted):
            for track in self._conditions.values():
                track.leave(self._now_ms)
        if not isinstance(fact, PodObserved | PodDeleted) or not self._is_wanted(address.name):
            return
        track = self._pods.setdefault(address.name, _Track())
        ended = self._ended.setdefault(address.name, set())
        known = self._views.get(address.name)
        if isinstance(fact, PodDeleted):
            ended.add(fact.uid)
            if known is not None and known.uid == fact.uid:
                del self._views[address.name]
                track.leave(self._now_ms)
        elif fact.uid not in ended and (known is None or not is_older(fact, known)):
            if known is not None and known.uid != fact.uid:
                ended.add(known.uid)  # nobody saw it go, and another one has its name
            self._views[address.name] = fact
            state, life, node = state_of(fact), fact.uid, fact.node
            track.enter(state, at_ms=self._now_ms, sequence=event.sequence, life=life, detail=node)

    def _of_decision(self, event: RecordedEvent, decision: Decision) -> None:
        for fact in decision.facts:
            if isinstance(fact, GroupChanged):
                token = group_token(self._set, fact.group)
                if self._group not in (None, token):
                    continue
                track = self._groups.setdefault(token, _Track())
                if fact.after == ABSENT:
                    track.leave(self._now_ms)
                else:
                    track.enter(fact.after, at_ms=self._now_ms, sequence=event.sequence, detail=fact.because)
            elif isinstance(fact, ConditionChanged):
                track = self._conditions.setdefault(fact.condition, _Track())
                if fact.status == "True":
                    track.enter(fact.condition, at_ms=self._now_ms, sequence=event.sequence)
                else:
                    track.leave(self._now_ms)

    def _is_wanted(self, pod: str) -> bool:
        return self._pod in (None, pod) and self._group in (None, group_of_object(self._set, pod))


def lanes(steps: Iterable[Step], set_name: SetName, *, group: str | None = None, pod: str | None = None) -> Lanes:
    """The fold at the end of the steps."""
    fold = Lanes(set_name, group=group, pod=pod)
    for step in about(steps, set_name):
        fold.add(step)
    return fold


def state_of(pod: PodObserved) -> str:
    """State of a pod's life, by the last observation."""
    if pod.phase == "Failed":
        return FAILED
    if pod.deleting_since is not None:
        return TERMINATING
    if pod.phase == "Succeeded":
        return SUCCEEDED
    if pod.ready:
        return READY
    return RUNNING if pod.phase == "Running" else PENDING


def clipped(intervals: Iterable[Interval], *, from_ms: int, to_ms: int) -> Iterator[Interval]:
    """The parts of intervals that lie between two times; one that goes on beyond ``to_ms`` is still open there."""
    for one in intervals:
        is_over = one.to_ms is not None and one.to_ms <= to_ms
        end_ms = one.to_ms if is_over else None
        if one.from_ms <= to_ms and (end_ms is None or end_ms > from_ms):
            yield msgspec.structs.replace(one, from_ms=max(one.from_ms, from_ms), to_ms=end_ms)


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key that counts: ``sample-2`` before ``sample-10``."""
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in name.split("-"))
