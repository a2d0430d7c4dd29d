"""One group with its pods."""

import msgspec

from lws_events.events import PodObserved
from lws_events.machine.state import ABSENT, Aggregate, Group, PodState
from lws_events.names import REVISION_KEY
from projections.explain import timestamp
from projections.groups import group_token
from projections.lanes import natural, state_of
from projections.overview.health import health
from projections.status import pod_status


class PodLine(msgspec.Struct, frozen=True, kw_only=True):
    """One pod."""

    name: str
    uid: str
    leader: bool
    state: str
    """Of its life: ``pending``, ``running``, ``ready``, ``terminating``, ``failed``, ``succeeded``."""
    status: str
    """As kubectl prints it."""
    ready: bool
    restarts: int
    node: str
    waiting: str = ""
    """What it waits for, in Kubernetes' words."""
    last_exit: str = ""


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """One group."""

    name: str
    """Its token."""
    leader: str
    """Name of its leader pod."""
    lifecycle: str
    health: str
    size: int
    ready: int
    revision_key: str = ""
    updated: bool = False
    held: str = ""
    """Why a failed group is not recreated, or what it failed with that is being recreated."""
    pods: tuple[PodLine, ...] = ()


def group_view(state: Aggregate, token: str) -> GroupView:
    """A group by its token; one that is not there is ``Absent``."""
    name = f"{state.name.name}-{token}"
    group = state.groups.get(name) or Group(name, ABSENT)
    members = ([(name, group.leader)] if group.leader is not None else []) + sorted(
        group.workers.items(), key=lambda item: natural(item[0])
    )
    pods = tuple(_pod(pod_name, pod, is_leader=pod_name == name) for pod_name, pod in members)
    key = group.leader.view.labels.get(REVISION_KEY, "") if group.leader is not None else ""
    return GroupView(
        name=group_token(state.name, name),
        leader=name,
        lifecycle=group.lifecycle,
        health=health(group.lifecycle),
        size=state.size_of(group),
        ready=sum(pod.state == "ready" for pod in pods),
        revision_key=key,
        updated=bool(key) and key == state.target_key,
        held=_held(group),
        pods=pods,
    )


def _pod(name: str, pod: PodState, *, is_leader: bool) -> PodLine:
    view: PodObserved = pod.view
    return PodLine(
        name=name,
        uid=view.uid,
        leader=is_leader,
        state=state_of(view),
        status=pod_status(view),
        ready=view.ready,
        restarts=view.restarts,
        node=view.node,
        waiting=view.waiting,
        last_exit=_exit(view),
    )


def _exit(view: PodObserved) -> str:
    last = view.last_exit
    if last is None:
        return ""
    return f"container {last.container} ended with {last.exit_code}{f' ({last.reason})' if last.reason else ''}"


def _held(group: Group) -> str:
    held = group.held
    if held is not None:
        because = f"pod {held.failed_pod} failed ({held.failure})"
        if held.kept:
            return f"kept for debugging after {held.recreations} recreations in a row: {because}"
        return f"recreated at {timestamp(held.until_ms)}: {because}"
    begun = group.recreation
    if begun is not None:
        return f"recreated because pod {begun.failed_pod} failed ({begun.failure})"
    return ""
