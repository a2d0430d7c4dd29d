"""What was known of a set's objects at each point of the journal, and how each of its pods ended.

A fold of observations and of our own deletions, group by group, so that an event costs the same in a set of any size.
"""

from typing import Final, NamedTuple, TypeVar

import msgspec

from lws_events import names
from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import Decision, RolloutStepped
from lws_events.events import (
    DeletionRequested,
    PodDeleted,
    PodObserved,
    SetDeleted,
    SetObserved,
    StatefulSetDeleted,
    StatefulSetObserved,
)
from lws_events.machine.state import is_older
from lws_events.subjects import SetName
from projections.asked_for import DeletionRequests
from projections.groups import group_of_object
from projections.journal import RecordedEvent
from projections.why import causes
from projections.why.causes import Owners
from projections.why.model import Cause

_T = TypeVar("_T")

REMEMBERED_MAX: Final = 4096
"""How many ends of pods are remembered: a decision about one comes within moments."""


class End(NamedTuple):
    """A pod failed, was deleted, or is gone."""

    event: RecordedEvent
    name: str
    group: str
    uid: str
    cause: Cause
    is_restart: bool = False
    """A container restarted, and the pod goes on."""


class Step(NamedTuple):
    """The last step of a rollout, and the event that led to it."""

    event: RecordedEvent
    machine: str
    fact: RolloutStepped


class Surroundings:
    """Fold of one set: ``add`` gives the ends that an event brought; its fields are as of that event."""

    def __init__(self, set_name: SetName) -> None:
        self.set_name = set_name
        self.observed: SetObserved | None = None
        self.deletions = DeletionRequests()
        self.set_is_gone = False
        self.groups: dict[str, dict[str, PodObserved]] = {}
        """Group token → pods by name."""
        self.statefulsets: dict[str, StatefulSetObserved] = {}
        self.step: Step | None = None
        """What was last decided about the leader StatefulSet; its view may come after its effects."""
        self.ends: dict[str, End] = {}
        """uid of a pod → how it ended, or restarted last."""
        self._going: dict[str, None] = {}
        """uids of leaders and StatefulSets that are on their way out or gone."""
        self._owner_of: dict[str, str] = {}
        """uid of a worker StatefulSet → uid of the leader that owns it."""
        self._commands: dict[str, str] = {}

    def pod(self, name: str) -> PodObserved | None:
        """A pod that is there."""
        return self.groups.get(group_of_object(self.set_name, name), {}).get(name)

    def add(self, event: RecordedEvent) -> list[End]:
        """Read one event, which must be about this set."""
        assert event.address is not None, f"{event.subject} is about no set"
        name = event.address.name
        match event.envelope.fact:
            case PodObserved() as fact:
                return self._of_pod(event, fact, name)
            case PodDeleted() as fact:
                return self._of_gone(event, fact, name)
            case StatefulSetObserved() as fact:
                self._of_statefulset(fact, name)
            case StatefulSetDeleted() as fact:
                _remember(self._going, fact.uid, None)
                if name in self.statefulsets and self.statefulsets[name].uid == fact.uid:
                    del self.statefulsets[name]
            case SetObserved() as fact:
                if self.observed is None or not is_older(fact, self.observed):
                    self.observed, self.set_is_gone = fact, False
            case SetDeleted():
                self.set_is_gone = True
            case DeletionRequested() as fact:
                self.deletions.add(event)
                if fact.uid in self.ends:
                    end = self.ends[fact.uid]
                    self.ends[fact.uid] = end._replace(cause=self.named(end.cause, fact.uid))
        return []

    def newest(self, end: End) -> End:
        """An end as it is known by now."""
        known = self.ends.get(end.uid)
        return known if known is not None and known.event.sequence == end.event.sequence else end

    def named(self, cause: Cause, uid: str) -> Cause:
        """The cause of a pod's end with whoever asked for it, as far as that is known by now."""
        of_set = self.deletions.of(self.observed.uid) if self.observed is not None else None
        return causes.asked_for(cause, of_pod=self.deletions.of(uid), of_set=of_set)

    def add_decision(self, event: RecordedEvent, decision: Decision) -> None:
        """Remember whom we asked to go, and what the leader StatefulSet is to do."""
        for issued in decision.commands:
            if isinstance(issued.command, DeleteLeaderPod):
                _remember(self._commands, issued.command.uid, issued.id)
        for fact in decision.facts:
            if isinstance(fact, RolloutStepped):
                self.step = Step(event, decision.machine, fact)

    def _of_pod(self, event: RecordedEvent, fact: PodObserved, name: str) -> list[End]:
        group = group_of_object(self.set_name, name)
        pods = self.groups.setdefault(group, {})
        known = pods.get(name)
        if known is not None and is_older(fact, known):
            return []
        ends: list[End] = []
        if known is not None and known.uid != fact.uid:
            if not _is_ending(known):
                ends.append(End(event, name, group, known.uid, causes.cause_of_replacement(name, known)))
            self._note_going(group, name, known.uid)
            known = None
        pods[name] = fact
        before = known or msgspec.structs.replace(fact, restarts=0, phase="Pending", deleting_since=None)
        if _is_ending(fact) and not _is_ending(before):
            ends.append(End(event, name, group, fact.uid, self._cause(name, group, before, fact)))
        elif fact.restarts > before.restarts and not _is_ending(fact):
            cause = causes.cause_of_restart(name, fact)
            ends.append(End(event, name, group, fact.uid, cause, is_restart=True))
        if fact.deleting_since is not None:
            self._note_going(group, name, fact.uid)
        return self._remembered(ends)

    def _of_statefulset(self, fact: StatefulSetObserved, name: str) -> None:
        known = self.statefulsets.get(name)
        if known is not None and is_older(fact, known):
            return
        self.statefulsets[name] = fact
        if fact.owner is not None and fact.owner.kind == "Pod":
            _remember(self._owner_of, fact.uid, fact.owner.uid)
        if fact.deleting_since is not None:
            _remember(self._going, fact.uid, None)

    def _of_gone(self, event: RecordedEvent, fact: PodDeleted, name: str) -> list[End]:
        group = group_of_object(self.set_name, name)
        pods = self.groups.get(group, {})
        known = pods.get(name)
        if known is None or known.uid != fact.uid:
            return []
        ends: list[End] = []
        if not _is_ending(known):
            cause = causes.cause_of_deletion(name, known, fact, self._owners(name, group, known))
            ends.append(End(event, name, group, fact.uid, self.named(cause, fact.uid)))
        del pods[name]
        self._note_going(group, name, fact.uid)
        self._commands.pop(fact.uid, None)
        return self._remembered(ends)

    def _cause(self, name: str, group: str, before: PodObserved, fact: PodObserved) -> Cause:
        if fact.deleting_since is None:
            return self.named(causes.cause_of_phase(name, fact), fact.uid)
        cause = causes.cause_of_deletion(name, before, fact, self._owners(name, group, fact))
        return self.named(cause, fact.uid)

    def _owners(self, name: str, group: str, pod: PodObserved) -> Owners:
        parent_name, _ = names.pod_ordinal(name)
        parent = self.statefulsets.get(parent_name)
        leader = self.groups.get(group, {}).get(f"{self.set_name.name}-{group}")
        is_worker = parent_name != self.set_name.name
        set_is_ending = self.set_is_gone or (self.observed is not None and self.observed.deleting_since is not None)
        return Owners(
            set_is_ending=set_is_ending,
            leader_is_ending=is_worker and self._leader_went(leader, pod),
            parent=parent if is_worker else self._with_step(parent),
            parent_is_ending=parent is not None and parent.deleting_since is not None,
            command=self._commands.get(pod.uid, ""),
        )

    def _with_step(self, leader_set: StatefulSetObserved | None) -> StatefulSetObserved | None:
        """The leader StatefulSet as it was asked to be, where its view is from before."""
        if leader_set is None or self.step is None:
            return leader_set
        step = self.step.fact
        partition = leader_set.partition if leader_set.partition is None else min(leader_set.partition, step.partition)
        labels = leader_set.labels | {names.REVISION_KEY: step.key}
        replicas = min(leader_set.replicas, step.replicas)
        return msgspec.structs.replace(leader_set, replicas=replicas, partition=partition, labels=labels)

    def _leader_went(self, leader: PodObserved | None, pod: PodObserved) -> bool:
        """Whether the leader that a worker's owners lead to is going, or gone."""
        owner = pod.owner.uid if pod.owner is not None else ""
        uids = (owner, self._owner_of.get(owner, ""), leader.uid if leader is not None and not owner else "")
        return any(uid in self._going for uid in uids)

    def _note_going(self, group: str, name: str, uid: str) -> None:
        if name == f"{self.set_name.name}-{group}":
            _remember(self._going, uid, None)

    def _remembered(self, ends: list[End]) -> list[End]:
        for end in ends:
            _remember(self.ends, end.uid, end)
        return ends


def _is_ending(pod: PodObserved) -> bool:
    return pod.deleting_since is not None or pod.phase in ("Failed", "Succeeded")


def _remember(known: dict[str, _T], uid: str, value: _T) -> None:
    known[uid] = value
    if len(known) > REMEMBERED_MAX:
        del known[next(iter(known))]
