"""One decision of any kind, explained: the event that led to it, each fact and command with its rule, the outcomes."""

from collections.abc import Iterable

import msgspec

from lws_events.commands import SetTimer, UpdateSetStatus, target
from lws_events.decisions import (
    Decision,
    FailureLeftAlone,
    GroupKept,
    GroupRecreationPostponed,
    GroupRecreationStarted,
    Issued,
)
from lws_events.events import CommandFailed, CommandSucceeded, DeletionRequested
from lws_events.subjects import SetName
from projections.explain import explain_command, explain_fact, explain_failure, explain_lifecycle, timestamp
from projections.groups import group_of_object, group_of_target, group_token
from projections.journal import RecordedEvent, Step, about
from projections.why.links import Links
from projections.why.model import DECISION, Cause, Chain
from projections.why.rules import Policies, rule_of_command, rule_of_fact
from projections.why.surroundings import End, Surroundings


class Point(msgspec.Struct, frozen=True):
    """A point of the journal: a sequence of the events, or a time."""

    sequence: int | None = None
    at_ms: int | None = None

    def includes(self, event: RecordedEvent) -> bool:
        """Whether an event is not after it."""
        if self.sequence is not None:
            return event.sequence <= self.sequence
        return self.at_ms is None or event.envelope.at_ms <= self.at_ms


class _Explained:
    """A decision whose commands are being followed."""

    def __init__(self, step: Step, around: Surroundings, policies: Policies) -> None:
        assert step.decision is not None
        self.event, self.decision = step.event, step.decision
        self.waits = {one.id: one for one in self.decision.commands if not isinstance(one.command, SetTimer)}
        self.cause: Cause | None = None
        self.links = Links(step.event)
        self._around = around
        self._uid = ""
        for end in _ends(self.decision, around):
            if self.cause is None:
                self.cause, self._uid = end.cause, end.uid
            if end.event.sequence != step.event.sequence:
                self.links.fact(end.event, explain_fact(end.event.envelope.fact, end.name))
            self.links.cause(end.event, f"pod {end.name}: {end.cause.words}")
        name = step.event.address.name if step.event.address is not None else ""
        self.links.fact(step.event, explain_fact(step.event.envelope.fact, name))
        for fact in self.decision.facts:
            what = f"decided by version {self.decision.machine}: {explain_lifecycle(fact)}"
            self.links.decision(step.event, what, rule=rule_of_fact(fact, policies))
        for issued in self.decision.commands:
            what = f"command {issued.id}: {explain_command(issued.command)}"
            self.links.command(step.event, what, rule=rule_of_command(issued.command, policies))

    def follow(self, event: RecordedEvent) -> None:
        fact = event.envelope.fact
        if isinstance(fact, CommandSucceeded | CommandFailed):
            issued = self.waits.pop(fact.command_id, None)
            if issued is not None:
                self.links.outcome(event, _outcome(issued, fact))
        elif isinstance(fact, DeletionRequested) and self.cause is not None and fact.uid == self._uid:
            named = self._around.named(self.cause, self._uid)  # it may be recorded behind what it led to
            if named.user != self.cause.user:
                self.cause = named
                self.links.cause(event, explain_fact(fact, fact.name))

    def result(self) -> Chain:
        moment = timestamp(self.event.envelope.at_ms)
        return Chain(
            kind=DECISION,
            what=f"the decision about event {self.event.sequence} at {moment}: {_summary(self.decision)}",
            complete=not self.waits,
            cause=self.cause,
            links=self.links.all,
        )


def decision_at(
    steps: Iterable[Step], set_name: SetName, point: Point, *, group: str | None = None, pod: str | None = None
) -> Chain | None:
    """The last decision about a set up to a point, else the first one after it; None where there is none at all.

    ``group`` or ``pod``: only decisions about this group, or the group of this pod.
    """
    wanted = (
        group_of_object(set_name, pod) if pod is not None else None if group is None else group_token(set_name, group)
    )
    around = Surroundings(set_name)
    found: _Explained | None = None
    for step in about(steps, set_name):
        around.add(step.event)
        is_past = not point.includes(step.event)
        if found is not None:
            found.follow(step.event)
        if step.decision is not None:
            if (found is None or not is_past) and (wanted is None or wanted in _groups(set_name, step.decision)):
                found = _Explained(step, around, Policies(around.observed))
            around.add_decision(step.event, step.decision)
        if is_past and found is not None and not found.waits:
            break
    return None if found is None else found.result()


def _groups(set_name: SetName, decision: Decision) -> set[str]:
    """Tokens of the groups that a decision is about."""
    named = {group_token(set_name, name) for fact in decision.facts if (name := getattr(fact, "group", ""))}
    return named | {group_of_target(set_name, target(one.command)) for one in decision.commands}


def _ends(decision: Decision, around: Surroundings) -> list[End]:
    """The ends of pods that a decision is about."""
    uids: dict[str, None] = {}
    for fact in decision.facts:
        if isinstance(fact, GroupRecreationStarted | GroupRecreationPostponed | GroupKept):
            uids[fact.failed_uid] = None
        elif isinstance(fact, FailureLeftAlone):
            uids[fact.pod_uid] = None
    return [around.ends[uid] for uid in uids if uid in around.ends]


def _outcome(issued: Issued, fact: CommandSucceeded | CommandFailed) -> str:
    if isinstance(fact, CommandFailed):
        return f"command {issued.id} failed: {explain_failure(fact)}"
    return f"the API server has carried out command {issued.id}"


def _summary(decision: Decision) -> str:
    told = [explain_lifecycle(fact) for fact in decision.facts]
    if not told:
        commands = [one.command for one in decision.commands]
        told = [explain_command(one) for one in commands if not isinstance(one, UpdateSetStatus)] or [
            explain_command(one) for one in commands
        ]
    return told[0] if len(told) == 1 else f"{told[0]}, and {len(told) - 1} more"
