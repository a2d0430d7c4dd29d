"""What a shadow has found, summed up for a review before switching: from the shadow's journal, at any time.

Counts what was compared and lists what differs, each with what led to it. A difference that is meant (``known``) is
listed with its reason and is no objection; what nobody has explained is. Nothing is recomputed here.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from lws_events import names
from lws_events.differences import KINDS, ORDER, FieldDifference
from lws_events.events import (
    NOT_DONE,
    CommandFailed,
    CommandSucceeded,
    DifferenceFound,
    Fact,
    PodObserved,
    SetObserved,
)
from lws_events.subjects import POD, Address, SetName
from projections.explain import timestamp
from projections.journal import RecordedDecision, RecordedEvent
from projections.shadow_decided import Decisions, cause_of
from projections.why.rules import Policies

MEANT: Final = {
    "D1": "a worker whose deletion nobody saw restarts its group all the same",
    "D2": "a pod that has failed or ended restarts its group",
    "D3": "a container that restarted while the group was starting does not count later",
    "D4": "recreations are counted, and a group that keeps failing is kept, where the set asks for it",
    "D7": "pods that only look like the set's are not counted",
    "D8": "a leader on its way out is not counted as ready",
    "D9": "a rollout replaces groups that are broken anyway first, where the set asks for it",
    "D10": "changed claim templates neither block the set nor pile up revisions",
    "D11": "a new set gets its claim templates whole",
    "D12": "one revision for one template: no duplicates, and none is kept",
    "D31": "changed labels and annotations of the set reach the worker StatefulSets that exist",
    "D39": "annotations of kubectl are not copied",
    "D65": "a PodGroup asks for the resources that its pods ask for",
}
"""Differences that are meant, by their numbers in ``docs/compatibility.md``."""

_WORDS: Final = {
    "missing": "decided here, not done there",
    "extra": "done there, not decided here",
    "values": "done with other values",
    "order": "done late, after it had been reported missing",
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One difference."""

    sequence: int
    """Of the fact in the shadow's journal."""
    cause: int
    """Sequence of the event that led to the decision; 0 where there was none."""
    at: str
    set: str
    kind: str
    target: str
    what: str
    because: str
    """What led to it, in words: the event by which it was decided here, where the difference does not say more."""
    rule: str
    """The rule of ours that it is about, by its name (``shadow_rules``)."""
    rule_says: str
    """The same in words; empty where nothing was decided by it."""
    fields: tuple[FieldDifference, ...]
    known: str
    waited_ms: int

    @property
    def matters(self) -> bool:
        """Nobody has explained it. What was done late has been told of when it was missing."""
        return not self.known and self.kind != ORDER


class Compared(msgspec.Struct, kw_only=True):
    """Commands of one kind."""

    agreed: int = 0
    not_done: int = 0


class ByRule(msgspec.Struct, kw_only=True):
    """Differences that one rule of ours is about."""

    differences: int = 0
    unexplained: int = 0
    says: str = ""


class ShadowReport(msgspec.Struct, kw_only=True):
    """All that a review needs."""

    cluster: str
    since: str = ""
    until: str = ""
    sets: int = 0
    groups: int = 0
    events: int = 0
    decisions: int = 0
    compared: dict[str, Compared] = {}
    """By kind of command."""
    waiting: int = 0
    """Commands that nobody has carried out yet, and that are still waited for."""
    kinds: dict[str, int] = {}
    """Differences by kind."""
    meant: dict[str, int] = {}
    """Differences that are meant, by number."""
    rules: dict[str, ByRule] = {}
    """Differences by rule; what was done late counts as it did when it was missing."""
    unexplained: int = 0
    differences: list[Row] = []

    @property
    def agreed(self) -> int:
        """Commands that whoever is in charge carried out as well."""
        return sum(each.agreed for each in self.compared.values())

    @property
    def commands(self) -> int:
        """Commands that were compared."""
        return sum(each.agreed + each.not_done for each in self.compared.values())

    @property
    def verdict(self) -> str:
        """In words, for people."""
        if not self.sets:
            return "Nothing to say: no LeaderWorkerSet was seen."
        if not self.commands and not self.differences:
            return (
                "Nothing to say yet: there was nothing to do for anybody. Let it run through a rollout and a failure."
            )
        if self.unexplained:
            plural = "difference that nobody has" if self.unexplained == 1 else "differences that nobody has"
            rules = [name for name, each in self.rules.items() if each.unexplained]
            about = f"rule{'' if len(rules) == 1 else 's'} {', '.join(rules)}"
            return f"{self.unexplained} {plural} explained ({about}): look at them before you switch."
        meant = sum(self.meant.values())
        if meant:
            numbers = ", ".join(f"{number} ({count})" for number, count in self.meant.items())
            times = "once" if meant == 1 else f"{meant} times"
            return f"Ours differs only where it is meant to, {times}: {numbers}."
        return f"No difference: all {self.agreed} commands were carried out alike."


def report(cluster: str, events: Iterable[RecordedEvent], decisions: Iterable[RecordedDecision]) -> ShadowReport:
    """Sum up the journal of a shadow. Memory grows with sets, groups, commands and differences only."""
    summing = _Summing(cluster)
    for recorded in decisions:
        summing.decided.take(recorded)
    for event in events:
        summing.take(event)
    return summing.finish()


def explanation(number: str) -> str:
    """Why a difference is meant."""
    return MEANT.get(number, "")


def kind_in_words(kind: str) -> str:
    """What a kind of difference is."""
    return _WORDS.get(kind, kind)


class _Summing:
    def __init__(self, cluster: str) -> None:
        self.result = ShadowReport(cluster=cluster, kinds=dict.fromkeys(KINDS, 0))
        self.decided = Decisions()
        self._sets: dict[SetName, SetObserved] = {}
        self._groups: set[tuple[str, str]] = set()
        self._not_done: set[tuple[str, str]] = set()

    def take(self, event: RecordedEvent) -> None:
        result, envelope = self.result, event.envelope
        result.events += 1
        at = timestamp(envelope.at_ms)
        result.since = result.since or at
        result.until = at
        self.decided.happened(event)
        address = event.address
        if address is not None:
            self._take_fact(event, envelope.fact, address, at=at)

    def _take_fact(self, event: RecordedEvent, fact: Fact, address: Address, *, at: str) -> None:
        match fact:
            case SetObserved():
                self._sets[address.set_name] = fact
            case PodObserved():
                if fact.labels.get(names.WORKER_INDEX) == "0":
                    self._groups.add((str(address.set_name), address.name))
            case CommandSucceeded():
                kind = self.decided.closed(fact.command_id, is_done=True)
                if kind:
                    self.result.compared.setdefault(kind, Compared()).agreed += 1
            case CommandFailed():
                kind = self.decided.closed(fact.command_id, is_done=False)
                if kind and fact.reason == NOT_DONE and self._is_news(address, fact):
                    self.result.compared.setdefault(kind, Compared()).not_done += 1
            case DifferenceFound():
                self._note(event, fact, address, at=at)
            case _:
                pass

    def _is_news(self, address: Address, failed: CommandFailed) -> bool:
        """What is not done is asked for again and again, and counts once; each recreation counts."""
        if failed.target.startswith(f"{POD}/"):
            return True
        place = (str(address.set_name), failed.target)
        is_news = place not in self._not_done
        self._not_done.add(place)
        return is_news

    def _note(self, event: RecordedEvent, fact: DifferenceFound, address: Address, *, at: str) -> None:
        rule = self.decided.rule_of(fact, address.set_name)
        row = Row(
            sequence=event.sequence,
            cause=cause_of(fact.command_id),
            at=at,
            set=str(address.set_name),
            kind=fact.kind,
            target=fact.target,
            what=fact.what,
            because=fact.because or self.decided.what_led_to(fact),
            rule=rule,
            rule_says=self.decided.rule_in_words(rule, Policies(self._sets.get(address.set_name))),
            fields=fact.fields,
            known=fact.known,
            waited_ms=fact.waited_ms,
        )
        result = self.result
        result.differences.append(row)
        result.kinds[row.kind] = result.kinds.get(row.kind, 0) + 1
        if row.known:
            result.meant[row.known] = result.meant.get(row.known, 0) + 1
        result.unexplained += row.matters
        if row.kind != ORDER:
            of_rule = result.rules.setdefault(rule, ByRule(says=row.rule_says))
            of_rule.differences += 1
            of_rule.unexplained += row.matters

    def finish(self) -> ShadowReport:
        result = self.result
        result.sets, result.groups, result.waiting = len(self._sets), len(self._groups), self.decided.waiting
        result.decisions = self.decided.count
        result.compared = dict(sorted(result.compared.items()))
        result.rules = dict(sorted(result.rules.items()))
        return result
