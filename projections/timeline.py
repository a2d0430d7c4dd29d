"""What happened to a set or to one of its groups, and why, as entries that a person can read.

A fold over events and recorded decisions; the machine is not asked. It keeps the last observation of every live object
and the commands in flight, nothing else, so that a journal of any length can be read and a live one followed.
"""

from collections.abc import Iterable, Iterator
from typing import assert_never

import msgspec

from lws_events import subjects
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
    DeletionRequested,
    LogCaptured,
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
from lws_events.subjects import SetName
from projections.entries import (
    CHANGE,
    CLUSTER,
    COMMAND,
    CONTROLLER,
    FAILURE,
    OBJECT,
    POD,
    REFUSED,
    USER,
    Entry,
    Selection,
    kind_of,
)
from projections.explain import explain_command, explain_fact, explain_failure, explain_lifecycle
from projections.groups import WHOLE_SET, group_of_object, group_of_target, group_token
from projections.journal import RecordedEvent, Step, about
from projections.requests import is_carried_out
from projections.transitions import Transition, pod_transitions, set_transitions, statefulset_transitions

EVERYTHING = Selection()


class _Asked(msgspec.Struct, frozen=True):
    """A command in flight."""

    command: AnyCommand
    at_ms: int


class Timeline:
    """Fold of one set. ``add`` gives the entries of one step that are selected.

    ``routine`` also tells what happens all the time and explains nothing: status writes, posted events, timers.
    """

    def __init__(self, set_name: SetName, *, selection: Selection = EVERYTHING, routine: bool = False) -> None:
        self._set = set_name
        self._selection = selection
        self._routine = routine
        self._pods: dict[str, PodObserved] = {}
        self._statefulsets: dict[str, StatefulSetObserved] = {}
        self._pod_groups: dict[str, PodGroupObserved] = {}
        self._observed: SetObserved | None = None
        self._asked: dict[str, _Asked] = {}

    def add(self, step: Step) -> list[Entry]:
        """Entries of one event and of what was decided by it, in this order. The event must be about this set."""
        entries = self.add_event(step.event)
        if step.decision is not None:
            entries += self.add_decision(step.event, step.decision)
        return entries

    def add_event(self, event: RecordedEvent) -> list[Entry]:
        """Entries of an event alone, where its decision comes later or never."""
        return [entry for entry in self._of_event(event) if self._selection.has(entry)]

    def add_decision(self, event: RecordedEvent, decision: Decision) -> list[Entry]:
        """Entries of what was decided by an event that was added before."""
        return [entry for entry in self._of_decision(event, decision) if self._selection.has(entry)]

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
                return _observed(event, group, transitions, pod=name)
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
                return [_entry(event, WHOLE_SET, USER, explain_fact(fact, name), kind=CHANGE)]
            case DeletionRequested():
                is_pod = fact.kind == subjects.POD
                group = group_of_object(self._set, fact.name) if is_pod else WHOLE_SET
                pod = fact.name if is_pod else ""
                # What a controller does about pods follows from what is told anyway; it is nobody's change.
                who, news = (CLUSTER, POD) if is_pod and is_carried_out(fact) else (USER, CHANGE)
                return [_entry(event, group, who, explain_fact(fact, name), kind=news, pod=pod)]
            case LogCaptured():
                group = group_of_object(self._set, name)
                return [_entry(event, group, CONTROLLER, explain_fact(fact, name), kind=POD, pod=name)]
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
        known: dict[str, PodObserved] | dict[str, StatefulSetObserved] = {}
        if kind in (subjects.POD, subjects.STATEFULSET):
            known = self._pods if kind == subjects.POD else self._statefulsets
        last = known.get(name)
        if last is not None and last.uid != gone.uid:
            return []  # of an earlier incarnation: a new one of the name has been seen since
        known.pop(name, None)
        group, what = group_of_target(self._set, f"{kind}/{name}"), explain_fact(event.envelope.fact, name)
        if kind != subjects.POD:
            news = CHANGE if kind == subjects.SET else OBJECT
            return [_entry(event, group, CLUSTER, what, kind=news)]
        news = POD if last is not None and last.deleting_since is not None else FAILURE  # nobody had asked it to end
        return [_entry(event, group, CLUSTER, what, kind=news, pod=name)]

    def _of_outcome(self, event: RecordedEvent, outcome: Outcome) -> list[Entry]:
        asked = self._asked.pop(outcome.command_id, None)
        group = group_of_target(self._set, outcome.target)
        what = f"command about {outcome.target}" if asked is None else explain_command(asked.command)
        after = "" if asked is None else f" after {event.envelope.at_ms - asked.at_ms} ms"
        if isinstance(outcome, CommandFailed):
            return [_entry(event, group, CONTROLLER, f"failed{after}: {what}", explain_failure(outcome), kind=REFUSED)]
        if asked is not None and self._hidden(asked.command):
            return []
        return [_entry(event, group, CONTROLLER, f"done{after}: {what}", kind=COMMAND)]

    def _of_decision(self, event: RecordedEvent, decision: Decision) -> list[Entry]:
        because = _cause(event)
        entries = [
            _entry(
                event, _group_of_fact(self._set, fact), CONTROLLER, explain_lifecycle(fact), because, kind=kind_of(fact)
            )
            for fact in decision.facts
        ]
        for issued in decision.commands:
            if not isinstance(issued.command, SetTimer):
                self._asked[issued.id] = _Asked(issued.command, event.envelope.at_ms)
            if not self._hidden(issued.command):
                group = group_of_target(self._set, target(issued.command))
                what = f"asks: {explain_command(issued.command)}"
                entries.append(_entry(event, group, CONTROLLER, what, because, kind=COMMAND))
        return entries

    def _hidden(self, command: AnyCommand) -> bool:
        return not self._routine and isinstance(command, RecordEvent | UpdateSetStatus | SetTimer)


def timeline(
    steps: Iterable[Step],
    set_name: SetName,
    *,
    group: str | None = None,
    selection: Selection = EVERYTHING,
    routine: bool = False,
) -> Iterator[Entry]:
    """Entries of one set in the order of the journal. ``group``: its token, or the name of its leader pod."""
    if group is not None:
        selection = msgspec.structs.replace(selection, group=group_token(set_name, group))
    fold = Timeline(set_name, selection=selection, routine=routine)
    for step in about(steps, set_name):
        yield from fold.add(step)


def _is_stale(view: View, known: View | None) -> bool:
    """Older than what is known: the journal may deliver late, and once more."""
    return known is not None and is_older(view, known)


def _observed(event: RecordedEvent, group: str, transitions: list[Transition], *, pod: str = "") -> list[Entry]:
    return [
        _entry(event, group, CLUSTER, transition.what, transition.because, kind=transition.kind, pod=pod)
        for transition in transitions
    ]


def _entry(
    event: RecordedEvent, group: str, who: str, what: str, because: str = "", *, kind: str = OBJECT, pod: str = ""
) -> Entry:
    return Entry(
        at_ms=event.envelope.at_ms,
        sequence=event.sequence,
        group=group,
        pod=pod,
        kind=kind,
        who=who,
        what=what,
        because=because,
    )


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
