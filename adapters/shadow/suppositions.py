"""Whether the machine would do what somebody has done, if it were not done: a write that needs no command.

A watch may show an object before it shows the reason for it. Nothing is left to be decided then, and no command says
that the object was wanted. So the object is left out of the state for a moment, and the machine's own rule is asked.
The state is as before when a function returns.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lws_events import commands
from lws_events.commands import AnyCommand
from lws_events.events import RevisionObserved, StatefulSetObserved
from lws_events.machine.draft import Draft
from lws_events.machine.gang import decide_gang
from lws_events.machine.rollout.situation import plan_for
from lws_events.machine.services import decide_group_service, decide_shared_service
from lws_events.machine.state import Aggregate, Group
from lws_events.machine.status import is_done
from lws_events.machine.versions import decide_truncation
from lws_events.machine.workers import decide_workers
from lws_events.scaling import ScalingError


class _Supposition(Draft):
    """What would be decided if nothing were under way."""

    def can_issue(self, about: str) -> bool:
        return about not in self._issued

    def about(self, target: str) -> AnyCommand | None:
        """The command about a target, if there is one."""
        issued = self._issued.get(target)
        return issued.command if issued is not None else None


def worker_set_wanted(state: Aggregate, name: str, *, leader_uid: str, at_ms: int) -> AnyCommand | None:
    """The command that would create the worker StatefulSet of a leader; None where there would be none."""
    with _without(state, name, leader_uid=leader_uid, at_ms=at_ms) as (draft, group):
        if draft is None or group is None:
            return None
        with _left_out(group, "worker_set"):
            decide_workers(draft, group)
        return draft.about(f"statefulset/{name}")


def service_wanted(state: Aggregate, name: str, *, owner_uid: str, at_ms: int) -> AnyCommand | None:
    """The same for a Service: the set's own, or that of a group."""
    if name == state.name.name:
        if not state.is_active or state.set_ is None or state.set_.uid != owner_uid:
            return None
        draft = _draft(state, at_ms)
        with _left_out(state, "service"):
            decide_shared_service(draft)
        return draft.about(f"service/{name}")
    with _without(state, name, leader_uid=owner_uid, at_ms=at_ms) as (of_group, group):
        if of_group is None or group is None:
            return None
        with _left_out(group, "service"):
            decide_group_service(of_group, group)
        return of_group.about(f"service/{name}")


def pod_group_wanted(state: Aggregate, name: str, *, leader: str, leader_uid: str, at_ms: int) -> AnyCommand | None:
    """The same for the PodGroup of a leader."""
    with _without(state, leader, leader_uid=leader_uid, at_ms=at_ms) as (draft, group):
        if draft is None or group is None:
            return None
        there = state.pod_groups.pop(name, None)
        try:
            decide_gang(draft, group)
        finally:
            if there is not None:
                state.pod_groups[name] = there
        return draft.about(commands.pod_group_target(name))


def is_truncated(state: Aggregate, name: str, revision: RevisionObserved, *, at_ms: int) -> bool:
    """Whether a revision that is gone would be deleted, if it were there."""
    if not state.is_active or name in state.revisions:
        return False
    draft = _draft(state, at_ms)
    state.revisions[name] = revision
    try:
        decide_truncation(draft, done=is_done(state))
    finally:
        del state.revisions[name]
    return draft.about(f"revision/{name}") is not None


def partition_wanted(state: Aggregate, before: StatefulSetObserved) -> int | None:
    """The partition that would be decided now if the leader StatefulSet were as before; None for no plan."""
    if not state.is_active or not state.target_key:
        return None
    there, applied = state.leader_set, state.applied
    state.leader_set, state.applied = before, None
    try:
        return plan_for(state, key=state.target_key).plan.partition
    except ScalingError:
        return None
    finally:
        state.leader_set, state.applied = there, applied


@contextmanager
def _without(
    state: Aggregate, name: str, *, leader_uid: str, at_ms: int
) -> Iterator[tuple["_Supposition | None", Group | None]]:
    """A draft about a group with this leader; nothing where there is none that stays."""
    group = state.groups.get(name)
    leader = group.leader if group is not None else None
    if not state.is_active or leader is None or leader.view.uid != leader_uid or leader.view.deleting_since is not None:
        yield None, None
    else:
        yield _draft(state, at_ms), group


@contextmanager
def _left_out(whole: Aggregate | Group, part: str) -> Iterator[None]:
    """As if it were not there."""
    there = getattr(whole, part)
    setattr(whole, part, None)
    try:
        yield
    finally:
        setattr(whole, part, there)


def _draft(state: Aggregate, at_ms: int) -> _Supposition:
    return _Supposition(state, epoch="", cause=0, at_ms=at_ms)
