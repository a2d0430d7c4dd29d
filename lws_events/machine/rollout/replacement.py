"""Deleting a leader that is down anyway, so that a rollout goes on. No failure leads to it, and it counts as none.

The deletion is in foreground, as in a recreation, so that no new leader meets old workers. It is asked for once; the
new leader gets the template that its place below or above the partition gives it.
"""

from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import LeaderReplacementStarted
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.state import Group


def begin(draft: Draft, group: Group, *, partition: int, because: str) -> None:
    """Replace the leader of a group, unless it is going already or its deletion cannot be asked for now."""
    leader = group.leader
    if leader is None or leader.view.deleting_since is not None or group.recreating == leader.view.uid:
        return
    started = LeaderReplacementStarted(
        group=group.name, leader_uid=leader.view.uid, partition=partition, because=because
    )
    if _delete(draft, started):
        draft.note(started)


def resume(draft: Draft, group: Group) -> None:
    """Ask again for the deletion of a leader whose replacement was decided, if the API server has not taken it."""
    leader, started = group.leader, group.replacement
    if leader is None or started is None or leader.view.deleting_since is not None:
        return
    if started.leader_uid == leader.view.uid and not group.deletion_accepted:
        _delete(draft, started)


def _delete(draft: Draft, started: LeaderReplacementStarted) -> bool:
    assert draft.state.set_ is not None
    return draft.issue(
        DeleteLeaderPod(name=started.group, uid=started.leader_uid),
        announce=announcements.pod_event(
            draft.state.set_.uid,
            reason="ReplaceBrokenLeader",
            action="Delete",
            note=f"Deleted leader pod {started.group}, which is not ready, because {started.because}",
            pod=started.group,
            pod_uid=started.leader_uid,
        ),
    )
