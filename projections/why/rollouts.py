"""Rollouts as chains: who changed the set, which revision was chosen, each step with its reason, what blocked it, and
when everything was updated and ready. A change of the number of groups is one, too.
"""

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
from projections.explain import explain_command, explain_fact, explain_failure, explain_lifecycle
from projections.journal import RecordedEvent
from projections.why.links import Links
from projections.why.model import ROLLOUT, Chain
from projections.why.rules import Policies, rule_of_command, rule_of_fact
from projections.why.surroundings import Surroundings


class _Open:
    def __init__(self, began: RecordedEvent) -> None:
        self.links = Links(began)
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
        self._change: RecordedEvent | None = None
        """The last change of the set's spec."""
        self._generation = 0

    def unfinished(self) -> list[Chain]:
        """The rollout that is going on."""
        return [] if self._open is None else [self._open.result(complete=False)]

    def add_event(self, event: RecordedEvent) -> None:
        """Read one event, which ``surroundings`` has read."""
        fact = event.envelope.fact
        if isinstance(fact, SetObserved) and fact.generation > self._generation:
            self._generation, self._change = fact.generation, event
        elif isinstance(fact, CommandSucceeded | CommandFailed) and self._open is not None:
            what = self._open.commands.pop(fact.command_id, "")
            if what:
                failed = f"it failed, {explain_failure(fact)}" if isinstance(fact, CommandFailed) else ""
                self._open.links.outcome(event, failed or "the API server has applied it")

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
        change, request = self._change, self._around.request
        asked_for = request is not None and change is not None and request.sequence < change.sequence
        began = self._open = _Open(change or event)
        if asked_for and request is not None:
            fact = request.envelope.fact
            assert isinstance(fact, SpecChangeRequested)
            began.links.cause(request, explain_fact(fact, self._around.set_name.name))
        if change is not None and change.sequence != event.sequence:
            began.links.fact(change, explain_fact(change.envelope.fact, self._around.set_name.name))
        name = event.address.name if event.address is not None else ""
        began.links.fact(event, explain_fact(event.envelope.fact, name))
        self._change, self._around.request = None, None
        return began
