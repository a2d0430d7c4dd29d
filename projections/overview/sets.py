"""One set in a line, and its rollout: how far it is, where its partition is, what holds it up."""

from typing import Any

import msgspec

from lws_events.machine.state import ABSENT, Aggregate
from lws_events.subjects import SetName
from projections.overview.cells import counted


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """As the set's status has it."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    since: str = ""
    """``lastTransitionTime``."""


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """Groups and the revision that they are to have."""

    revision: str = ""
    """Name of the ControllerRevision; empty where none has been chosen yet."""
    key: str = ""
    updated: int = 0
    """Groups of that revision, as a whole."""
    of: int = 0
    """Groups wanted."""
    partition: int = 0
    """Of the leader StatefulSet: groups from this number on are to have the revision."""
    wanted_partition: int = 0
    """Of the set's spec: a rollout ends there."""
    surge: int = 0
    """Groups beyond those wanted, for the rollout."""
    state: str = "none"
    """``done``, ``running``, ``held`` (by the partition of the spec), ``blocked``, or ``none`` without a revision."""
    blocked_by: tuple[str, ...] = ()
    """Names of groups that use up the budget of a blocked one, the first few."""


class SetLine(msgspec.Struct, frozen=True, kw_only=True):
    """One set."""

    namespace: str
    name: str
    wanted: int
    ready: int
    size: int
    """Pods of a group."""
    health: dict[str, int]
    """Groups of each health (``health.HEALTH``)."""
    rollout: Rollout
    conditions: tuple[Condition, ...] = ()
    deleting: bool = False
    generation: int = 0
    uid: str = ""


def set_line(state: Aggregate) -> SetLine | None:
    """None for a set that is not there (any more): what is left of it are objects on their way out."""
    observed = state.set_
    if observed is None:
        return None
    spec = state.spec
    wanted = spec.replicas if spec is not None else 0
    health = counted(group for group in state.groups.values() if group.lifecycle != ABSENT)
    absent = wanted - sum(1 for index in range(wanted) if _is_there(state, index))
    return SetLine(
        namespace=state.name.namespace,
        name=state.name.name,
        wanted=wanted,
        ready=state.totals.ready,
        size=spec.size if spec is not None else 0,
        health=health | ({"absent": absent} if absent else {}),
        rollout=rollout(state),
        conditions=tuple(_conditions(state.status)),
        deleting=observed.deleting_since is not None,
        generation=observed.generation,
        uid=observed.uid,
    )


def rollout(state: Aggregate) -> Rollout:
    """Where the rollout of a set is."""
    wanted = state.spec.replicas if state.spec is not None else 0
    floor = state.spec.partition if state.spec is not None else 0
    key, updated = state.target_key, state.totals.updated
    if not key:
        return Rollout(of=wanted, wanted_partition=floor)
    leader_set = state.own_leader_set
    partition = (leader_set.partition or 0) if leader_set is not None else 0
    replicas = leader_set.replicas if leader_set is not None else wanted
    names = [name for name, view in state.revisions.items() if view.key == key]
    blocked = state.blocked if state.blocked is not None and state.blocked.key == key else None
    if updated >= wanted and partition <= floor:
        word = "done"
    elif blocked is not None and blocked.partition == partition:
        word = "blocked"
    else:
        word = "held" if floor and partition <= floor and updated >= wanted - floor else "running"
    return Rollout(
        revision=min(names, default=""),
        key=key,
        updated=updated,
        of=wanted,
        partition=partition,
        wanted_partition=floor,
        surge=max(replicas - wanted, 0),
        state=word,
        blocked_by=blocked.groups if blocked is not None and word == "blocked" else (),
    )


def sort_key(name: SetName) -> tuple[str, str]:
    """Sets are listed by namespace and name."""
    return name.namespace, name.name


def _is_there(state: Aggregate, index: int) -> bool:
    group = state.groups.get(f"{state.name.name}-{index}")
    return group is not None and group.lifecycle != ABSENT


def _conditions(status: dict[str, Any]) -> list[Condition]:
    """Of a status that anybody may have written: what is no text is left out."""

    def text(one: dict[str, Any], key: str) -> str:
        value = one.get(key, "")
        return value if isinstance(value, str) else ""

    found = status.get("conditions", [])
    return [
        Condition(
            type=text(one, "type"),
            status=text(one, "status"),
            reason=text(one, "reason"),
            message=text(one, "message"),
            since=text(one, "lastTransitionTime"),
        )
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict) and text(one, "type")
    ]
