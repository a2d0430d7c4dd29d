"""The state of a set at any point, and what each event changed."""

from typing import Any

import msgspec
import pytest

from lws_events.decisions import ConditionChanged, Decision
from lws_events.events import Envelope, PodDeleted, PodObserved
from lws_events.subjects import SetName, parse
from projections.difference import ABSENT, Change, difference
from projections.replay import Until, replay_steps, state_at
from tests.journal_builder import SAMPLE, START_MS, JournalBuilder


class Seen(msgspec.Struct):
    """State of a set in ``PodKeeper``."""

    ready: dict[str, bool] = {}
    conditions: list[str] = []


class PodKeeper:
    """A machine that a reader of this file can hold in the head: it keeps readiness and decided conditions."""

    def __init__(self) -> None:
        self.aggregates: dict[SetName, Seen] = {}

    def recall(self, sequence: int, subject: str, envelope: Envelope, recorded: Decision | None) -> None:
        address = parse(subject)
        if address is None:
            return
        seen = self.aggregates.setdefault(address.set_name, Seen())
        match envelope.fact:
            case PodObserved() as pod:
                seen.ready[address.name] = pod.ready
            case PodDeleted():
                seen.ready.pop(address.name, None)
        if recorded is not None:
            seen.conditions += [f.condition for f in recorded.facts if isinstance(f, ConditionChanged)]


def _journal() -> JournalBuilder:
    journal = JournalBuilder()
    journal.pod("sample-0", uid="a")  # 2
    journal.later(milliseconds=1000).running("sample-0", uid="a")  # 3
    journal.decided(facts=[ConditionChanged(condition="Available", status="True")])
    journal.about(SAMPLE._replace(name="other")).pod("other-0", uid="b")  # 4
    journal.about(SAMPLE).later(milliseconds=1000).pod_deleted("sample-0", uid="a")  # 5
    return journal


@pytest.mark.parametrize(
    ("until", "sequence", "state"),
    [
        (Until(sequence=1), 0, None),
        (Until(sequence=2), 2, {"ready": {"sample-0": False}, "conditions": []}),
        (Until(sequence=4), 3, {"ready": {"sample-0": True}, "conditions": ["Available"]}),
        (Until(at_ms=START_MS + 999), 2, {"ready": {"sample-0": False}, "conditions": []}),
        (Until(at_ms=START_MS + 1000), 3, {"ready": {"sample-0": True}, "conditions": ["Available"]}),
        (Until(), 5, {"ready": {}, "conditions": ["Available"]}),
    ],
)
def test_state_at_a_sequence_or_time(until: Until, sequence: int, state: Any) -> None:
    result = state_at(_journal().steps, SAMPLE, PodKeeper(), until=until)
    assert (result.sequence, result.state) == (sequence, state)
    assert result.set_name == "default/sample"


def test_steps_show_event_decision_and_change() -> None:
    created, ready, gone = replay_steps(_journal().steps, SAMPLE, PodKeeper())
    assert created.changes == (Change("", None, {"ready": {"sample-0": False}, "conditions": []}),)
    assert ready.recorded is not None
    assert [str(change) for change in ready.changes] == [
        'conditions[0]: (absent) → "Available"',
        "ready.sample-0: false → true",
    ]
    assert gone.recorded is None
    assert gone.changes == (Change("ready.sample-0", True, ABSENT),)
    assert [step.event.sequence for step in (created, ready, gone)] == [2, 3, 5]


def test_difference_knows_types_and_missing_keys() -> None:
    assert difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}) == ()
    assert difference({"a": 1}, {"a": True}) == (Change("a", 1, True),)
    assert difference({"a": [1, 2]}, {"a": [1]}) == (Change("a[1]", 2, ABSENT),)
    assert difference({}, {"b": None}) == (Change("b", ABSENT, None),)
    assert str(Change("x", "s" * 1000, 1)).endswith("… (1002 characters) → 1")
