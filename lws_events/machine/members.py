"""The members of a group: leader pod, worker StatefulSet, workers, and the Service of its own.

Keeps views and counters, and has each failure noted (``failures``). What follows from it is decided elsewhere.
"""

from typing import Final

from lws_events import names
from lws_events.commands import DeleteLeaderPod, pod_group_target
from lws_events.events import (
    PodDeleted,
    PodObserved,
    ServiceDeleted,
    ServiceObserved,
    StatefulSetDeleted,
    StatefulSetObserved,
)
from lws_events.machine import counting, crash_loop_counts, failures, sight, strangers, terminations
from lws_events.machine.change import Change
from lws_events.machine.state import ABSENT, Aggregate, Group, PodState
from lws_events.machine.strangers import because_of_owner

_LEADER_INDEX: Final = "0"

INCARNATIONS_MAX: Final = 8
"""How many worker StatefulSets of one group are remembered: their pods may outlive them for a while."""


def group_name(state: Aggregate, view: PodObserved, pod: str) -> str:
    """Name of the group that a pod belongs to; empty for a pod that has nothing to do with the set (spec D7).

    The owner decides: the leader StatefulSet has leaders, a worker StatefulSet (or the leader pod) has workers. A pod
    that somebody made by hand, without a controller owner, is taken at its labels' word.
    """
    set_name, owner, parent = state.name.name, view.owner, names.pod_ordinal(pod).parent
    if owner is None:
        is_leader, is_ours = _claims_to_lead(view, parent=parent, set_name=set_name), True
    else:
        is_leader = owner.name == set_name and owner.kind == "StatefulSet"
        is_ours = owner.name == parent and owner.kind in ("StatefulSet", "Pod")
    if is_leader:
        return pod if parent == set_name else ""
    return parent if is_ours and names.pod_ordinal(parent).parent == set_name else ""


def _claims_to_lead(view: PodObserved, *, parent: str, set_name: str) -> bool:
    index = view.labels.get(names.WORKER_INDEX)
    return index == _LEADER_INDEX if index is not None else parent == set_name


def fold_pod(state: Aggregate, view: PodObserved, *, name: str, at_ms: int) -> Change:
    """A pod was seen, at ``at_ms``."""
    of_group = group_name(state, view, name)
    if not of_group:
        return _stranger(state, view, name)
    group = state.groups.get(of_group)
    is_leader = name == of_group
    pod = None if group is None else group.leader if is_leader else group.workers.get(name)
    before = None if pod is None else pod.view
    if sight.is_late(state, view, before) or before == view:
        return Change.NOTHING
    if group is None:
        group = _group(state, of_group)
    if pod is not None and before is not None and before.uid != view.uid:
        # Replaced without its deletion having been seen (spec D1).
        sight.note_replaced(state, view, before)
        _remove_pod(state, group, name, pod)
        failures.note_gone(state, group, name, pod, what="replaced under the same name")
        pod = before = None
    if pod is None:
        pod = _put_pod(group, name, view)
    else:
        group.pending_pods += (view.phase == "Pending") - (pod.view.phase == "Pending")
        pod.view = view
    if is_leader:
        failures.drop_of_earlier_leaders(group)
        was_going = before is not None and before.deleting_since is not None
        terminations.note_leader(state, group, pod, was_going=was_going, at_ms=at_ms)
        crash_loop_counts.note_mark(group, view)
    failures.note_change(state, group, name, pod, before=before)
    return _touched(state, group, by_worker=not is_leader)


def _stranger(state: Aggregate, view: PodObserved, name: str) -> Change:
    """A pod whose labels name this set, and which is none of its pods (spec D7)."""
    if sight.is_late(state, view, None):
        return Change.NOTHING
    because = "its name is not that of a pod of this set" if view.owner is None else because_of_owner(view.owner)
    noted = strangers.note(state, kind="Pod", name=name, uid=view.uid, because=because)
    group = state.groups.get(name) or state.groups.get(names.pod_ordinal(name).parent)
    known = _pod(group, name) if group is not None else None
    if group is None or known is None or known.view.uid != view.uid:
        return noted
    _remove_pod(state, group, name, known)  # somebody else took it over: that is no failure of the group
    return _touched(state, group)


def fold_pod_deleted(state: Aggregate, fact: PodDeleted, *, name: str) -> Change:
    """A pod is gone. Which one is told by its uid: a late deletion never hits the successor."""
    sight.note_end(state, fact.uid, version=fact.resource_version)
    group = state.groups.get(name) or state.groups.get(names.pod_ordinal(name).parent)
    known = _pod(group, name) if group is not None else None
    if group is None or known is None or known.view.uid != fact.uid:
        return Change.NOTHING
    _remove_pod(state, group, name, known)
    failures.note_gone(state, group, name, known, what="deleted")
    return _touched(state, group, by_worker=name != group.name)


def fold_worker_set(state: Aggregate, view: StatefulSetObserved, *, name: str) -> Change:
    """The worker StatefulSet of a group was seen. One that its leader does not own is none (spec D33, D34, D43)."""
    owner = view.owner
    if owner is None or (owner.kind, owner.name) != ("Pod", name) or names.pod_ordinal(name).parent != state.name.name:
        return _foreign_stateful_set(state, view, name)
    group = state.groups.get(name)
    known = group.worker_set if group is not None else None
    if sight.is_late(state, view, known) or view == known:
        return Change.NOTHING
    group = _group(state, name)
    sight.note_replaced(state, view, known)
    group.worker_set = view
    group.worker_set_leaders[view.uid] = owner.uid
    for uid in list(group.worker_set_leaders)[:-INCARNATIONS_MAX]:
        del group.worker_set_leaders[uid]
    failures.drop_of_earlier_leaders(group)
    return _touched(state, group)


def _foreign_stateful_set(state: Aggregate, view: StatefulSetObserved, name: str) -> Change:
    if sight.is_late(state, view, None):
        return Change.NOTHING
    because = "no pod controls it" if view.owner is None else because_of_owner(view.owner)
    noted = strangers.note(state, kind="StatefulSet", name=name, uid=view.uid, because=because)
    group = state.groups.get(name)
    if group is None or group.worker_set is None or group.worker_set.uid != view.uid:
        return noted
    group.worker_set = None
    return _touched(state, group)


def fold_worker_set_deleted(state: Aggregate, fact: StatefulSetDeleted, *, name: str) -> Change:
    """The worker StatefulSet of a group is gone."""
    sight.note_end(state, fact.uid, version=fact.resource_version)
    group = state.groups.get(name)
    if group is None or group.worker_set is None or group.worker_set.uid != fact.uid:
        return Change.NOTHING
    group.worker_set = None
    return _touched(state, group)


def fold_service(state: Aggregate, view: ServiceObserved, *, name: str) -> Change:
    """The Service of one group was seen."""
    if names.pod_ordinal(name).parent != state.name.name:
        return Change.NOTHING
    group = state.groups.get(name)
    known = group.service if group is not None else None
    if sight.is_late(state, view, known) or view == known:
        return Change.NOTHING
    group = _group(state, name)
    sight.note_replaced(state, view, known)
    group.service = view
    return _touched(state, group)


def fold_service_deleted(state: Aggregate, fact: ServiceDeleted, *, name: str) -> Change:
    """The Service of one group is gone."""
    sight.note_end(state, fact.uid, version=fact.resource_version)
    group = state.groups.get(name)
    if group is None or group.service is None or group.service.uid != fact.uid:
        return Change.NOTHING
    group.service = None
    return _touched(state, group)


def leader_deletion_accepted(state: Aggregate, command: DeleteLeaderPod) -> None:
    """The API server took the deletion of a leader, or it was gone before: only its end is still to be seen."""
    group = state.groups.get(command.name)
    if group is not None and group.recreating == command.uid:
        group.deletion_accepted = True


def forget_if_empty(state: Aggregate, group: Group) -> None:
    """Drop a group of which nothing is left, once its end is on record, and all that was remembered for it."""
    if group.is_empty and group.lifecycle == ABSENT:
        del state.groups[group.name]
        _forget_attempts(state, group)


def _forget_attempts(state: Aggregate, group: Group, *, pod_group: str = "") -> None:
    """What was tried for a leader that is gone says nothing about the next one."""
    of_group = [f"{kind}/{group.name}" for kind in ("pod", "mark", "statefulset", "service")]
    for target in (*of_group, pod_group_target(pod_group)):
        state.retries.pop(target, None)
        state.warned.pop(target, None)
        state.unseen.pop(target, None)


def _touched(state: Aggregate, group: Group, *, by_worker: bool = False) -> Change:
    """``by_worker``: only a worker changed. Workers are counted by what their StatefulSet says of them."""
    recounted = not by_worker and counting.recount(state, group)
    if group.lifecycle == ABSENT:
        forget_if_empty(state, group)
    return Change(recounted, (group.name,))


def _group(state: Aggregate, name: str) -> Group:
    group = state.groups.get(name)
    if group is None:
        group = state.groups[name] = Group(name, ABSENT)
    return group


def _pod(group: Group, name: str) -> PodState | None:
    return group.leader if name == group.name else group.workers.get(name)


def _put_pod(group: Group, name: str, view: PodObserved) -> PodState:
    """Put a pod that is new in its place, which is empty."""
    pod = PodState(view)
    group.pending_pods += view.phase == "Pending"
    if name == group.name:
        group.leader = pod
    else:
        group.workers[name] = pod
    return pod


def _remove_pod(state: Aggregate, group: Group, name: str, known: PodState) -> None:
    group.pending_pods -= known.view.phase == "Pending"
    if name != group.name:
        del group.workers[name]
        return
    counting.forget_broken(state, group)
    crash_loop_counts.leader_gone(state, group)
    terminations.note_leader_gone(state, group)
    group.leader = None
    group.unjudged = {}
    group.recreation = None
    group.replacement = None
    group.deletion_accepted = False
    _forget_attempts(state, group, pod_group=known.view.gang_group)
