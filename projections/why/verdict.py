"""Why a pod's failure or deletion led to a decision, or to none: the machine's own state is asked at that moment.

The journal is folded as the controller folded it. Before and after each end of the pod it is looked at what the machine
knew, so that the reason given is the machine's and no guess.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from lws_events import names
from lws_events.decisions import (
    Decision,
    FailureLeftAlone,
    GroupKept,
    GroupRecreationPostponed,
    GroupRecreationStarted,
)
from lws_events.fleet import Fleet
from lws_events.machine.restart import judge
from lws_events.machine.state import Aggregate, Group, PodState
from lws_events.subjects import SetName
from projections.explain import explain_fact, explain_lifecycle
from projections.journal import RecordedEvent, Step, about
from projections.why.decision import Point
from projections.why.model import Cause
from projections.why.surroundings import End, Surroundings

_Follower = GroupRecreationStarted | GroupRecreationPostponed | GroupKept | FailureLeftAlone


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What followed from one end of a pod."""

    pod: str
    uid: str
    sequence: int
    """Of the event that told of the end."""
    at_ms: int
    what: str
    cause: Cause
    decision: str = ""
    """What was decided, in words; empty where nothing was."""
    decision_sequence: int = 0
    """Of the event that led to the decision; 0 where there was none."""
    because: str = ""
    """Why nothing was decided, in words; empty where something was."""


class _Before(NamedTuple):
    """What the machine knew before it read of the end."""

    knows: bool
    """The pod was one of the set's, of this very uid."""
    is_active: bool
    was_ending: bool
    leader_uid: str
    leader_is_going: bool
    recreating: str
    held: str


class _Incident:
    def __init__(self, end: End, before: _Before) -> None:
        self.end = end
        self.before = before
        self.because = ""
        self.decision = ""
        self.decision_sequence = 0

    def result(self) -> Verdict:
        event = self.end.event
        name = event.address.name if event.address is not None else ""
        return Verdict(
            pod=self.end.name,
            uid=self.end.uid,
            sequence=event.sequence,
            at_ms=event.envelope.at_ms,
            what=explain_fact(event.envelope.fact, name),
            cause=self.end.cause,
            decision=self.decision,
            decision_sequence=self.decision_sequence,
            because="" if self.decision else self.because,
        )


def verdicts(
    steps: Iterable[Step], set_name: SetName, pod: str, *, at: Point | None = None, beginning: Fleet | None = None
) -> list[Verdict]:
    """What followed from each failure and deletion of the pods of a name.

    ``at``: only from the last one up to a point, else from the first one after it. ``beginning``: the state of a
    journal that begins in the middle; what is not after it was taken in already, and is read for what pods were.
    """
    around, fleet = Surroundings(set_name), beginning if beginning is not None else Fleet()
    begins = fleet.sequence
    found: list[_Incident] = []
    group = _group_of(set_name, pod)
    for step in about(steps, set_name):
        event, decision = step.event, step.decision
        if event.sequence <= begins:
            around.add(event)
            continue
        is_its = event.address is not None and event.address.name == pod
        before = _before(fleet.aggregates.get(set_name), around, group, pod) if is_its else None
        fleet.recall(event.sequence, event.subject, event.envelope, decision)
        state = fleet.aggregates.get(set_name)
        ends = around.add(event)
        for incident in found:
            incident.end = around.newest(incident.end)
        for end in ends:
            if before is not None and end.name == pod:
                found.append(_Incident(end, before))
                found[-1].because = _reason(state, group, end, before)
        if decision is not None:
            around.add_decision(event, decision)
            for incident in found:
                _follow(incident, event, decision, group)
    return [incident.result() for incident in (found if at is None else _nearest(found, at))]


def _nearest(found: list[_Incident], at: Point) -> list[_Incident]:
    """The last one up to a point, else the first one."""
    return [incident for incident in found if at.includes(incident.end.event)][-1:] or found[:1]


def _group_of(set_name: SetName, pod: str) -> str:
    """Name of the group as the machine has it: that of its leader pod."""
    parent = names.pod_ordinal(pod).parent
    return pod if parent == set_name.name else parent


def _before(state: Aggregate | None, around: Surroundings, group_name: str, pod: str) -> _Before:
    group = state.groups.get(group_name) if state is not None else None
    leader = group.leader if group is not None else None
    known = _pod(group, pod)
    seen = around.pod(pod)
    knows = known is not None and seen is not None and known.view.uid == seen.uid
    held = group.held if group is not None else None
    return _Before(
        knows=knows or (known is None and seen is None),
        is_active=state is not None and state.is_active,
        was_ending=known is not None
        and (known.view.deleting_since is not None or known.view.phase in ("Failed", "Succeeded")),
        leader_uid=leader.view.uid if leader is not None else "",
        leader_is_going=leader is not None and leader.view.deleting_since is not None,
        recreating=_recreation(group),
        held="" if held is None else f"pod {held.failed_pod} ({held.failure})",
    )


def _recreation(group: Group | None) -> str:
    if group is None:
        return ""
    if group.recreation is not None:
        return f"because of pod {group.recreation.failed_pod} ({group.recreation.failure})"
    return f"because {group.replacement.because}" if group.replacement is not None else ""


def _pod(group: Group | None, pod: str) -> PodState | None:
    if group is None:
        return None
    return group.leader if pod == group.name else group.workers.get(pod)


def _reason(state: Aggregate | None, group_name: str, end: End, before: _Before) -> str:
    """Why the machine decides nothing about an end, if it does not."""
    if state is None or state.set_ is None:
        return "the LeaderWorkerSet was not known, or gone: nothing is decided then"
    if state.set_.deleting_since is not None:
        return "the LeaderWorkerSet was on its way out: the garbage collector does the rest"
    if not before.is_active:
        return "the LeaderWorkerSet was not known as it was by then, or its spec could not be read"
    if not before.knows:
        return f"the machine knew no pod of uid {end.uid}: it was of an earlier incarnation, or none of this set's"
    if before.leader_is_going:
        return "the leader of its group was on its way out already, and takes its group along"
    if before.recreating:
        return f"the recreation of its group had been decided before, {before.recreating}"
    if end.name == group_name and not end.is_restart and end.uid == before.leader_uid:
        return "it is the leader: its end takes its group along by ownership, which needs no decision"
    if not before.leader_uid:
        return "its group had no leader: there was nothing to recreate"
    if before.held:
        return f"its group waits, or is kept, because of an earlier failure: {before.held}"
    if before.was_ending:
        return "its end had been seen, and judged, before"
    return _judged(state, group_name, end)


def _judged(state: Aggregate, group_name: str, end: End) -> str:
    """The judgement that the machine itself has about a failure that it has noted."""
    group = state.groups.get(group_name)
    failure = group.unjudged.get(end.uid) if group is not None else None
    if group is None or group.leader is None or failure is None:
        earlier = "the pod is left over from an earlier leader"
        return "this restart had been counted before" if end.is_restart else earlier
    verdict = judge(state, group, group.leader, failure)
    if verdict.action == "wait":
        return "its StatefulSet has not been seen yet: it is judged when it is"
    return verdict.because or "it is to be judged, and the journal ends before"


def _follow(incident: _Incident, event: RecordedEvent, decision: Decision, group: str) -> None:
    """Take note of what was decided about an end."""
    uid = incident.end.uid
    for fact in decision.facts:
        if not isinstance(fact, _Follower):
            continue
        own = fact.pod_uid if isinstance(fact, FailureLeftAlone) else fact.failed_uid
        if own == uid:
            incident.decision, incident.decision_sequence = explain_lifecycle(fact), event.sequence
        elif not isinstance(fact, FailureLeftAlone) and not incident.decision:
            same = fact.group == group and fact.leader_uid == incident.before.leader_uid
            if same and event.sequence >= incident.end.event.sequence:
                incident.decision, incident.decision_sequence = explain_lifecycle(fact), event.sequence
