"""The life of a group as a small state chart; every transition is recorded with what it waits for or why.

::

    Absent ──▶ Scheduling ──▶ Starting ──▶ Ready ◀──▶ Degraded
       ▲            │             │          │            │
       │            └─────────────┴────┬─────┴────────────┘
       │                               ▼
       └──────────────── Recreating (decided here) or Terminating (decided by others)

On the way to Recreating a failed group may be in BackOff, or stay in Kept (see ``crash_loops``).
"""

from typing import Final

from lws_events.decisions import GroupChanged
from lws_events.machine import workers
from lws_events.machine.counting import group_is_ready, leader_is_ready
from lws_events.machine.draft import Draft
from lws_events.machine.state import ABSENT, Aggregate, Group, PodState

SCHEDULING: Final = "Scheduling"
STARTING: Final = "Starting"
READY: Final = "Ready"
DEGRADED: Final = "Degraded"
RECREATING: Final = "Recreating"
TERMINATING: Final = "Terminating"
BACK_OFF: Final = "BackOff"
KEPT: Final = "Kept"


def decide_lifecycle(draft: Draft, group: Group, *, decided: str = "") -> None:
    """Record the group's transition, if there is one. ``decided``: the state of life that was decided just now."""
    after = decided or _state_of(draft.state, group)
    if after != group.lifecycle:
        because = _because(draft.state, group, after)
        draft.note(GroupChanged(group=group.name, before=group.lifecycle, after=after, because=because))


def _state_of(state: Aggregate, group: Group) -> str:
    leader = group.leader
    if leader is None:
        return TERMINATING if group.workers else ABSENT
    if group.recreating == leader.view.uid:
        return RECREATING
    if leader.view.deleting_since is not None:
        return TERMINATING
    if group.held is not None:
        return KEPT if group.held.kept else BACK_OFF
    return state_of_present(state, group, leader)


def state_of_present(state: Aggregate, group: Group, leader: PodState) -> str:
    """State of a group whose leader stays, by what its pods are."""
    if not leader.view.node:
        return SCHEDULING
    if group_is_ready(state, group):
        return READY
    return DEGRADED if group.lifecycle in (READY, DEGRADED) else STARTING


def _because(state: Aggregate, group: Group, after: str) -> str:
    if after == SCHEDULING and group.leader is not None:
        return group.leader.view.waiting
    if after in (STARTING, DEGRADED) and state.spec is not None and group.leader is not None:
        reason = workers.waits_for(state, group)
        if reason:
            return f"waiting for {reason}"
        if not leader_is_ready(group):
            return "the leader pod is not ready"
        ready = group.worker_set.ready_replicas if group.worker_set is not None else 0
        return f"{ready} of {state.size_of(group) - 1} workers ready"
    return ""
