"""The recreation of a group: its leader is deleted in foreground, once, and ownership takes the rest along (spec 4.7).

No new leader can appear before the last old worker has gone. When it comes to that is decided in ``restart`` and
``crash_loops``.
"""

from typing import NamedTuple

from lws_events import names
from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import GroupRecreationStarted
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.lifecycle import RECREATING
from lws_events.machine.state import Group, PodState


class Cause(NamedTuple):
    """The failure of a pod that ends its group."""

    pod: str
    pod_uid: str
    failure: str
    """In words."""


def begin(draft: Draft, group: Group, leader: PodState, cause: Cause, *, attempt: int = 0) -> str:
    """Start the recreation, the ``attempt``-th in a row if that is counted. Returns the state of life decided."""
    started = GroupRecreationStarted(
        group=group.name,
        leader=group.name,
        leader_uid=leader.view.uid,
        failed_pod=cause.pod,
        failed_uid=cause.pod_uid,
        failure=cause.failure,
        attempt=attempt,
    )
    draft.note(started)
    delete_leader(draft, group, leader, started)
    return RECREATING


def delete_leader(draft: Draft, group: Group, leader: PodState, recreation: GroupRecreationStarted) -> None:
    """Ask for the deletion of the leader, unless that is under way."""
    assert draft.state.set_ is not None
    index = leader.view.labels.get(names.GROUP_INDEX, str(group.index))
    failed = recreation.failed_pod
    draft.issue(
        DeleteLeaderPod(name=group.name, uid=leader.view.uid),
        announce=announcements.pod_event(
            draft.state.set_.uid,
            reason="RecreateGroup",
            action="Delete",
            note=f"Worker pod {failed} failed, deleted leader pod {group.name} to recreate group {index}",
            pod=group.name,
            pod_uid=leader.view.uid,
        ),
    )
