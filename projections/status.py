"""Sets, groups and pods as ``kubectl get`` prints them, as of any point of the journal.

A fold over observations; decisions add what failed groups wait for, or are kept for. It keeps the last view of every
live set, pod and PodGroup. What the journal does not record is approximated and said to be: a pod's age counts from its
first observation; of the containers of a pod that is not ready it is not known which are, so with several the ready
count is ``?``.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from lws_events.decisions import Decision, GroupChanged, GroupKept, GroupRecreationPostponed
from lws_events.events import (
    PodDeleted,
    PodGroupDeleted,
    PodGroupObserved,
    PodObserved,
    SetDeleted,
    SetObserved,
    SetStatusObserved,
)
from lws_events.machine.lifecycle import BACK_OFF, KEPT
from lws_events.machine.state import is_older
from lws_events.names import WORKER_INDEX
from lws_events.subjects import SetName
from projections.explain import explain_lifecycle
from projections.groups import group_of_object, group_token, size_of
from projections.journal import RecordedEvent, Step


class PodRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``kubectl get pods``."""

    name: str
    uid: str
    group: str
    ready: str
    status: str
    restarts: int
    age: str
    node: str


class GroupRow(msgspec.Struct, frozen=True, kw_only=True):
    """One group: how many of its pods are there and ready."""

    name: str
    ready_pods: int
    pods: int
    size: int
    nodes: tuple[str, ...]
    pod_group: str = ""
    """PodGroup by which a gang scheduler places the group; empty where none does."""
    pod_group_phase: str = ""
    """What the scheduler says of it; ``Missing`` while it is not there."""
    note: str = ""
    """Why the group is not recreated although it has failed; empty where that is not so."""


class SetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``kubectl get leaderworkersets`` (spec 1.1), and what is below it."""

    name: str
    ready: int
    desired: int
    up_to_date: int
    age: str
    conditions: tuple[str, ...]
    groups: tuple[GroupRow, ...]
    pods: tuple[PodRow, ...]


class _Seen(msgspec.Struct):
    """The last view of something and when it was first seen."""

    view: Any
    first_ms: int


class Status:
    """Fold of all sets: ``add`` events, then ask for rows."""

    def __init__(self) -> None:
        self.as_of_ms = 0
        """When the last event was recorded."""
        self._sets: dict[SetName, _Seen] = {}
        self._statuses: dict[SetName, SetStatusObserved] = {}
        self._pods: dict[SetName, dict[str, _Seen]] = {}
        self._notes: dict[SetName, dict[str, str]] = {}
        self._pod_groups: dict[SetName, dict[str, PodGroupObserved]] = {}

    def add(self, event: RecordedEvent) -> None:
        """Read one event, about whichever set."""
        address = event.address
        self.as_of_ms = max(self.as_of_ms, event.envelope.at_ms)
        if address is None:
            return
        name = address.set_name
        match event.envelope.fact:
            case SetObserved() as fact:
                self._sets[name] = _seen(self._sets.get(name), fact, event.envelope.at_ms)
            case SetStatusObserved() as fact:
                known = self._statuses.get(name)
                if known is None or not is_older(fact, known):
                    self._statuses[name] = fact
            case SetDeleted() as fact:
                if name in self._sets and self._sets[name].view.uid == fact.uid:
                    del self._sets[name]
                    self._statuses.pop(name, None)
            case PodObserved() as fact:
                pods = self._pods.setdefault(name, {})
                pods[address.name] = _seen(pods.get(address.name), fact, event.envelope.at_ms)
            case PodDeleted() as fact:
                pods = self._pods.get(name, {})
                if address.name in pods and pods[address.name].view.uid == fact.uid:
                    del pods[address.name]

            case PodGroupObserved() | PodGroupDeleted() as fact:
                self._add_pod_group(self._pod_groups.setdefault(name, {}), address.name, fact)

    def _add_pod_group(
        self, known: dict[str, PodGroupObserved], name: str, fact: PodGroupObserved | PodGroupDeleted
    ) -> None:
        before = known.get(name)
        if isinstance(fact, PodGroupDeleted):
            if before is not None and before.uid == fact.uid:
                del known[name]
        elif before is None or not is_older(fact, before):
            known[name] = fact

    def add_decision(self, set_name: SetName, decision: Decision) -> None:
        """Read what was decided by the event that was added last."""
        notes = self._notes.setdefault(set_name, {})
        for fact in decision.facts:
            if isinstance(fact, GroupRecreationPostponed | GroupKept):
                notes[group_token(set_name, fact.group)] = explain_lifecycle(fact)
            elif isinstance(fact, GroupChanged) and fact.after not in (BACK_OFF, KEPT):
                notes.pop(group_token(set_name, fact.group), None)

    def names(self) -> list[SetName]:
        """All live sets, sorted."""
        return sorted(self._sets)

    def row(self, set_name: SetName, *, now_ms: int | None = None) -> SetRow | None:
        """One set with its groups and pods; None for one not there. Ages count to ``now_ms``, else to ``as_of_ms``."""
        seen = self._sets.get(set_name)
        if seen is None:
            return None
        now_ms = self.as_of_ms if now_ms is None else now_ms
        spec = msgspec.json.decode(seen.view.spec)
        observed = self._statuses.get(set_name)
        status = msgspec.json.decode(observed.status) if observed is not None and observed.uid == seen.view.uid else {}
        pods = sorted(self._pods.get(set_name, {}).items(), key=lambda item: _natural(item[0]))
        return SetRow(
            name=str(set_name),
            ready=status.get("readyReplicas", 0),
            desired=spec.get("replicas", 1),
            up_to_date=status.get("updatedReplicas", 0),
            age=age(now_ms - seen.first_ms),
            conditions=tuple(c["type"] for c in status.get("conditions", []) if c.get("status") == "True"),
            groups=tuple(
                msgspec.structs.replace(group, note=self._notes.get(set_name, {}).get(group.name, ""))
                for group in _groups(set_name, pods, self._pod_groups.get(set_name, {}))
            ),
            pods=tuple(_pod(set_name, name, pod, spec, now_ms) for name, pod in pods),
        )


def status(events: Iterable[RecordedEvent]) -> Status:
    """Fold a whole journal."""
    fold = Status()
    for event in events:
        fold.add(event)
    return fold


def status_of_steps(steps: Iterable[Step]) -> Status:
    """Fold a journal with its decisions."""
    fold = Status()
    for step in steps:
        fold.add(step.event)
        if step.decision is not None and step.event.address is not None:
            fold.add_decision(step.event.address.set_name, step.decision)
    return fold


def age(milliseconds: int) -> str:
    """A duration as kubectl prints ages: at most two units, ``6m10s``, ``3h5m``, ``12d``."""
    seconds = max(0, milliseconds // 1000)
    if seconds < 120:
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if minutes < 10:
        return f"{minutes}m" + (f"{seconds % 60}s" if seconds % 60 else "")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h" + (f"{minutes % 60}m" if minutes % 60 else "")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d" + (f"{hours % 24}h" if hours % 24 else "")
    return f"{days}d"


def pod_status(pod: PodObserved) -> str:
    """The STATUS column, by the rules of kubectl as far as the journal knows what they need."""
    if pod.deleting_since is not None:
        return "Terminating"
    if pod.reason:
        return pod.reason
    if pod.waiting and " " not in pod.waiting:
        return pod.waiting  # what a container waits for is one word; why a pod is not scheduled is a sentence
    if pod.phase == "Succeeded":
        return "Completed"
    if pod.phase == "Failed":
        return (pod.last_exit.reason if pod.last_exit is not None else "") or "Error"
    return pod.phase


def _seen(before: _Seen | None, view: SetObserved | PodObserved, at_ms: int) -> _Seen:
    if before is None or before.view.uid != view.uid:
        return _Seen(view, at_ms)
    return before if is_older(view, before.view) else _Seen(view, before.first_ms)


def _groups(
    set_name: SetName, pods: list[tuple[str, _Seen]], pod_groups: Mapping[str, PodGroupObserved]
) -> tuple[GroupRow, ...]:
    members: dict[str, list[PodObserved]] = {}
    for name, seen in pods:
        members.setdefault(group_of_object(set_name, name), []).append(seen.view)
    leaders = {name: seen.view for name, seen in pods}
    named = {
        group: leaders[leader].gang_group if (leader := f"{set_name.name}-{group}") in leaders else ""
        for group in members
    }
    return tuple(
        GroupRow(
            name=group,
            ready_pods=sum(pod.ready for pod in views),
            pods=len(views),
            size=max(size_of(pod, default=0) for pod in views) or len(views),
            nodes=tuple(sorted({pod.node for pod in views if pod.node})),
            pod_group=named[group],
            pod_group_phase=_phase(named[group], pod_groups),
        )
        for group, views in members.items()
    )


def _phase(pod_group: str, pod_groups: Mapping[str, PodGroupObserved]) -> str:
    if not pod_group:
        return ""
    return pod_groups[pod_group].phase or "Pending" if pod_group in pod_groups else "Missing"


def _pod(set_name: SetName, name: str, seen: _Seen, spec: dict[str, Any], now_ms: int) -> PodRow:
    pod: PodObserved = seen.view
    containers = _containers(pod, spec)
    ready = containers if pod.ready else (0 if containers == 1 else "?")
    return PodRow(
        name=name,
        uid=pod.uid,
        group=group_of_object(set_name, name),
        ready=f"{ready}/{containers}",
        status=pod_status(pod),
        restarts=pod.restarts,
        age=age(now_ms - seen.first_ms),
        node=pod.node,
    )


def _containers(pod: PodObserved, spec: dict[str, Any]) -> int:
    """How many containers the pod's template has, sidecars included; the journal does not record pods' specs."""
    templates = spec.get("leaderWorkerTemplate", {})
    template = templates.get("workerTemplate", {})
    if pod.labels.get(WORKER_INDEX) == "0" and templates.get("leaderTemplate"):
        template = templates["leaderTemplate"]
    pod_spec = template.get("spec", {})
    sidecars = [one for one in pod_spec.get("initContainers", []) if one.get("restartPolicy") == "Always"]
    return max(1, len(pod_spec.get("containers", [])) + len(sidecars))


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts ``sample-2`` before ``sample-10``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split("-")]
