"""What a group that is not ready waits for: asked of the machine's own state, folded up to a point of the journal.

The machine's words are taken where it has words (``workers.waits_for``, a held failure, a blocked rollout); the rest
are the pods as last seen: unscheduled, pulling an image, terminating on a node.
"""

from collections.abc import Iterable

import msgspec

from lws_events.decisions import GroupChanged
from lws_events.fleet import Fleet
from lws_events.machine.counting import group_is_ready
from lws_events.machine.retry import timer_of_target
from lws_events.machine.state import ABSENT, Aggregate, Group, PodState
from lws_events.machine.workers import waits_for
from lws_events.names import REVISION_KEY
from lws_events.subjects import SetName
from projections.explain import explain_command, explain_pod, timestamp
from projections.groups import group_token
from projections.journal import Step, about
from projections.why.decision import Point

_NAMED_MAX = 10
"""How many of the groups that hold a budget are named."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A group, and what it waits for as of a point of the journal."""

    group: str
    state: str
    """State of life: ``Scheduling``, ``Starting``, ``BackOff``…"""
    since_ms: int = 0
    """When it came into this state; 0 where the journal does not say."""
    since_sequence: int = 0
    as_of_ms: int
    ready: bool
    waits_for: tuple[str, ...] = ()

    @property
    def for_ms(self) -> int:
        """How long it has been in this state; 0 where that is not known."""
        return self.as_of_ms - self.since_ms if self.since_ms else 0


def waits(
    steps: Iterable[Step],
    set_name: SetName,
    *,
    group: str | None = None,
    until: Point | None = None,
    now_ms: int = 0,
    beginning: Fleet | None = None,
) -> list[Waiting]:
    """Of one group, or of all groups of a set that are not ready.

    ``now_ms``: of a journal that is still written, which is silent while nothing happens. ``beginning``: the state of
    a journal that begins in the middle; what is not after it was taken in already.
    """
    fleet, changed, as_of_ms = beginning if beginning is not None else Fleet(), dict[str, tuple[int, int]](), 0
    begins = fleet.sequence
    for step in about(steps, set_name):
        event = step.event
        if until is not None and not until.includes(event):
            if until.sequence is not None:
                break
            continue
        as_of_ms = max(as_of_ms, event.envelope.at_ms)
        if event.sequence <= begins:
            continue
        fleet.recall(event.sequence, event.subject, event.envelope, step.decision)
        for fact in step.decision.facts if step.decision is not None else ():
            if isinstance(fact, GroupChanged):
                changed[fact.group] = (event.sequence, event.envelope.at_ms)
    as_of_ms = max(as_of_ms, now_ms)
    if until is not None and until.at_ms is not None:
        as_of_ms = max(as_of_ms, until.at_ms)
    state = fleet.aggregates.get(set_name, Aggregate(set_name))
    names = [f"{set_name.name}-{group_token(set_name, group)}"] if group is not None else _groups(state)
    found = [waiting(state, name, changed.get(name, (0, 0)), as_of_ms=as_of_ms) for name in names]
    return found if group is not None else [one for one in found if not one.ready]


def _groups(state: Aggregate) -> list[str]:
    """All groups that are there, or are to be."""
    wanted = state.spec.replicas if state.spec is not None else 0
    expected = [f"{state.name.name}-{index}" for index in range(wanted)]
    return list(dict.fromkeys([*expected, *sorted(state.groups, key=lambda name: (len(name), name))]))


def waiting(state: Aggregate, name: str, changed: tuple[int, int], *, as_of_ms: int) -> Waiting:
    """Of the group whose leader has this name. ``changed``: sequence and time of its last change of life."""
    group = state.groups.get(name) or Group(name, ABSENT)
    reasons = _reasons(state, group)
    sequence, since_ms = changed
    return Waiting(
        group=group_token(state.name, name),
        state=group.lifecycle,
        since_ms=since_ms,
        since_sequence=sequence,
        as_of_ms=as_of_ms,
        ready=group.leader is not None and group_is_ready(state, group) and not reasons,
        waits_for=tuple(reasons),
    )


def _reasons(state: Aggregate, group: Group) -> list[str]:
    found = _of_set(state)
    leader = group.leader
    if leader is None:
        return found + _without_leader(state, group)
    if group.held is not None:
        found.append(_held(group))
    going = [*_going(group)]
    if group.recreating == leader.view.uid and leader.view.deleting_since is None:
        found.append("the deletion of its leader, which was decided, to be carried out")
        return found + _commands(state, f"pod/{group.name}")
    if leader.view.deleting_since is not None:
        return found + going
    if not leader.view.node:
        found.append(f"the scheduler to place its leader: {leader.view.waiting or 'it has not said why it does not'}")
    elif state.spec is not None and state.size_of(group) > 1:
        reason = waits_for(state, group)
        found += [reason] if reason else []
    if leader.view.gang_group:
        found += _pod_group(state, leader)
    found += _commands(state, f"statefulset/{group.name}")
    found += going + _members(state, group) + _rollout(state, group)
    if not found and not group_is_ready(state, group):
        found.append("its worker StatefulSet to be seen")
    return found


def _of_set(state: Aggregate) -> list[str]:
    if state.set_ is None:
        return ["the LeaderWorkerSet, which is not there"]
    if state.set_.deleting_since is not None:
        return ["its end: the LeaderWorkerSet is being deleted, and nothing is begun any more"]
    if state.change_missed:
        return ["the LeaderWorkerSet as it is now to be seen: it was changed while nobody was watching"]
    return [] if state.spec is not None else ["a spec that can be read"]


def _without_leader(state: Aggregate, group: Group) -> list[str]:
    found = _going(group)
    leader_set = state.leader_set
    index = group.index
    if leader_set is None or state.own_leader_set is None:
        found.append(f"the leader StatefulSet {state.name.name} of this set to exist")
    elif index >= leader_set.replicas:
        found.append(f"a place: the leader StatefulSet has {leader_set.replicas} replicas, it would be number {index}")
    else:
        found.append("the StatefulSet controller to create its leader pod")
    return found + _commands(state, f"statefulset/{state.name.name}")


def _held(group: Group) -> str:
    held = group.held
    assert held is not None
    because = f"pod {held.failed_pod} failed ({held.failure})"
    if held.kept:
        return f"a person: it is kept for debugging after {held.recreations} recreations in a row, because {because}"
    return f"its back-off to end at {timestamp(held.until_ms)}, because {because}"


def _pods(group: Group) -> dict[str, PodState]:
    leader = {} if group.leader is None else {group.name: group.leader}
    return leader | dict(sorted(group.workers.items(), key=lambda item: (len(item[0]), item[0])))


def _going(group: Group) -> list[str]:
    """Old pods that are to end."""
    return [
        f"the end of pod {name}{f' on node {pod.view.node}' if pod.view.node else ''}, which is being deleted (its "
        f"grace period ends at {pod.view.deleting_since})"
        for name, pod in _pods(group).items()
        if pod.view.deleting_since is not None
    ]


def _members(state: Aggregate, group: Group) -> list[str]:
    """Pods that are not there, or not ready."""
    found = [
        f"a ready pod: {explain_pod(pod.view, name)}"
        for name, pod in _pods(group).items()
        if pod.view.deleting_since is None and not pod.view.ready
        if name != group.name or pod.view.node  # a leader that is not scheduled has been told of
    ]
    if group.worker_set is None:
        return found
    wanted = (f"{group.name}-{ordinal}" for ordinal in range(1, state.size_of(group)))
    missing = [name for name in wanted if name not in group.workers]
    found += [f"pod {name} to be created by the StatefulSet controller" for name in missing]
    if not found and not group_is_ready(state, group):
        view = group.worker_set
        counted = f"{view.available_replicas} of {view.replicas} pods"
        found.append(f"its worker StatefulSet, which counts {counted} as available")
    return found


def _pod_group(state: Aggregate, leader: PodState) -> list[str]:
    view = state.pod_groups.get(leader.view.gang_group)
    if view is None or view.phase in ("", "Running"):
        return []
    return [
        f"the gang scheduler: PodGroup {leader.view.gang_group} is {view.phase}, for {view.min_member} pods at least"
    ]


def _commands(state: Aggregate, target: str) -> list[str]:
    """What was asked for and has no outcome, or was refused and waits for its next attempt."""
    found = []
    issued = state.in_flight.get(target)
    if issued is not None:
        found.append(f"the API server to answer command {issued.id}: {explain_command(issued.command)}")
    retry = state.retries.get(target)
    if retry is not None:
        until = state.timers.get(timer_of_target(target), 0)
        when = f", the next one is at {timestamp(until)}" if until else ""
        found.append(f"an attempt that succeeds, after {retry.attempts} that did not{when}{_told(state, target)}")
    return found


def _told(state: Aggregate, target: str) -> str:
    warning = state.warned.get(target, "")
    return f": {warning}" if warning else ""


def _rollout(state: Aggregate, group: Group) -> list[str]:
    """Its turn, where it has not the revision that groups are to have."""
    leader, leader_set = group.leader, state.leader_set
    assert leader is not None
    if leader_set is None or not state.target_key or leader.view.labels.get(REVISION_KEY, "") == state.target_key:
        return []
    holders = [name for name, other in state.groups.items() if other.leader is None or not group_is_ready(state, other)]
    holders = sorted(holders, key=lambda name: (len(name), name))
    held = f"; groups that are not ready hold the budget: {', '.join(holders[:_NAMED_MAX])}" if holders else ""
    more = f" and {len(holders) - _NAMED_MAX} more" if len(holders) > _NAMED_MAX else ""
    return [f"its turn in the rolling update, which is at partition {leader_set.partition}{held}{more}"]
