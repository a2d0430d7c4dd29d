"""How far a rollout has come, what it waits for, and whether it has ended: folded from one set's events and decisions.

A rollout begins with a new generation of the set's spec, also with its creation. Its end is judged by facts of the
status, never by silence (spec 1.6). Time is told by the caller: whether too little has happened for too long is asked
with ``stalled``. Nothing is read or printed here.
"""

from typing import Any, Final

import msgspec

from lws_events.decisions import (
    Decision,
    GroupChanged,
    GroupKept,
    GroupRecreationPostponed,
    GroupRecreationStarted,
    GroupTerminationOverdue,
    LeaderReplacementStarted,
    LifecycleFact,
    RevisionChosen,
    RolloutBlocked,
    RolloutStepped,
)
from lws_events.events import SetDeleted, SetObserved, SetStatusObserved
from lws_events.machine.lifecycle import READY
from lws_events.machine.state import ABSENT, is_older
from lws_events.subjects import SetName
from projections.explain import explain_lifecycle
from projections.groups import group_token
from projections.journal import RecordedEvent

BEGUN: Final = "begun"
PROGRESS: Final = "progress"
DECIDED: Final = "decided"
ENDED: Final = "ended"

DONE: Final = "done"
FAILED: Final = "failed"
STALLED: Final = "stalled"
TIMED_OUT: Final = "timed out"

_TOLD: Final = (
    GroupChanged,
    GroupKept,
    GroupRecreationPostponed,
    GroupRecreationStarted,
    GroupTerminationOverdue,
    LeaderReplacementStarted,
    RevisionChosen,
    RolloutBlocked,
    RolloutStepped,
)


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """A group that is not ready, or not updated."""

    group: str
    state: str
    because: str = ""
    waits_for: tuple[str, ...] = ()
    """In words (``why.waits``); filled in where an end is told."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What the status says, of the groups that are wanted. ``surplus``: more than that, while surging or shrinking."""

    replicas: int
    wanted_updated: int
    """All but those that a partition holds back."""
    updated: int
    ready: int
    surplus: int


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How a rollout has ended; for a stalled one with the groups that hold it."""

    how: str
    generation: int
    why: str
    waits: tuple[Wait, ...] = ()
    holders: tuple[str, ...] = ()
    """Groups that use up the budget, where the controller has named them (``RolloutBlocked``)."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the story."""

    at_ms: int
    sequence: int
    kind: str
    """``begun``, ``progress``, ``decided`` or ``ended``."""
    what: str
    group: str = ""
    counts: Counts | None = None


class RolloutProgress:
    """Fold of one set. What it is given it answers with what there is to tell."""

    def __init__(self, set_name: SetName) -> None:
        self._name = set_name
        self._set: SetObserved | None = None
        self._spec: dict[str, Any] = {}
        self._status: SetStatusObserved | None = None
        self._lives: dict[str, GroupChanged] = {}
        self._blocked: RolloutBlocked | None = None
        self._counts: Counts | None = None
        self._best: tuple[int, int, int] = (0, 0, 0)
        self.end: End | None = None
        """Of the rollout told last; None while it is under way."""
        self.progress_ms = 0
        """When it came forward last: a step, a replaced leader, more groups updated or ready than ever before."""
        self.good: SetObserved | None = None
        """The set as it was when last all of its groups were updated and ready."""

    @property
    def uid(self) -> str:
        """Of the set; empty where it was never seen."""
        return "" if self._set is None else self._set.uid

    @property
    def generation(self) -> int:
        """Of the rollout; 0 where there was none."""
        return 0 if self._set is None else self._set.generation

    @property
    def spec(self) -> dict[str, Any]:
        """The set's spec as observed last."""
        return self._spec

    @property
    def counts(self) -> Counts:
        """As of now; what the status does not say yet is 0."""
        status: dict[str, Any] = {}
        if self._status is not None and self._status.uid == self.uid:
            status = msgspec.json.decode(self._status.status)
        replicas = self._spec.get("replicas", 1)
        is_current = status.get("observedGeneration", 0) >= self.generation
        return Counts(
            replicas=replicas,
            wanted_updated=max(replicas - _partition(self._spec), 0),
            updated=status.get("updatedReplicas", 0) if is_current else 0,
            ready=status.get("readyReplicas", 0),
            surplus=max(status.get("replicas", 0) - replicas, 0),
        )

    @property
    def waits(self) -> tuple[Wait, ...]:
        """Groups that are not ready, as far as their states are on record."""
        return tuple(
            Wait(group=group, state=life.after, because=life.because)
            for group, life in sorted(self._lives.items(), key=lambda item: _order(item[0]))
            if life.after != READY
        )

    def add_event(self, event: RecordedEvent) -> list[Told]:
        """Read an event of the set."""
        match event.envelope.fact:
            case SetObserved() as fact:
                told = self._observed(event, fact)
            case SetStatusObserved() as fact:
                if self._status is None or not is_older(fact, self._status):
                    self._status = fact
                told = []
            case SetDeleted() as fact if fact.uid == self.uid:
                return self._ended(event, FAILED, f"LeaderWorkerSet {self._name} is gone")
            case _:
                return []
        return told + self._came_forward(event)

    def add_decision(self, event: RecordedEvent, decision: Decision) -> list[Told]:
        """Read what was decided by an event."""
        told: list[Told] = []
        for fact in decision.facts:
            self._note(event, fact)
            if self._set is None or self.end is not None or not isinstance(fact, _TOLD):
                continue
            group = group_token(self._name, getattr(fact, "group", ""))
            told.append(_told(event, DECIDED, explain_lifecycle(fact), group=group))
            if isinstance(fact, GroupKept):
                told += self._ended(event, FAILED, explain_lifecycle(fact))
        return told

    def stalled(self, now_ms: int, *, after_ms: int) -> End | None:
        """The end of a rollout that has not come forward for so long; None otherwise."""
        if self.end is not None or self._set is None or now_ms - self.progress_ms < after_ms:
            return None
        return self.ending(STALLED, f"nothing has come forward for {after_ms // 1000} s")

    def ending(self, how: str, why: str) -> End:
        """An end that the caller finds, with what is waited for now."""
        holders = () if self._blocked is None else self._blocked.groups
        return End(how=how, generation=self.generation, why=why, waits=self.waits, holders=holders)

    def _observed(self, event: RecordedEvent, fact: SetObserved) -> list[Told]:
        known = self._set
        if known is not None and known.uid == fact.uid and is_older(fact, known):
            return []
        self._set, self._spec = fact, msgspec.json.decode(fact.spec)
        if known is not None and (known.uid, known.generation) == (fact.uid, fact.generation):
            return []
        if known is not None and known.uid != fact.uid:
            self._lives, self._status, self.good = {}, None, None
        self.end, self._blocked = None, None
        self._counts, self._best, self.progress_ms = None, (0, 0, -1), event.envelope.at_ms
        what = f"rollout of generation {fact.generation} of {self._name} to {self._spec.get('replicas', 1)} groups"
        return [_told(event, BEGUN, what)]

    def _came_forward(self, event: RecordedEvent) -> list[Told]:
        if self._set is None or self.end is not None:
            return []
        told, counts = [], self.counts
        if self._status is not None and counts != self._counts:
            self._counts = counts
            told.append(_told(event, PROGRESS, in_words(counts), counts=counts))
        reached = (counts.updated, counts.ready, -counts.surplus)
        if reached > self._best:
            self._best, self.progress_ms = reached, event.envelope.at_ms
        if self._is_done(counts):
            if counts.updated >= counts.replicas:
                self.good = self._set
            told += self._ended(event, DONE, f"{in_words(counts)}; the set is Available")
        return told

    def _is_done(self, counts: Counts) -> bool:
        if self._status is None or self._status.uid != self.uid:
            return False
        status = msgspec.json.decode(self._status.status)
        is_available = any(
            one.get("type") == "Available" and one.get("status") == "True" for one in status.get("conditions") or ()
        )
        return (
            is_available
            and status.get("observedGeneration", 0) >= self.generation
            and status.get("replicas", 0) == counts.replicas
            and counts.ready >= counts.replicas
            and counts.updated >= counts.wanted_updated
        )

    def _ended(self, event: RecordedEvent, how: str, why: str) -> list[Told]:
        if self.end is not None:
            return []
        self.end = self.ending(how, why)
        return [_told(event, ENDED, f"{how}: {why}")]

    def _note(self, event: RecordedEvent, fact: LifecycleFact) -> None:
        match fact:
            case GroupChanged():
                if fact.after == ABSENT and not self._is_wanted(fact.group):
                    self._lives.pop(fact.group, None)
                else:
                    self._lives[fact.group] = fact
            case RolloutBlocked():
                self._blocked = fact
            case RolloutStepped():
                self._blocked, self.progress_ms = None, event.envelope.at_ms
            case LeaderReplacementStarted():
                self.progress_ms = event.envelope.at_ms

    def _is_wanted(self, group: str) -> bool:
        token = group_token(self._name, group)
        return not token.isdecimal() or int(token) < self._spec.get("replicas", 1)


def in_words(counts: Counts) -> str:
    """For example ``2 of 4 groups updated, 3 of 4 ready, 1 more than wanted``."""
    held = counts.replicas - counts.wanted_updated
    parts = [f"{min(counts.updated, counts.replicas)} of {counts.wanted_updated} groups updated"]
    if held:
        parts[0] += f" (a partition holds back {held})"
    parts.append(f"{counts.ready} of {counts.replicas} ready")
    if counts.surplus:
        parts.append(f"{counts.surplus} more than wanted")
    return ", ".join(parts)


def _partition(spec: dict[str, Any]) -> int:
    rolling = (spec.get("rolloutStrategy") or {}).get("rollingUpdateConfiguration") or {}
    partition: int = rolling.get("partition") or 0
    return partition


def _order(group: str) -> tuple[int, str]:
    return len(group), group


def _told(event: RecordedEvent, kind: str, what: str, *, group: str = "", counts: Counts | None = None) -> Told:
    at_ms = event.envelope.at_ms
    return Told(at_ms=at_ms, sequence=event.sequence, kind=kind, what=what, group=group, counts=counts)
