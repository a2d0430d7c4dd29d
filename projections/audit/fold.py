"""The audit of sets as a fold over events and recorded decisions: one row for each fact.

They come in the order of the journal, a little later where the user of a change is not known yet.

Memory grows with the sets and with what is in flight, not with the journal. What happened under a generation of the
spec is summed up in a row of its own when the next one takes its place: it happened *while* that generation was in
force; which part of it the change itself caused, the rows of restarts and rollouts say.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from lws_events.decisions import Decision, GroupChanged, GroupRecreationStarted, LeaderReplacementStarted
from lws_events.events import CommandFailed, CommandSucceeded, PodDeleted, PodObserved, SetDeleted, SetObserved
from lws_events.machine.lifecycle import READY as READY_GROUP
from lws_events.machine.state import is_older
from lws_events.subjects import SetName
from projections.audit.capacity import Capacity, Gap
from projections.audit.changes import Changes
from projections.audit.commands import Commands
from projections.audit.effects import Effects
from projections.audit.facts import audit_rests_on, why_restarted
from projections.audit.rollouts import Rollouts
from projections.audit.rows import (
    CAPACITY,
    EVERYTHING,
    POD,
    READY,
    REPLACEMENT,
    RESTART,
    Asked,
    AuditRow,
)
from projections.durations import DurationFold
from projections.explain import explain_exit
from projections.groups import group_of_object, group_token
from projections.journal import RecordedEvent, Step

HELD_MAX: Final = 20_000
"""Rows that are held back for the user of a change."""

HELD_EVENTS: Final = 20_000
"""How many events of all sets later they are told at the latest: of sets that went quiet, memory would be full."""


class SetAudit:
    """Fold of one set. ``add`` gives the rows of one step that are asked for, ``end`` what is open at the end.

    What happened after the period is not read: what has not ended in it is open.
    """

    def __init__(self, set_name: SetName, *, asked: Asked = EVERYTHING) -> None:
        self._set = set_name
        self._asked = asked
        self._changes = Changes(set_name)
        self._capacity = Capacity(set_name)
        self._commands = Commands(set_name)
        self._rollouts = Rollouts(set_name)
        self._effects = Effects(set_name)
        self._durations = DurationFold()
        self._pods: dict[str, PodObserved] = {}
        self._held: list[AuditRow] = []
        self.held_since: int | None = None
        """Sequence of the event since which rows are held back; None: there are none."""
        self._last: RecordedEvent | None = None

    def add(self, step: Step) -> list[AuditRow]:
        """Rows of one event and of what was decided by it. The event must be about this set."""
        if not audit_rests_on(step.event.envelope.fact, step.decision):
            return []
        event, until_ms = step.event, self._asked.until_ms
        if until_ms is not None and event.envelope.at_ms > until_ms:
            if self._last is not None:
                self._capacity.go_on_until(until_ms)
            return []
        self._last = event
        waits = self._changes.waits(event.envelope.at_ms) and not self._is_late(event.sequence)
        told = [] if waits else self._released()
        gaps = [self._gap(event, gap) for gap in self._capacity.add(event)]
        rows = [row for row in gaps if row is not None]
        changes = self._changes.add(event)
        if self._changes.sequence != self._effects.sequence:
            rows += self._effects.end(event)
            self._effects.begin(self._changes, at_ms=event.envelope.at_ms)
        else:
            self._effects.name(self._changes)
        rows += changes
        self._rollouts.see(event)
        fact = event.envelope.fact
        if isinstance(fact, PodObserved | PodDeleted):
            rows += self._of_pod(event, fact)
        elif isinstance(fact, CommandSucceeded | CommandFailed):
            rows.append(self._commands.ended(event, fact, generation=self._changes.generation))
        if step.decision is not None:
            rows += self._of_decision(event, step.decision)
        self._durations.add(step)
        rows += self._became_ready(event, step.decision)
        self._hold(rows)
        if isinstance(fact, SetDeleted | PodDeleted) and not self._pods and self._changes.is_gone:
            self._pods = {}  # a dictionary that was large stays so
            self._capacity.forget_ended()
        waits = self._changes.waits(event.envelope.at_ms) and len(self._held) < HELD_MAX
        if not waits:
            return told + self._released()
        if self._held and self.held_since is None:
            self.held_since = event.sequence
        return told

    def overdue(self, sequence: int) -> list[AuditRow]:
        """What is held back no longer, because an event of this sequence has come, of whatever set."""
        return self._released() if self._is_late(sequence) else []

    def _is_late(self, sequence: int) -> bool:
        return self.held_since is not None and sequence - self.held_since >= HELD_EVENTS

    def know(self, event: RecordedEvent) -> None:
        """Something that was so before the period: it gives no rows. All of it comes before the first step."""
        self._capacity.add(event)
        self._changes.add(event)
        self._rollouts.see(event)
        fact = event.envelope.fact
        if isinstance(fact, SetObserved):
            self._effects.begin(self._changes, at_ms=self._asked.since_ms or event.envelope.at_ms)
        elif isinstance(fact, PodObserved) and event.address is not None:
            self._pods[event.address.name] = fact
            self._durations.know(self._set, event.address.name, fact)

    def end(self) -> list[AuditRow]:
        """What has not ended: commands without an outcome, capacity still lost, the rollout, the generation."""
        event = self._last
        if event is None:
            return []
        gaps = [self._gap(event, gap) for gap in self._capacity.open()]
        rows = [row for row in gaps if row is not None]
        rows += self._commands.open(generation=self._changes.generation)
        rows += self._rollouts.end(event)
        self._hold(rows)
        self._hold(self._effects.end(event))
        return self._released()

    def _hold(self, rows: list[AuditRow]) -> None:
        in_period = [row for row in rows if self._asked.covers(row.at_ms)]
        for row in in_period:
            self._effects.count(row)
        self._held += in_period

    def _released(self) -> list[AuditRow]:
        """What was held back, with the user that has become known meanwhile."""
        held, self._held, self.held_since = self._held, [], None
        named = (self._changes.named(row) for row in held)
        return [row for row in named if self._asked.has(row)]

    def _of_pod(self, event: RecordedEvent, fact: PodObserved | PodDeleted) -> list[AuditRow]:
        assert event.address is not None
        name = event.address.name
        known = self._pods.get(name)
        if isinstance(fact, PodDeleted):
            if known is not None and known.uid != fact.uid:
                return []  # of an earlier incarnation
            self._pods.pop(name, None)
            because = explain_exit(fact.last_exit) if fact.last_exit is not None else fact.reason
            row = self._row(event, POD, f"pod {name} is gone", pod=name, outcome="deleted", because=because)
            asked = self._changes.deletions.of(fact.uid)
            who = {} if asked is None else {"user": asked.user, "user_groups": ", ".join(asked.groups)}
            return [msgspec.structs.replace(row, **who)]
        if known is not None and is_older(fact, known):
            return []
        self._pods[name] = fact
        rows: list[AuditRow] = []
        if known is None or known.uid != fact.uid:
            rows.append(self._row(event, POD, f"pod {name} was created", pod=name, outcome="created"))
        restarts = fact.restarts - (known.restarts if known is not None and known.uid == fact.uid else 0)
        if restarts > 0:
            because = explain_exit(fact.last_exit) if fact.last_exit is not None else ""
            what = f"pod {name}: a container restarted ({fact.restarts} in all)"
            rows.append(self._row(event, POD, what, pod=name, outcome="restarted", because=because))
        return rows

    def _of_decision(self, event: RecordedEvent, decision: Decision) -> list[AuditRow]:
        rows: list[AuditRow] = []
        for fact in decision.facts:
            match fact:
                case GroupRecreationStarted():
                    what = f"group {fact.group} is recreated as a whole, because of pod {fact.failed_pod}"
                    row = self._row(event, RESTART, what, pod=fact.failed_pod, because=why_restarted(event, fact))
                case LeaderReplacementStarted():
                    what = f"the leader of group {fact.group} is replaced so that the rollout goes on"
                    row = self._row(event, REPLACEMENT, what, pod=fact.group, because=fact.because)
                case _:
                    continue
            rows.append(msgspec.structs.replace(row, group=group_token(self._set, fact.group)))
        self._commands.decided(event, decision)
        return rows + self._rollouts.add(event, decision)

    def _became_ready(self, event: RecordedEvent, decision: Decision | None) -> list[AuditRow]:
        known = self._durations.of(self._set)
        new = list(known.ready_ms)
        known.ready_ms.clear()  # told once, and not kept: a journal may be of any length
        known.end_ms.clear()
        facts = decision.facts if new and decision is not None else ()
        became = [fact.group for fact in facts if isinstance(fact, GroupChanged) and fact.after == READY_GROUP]
        if len(became) != len(new):
            became = [""] * len(new)  # one of them was ready when it was first seen: nobody knows how long it took
        rows: list[AuditRow] = []
        for group, took_ms in zip(became, new, strict=True):
            row = self._row(event, READY, f"group {group} became ready" if group else "a group became ready")
            token = group_token(self._set, group) if group else ""
            rows.append(msgspec.structs.replace(row, group=token, took_ms=took_ms))
        return rows

    def _gap(self, event: RecordedEvent, gap: Gap) -> AuditRow | None:
        """What lies in the period; None where nothing does."""
        from_ms, to_ms = self._asked.within(gap.from_ms, gap.to_ms)
        if to_ms == from_ms:
            return None
        missed = f"pod {gap.pod}" if gap.pod else f"group {self._set.name}-{gap.group} as a whole"
        row = self._row(event, CAPACITY, f"{missed} was wanted and not ready", pod=gap.pod, lost_ms=to_ms - from_ms)
        return msgspec.structs.replace(row, at_ms=to_ms, group=gap.group)

    def _row(
        self,
        event: RecordedEvent,
        kind: str,
        what: str,
        *,
        pod: str = "",
        command: str = "",
        target: str = "",
        outcome: str = "",
        because: str = "",
        lost_ms: int | None = None,
    ) -> AuditRow:
        return AuditRow(
            at_ms=event.envelope.at_ms,
            sequence=event.sequence,
            namespace=self._set.namespace,
            set=self._set.name,
            kind=kind,
            what=what,
            group=group_of_object(self._set, pod),
            pod=pod,
            generation=self._changes.generation,
            command=command,
            target=target,
            outcome=outcome,
            because=because,
            lost_ms=lost_ms,
        )


def audit(
    steps: Iterable[Step], *, asked: Asked = EVERYTHING, known: Iterable[RecordedEvent] = ()
) -> Iterator[AuditRow]:
    """Rows of all sets in the steps, of each in the order of the journal; what it leaves open comes last.

    ``known``: the last observations of sets and pods of before, where the steps do not begin at the beginning. Then
    ``asked.since_ms`` must not be earlier than the first step.
    """
    folds: dict[SetName, SetAudit] = {}

    def fold_of(event: RecordedEvent) -> SetAudit | None:
        address = event.address
        if address is None or asked.namespace not in (None, address.set_name.namespace):
            return None
        fold = folds.get(address.set_name)
        if fold is None:
            fold = folds[address.set_name] = SetAudit(address.set_name, asked=asked)
        return fold

    for event in known:
        before = fold_of(event)
        if before is not None:
            before.know(event)
    holding: dict[SetName, int] = {}
    for step in steps:
        fold = fold_of(step.event)
        if fold is None:
            continue
        yield from _overdue(holding, folds, step.event.sequence)
        yield from fold.add(step)
        if fold.held_since is not None and step.event.address is not None:
            holding.setdefault(step.event.address.set_name, fold.held_since)
    for name in sorted(folds):
        yield from folds[name].end()


def _overdue(holding: dict[SetName, int], folds: Mapping[SetName, SetAudit], sequence: int) -> Iterator[AuditRow]:
    """Of the sets that hold rows back, by when they began to: what they held for too long."""
    while holding:
        name, since = next(iter(holding.items()))
        if sequence - since < HELD_EVENTS:
            return
        del holding[name]
        yield from folds[name].overdue(sequence)
        began = folds[name].held_since
        if began is not None:
            holding[name] = began
