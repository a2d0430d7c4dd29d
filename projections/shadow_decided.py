"""What a shadow has decided, until it is known what became of it: each command's kind, rule and cause.

Memory grows with commands, and with causes as long as a command of theirs is open or was done otherwise.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from lws_events.commands import RecordEvent, SetTimer
from lws_events.differences import DifferenceFound
from lws_events.events import CommandFailed, CommandSucceeded, TimerFired
from lws_events.subjects import SetName
from projections.explain import explain_fact
from projections.journal import RecordedDecision, RecordedEvent
from projections.shadow_rules import LEADER, Rules, rule_of_target
from projections.why.rules import Policies


class Decided(NamedTuple):
    """A command that somebody is to carry out."""

    kind: str
    rule: str


class Decisions:
    """All decisions of a journal, then its events, in order."""

    def __init__(self) -> None:
        self.count = 0
        self._rules = Rules()
        self._open: dict[str, Decided] = {}
        self._same: dict[Decided, Decided] = {}
        self._of_cause: Counter[int] = Counter()
        self._causes: dict[int, str] = {}
        self._kept: set[int] = set()

    @property
    def waiting(self) -> int:
        """Commands of which nothing is known yet."""
        return len(self._open)

    def take(self, recorded: RecordedDecision) -> None:
        """A decision. All of them come before the first event."""
        self.count += 1
        for issued in recorded.decision.commands:
            if not isinstance(issued.command, (SetTimer, RecordEvent)):
                rule = self._rules.behind(issued.command, recorded.decision.facts)
                decided = Decided(type(issued.command).__name__, rule)
                self._open[issued.id] = self._same.setdefault(decided, decided)
                self._of_cause[cause_of(issued.id)] += 1

    def happened(self, event: RecordedEvent) -> None:
        """An event: the cause of a decision, perhaps. Outcomes and timers say nothing of the cluster."""
        fact = event.envelope.fact
        if event.sequence in self._of_cause and not isinstance(fact, (CommandSucceeded, CommandFailed, TimerFired)):
            name = event.address.name if event.address is not None else ""
            self._causes[event.sequence] = explain_fact(fact, name)

    def closed(self, command_id: str, *, is_done: bool) -> str:
        """The kind of a command of which it is known now what became of it; empty where that was known before.

        What is not done is asked for again by another command, and told of with the cause of the first.
        """
        decided = self._open.pop(command_id, None)
        cause = cause_of(command_id)
        if decided is not None:
            self._of_cause[cause] -= 1
            if not is_done:
                self._kept.add(cause)
            if not self._of_cause[cause] and cause not in self._kept:
                self._causes.pop(cause, None)
        return decided.kind if decided is not None else ""

    def rule_of(self, found: DifferenceFound, set_name: SetName) -> str:
        """The rule that a difference is about."""
        of_target = rule_of_target(found.target, set_name, found.fields)
        decided = self._open.get(found.command_id)
        return of_target if decided is None or decided.rule in ("", LEADER) else decided.rule

    def rule_in_words(self, rule: str, policies: Policies) -> str:
        """What it says."""
        return self._rules.in_words(rule, policies)

    def what_led_to(self, found: DifferenceFound) -> str:
        """In words: the event by which it was decided; empty where nothing was."""
        cause = cause_of(found.command_id)
        self._kept.add(cause)
        return self._causes.get(cause, "")


def cause_of(command_id: str) -> int:
    """A command's id is ``<epoch>-<sequence of the cause>-<index>``; 0 for none."""
    parts: Sequence[str] = command_id.rsplit("-", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else 0
