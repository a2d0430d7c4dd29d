"""Events find the decisions they led to, in any order that a journal can have."""

import random

import pytest

from lws_events.decisions import ConditionChanged
from projections.journal import LOOK_AHEAD_DECISIONS, Pairing, RecordedDecision, about, pair
from tests.journal_builder import SAMPLE, JournalBuilder


def _pods(journal: JournalBuilder, count: int, *, every: int = 1) -> None:
    for index in range(count):
        journal.running(f"sample-{index}", uid=f"u{index}")
        if index % every == 0:
            journal.decided(facts=[ConditionChanged(condition="Progressing", status=str(index))])


def _causes(pairing: Pairing) -> list[tuple[int, int | None]]:
    return [(step.event.sequence, step.decision.cause if step.decision else None) for step in pairing]


def test_each_event_gets_its_own_decision_and_some_have_none() -> None:
    journal = JournalBuilder()
    _pods(journal, 4, every=2)
    paired = _causes(Pairing(journal.events, journal.decisions))
    assert paired == [(1, None), (2, 2), (3, None), (4, 4), (5, None)]


@pytest.mark.parametrize("seed", range(5))
def test_decisions_of_several_controllers_may_overtake_each_other(seed: int) -> None:
    journal = JournalBuilder()
    _pods(journal, LOOK_AHEAD_DECISIONS // 2)
    shuffled = journal.decisions.copy()
    random.Random(seed).shuffle(shuffled)
    orphans: list[RecordedDecision] = []
    paired = _causes(Pairing(journal.events, shuffled, on_orphan=orphans.append))
    assert all(cause == sequence for sequence, cause in paired[1:])
    assert orphans == []


def test_look_ahead_is_bounded() -> None:
    journal = JournalBuilder()
    _pods(journal, 3 * LOOK_AHEAD_DECISIONS)
    read = 0

    def reading() -> object:
        nonlocal read
        for decision in journal.decisions:
            read += 1
            yield decision

    steps = iter(Pairing(journal.events, reading()))  # type: ignore[arg-type]
    next(steps)
    assert read <= LOOK_AHEAD_DECISIONS
    assert sum(1 for step in steps if step.recorded) == 3 * LOOK_AHEAD_DECISIONS


def test_a_lost_tail_leaves_orphans_and_its_sequences_are_given_again() -> None:
    journal = JournalBuilder()
    journal.running("sample-0", uid="a")
    lost = journal.decided(facts=[ConditionChanged(condition="Available", status="True")], cause=4)
    journal.epoch_started("e2")
    journal.running("sample-0", uid="b")
    again = journal.decided(facts=[ConditionChanged(condition="Available", status="False")])
    assert lost.cause == again.cause == 4
    orphans: list[RecordedDecision] = []
    steps = list(Pairing(journal.events, journal.decisions, on_orphan=orphans.append))
    assert steps[-1].decision == again
    assert [orphan.decision for orphan in orphans] == [lost]


def test_decisions_after_the_last_event_are_orphans() -> None:
    journal = JournalBuilder()
    journal.running("sample-0", uid="a")
    journal.decided()
    beyond = journal.decided(cause=99)
    orphans: list[RecordedDecision] = []
    assert len(list(Pairing(journal.events, journal.decisions, on_orphan=orphans.append))) == 2
    assert [orphan.decision for orphan in orphans] == [beyond]


def test_about_keeps_one_set() -> None:
    journal = JournalBuilder()
    journal.lws()
    journal.about(SAMPLE._replace(name="other")).lws()
    journal.about(SAMPLE).running("sample-0", uid="a")
    kept = about(pair(journal.events, journal.decisions), SAMPLE)
    assert [step.event.sequence for step in kept] == [2, 4]
