"""Groups that do not end: a person is told when a group has been terminating for too long (spec D5).

A foreground deletion waits for every pod, also for those on a node that no longer answers. Nothing is ever forced: old
and new pods of a group must not run at the same time, and only a person knows that a node is really dead. One timer of
the set watches over all groups that are terminating, so that a mass failure costs one.
"""

from typing import Final

from lws_events.decisions import GroupTerminationOverdue
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.held import Termination
from lws_events.machine.state import Aggregate, Group, PodState

TIMER: Final = "terminating"

PATIENCE_MS: Final = 60_000
"""A minute beyond the grace period: a kubelet under load, and the garbage collector's turns, are no cause for alarm."""


def note_leader(state: Aggregate, group: Group, pod: PodState, *, was_going: bool, at_ms: int) -> None:
    """A leader was seen; remember when its end began."""
    if pod.view.deleting_since is not None and not was_going:
        state.terminations[group.name] = Termination(leader_uid=pod.view.uid, since_ms=at_ms)


def note_leader_gone(state: Aggregate, group: Group) -> None:
    """The group's end is over."""
    state.terminations.pop(group.name, None)


def told(state: Aggregate, fact: GroupTerminationOverdue) -> None:
    """It is on record: once for each leader."""
    if fact.group in state.terminations and state.terminations[fact.group].leader_uid == fact.leader_uid:
        del state.terminations[fact.group]


def decide_terminations(draft: Draft) -> None:
    """Have a timer run while groups are terminating; when it fires, tell of those that should have ended."""
    state = draft.state
    if not state.terminations:
        return
    if draft.fired != TIMER:
        if TIMER not in state.timers:
            _wait(draft, list(state.terminations))
        return
    waiting = []
    for name, termination in state.terminations.items():
        if draft.at_ms >= _deadline_ms(state.groups[name], termination):
            _tell(draft, state.groups[name], termination)
        else:
            waiting.append(name)
    if waiting:
        _wait(draft, waiting)


def _wait(draft: Draft, groups: list[str]) -> None:
    state = draft.state
    first_ms = min(_deadline_ms(state.groups[name], state.terminations[name]) for name in groups)
    draft.wait(TIMER, delay_ms=max(first_ms - draft.at_ms, 0))


def _deadline_ms(group: Group, termination: Termination) -> int:
    grace_seconds = max((pod.view.grace_seconds for pod in _pods(group).values()), default=0)
    return termination.since_ms + grace_seconds * 1_000 + PATIENCE_MS


def _tell(draft: Draft, group: Group, termination: Termination) -> None:
    assert draft.state.set_ is not None
    left = {name: pod for name, pod in _pods(group).items() if name != group.name} or _pods(group)
    pods = tuple(f"{name} on node {pod.view.node}" if pod.view.node else name for name, pod in left.items())
    draft.note(
        GroupTerminationOverdue(
            group=group.name,
            leader=group.name,
            leader_uid=termination.leader_uid,
            pods=pods,
            since_ms=termination.since_ms,
        )
    )
    seconds = (draft.at_ms - termination.since_ms) // 1_000
    note = (
        f"Group {group.index} has been terminating for {seconds} s and cannot be created again until these pods are "
        f"gone: {', '.join(pods)}. If a node is dead for good, remove it or give it the out-of-service taint"
    )
    draft.issue(
        announcements.leader_warning(
            draft.state.set_.uid,
            leader=group.name,
            leader_uid=termination.leader_uid,
            reason="GroupTerminationOverdue",
            action="Wait",
            note=note,
        )
    )


def _pods(group: Group) -> dict[str, PodState]:
    """Pods by name, the leader first, workers by number."""
    leader = {} if group.leader is None else {group.name: group.leader}
    return leader | dict(sorted(group.workers.items(), key=lambda item: (len(item[0]), item[0])))
