"""Events and decisions that arrive by two ways are told in an order in which they can be understood."""

import random

from hypothesis import given
from hypothesis import strategies as st

from lws_events.commands import DeleteLeaderPod
from projections.following import UNDECIDED_MAX, WAITING_MAX, Arrived, Interleaving
from projections.timeline import Timeline, timeline
from tests.journal_builder import SAMPLE, JournalBuilder
from tests.property.fuzzing import fuzzed

DELETE = DeleteLeaderPod(name="sample-0", uid="l1")


def _journal(rounds: int = 1) -> JournalBuilder:
    journal = JournalBuilder()
    journal.events.clear()  # the epoch is about no set, and reaches nobody who follows one
    for number in range(rounds):
        journal.running("sample-0", uid=f"l{number}")
        journal.pod_deleted("sample-0-1", uid=f"w{number}")
        decision = journal.decided(commands=[DELETE])
        journal.succeeded(decision)
        journal.pod_deleted("sample-0", uid=f"l{number}")
    return journal


def _told(arrived: list[Arrived]) -> list[tuple[int, bool]]:
    return [(one.event.sequence, one.decision is not None) for one in arrived]


def test_an_outcome_waits_for_the_decision_before_it() -> None:
    journal, live = _journal(), Interleaving()
    first, failure, outcome, gone = journal.events
    assert _told(live.event(first)) == [(2, False)]
    assert _told(live.event(failure)) == [(3, False)]
    assert _told(live.event(outcome)) == []
    assert _told(live.event(gone)) == []
    assert live.waits
    assert _told(live.decision(journal.decisions[0])) == [(3, True), (4, False), (5, False)]
    assert not live.waits


def test_a_decision_that_is_early_is_told_after_its_event() -> None:
    journal, live = _journal(), Interleaving()
    live.event(journal.events[0])
    assert live.decision(journal.decisions[0]) == []
    assert _told(live.event(journal.events[1])) == [(3, False), (3, True)]
    assert _told(live.event(journal.events[2])) == [(4, False)]


def test_who_gives_up_is_told_the_rest() -> None:
    journal, live = _journal(), Interleaving()
    for event in journal.events:
        live.event(event)
    assert _told(live.give_up()) == [(4, False), (5, False)]
    assert _told(live.decision(journal.decisions[0])) == [(3, True)]


def test_a_decision_about_what_was_told_before_the_following_began() -> None:
    journal, live = _journal(), Interleaving()
    live.note(journal.events[1])
    assert _told(live.event(journal.events[2])) == []
    assert _told(live.decision(journal.decisions[0])) == [(3, True), (4, False)]


def test_an_outcome_of_a_command_that_was_never_heard_of_waits_for_nothing() -> None:
    journal, live = _journal(), Interleaving()
    assert _told(live.event(journal.events[2])) == [(4, False)]


def test_what_waits_is_bounded() -> None:
    journal, live = _journal(rounds=1), Interleaving()
    for event in journal.events[:3]:
        live.event(event)
    late = journal.events[3]
    told = [one for number in range(WAITING_MAX + 1) for one in live.event(late._replace(sequence=10 + number))]
    assert told[0].event.sequence == 4
    for number in range(UNDECIDED_MAX + 10):
        live.note(late._replace(sequence=10_000 + number))
    assert live.decision(journal.decisions[0]) == []


@given(order=st.randoms(use_true_random=False), rounds=st.integers(1, 4))
@fuzzed(100)
def test_any_interleaving_tells_the_same_as_the_past(order: random.Random, rounds: int) -> None:
    journal, live, fold = _journal(rounds), Interleaving(), Timeline(SAMPLE)
    events, decisions = list(journal.events), list(journal.decisions)
    told: list[str] = []
    while events or decisions:
        takes_event = bool(events) and (not decisions or order.random() < 0.6)
        arrived = live.event(events.pop(0)) if takes_event else live.decision(decisions.pop(0))
        for event, decision in arrived:
            found = fold.add_event(event) if decision is None else fold.add_decision(event, decision)
            told += [entry.what for entry in found]
    assert not live.waits
    assert sorted(told) == sorted(entry.what for entry in timeline(journal.steps, SAMPLE))
