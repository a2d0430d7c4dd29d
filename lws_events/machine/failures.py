"""What is wrong with the pods of a group: noted here, once for each thing, and judged in ``restart``.

A *failure* is a pod that restarted, ended, is being deleted or is gone without having been asked to go (spec 4.7, D1,
D2). Only those are dropped that cannot concern the group, because its leader is going anyway or was never theirs.
"""

from typing import Final

import msgspec

from lws_events import names
from lws_events.events import PodObserved
from lws_events.machine.state import Aggregate, Failure, Group, PodState

_ENDED: Final = ("Failed", "Succeeded")
_COUNTING: Final = ("Running", "Pending")
"""Phases in which container restarts count (spec 4.7)."""


def is_pending(state: Aggregate, group: Group, *, missing: int = 0) -> bool:
    """Whether some pod of the group is absent or in phase Pending; ``missing`` pods count as present."""
    present = len(group.workers) + (group.leader is not None) + missing
    return group.pending_pods > 0 or present != state.size_of(group)


def note_change(state: Aggregate, group: Group, name: str, pod: PodState, *, before: PodObserved | None) -> None:
    """Note what is newly wrong with a pod that exists."""
    view = pod.view
    if view.deleting_since is not None or view.phase in _ENDED:
        if before is not None and _is_ending(before):
            return
        if view.deleting_since is None:
            _note(state, group, name, pod, what=f"{view.phase.lower()}{f' ({view.reason})' if view.reason else ''}")
        elif pod is not group.leader:
            # The leader's own deletion needs no decision: ownership takes the group along (spec D6).
            _note(state, group, name, pod, what="deleted")
    elif view.restarts > pod.restarts_seen and view.phase in _COUNTING:
        _note(state, group, name, pod, what=_restart_words(view), is_restart=True)
        pod.restarts_seen = view.restarts


def note_gone(state: Aggregate, group: Group, name: str, pod: PodState, *, what: str) -> None:
    """Note that a worker, already removed from the group, is gone, unless its end was noted as a failure before.

    A leader that is gone needs no decision (spec D6).
    """
    if name != group.name and not _is_ending(pod.view):
        _note(state, group, name, pod, what=what, gone=True)


def drop_of_earlier_leaders(group: Group) -> None:
    """Once it is known who owns what: drop the failures of an earlier leader's workers (reports 291 and 804)."""
    leader = group.leader
    if leader is not None and group.unjudged:
        owners, uid = group.worker_set_leaders, leader.view.uid
        group.unjudged = {
            pod_uid: failure
            for pod_uid, failure in group.unjudged.items()
            if failure.owner is None or owners.get(failure.owner.uid, uid) == uid
        }


def look_again_at_completeness(state: Aggregate, group: Group) -> None:
    """Say of failures that were noted during the first listing, pod by pod, whether the whole group is pending (D3)."""
    group.unjudged = {
        uid: msgspec.structs.replace(
            failure,
            group_was_pending=is_pending(state, group, missing=int(failure.gone and failure.pod not in group.workers)),
        )
        for uid, failure in group.unjudged.items()
    }


def forgive_restarts(group: Group) -> None:
    """Let every container restart up to now be without consequence."""
    group.unjudged = {uid: failure for uid, failure in group.unjudged.items() if not failure.is_restart}


def _is_ending(view: PodObserved) -> bool:
    """The pod was asked to go, or has come to an end by itself: one failure, however long it takes to vanish."""
    return view.deleting_since is not None or view.phase in _ENDED


def _restart_words(view: PodObserved) -> str:
    if view.last_exit is None:
        return "container restarted"
    end = view.last_exit
    return f"container {end.container} restarted (exit code {end.exit_code}{f', {end.reason}' if end.reason else ''})"


def _note(
    state: Aggregate,
    group: Group,
    name: str,
    pod: PodState,
    *,
    what: str,
    gone: bool = False,
    is_restart: bool = False,
) -> None:
    leader = group.leader
    if leader is not None and (leader.view.deleting_since is not None or group.recreating == leader.view.uid):
        return  # the group is going anyway
    if group.held is not None:
        return  # it waits, or is kept, because of an earlier failure
    earlier = group.unjudged.get(pod.view.uid)
    was_pending = is_pending(state, group, missing=int(gone)) or (gone and pod.view.phase == "Pending")
    group.unjudged[pod.view.uid] = Failure(
        pod=name,
        pod_uid=pod.view.uid,
        is_leader=pod is leader,
        what=what,
        owner=pod.view.owner,
        key=pod.view.labels.get(names.REVISION_KEY, ""),
        gone=gone,
        is_restart=is_restart,
        ignored=pod.view.annotations.get(names.IGNORE_FAILURE) == "true",
        # What a pod did in a complete group is not excused by what it did later.
        group_was_pending=was_pending and (earlier is None or earlier.group_was_pending),
    )
    drop_of_earlier_leaders(group)
