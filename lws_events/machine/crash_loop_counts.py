"""What is remembered of groups that fail again and again: how often they were recreated, and how long they were ready.

Kept by group name, beside the groups, because a group is forgotten between the end of one leader and the next. An entry
exists only for groups that were recreated while the set's annotations asked for it; it goes with its group's place in
the set, with the set, and with the annotations. What follows from a count is decided in ``crash_loops``.
"""

from lws_events import names
from lws_events.commands import MarkLeaderPod
from lws_events.decisions import GroupChanged, GroupKept, GroupRecreationPostponed, GroupRecreationStarted
from lws_events.events import PodObserved
from lws_events.machine.held import CrashLoop, HeldFailure
from lws_events.machine.lifecycle import READY
from lws_events.machine.state import Aggregate, Group


def is_marked(view: PodObserved) -> bool:
    """Whether a leader carries the whole mark of a kept group: taking away either part of it resumes the group."""
    return names.KEPT_FOR_DEBUGGING in view.annotations and names.KEPT_FOR_DEBUGGING in view.labels


def note_mark(group: Group, view: PodObserved) -> None:
    """The leader was seen: once it carries the mark, only its removal means something."""
    if group.held is not None and group.held.leader_uid == view.uid and is_marked(view):
        group.held.marked = True


def mark_written(state: Aggregate, command: MarkLeaderPod) -> None:
    """The API server took a mark, or had no such leader: it is not written again."""
    group = state.groups.get(command.name)
    if group is not None and group.held is not None and group.held.leader_uid == command.uid:
        group.held.mark_written = True


def start(state: Aggregate, group: Group, fact: GroupRecreationStarted) -> None:
    """Count a recreation; one without a number is not to be counted."""
    group.held = None
    if not fact.attempt:
        state.crash_loops.pop(group.name, None)
        return
    key = group.leader.view.labels.get(names.REVISION_KEY, "") if group.leader is not None else ""
    state.crash_loops[group.name] = CrashLoop(recreations=fact.attempt, key=key)


def hold(group: Group, fact: GroupRecreationPostponed | GroupKept) -> None:
    """The group waits, or is kept: further failures of it are part of this one."""
    kept = isinstance(fact, GroupKept)
    group.held = HeldFailure(
        leader_uid=fact.leader_uid,
        failed_pod=fact.failed_pod,
        failed_uid=fact.failed_uid,
        failure=fact.failure,
        failed_ms=fact.failed_ms,
        recreations=fact.recreations if isinstance(fact, GroupKept) else fact.attempt - 1,
        until_ms=0 if isinstance(fact, GroupKept) else fact.until_ms,
        kept=kept,
        marked=kept and group.leader is not None and is_marked(group.leader.view),
    )
    group.unjudged = {}


def release(state: Aggregate, group: Group, *, failed_uid: str) -> None:
    """The failure that the group was held for is left alone after all."""
    held = group.held
    if held is not None and held.failed_uid == failed_uid:
        group.held = None
        if held.kept:
            state.crash_loops.pop(group.name, None)


def note_life(state: Aggregate, fact: GroupChanged, *, at_ms: int) -> None:
    """Keep how long a group was ready without a break since it was last recreated."""
    loop = state.crash_loops.get(fact.group)
    if loop is None:
        return
    if fact.after == READY:
        loop.ready_since_ms = at_ms
    elif fact.before == READY and loop.ready_since_ms:
        loop.longest_ready_ms = max(loop.longest_ready_ms, at_ms - loop.ready_since_ms)
        loop.ready_since_ms = 0


def leader_gone(state: Aggregate, group: Group) -> None:
    """The leader is gone: a group that was kept starts anew, one that is no longer wanted is forgotten."""
    if (group.held is not None and group.held.kept) or not _has_place(state, group.name):
        state.crash_loops.pop(group.name, None)
    group.held = None


def forget_places(state: Aggregate) -> None:
    """The set has fewer groups, or does not ask for counting any more: drop the counts of groups that are not there."""
    counting = state.spec is not None and state.spec.crash_loops.is_on
    for name in list(state.crash_loops):
        group = state.groups.get(name)
        if not counting or ((group is None or group.leader is None) and not _has_place(state, name)):
            del state.crash_loops[name]


def _has_place(state: Aggregate, name: str) -> bool:
    """Whether there is to be a group of this name; those of a surge are."""
    wanted = state.spec.replicas if state.spec is not None else 0
    if state.leader_set is not None:
        wanted = max(wanted, state.leader_set.replicas)
    return names.pod_ordinal(name).ordinal < wanted
