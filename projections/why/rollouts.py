"""Rollouts as chains: who changed the set, which revision was chosen, each step with its reason, what blocked it, and
when everything was updated and ready. A change of the number of groups is one, too.
"""

from typing import Final, NamedTuple

from lws_events.commands import ApplyLeaderStatefulSet
from lws_events.decisions import (
    ConditionChanged,
    Decision,
    LeaderReplacementStarted,
    RevisionChosen,
    RolloutBlocked,
    RolloutStepped,
)
from lws_events.events import CommandFailed, CommandSucceeded, SetObserved, SpecChangeRequested
from lws_events.machine.status import AVAILABLE
from projections.asked_for import ChangeOfSpec
from projections.explain import explain_command, explain_fact, explain_failure, explain_lifecycle
from projections.field_managers import changed_by, explain_managers
from projections.journal import RecordedEvent
from projections.why.links import Links
from projections.why.model import ROLLOUT, Chain
from projections.why.rules import Policies, rule_of_command, rule_of_fact
from projections.why.surroundings import Surroundings

REQUESTS_MAX: Final = 64
"""Requests that have led to no change yet, and may never."""


class _Change(NamedTuple):
    """A change of the set's spec."""

    event: RecordedEvent
    of_spec: ChangeOfSpec
    managers: str

    @property
    def in_words(self) -> str:
        name = self.event.address.name if self.event.address is not None else ""
        by = f", changed by field manager {self.managers}" if self.managers else ""
        return explain_fact(self.event.envelope.fact, name) + by


class _Open:
    def __init__(self, began: RecordedEvent, change: _Change | None) -> None:
        self.links = Links(began)
        self.change = change
        self.has_user = False
        self.key = ""
        self.revision = ""
        self.steps = 0
        self.commands: dict[str, str] = {}

    def result(self, *, complete: bool) -> Chain:
        what = f"groups are to have revision {self.revision}" if self.revision else "groups are rolled out or scaled"
        steps = f", {self.steps} step{'' if self.steps == 1 else 's'} so far" if not complete and self.steps else ""
        done = "all are updated and ready" if complete else "not done yet"
        return Chain(kind=ROLLOUT, what=f"{what}: {done}{steps}", complete=complete, links=self.links.all)


class RolloutChains:
    """Fold of one set: each method gives the chains that it completed."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._open: _Open | None = None
        self._change: _Change | None = None
        """The last change of the set's spec that no rollout has begun with."""
        self._observed: SetObserved | None = None
        self._requests: list[RecordedEvent] = []

    def unfinished(self) -> list[Chain]:
        """The rollout that is going on."""
        return [] if self._open is None else [self._open.result(complete=False)]

    def add_event(self, event: RecordedEvent) -> None:
        """Read one event, which ``surroundings`` has read."""
        fact = event.envelope.fact
        if isinstance(fact, SetObserved):
            self._see(event, fact)
        elif isinstance(fact, SpecChangeRequested):
            self._asked(event, fact)
        elif isinstance(fact, CommandSucceeded | CommandFailed) and self._open is not None:
            what = self._open.commands.pop(fact.command_id, "")
            if what:
                failed = f"it failed, {explain_failure(fact)}" if isinstance(fact, CommandFailed) else ""
                self._open.links.outcome(event, failed or "the API server has applied it")

    def _see(self, event: RecordedEvent, fact: SetObserved) -> None:
        before = self._observed
        if before is not None and before.uid == fact.uid and fact.generation <= before.generation:
            return
        self._observed = fact
        managers = explain_managers(changed_by(before, fact))
        self._change = _Change(event, ChangeOfSpec.between(before, fact), managers)

    def _asked(self, event: RecordedEvent, request: SpecChangeRequested) -> None:
        """Before the change that came of it, or behind it."""
        rollout = self._open
        change = rollout.change if rollout is not None else None
        if rollout is None or rollout.has_user or change is None:
            self._requests = [*self._requests, event][-REQUESTS_MAX:]
        elif change.of_spec.was_asked_by(request, before=False):
            rollout.has_user = True
            rollout.links.first_cause(event, explain_fact(request, self._around.set_name.name))
        else:
            self._requests = [*self._requests, event][-REQUESTS_MAX:]

    def add_decision(self, event: RecordedEvent, decision: Decision, policies: Policies) -> list[Chain]:
        """Read what was decided by the event."""
        finished: list[Chain] = []
        for fact in decision.facts:
            match fact:
                case RevisionChosen():
                    finished += self._interrupted(fact)
                    rollout = self._begun(event)
                    rollout.key, rollout.revision = fact.key, fact.revision
                case RolloutStepped():
                    self._begun(event).steps += 1
                case RolloutBlocked() | LeaderReplacementStarted() | ConditionChanged():
                    if self._open is None:
                        continue
                case _:
                    continue
            rollout = self._begun(event)
            what = f"decided by version {decision.machine}: {explain_lifecycle(fact)}"
            rollout.links.decision(event, what, rule=rule_of_fact(fact, policies))
            if isinstance(fact, ConditionChanged) and (fact.condition, fact.status) == (AVAILABLE, "True"):
                finished.append(rollout.result(complete=True))
                self._open = None
        self._note_commands(event, decision, policies)
        return finished

    def _note_commands(self, event: RecordedEvent, decision: Decision, policies: Policies) -> None:
        if self._open is None:
            return
        for issued in decision.commands:
            if isinstance(issued.command, ApplyLeaderStatefulSet):
                what = f"command {issued.id}: {explain_command(issued.command)}"
                self._open.links.command(event, what, rule=rule_of_command(issued.command, policies))
                self._open.commands[issued.id] = what

    def _interrupted(self, fact: RevisionChosen) -> list[Chain]:
        """A rollout that another one overtakes."""
        before = self._open
        if before is None or not before.revision or before.key == fact.key:
            return []
        self._open = None
        return [before.result(complete=False)]

    def _begun(self, event: RecordedEvent) -> _Open:
        """The rollout that is going on; a new one begins with the change of the set, and with who asked for it."""
        if self._open is not None:
            return self._open
        change, self._change = self._change, None
        began = self._open = _Open(change.event if change is not None else event, change)
        if change is not None:
            request = self._request_of(change)
            if request is not None:
                began.has_user = True
                began.links.cause(request, explain_fact(request.envelope.fact, self._around.set_name.name))
            if change.event.sequence != event.sequence or change.managers:
                began.links.fact(change.event, change.in_words)
        if change is None or change.event.sequence != event.sequence or not change.managers:
            name = event.address.name if event.address is not None else ""
            began.links.fact(event, explain_fact(event.envelope.fact, name))
        return began

    def _request_of(self, change: _Change) -> RecordedEvent | None:
        """The last request that asked for it; those of before are of no more use."""
        requests, self._requests = self._requests, []
        for request in reversed(requests):
            fact = request.envelope.fact
            assert isinstance(fact, SpecChangeRequested)
            if change.of_spec.was_asked_by(fact, before=request.sequence < change.event.sequence):
                return request
        return None
