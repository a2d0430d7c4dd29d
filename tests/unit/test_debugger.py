"""The debugger walks a recorded past in both directions, and shows the same on every way to a point."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from adapters.reading.reader import open_for_reading
from adapters.reading.source import JournalSource
from adapters.replaying.opening import open_past
from lws_events.fleet import Fleet
from lws_events.subjects import SetName
from projections import debugger
from projections.debugger import Debugger
from projections.difference import plain
from projections.journal import Step, pair
from projections.replay import ReplayedStep, Until, replay_steps, state_at

FOLDER = Path(__file__).parents[1] / "journals"
JOURNALS = sorted(FOLDER.glob("*.jsonl.gz"))
FILE = FOLDER / "force_deleted_worker_recreates_its_group.jsonl.gz"
SAMPLE = SetName("default", "sample")


def steps_of(path: Path) -> list[Step]:
    with open_for_reading(JournalSource(file=path)) as reader:
        return list(reader.steps_of(reader.set_names()[0]))


class Again:
    """A source that counts how often it is read."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self.readings = 0

    def __call__(self, *, after: int, epoch: str) -> Iterator[Step]:
        self.readings += 1
        later = [step for step in self._steps if step.event.sequence > after]
        recorded = [step.recorded for step in self._steps if step.recorded is not None]
        return pair([step.event for step in later], recorded, epoch=epoch or None)


@pytest.fixture
def past(monkeypatch: pytest.MonkeyPatch) -> Debugger:
    monkeypatch.setattr(debugger, "CHECKPOINT_STEPS_MIN", 7)
    monkeypatch.setattr(debugger, "_BYTES_PER_STEP", 10**9)
    return Debugger(Again(steps_of(FILE)), SAMPLE)


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.name)
def test_backwards_shows_the_same_as_forwards(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debugger, "CHECKPOINT_STEPS_MIN", 5)
    monkeypatch.setattr(debugger, "_BYTES_PER_STEP", 10**9)
    steps = steps_of(path)
    name = next(address.set_name for step in steps if (address := step.event.address) is not None)
    past = Debugger(Again(steps), name)
    forwards = list(past)
    assert forwards == list(replay_steps(steps, name, Fleet()))
    backwards: list[ReplayedStep] = [forwards[-1]]
    while (step := past.back()) is not None:
        backwards.append(step)
    assert backwards[::-1] == forwards
    assert (past.position, past.sequence, past.state) == (0, 0, None)
    assert list(past) == forwards


def test_each_point_has_the_state_of_a_replay_to_there(past: Debugger) -> None:
    steps = steps_of(FILE)
    for sequence in (60, 3, 48, 47, 10**9, 1, 48):
        step = past.go_to(Until(sequence=sequence))
        assert past.here() == state_at(steps, SAMPLE, Fleet(), until=Until(sequence=sequence))
        assert (step is None) == (past.position == 0)
        assert step is None or step.event.sequence == past.sequence


def test_times_are_points_too(past: Debugger) -> None:
    steps = steps_of(FILE)
    at_ms = steps[40].event.envelope.at_ms
    past.go_to(Until(at_ms=at_ms))
    assert past.here() == state_at(steps, SAMPLE, Fleet(), until=Until(at_ms=at_ms))
    past.go_before(Until(at_ms=at_ms))
    following = past.step()
    assert following is not None
    assert following.event.envelope.at_ms >= at_ms
    before = past.back()
    assert before is not None
    assert before.event.envelope.at_ms < at_ms


def test_a_breakpoint_is_found_from_both_sides(past: Debugger) -> None:
    found = past.run("restart")
    assert found is not None
    assert found.event.sequence == 48
    assert 'groups.sample-1.lifecycle: "Ready" → "Recreating"' in [str(change) for change in found.changes]
    assert past.run("restart") is None
    assert past.step() is None
    assert past.run_back("restart") == found
    assert past.sequence == 48
    assert past.run_back("restart") is None
    assert past.position == 0
    assert past.run("restart", until=Until(sequence=47)) is None
    assert past.run("restart", until=Until(sequence=48)) == found


def test_two_points_are_compared(past: Debugger) -> None:
    before, after, changes = past.compare(Until(sequence=47), Until(sequence=48))
    assert (before.sequence, after.sequence, past.sequence) == (47, 48, 48)
    assert past.current is not None
    assert changes == past.current.changes
    _, _, back = past.compare(Until(sequence=48), Until(sequence=47))
    assert [(one.path, one.after, one.before) for one in back] == [(one.path, one.before, one.after) for one in changes]


def test_going_back_begins_at_a_checkpoint_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debugger, "CHECKPOINT_STEPS_MIN", 2)
    monkeypatch.setattr(debugger, "_BYTES_PER_STEP", 10**9)
    monkeypatch.setattr(debugger, "CHECKPOINT_BYTES_MAX", 20_000)
    source = Again(steps_of(FILE))
    past = Debugger(source, SAMPLE)
    forwards = list(past)
    kept = past._checkpoints
    assert 1 < len(kept) < len(forwards) // 2
    assert sum(len(one.state) for one in kept) <= 2 * 20_000
    assert kept[0].position == 0
    assert past.back() == forwards[-2]
    assert source.readings == 2


def test_a_beginning_in_the_middle_goes_on_from_its_state() -> None:
    steps = steps_of(FILE)
    fleet = Fleet()
    for step in steps:
        if step.event.sequence <= 40:
            fleet.recall(step.event.sequence, step.event.subject, step.event.envelope, step.decision)
    past = Debugger(Again(steps), SAMPLE, beginning=fleet)
    assert past.sequence == 40
    past.go_to(Until())
    assert past.state == state_at(steps, SAMPLE, Fleet()).state
    past.rewind()
    assert past.here().state == state_at(steps, SAMPLE, Fleet(), until=Until(sequence=40)).state


def test_the_python_api_opens_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_past("default/sample", file=FILE) as past:
        past.go_to(Until())
        machine = Fleet()
        for step in steps_of(FILE):
            machine.recall(step.event.sequence, step.event.subject, step.event.envelope, step.decision)
        assert past.state == plain(machine.aggregates[SAMPLE])
        assert past.observed == machine.aggregates[SAMPLE].set_
    with pytest.raises(ValueError, match="one of file"), open_past("x", file=FILE, data_dir=tmp_path):
        raise AssertionError("two places")
