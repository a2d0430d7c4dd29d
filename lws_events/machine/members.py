"""The members of a group: leader pod, worker StatefulSet, workers, and the Service of its own.

Keeps the group's counters, and notes each *failure*: a pod that restarted, failed, is being deleted or is gone
without having been asked to go. What a failure leads to is decided in ``restart``; here only those are dropped that
cannot concern the group, because its leader is going anyway or was never theirs (spec 4.7, D1, D2).
"""

from lws_events import names
from lws_events.commands import DeleteLeaderPod
from lws_events.events import (
    PodDeleted,
    PodObserved,
    ServiceDeleted,
    ServiceObserved,
    StatefulSetDeleted,
    StatefulSetObserved,
)
from lws_events.machine import counting
from lws_events.machine.change import Change
from lws_events.machine.state import Aggregate, Failure, Group, PodState, is_older

LEADER_INDEX = "0"
ENDED = ("Failed", "Succeeded")
INCARNATIONS_MAX = 8
"""How many worker StatefulSets of one group are remembered: their pods may outlive them for a while."""


def group_name(state: Aggregate, view: PodObserved, pod: str) -> str:
    """Name of the group that a pod belongs to; empty for a pod that has nothing to do with the set (spec D7)."""
    set_name = state.name.name
    index = view.labels.get(names.WORKER_INDEX)
    if index is None and view.owner is not None:
        index = LEADER_INDEX if view.owner.name == set_name else ""
    if index == LEADER_INDEX:
        foreign = view.owner is not None and (view.owner.kind, view.owner.name) != ("StatefulSet", set_name)
        parent = names.pod_ordinal(pod).parent
        return "" if foreign or parent != set_name else pod
    return names.pod_ordinal(pod).parent


def fold_pod(state: Aggregate, view: PodObserved, *, name: str) -> Change:
    """A pod was seen."""
    group_key = group_name(state, view, name)
    if not group_key:
        return Change.NOTHING
    group = _group(state, group_key)
    known = _pod(group, name)
    if known is not None and is_older(view, known.view):
        return Change.NOTHING
    if known is not None and known.view.uid != view.uid:
        # Replaced without its deletion having been seen (spec D1).
        _remove_pod(group, name)
        _note_gone(state, group, name, known, what="replaced under the same name")
        known = None
    forgiven = known.forgiven_restarts if known is not None else 0
    pod = PodState(view, forgiven)
    _put_pod(group, name, pod)
    _note_failure(state, group, name, pod, before=known.view if known is not None else None)
    _forgive_while_pending(state, group, pod)
    counting.recount(state, group)
    return Change(set_level=True, groups=(group.name,))


def fold_pod_deleted(state: Aggregate, fact: PodDeleted, *, name: str) -> Change:
    """A pod is gone. Which one is told by its uid: a late deletion never hits the successor."""
    group = state.groups.get(name) or state.groups.get(names.pod_ordinal(name).parent)
    if group is None:
        return Change.NOTHING
    known = _pod(group, name)
    if known is None or known.view.uid != fact.uid:
        return Change.NOTHING
    _remove_pod(group, name)
    if known.view.deleting_since is None:
        _note_gone(state, group, name, known, what="deleted")
    return _touched(state, group)


def fold_worker_set(state: Aggregate, view: StatefulSetObserved, *, name: str) -> Change:
    """The worker StatefulSet of a group was seen. One that no pod owns is not a worker StatefulSet (spec D43)."""
    if view.owner is None or view.owner.kind != "Pod":
        return Change.NOTHING
    group = _group(state, name)
    if group.worker_set is not None and is_older(view, group.worker_set):
        return Change.NOTHING
    group.worker_set = view
    group.worker_set_leaders[view.uid] = view.owner.uid
    for uid in list(group.worker_set_leaders)[:-INCARNATIONS_MAX]:
        del group.worker_set_leaders[uid]
    return _touched(state, group)


def fold_worker_set_deleted(state: Aggregate, fact: StatefulSetDeleted, *, name: str) -> Change:
    """The worker StatefulSet of a group is gone."""
    group = state.groups.get(name)
    if group is None or group.worker_set is None or group.worker_set.uid != fact.uid:
        return Change.NOTHING
    group.worker_set = None
    return _touched(state, group)


def fold_service(state: Aggregate, fact: ServiceObserved | ServiceDeleted, *, name: str) -> Change:
    """The Service of one group was seen, or is gone."""
    group = state.groups.get(name)
    match fact:
        case ServiceObserved():
            if group is None and names.pod_ordinal(name).parent != state.name.name:
                return Change.NOTHING
            group = _group(state, name)
            if group.service is not None and is_older(fact, group.service):
                return Change.NOTHING
            group.service = fact
        case ServiceDeleted():
            if group is None or group.service is None or group.service.uid != fact.uid:
                return Change.NOTHING
            group.service = None
    return _touched(state, group)


def forgive_all(group: Group) -> None:
    """Let every restart up to now be without consequence."""
    for pod in _pods(group):
        pod.forgiven_restarts = pod.view.restarts
    group.unjudged = {uid: failure for uid, failure in group.unjudged.items() if not failure.restarts}


def leader_was_gone(state: Aggregate, command: DeleteLeaderPod) -> None:
    """A leader that was to be deleted had gone before: nothing is left to be done about it."""
    group = state.groups.get(command.name)
    if group is not None and group.recreating == command.uid:
        group.recreation = None


def is_pending(state: Aggregate, group: Group, *, missing: int = 0) -> bool:
    """Whether some pod of the group is absent or in phase Pending; ``missing`` pods count as present."""
    present = len(group.workers) + (group.leader is not None) + missing
    return group.pending_pods > 0 or present != state.size_of(group)


def _note_failure(state: Aggregate, group: Group, name: str, pod: PodState, *, before: PodObserved | None) -> None:
    """Note what is newly wrong with a pod that exists."""
    view = pod.view
    is_leader = group.leader is pod
    if view.deleting_since is not None:
        # The leader's own deletion needs no decision: ownership takes the group along (spec D6).
        if (before is None or before.deleting_since is None) and not is_leader:
            _note(state, group, name, pod, what="deleted")
    elif view.phase in ENDED:
        if before is None or before.phase not in ENDED:
            _note(state, group, name, pod, what=f"{view.phase.lower()}{f' ({view.reason})' if view.reason else ''}")
    elif view.phase in ("Running", "Pending") and view.restarts > max(
        pod.forgiven_restarts, before.restarts if before is not None else 0
    ):
        _note(state, group, name, pod, what=_restart_words(view), restarts=view.restarts)


def _restart_words(view: PodObserved) -> str:
    if view.last_exit is None:
        return "container restarted"
    end = view.last_exit
    return f"container {end.container} restarted (exit code {end.exit_code}{f', {end.reason}' if end.reason else ''})"


def _note_gone(state: Aggregate, group: Group, name: str, pod: PodState, *, what: str) -> None:
    # A leader that is gone needs no decision (spec D6). With its StatefulSet on the way out, the workers follow it.
    if group.leader is None or (group.worker_set is not None and group.worker_set.deleting_since is not None):
        return
    if pod.view.labels.get(names.WORKER_INDEX) != LEADER_INDEX:
        _note(state, group, name, pod, what=what, gone=True)


def _note(
    state: Aggregate, group: Group, name: str, pod: PodState, *, what: str, gone: bool = False, restarts: int = 0
) -> None:
    leader = group.leader
    if leader is None or leader.view.deleting_since is not None or group.recreating == leader.view.uid:
        return  # the group is going anyway
    owner_uid = pod.view.owner.uid if pod.view.owner is not None else ""
    if group.worker_set_leaders.get(owner_uid, leader.view.uid) != leader.view.uid:
        return  # left over from an earlier leader (spec 4.7, reports 291 and 804)
    pending = is_pending(state, group, missing=1 if gone else 0) or (gone and pod.view.phase == "Pending")
    group.unjudged[pod.view.uid] = Failure(
        pod=name,
        pod_uid=pod.view.uid,
        is_leader=pod is leader,
        what=what,
        owner_uid=owner_uid,
        key=pod.view.labels.get(names.REVISION_KEY, ""),
        gone=gone,
        restarts=restarts,
        group_was_pending=pending,
    )


def _forgive_while_pending(state: Aggregate, group: Group, pod: PodState) -> None:
    """Under an after-start policy, what happens before the group is complete is forgiven (spec D3)."""
    if state.spec is not None and state.spec.after_start and is_pending(state, group):
        pod.forgiven_restarts = pod.view.restarts


def _touched(state: Aggregate, group: Group) -> Change:
    counting.recount(state, group)
    if group.is_empty:
        del state.groups[group.name]
    return Change(set_level=True, groups=(group.name,))


def _group(state: Aggregate, name: str) -> Group:
    group = state.groups.get(name)
    if group is None:
        group = state.groups[name] = Group(name)
    return group


def _pods(group: Group) -> list[PodState]:
    return [*([group.leader] if group.leader is not None else []), *group.workers.values()]


def _pod(group: Group, name: str) -> PodState | None:
    return group.leader if name == group.name else group.workers.get(name)


def _put_pod(group: Group, name: str, pod: PodState) -> None:
    """Put a pod in the place of an earlier view of itself, or in an empty place."""
    known = _pod(group, name)
    group.pending_pods += (pod.view.phase == "Pending") - (known is not None and known.view.phase == "Pending")
    if name == group.name:
        group.leader = pod
    else:
        group.workers[name] = pod


def _remove_pod(group: Group, name: str) -> None:
    known = _pod(group, name)
    if known is None:
        return
    group.pending_pods -= known.view.phase == "Pending"
    if name == group.name:
        group.leader = None
        group.unjudged = {}
        if group.recreating == known.view.uid:
            group.recreation = None
    else:
        del group.workers[name]
