"""Whether there is a reason for a write that somebody has made: a decision, or what the machine would decide.

Pure: of a write, of the state of its set, and of what was decided lately.
"""

from enum import Enum
from typing import NamedTuple

from adapters.shadow import known, suppositions
from adapters.shadow.memory import Memory
from lws_events import events, names, subjects
from lws_events.commands import AnyCommand
from lws_events.differences import EXTRA, DifferenceFound
from lws_events.events import RevisionObserved, StatefulSetObserved
from lws_events.gang import leader_of
from lws_events.machine.state import Aggregate
from lws_events.machine.workers import waits_for


class Kind(Enum):
    """What was written."""

    WORKER_SET = "worker StatefulSet"
    SERVICE = "Service"
    POD_GROUP = "PodGroup"
    REVISION = "ControllerRevision"
    REVISION_DELETED = "ControllerRevision (deleted)"
    RECREATION = "recreation"
    STEP = "step of a rolling update"


class Explained(Enum):
    """Why there is nothing more to say."""

    DECIDED = "decided"
    UNDONE = "undone"


class Write(NamedTuple):
    """Something that was written by whoever is in charge, as a watch has told of it."""

    set_name: subjects.SetName
    name: str
    kind: Kind
    fact: events.Fact
    revision: RevisionObserved | None = None
    """What a revision was that is gone."""
    before: StatefulSetObserved | None = None
    """Of a step: the leader StatefulSet as it was."""
    is_duplicate: bool = False
    """Of a revision: one of its key was there before."""
    had_failures: bool = False
    """Of a recreation: some pod of the group had failed."""

    @property
    def uid(self) -> str:
        """Of the object."""
        return str(getattr(self.fact, "uid", ""))

    @property
    def owner_uid(self) -> str:
        """Of its controller owner."""
        owner = getattr(self.fact, "owner", None)
        return owner.uid if owner is not None else ""


def is_step(before: StatefulSetObserved | None, after: StatefulSetObserved) -> bool:
    """Whether a leader StatefulSet has come further in a rolling update, or begun one."""
    if before is None:
        return False
    begins = before.labels.get(names.REVISION_KEY) != after.labels.get(names.REVISION_KEY)
    return begins or (after.partition or 0) < (before.partition or 0)


def kind_of_write(fact: events.Fact, *, is_new: bool, revision: RevisionObserved | None) -> Kind | None:
    """What kind of write a fact alone tells of; None where it tells of none that has to be explained."""
    match fact:
        case events.PodObserved():
            return Kind.RECREATION if fact.deleted_in_foreground and _is_leader(fact) else None
        case events.RevisionDeleted():
            return Kind.REVISION_DELETED if revision is not None and not fact.inferred else None
        case events.StatefulSetObserved() if is_new and fact.owner is not None and fact.owner.kind == "Pod":
            return Kind.WORKER_SET
        case events.ServiceObserved() if is_new and fact.owner is not None:
            return Kind.SERVICE
        case events.PodGroupObserved() if is_new and fact.owner is not None:
            return Kind.POD_GROUP
        case events.RevisionObserved() if is_new and fact.owner is not None and fact.owner.kind == names.KIND:
            return Kind.REVISION
        case _:
            return None


def _is_leader(pod: events.PodObserved) -> bool:
    return pod.labels.get(names.WORKER_INDEX) == "0"


class Reasons:
    """Looks for them."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def with_failures(self, write: Write, state: Aggregate | None) -> Write:
        """Keep what is known at the moment of a recreation: later the failures are forgotten with the leader."""
        if write.kind is not Kind.RECREATION or state is None:
            return write
        group = state.groups.get(write.name)
        return write._replace(had_failures=group is not None and bool(group.unjudged))

    def explain(self, write: Write, state: Aggregate | None, *, at_ms: int) -> Explained | AnyCommand | None:
        """Why it was written; the command, where it is not known whether the content is right; None: no reason yet."""
        if state is None or not state.is_active:
            return Explained.UNDONE  # what goes with its set is nobody's decision
        if write.kind is Kind.RECREATION:
            return self._recreation(write, state)
        if write.kind is Kind.STEP:
            return self._step(write, state)
        if write.kind in (Kind.REVISION, Kind.REVISION_DELETED):
            return self._revision(write, state, at_ms=at_ms)
        return self._made(write, state, at_ms=at_ms)

    def is_beyond_judgement(self, write: Write, state: Aggregate) -> bool:
        """After all patience: a step for a revision that is not wanted is told of as values that differ."""
        if not isinstance(write.fact, events.StatefulSetObserved) or write.kind is not Kind.STEP:
            return False
        return state.target_key != write.fact.labels.get(names.REVISION_KEY, "")

    def extra(self, write: Write, state: Aggregate) -> DifferenceFound:
        """The difference that it is, now that there is no reason."""
        match write.kind, write.fact:
            case Kind.RECREATION, _:
                left_alone = self._memory.left_alone(write.set_name, write.name)
                because = left_alone.because if left_alone is not None else "no failure of this group is known"
                failed = f"pod {left_alone.pod} ({left_alone.failure}): " if left_alone is not None else ""
                index = names.pod_ordinal(write.name).ordinal
                return _extra(
                    f"{subjects.POD}/{write.name}",
                    write,
                    f"somebody recreated group {index}, we would not",
                    because=failed + because,
                    number=known.extra_recreation(left_alone),
                )
            case Kind.REVISION, _:
                number = known.extra_revision(state, is_duplicate=write.is_duplicate)
                because = (
                    "a revision of this key is there already" if number == "D12" else "no spec of the set needs it"
                )
                what = f"somebody created ControllerRevision {write.name}, we would not"
                return _extra(f"{subjects.REVISION}/{write.name}", write, what, because=because, number=number)
            case Kind.STEP, events.StatefulSetObserved() as fact:
                what = f"{_step_in_words(write.before, fact)}, we would not"
                target = f"{subjects.STATEFULSET}/{write.name}"
                return _extra(target, write, what, because="groups above it are not updated and ready")
            case Kind.REVISION_DELETED, _:
                what = f"somebody deleted ControllerRevision {write.name}, we would not"
                because = "it is in use, or the rollout is not done"
                return _extra(f"{subjects.REVISION}/{write.name}", write, what, because=because)
            case kind, _:
                what = f"somebody created {kind.value} {write.name}, we would not"
                target = f"{_TARGETS[kind]}/{write.name}"
                return _extra(target, write, what, because=_why_not(write, state))

    def _recreation(self, write: Write, state: Aggregate) -> Explained | None:
        leader_set = state.leader_set
        if leader_set is None or leader_set.deleting_since is not None:
            return Explained.UNDONE
        group = state.groups.get(write.name)
        decided = self._memory.decided(write.set_name, f"{subjects.POD}/{write.name}", write.uid)
        if decided or write.had_failures or (group is not None and group.recreating == write.uid):
            return Explained.DECIDED
        return None

    def _step(self, write: Write, state: Aggregate) -> Explained | None:
        there, fact, before = state.own_leader_set, write.fact, write.before
        assert isinstance(fact, events.StatefulSetObserved)
        assert before is not None
        key, partition = fact.labels.get(names.REVISION_KEY, ""), fact.partition or 0
        if there is not None and there.uid != fact.uid:
            return Explained.UNDONE
        if state.target_key != key:
            return None  # the watch of sets is behind, or has moved on
        decided = self._memory.partition(write.set_name, key)
        if decided is not None and decided <= partition:
            return Explained.DECIDED
        wanted = suppositions.partition_wanted(state, before)
        return Explained.DECIDED if wanted is not None and wanted <= partition else None

    def _revision(self, write: Write, state: Aggregate, *, at_ms: int) -> Explained | None:
        if write.kind is Kind.REVISION_DELETED:
            assert write.revision is not None
            target = f"{subjects.REVISION}/{write.name}"
            if self._memory.decided(write.set_name, target, write.uid):
                return Explained.DECIDED
            truncated = suppositions.is_truncated(state, write.name, write.revision, at_ms=at_ms)
            return Explained.DECIDED if truncated else None
        if self._memory.decided(write.set_name, "revision", write.name):
            return Explained.DECIDED
        there = state.revisions.get(write.name)
        return Explained.UNDONE if there is not None and there.uid != write.uid else None

    def _made(self, write: Write, state: Aggregate, *, at_ms: int) -> Explained | AnyCommand | None:
        owner_uid = write.owner_uid
        if self._memory.decided(write.set_name, f"{_TARGETS[write.kind]}/{write.name}", owner_uid):
            return Explained.DECIDED  # and compared by the expectation of that command
        if write.kind is Kind.POD_GROUP:
            leader = leader_of(write.name, set_name=state.name.name)
            if _is_replaced(state, leader, owner_uid):
                return Explained.UNDONE
            return suppositions.pod_group_wanted(state, write.name, leader=leader, leader_uid=owner_uid, at_ms=at_ms)
        if write.name != state.name.name and _is_replaced(state, write.name, owner_uid):
            return Explained.UNDONE
        if write.kind is Kind.SERVICE:
            return suppositions.service_wanted(state, write.name, owner_uid=owner_uid, at_ms=at_ms)
        return suppositions.worker_set_wanted(state, write.name, leader_uid=owner_uid, at_ms=at_ms)


_TARGETS = {Kind.WORKER_SET: subjects.STATEFULSET, Kind.SERVICE: subjects.SERVICE, Kind.POD_GROUP: subjects.POD_GROUP}


def _is_replaced(state: Aggregate, group: str, leader_uid: str) -> bool:
    """Whether the leader that an object belongs to has gone, or is going: nothing can be said of it any more."""
    leader = state.groups[group].leader if group in state.groups else None
    if leader is None:
        return False
    return leader.view.uid != leader_uid or leader.view.deleting_since is not None


def _why_not(write: Write, state: Aggregate) -> str:
    group = state.groups.get(write.name)
    if write.kind is not Kind.WORKER_SET or group is None or group.leader is None:
        return "the set does not ask for it"
    there, group.worker_set = group.worker_set, None
    try:
        reason = waits_for(state, group)
    finally:
        group.worker_set = there
    return f"we would wait for {reason}" if reason else "the set does not ask for it"


def _step_in_words(before: StatefulSetObserved | None, after: StatefulSetObserved) -> str:
    if before is None or before.labels.get(names.REVISION_KEY) != after.labels.get(names.REVISION_KEY):
        return f"somebody began a rolling update at partition {after.partition}"
    return f"somebody moved the partition from {before.partition} to {after.partition}"


def _extra(target: str, write: Write, what: str, *, because: str, number: str = "") -> DifferenceFound:
    return DifferenceFound(kind=EXTRA, target=target, what=what, because=because, uid=write.uid, known=number)
