"""What happened to a set or to one of its groups, and why, as entries that a person can read.

A fold over events and recorded decisions; the machine is not asked. It keeps the last observation of every live object
and the commands in flight, nothing else, so that a journal of any length can be read and a live one followed.
"""

from collections.abc import Iterable, Iterator
from typing import Final, assert_never

import msgspec

from lws_events.commands import AnyCommand, RecordEvent, SetTimer, UpdateSetStatus, target
from lws_events.decisions import (
    ConditionChanged,
    Decision,
    FailureLeftAlone,
    GroupChanged,
    GroupKept,
    GroupRecreationPostponed,
    GroupRecreationStarted,
    GroupTerminationOverdue,
    LeaderReplacementStarted,
    LifecycleFact,
    ObjectLeftAlone,
    RevisionChosen,
    RolloutBlocked,
    RolloutStepped,
)
from lws_events.events import (
    CommandFailed,
    CommandSucceeded,
    Deleted,
    ObjectNotRecorded,
    Outcome,
    PodGroupObserved,
    PodObserved,
    SetObserved,
    SetStatusObserved,
    SpecChangeRequested,
    StatefulSetObserved,
    View,
)
from lws_events.machine.state import is_older
from lws_events.subjects import POD, STATEFULSET, SetName
from projections.explain import explain_command, explain_fact, explain_failure, explain_lifecycle
from projections.groups import WHOLE_SET, group_of_object, group_of_target, group_token
from projections.journal import RecordedEvent, Step, about
from projections.transitions import Transition, pod_transitions, set_transitions, statefulset_transitions

CLUSTER: Final = "cluster"
CONTROLLER: Final = "controller"
USER: Final = "user"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a timeline."""

    at_ms: int
    sequence: int
    """In the EVENTS stream: of the event itself, or of the event that led to the decision."""
    group: str
    """Token of the group; empty for what concerns the whole set."""
    who: str
    """``cluster`` (was observed), ``controller`` (was decided or came of it) or ``user``."""
    what: str
    because: str = ""


class _Asked(msgspec.Struct, frozen=True):
    """A command in flight."""

    command: AnyCommand
    at_ms: int


class Timeline:
    """Fold of one set. ``add`` gives the entries of one step; ``group`` keeps only those of one group.

    ``routine`` also tells what happens all the time and explains nothing: status writes, posted events, timers.
    """

    def __init__(self, set_name: SetName, *, group: str | None = None, routine: bool = False) -> None:
        self._set = set_name
        self._group = None if group is None else group_token(set_name, group)
        self._routine = routine
        self._pods: dict[str, PodObserved] = {}
        self._statefulsets: dict[str, StatefulSetObserved] = {}
        self._pod_groups: dict[str, PodGroupObserved] = {}
        self._observed: SetObserved | None = None
        self._asked: dict[str, _Asked] = {}

    def add(self, step: Step) -> list[Entry]:
        """Entries of one event and of what was decided by it, in this order. The event must be about this set."""
        entries = self._of_event(step.event)
        if step.decision is not None:
            entries += self._of_decision(step.event, step.decision)
        return [entry for entry in entries if self._group is None or entry.group == self._group]

    def _of_event(self, event: RecordedEvent) -> list[Entry]:  # noqa: PLR0912 (a branch for each kind of fact)
        fact = event.envelope.fact
        address = event.address
        assert address is not None, f"{event.subject} is about no set"
        name = address.name
        match fact:
            case PodObserved():
                group = group_of_object(self._set, name)
                if _is_stale(fact, self._pods.get(name)):
                    return []
                transitions = pod_transitions(self._pods.get(name), fact, name)
                self._pods[name] = fact
                return _observed(event, group, transitions)
            case StatefulSetObserved():
                if _is_stale(fact, self._statefulsets.get(name)):
                    return []
                transitions = statefulset_transitions(self._statefulsets.get(name), fact, name)
                self._statefulsets[name] = fact
                return _observed(event, group_of_object(self._set, name), transitions)
            case PodGroupObserved():
                return self._of_pod_group(event, fact, name)
            case SetObserved():
                if _is_stale(fact, self._observed):
                    return []
                transitions = set_transitions(self._observed, fact, name)
                self._observed = fact
                return _observed(event, WHOLE_SET, transitions)
            case CommandSucceeded() | CommandFailed():
                return self._of_outcome(event, fact)
            case SpecChangeRequested():
                return [_entry(event, WHOLE_SET, USER, explain_fact(fact, name))]
            case ObjectNotRecorded():
                return [_entry(event, group_of_target(self._set, name), CONTROLLER, explain_fact(fact, name))]
            case Deleted():
                return self._of_deletion(event, fact, address.kind, name)
            case SetStatusObserved():
                return []  # the conditions are told by the decisions that changed them
            case _:
                # services, revisions, timers: what the controller asked for is told by the outcome of its command
                return [_entry(event, WHOLE_SET, CLUSTER, explain_fact(fact, name))] if self._routine else []

    def _of_pod_group(self, event: RecordedEvent, fact: PodGroupObserved, name: str) -> list[Entry]:
        """What the scheduler says of it, when it says something new."""
        known = self._pod_groups.get(name)
        if _is_stale(fact, known):
            return []
        self._pod_groups[name] = fact
        if known is not None and (known.uid, known.phase) == (fact.uid, fact.phase):
            return []
        return [_entry(event, group_of_object(self._set, name), CLUSTER, explain_fact(fact, name))]

    def _of_deletion(self, event: RecordedEvent, gone: Deleted, kind: str, name: str) -> list[Entry]:
        last = self._pods.get(name) if kind == POD else self._statefulsets.get(name) if kind == STATEFULSET else None
        if last is not None and last.uid != gone.uid:
            return []  # of an earlier incarnation: a new one of the name has been seen since
        if kind == POD:
            self._pods.pop(name, None)
        elif kind == STATEFULSET:
            self._statefulsets.pop(name, None)
        group = group_of_target(self._set, f"{kind}/{name}")
        return [_entry(event, group, CLUSTER, explain_fact(event.envelope.fact, name))]

    def _of_outcome(self, event: RecordedEvent, outcome: Outcome) -> list[Entry]:
        asked = self._asked.pop(outcome.command_id, None)
        group = group_of_target(self._set, outcome.target)
        what = f"command about {outcome.target}" if asked is None else explain_command(asked.command)
        after = "" if asked is None else f" after {event.envelope.at_ms - asked.at_ms} ms"
        if isinstance(outcome, CommandFailed):
            return [_entry(event, group, CONTROLLER, f"failed{after}: {what}", explain_failure(outcome))]
        if asked is not None and self._hidden(asked.command):
            return []
        return [_entry(event, group, CONTROLLER, f"done{after}: {what}")]

    def _of_decision(self, event: RecordedEvent, decision: Decision) -> list[Entry]:
        because = _cause(event)
        entries = [
            _entry(event, _group_of_fact(self._set, fact), CONTROLLER, explain_lifecycle(fact), because)
            for fact in decision.facts
        ]
        for issued in decision.commands:
            if not isinstance(issued.command, SetTimer):
                self._asked[issued.id] = _Asked(issued.command, event.envelope.at_ms)
            if not self._hidden(issued.command):
                group = group_of_target(self._set, target(issued.command))
                entries.append(_entry(event, group, CONTROLLER, f"asks: {explain_command(issued.command)}", because))
        return entries

    def _hidden(self, command: AnyCommand) -> bool:
        return not self._routine and isinstance(command, RecordEvent | UpdateSetStatus | SetTimer)


def timeline(
    steps: Iterable[Step], set_name: SetName, *, group: str | None = None, routine: bool = False
) -> Iterator[Entry]:
    """Entries of one set (or one of its groups, named by its token or its leader pod) in the order of the journal."""
    fold = Timeline(set_name, group=group, routine=routine)
    for step in about(steps, set_name):
        yield from fold.add(step)


def _is_stale(view: View, known: View | None) -> bool:
    """Older than what is known: the journal may deliver late, and once more."""
    return known is not None and is_older(view, known)


def _observed(event: RecordedEvent, group: str, transitions: list[Transition]) -> list[Entry]:
    return [_entry(event, group, CLUSTER, transition.what, transition.because) for transition in transitions]


def _entry(event: RecordedEvent, group: str, who: str, what: str, because: str = "") -> Entry:
    at_ms = event.envelope.at_ms
    return Entry(at_ms=at_ms, sequence=event.sequence, group=group, who=who, what=what, because=because)


def _cause(event: RecordedEvent) -> str:
    address = event.address
    return explain_fact(event.envelope.fact, "" if address is None else address.name)


def _group_of_fact(set_name: SetName, fact: LifecycleFact) -> str:
    match fact:
        case (
            GroupChanged()
            | GroupRecreationStarted()
            | FailureLeftAlone()
            | GroupRecreationPostponed()
            | GroupKept()
            | LeaderReplacementStarted()
            | GroupTerminationOverdue()
        ):
            return group_token(set_name, fact.group)
        case ConditionChanged() | RevisionChosen() | RolloutStepped() | RolloutBlocked():
            return WHOLE_SET
        case ObjectLeftAlone():
            return group_of_target(set_name, f"{fact.kind.lower()}/{fact.name}")
        case _:
            assert_never(fact)
