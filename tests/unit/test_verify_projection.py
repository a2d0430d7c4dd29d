"""Verification finds every kind of difference, and takes an undecided or lost tail for what it is."""

import itertools

import msgspec
import pytest

from lws_events.decisions import ConditionChanged, Decision
from lws_events.events import Envelope, EpochStarted, PodObserved
from projections.verify import CHANGED, EXTRA, MISSING, ORPHAN, Verification, verify
from tests.journal_builder import JournalBuilder


class ReadyTeller:
    """A machine that decides one thing: which pod became ready. It sees every event, also those it ignores."""

    def __init__(self) -> None:
        self.epoch = ""
        self.applied: list[Decision | None] = []

    def propose(self, sequence: int, subject: str, envelope: Envelope, recorded: Decision | None) -> Decision | None:
        self.applied.append(recorded)
        match envelope.fact:
            case EpochStarted(epoch=epoch):
                self.epoch = epoch
            case PodObserved(ready=True, uid=uid):
                fact = ConditionChanged(condition=uid, status="True")
                return Decision(epoch=self.epoch, cause=sequence, machine="1", facts=(fact,))
        return None


def _ready(journal: JournalBuilder, uid: str, *, decide: bool = True, machine: str = "1") -> None:
    journal.running(f"sample-{uid}", uid=uid)
    if decide:
        journal.decided(facts=[ConditionChanged(condition=uid, status="True")], machine=machine)


def _verify(journal: JournalBuilder) -> Verification:
    return verify(journal.events, journal.decisions, ReadyTeller())


def _journal(count: int = 5) -> JournalBuilder:
    journal = JournalBuilder()
    for index in range(count):
        journal.pod(f"sample-{index}", uid=str(index))
        _ready(journal, str(index))
    return journal


def test_a_faithful_journal_has_no_difference() -> None:
    result = _verify(_journal(1000))
    assert result.summary == "2,001 events, 1,000 decisions, 0 differences"
    assert (result.first, result.undecided, result.lost, result.machines) == (None, 0, 0, ("1",))


def test_a_changed_decision_is_shown_with_both_sides_and_its_event() -> None:
    journal = _journal()
    position = 2
    altered = journal.decisions[position].decision
    wrong = msgspec.structs.replace(altered, facts=(ConditionChanged(condition="2", status="False"),))
    journal.decisions[position] = journal.decisions[position]._replace(decision=wrong)
    result = _verify(journal)
    assert result.differences == 1
    assert result.first is not None
    assert (result.first.kind, result.first.cause) == (CHANGED, altered.cause)
    assert (result.first.recorded, result.first.recomputed) == (wrong, altered)
    assert result.first.event is not None
    assert result.first.event.sequence == altered.cause
    assert [str(change) for change in result.first.changes] == ['facts[0].status: "False" → "True"']


@pytest.mark.parametrize("position", range(4))
def test_a_missing_decision_is_found_once_a_later_one_is_there(position: int) -> None:
    journal = _journal()
    removed = journal.decisions.pop(position)
    result = _verify(journal)
    assert (result.differences, result.undecided) == (1, 0)
    assert result.first is not None
    assert (result.first.kind, result.first.cause) == (MISSING, removed.decision.cause)
    assert (result.first.recorded, result.first.recomputed) == (None, removed.decision)


def test_events_that_nobody_has_decided_yet_are_no_difference() -> None:
    journal = _journal()
    for uid in ("a", "b"):
        _ready(journal, uid, decide=False)
    result = _verify(journal)
    assert (result.differences, result.undecided, result.first) == (0, 2, None)


def test_an_extra_decision_is_found() -> None:
    journal = _journal()
    journal.pod("sample-x", uid="x")
    extra = journal.decided(facts=[ConditionChanged(condition="x", status="True")])
    result = _verify(journal)
    assert result.differences == 1
    assert result.first is not None
    assert (result.first.kind, result.first.recorded, result.first.recomputed) == (EXTRA, extra, None)


@pytest.mark.parametrize("cause", [10, 99])
def test_a_decision_without_or_besides_its_event_is_found(cause: int) -> None:
    journal = _journal()
    journal.decided(cause=cause)
    del journal.events[cause - 1 : cause]
    journal.decided(cause=cause)
    result = _verify(journal)
    assert result.first is not None
    assert result.first.kind == ORPHAN
    assert result.first.cause == cause


def test_decisions_of_a_lost_tail_are_no_differences() -> None:
    journal = _journal()
    journal.decided(cause=journal.sequence + 2)
    journal.epoch_started("e2")
    _ready(journal, "new")
    result = _verify(journal)
    assert (result.differences, result.lost) == (0, 1)


def test_decisions_from_before_the_first_kept_event_are_no_differences() -> None:
    journal = _journal()
    del journal.events[1:5]
    journal.events.pop(0)
    result = verify(journal.events, journal.decisions, _Late())
    assert (result.differences, result.lost) == (0, 2)


class _Late(ReadyTeller):
    def __init__(self) -> None:
        super().__init__()
        self.epoch = "e1"


def test_the_first_difference_is_the_first_in_the_journal() -> None:
    journal = _journal()
    missing = journal.decisions.pop(1)
    journal.decisions[2] = journal.decisions[2]._replace(
        decision=msgspec.structs.replace(journal.decisions[2].decision, facts=())
    )
    result = _verify(journal)
    assert result.differences == 2
    assert result.first is not None
    assert result.first.cause == missing.decision.cause


def test_the_recorded_decision_is_applied_not_the_recomputed_one() -> None:
    journal = _journal()
    journal.decisions.pop(0)
    machine = ReadyTeller()
    verify(journal.events, journal.decisions, machine)
    assert machine.applied == [step.decision for step in journal.steps]


def test_the_same_decision_of_another_version_is_no_difference() -> None:
    journal = JournalBuilder()
    _ready(journal, "a", machine="0")
    _ready(journal, "b")
    result = _verify(journal)
    assert (result.differences, result.machines) == (0, ("0", "1"))


def test_streams_are_read_only_as_far_as_needed() -> None:
    journal = _journal(3)
    endless = itertools.chain(journal.decisions, iter(()))
    seen: list[int] = []
    result = verify(iter(journal.events), endless, ReadyTeller(), on_step=seen.append)
    assert seen == [event.sequence for event in journal.events]
    assert result.decisions == 3
