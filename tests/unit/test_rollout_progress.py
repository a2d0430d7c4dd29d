"""How far a rollout is and when it has ended, on recorded journals and on whatever may be observed."""

from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.reading.reader import open_for_reading
from adapters.reading.source import JournalSource
from lws_events import subjects
from lws_events.decisions import GroupChanged, GroupKept, RolloutBlocked, RolloutStepped
from lws_events.events import SetDeleted
from projections.journal import Step
from projections.rollout_progress import (
    BEGUN,
    DONE,
    ENDED,
    FAILED,
    STALLED,
    Counts,
    RolloutProgress,
    Told,
    Wait,
    in_words,
)
from tests.journal_builder import SAMPLE, START_MS, JournalBuilder

ROOT: Final = Path(__file__).parents[2]
JOURNALS: Final = [
    ROOT / "docs" / "journals" / "rolling-update.jsonl.gz",
    *sorted((ROOT / "tests" / "journals").glob("*.jsonl.gz")),
]
MINUTE_MS: Final = 60_000


def status(
    *, updated: int, ready: int, generation: int, replicas: int = 2, is_available: bool = True
) -> dict[str, Any]:
    return {
        "replicas": replicas,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "observedGeneration": generation,
        "conditions": [{"type": "Available", "status": "True" if is_available else "False"}],
    }


def story(progress: RolloutProgress, steps: list[Step]) -> list[Told]:
    told: list[Told] = []
    for step in steps:
        told += progress.add_event(step.event)
        if step.decision is not None:
            told += progress.add_decision(step.event, step.decision)
    return told


def assert_each_ends_once(told: list[Told]) -> None:
    """Nothing is told of a rollout before it begins and after it has ended, and it ends once at most."""
    under_way = False
    for one in told:
        assert under_way or one.kind == BEGUN, one
        under_way = one.kind != ENDED


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.name.split(".")[0])
def test_every_recorded_rollout_ends_once(path: Path) -> None:
    with open_for_reading(JournalSource(file=path)) as reader:
        for set_name in reader.set_names():
            of_set = [step for step in reader.steps_of(set_name) if step.event.address is not None]
            told = story(RolloutProgress(set_name), of_set)
            assert_each_ends_once(told)
            assert [one.kind for one in told].count(BEGUN) > 0
            assert [one.kind for one in told].count(ENDED) > 0


def test_a_rolling_update_is_told_group_by_group() -> None:
    with open_for_reading(JournalSource(file=JOURNALS[0])) as reader:
        [set_name] = reader.set_names()
        told = story(RolloutProgress(set_name), list(reader.steps_of(set_name)))
    ends = [one for one in told if one.kind == ENDED]
    assert [one.what for one in ends] == ["done: 4 of 4 groups updated, 4 of 4 ready; the set is Available"] * 2
    second = told[told.index(ends[0]) + 1 :]
    updated = [one.counts.updated for one in second if one.counts is not None]
    with_surge = updated.index(5)
    assert updated[:with_surge] == sorted(updated[:with_surge])
    assert set(updated) == set(range(6))
    assert updated[-1] == 4
    assert {one.group for one in second} == {"", *"01234"}


def test_a_status_of_an_earlier_generation_is_no_end() -> None:
    journal = JournalBuilder()
    journal.lws(replicas=2)
    journal.lws_status(status(updated=2, ready=2, generation=1))
    journal.lws(replicas=2, generation=2)
    journal.lws_status(status(updated=2, ready=2, generation=1))
    progress = RolloutProgress(SAMPLE)
    story(progress, journal.steps)
    assert progress.end is None
    assert progress.counts.updated == 0
    assert progress.good is not None
    assert progress.good.generation == 1


@pytest.mark.parametrize(
    "unfinished",
    [
        status(updated=1, ready=2, generation=1),
        status(updated=2, ready=1, generation=1),
        status(updated=2, ready=2, generation=1, replicas=3),
        status(updated=2, ready=2, generation=1, is_available=False),
    ],
)
def test_what_is_not_all_there_is_no_end(unfinished: dict[str, Any]) -> None:
    journal = JournalBuilder()
    journal.lws(replicas=2)
    journal.lws_status(unfinished)
    progress = RolloutProgress(SAMPLE)
    story(progress, journal.steps)
    assert progress.end is None
    journal.lws_status(status(updated=2, ready=2, generation=1))
    progress.add_event(journal.events[-1])
    assert progress.end is not None
    assert progress.end.how == DONE


def test_a_stall_names_who_holds_the_budget_and_is_counted_from_the_last_step_forward() -> None:
    journal = JournalBuilder()
    journal.lws(replicas=2)
    journal.lws_status(status(updated=1, ready=1, generation=1, is_available=False))
    blocked = RolloutBlocked(key="k", partition=1, groups=("sample-0",), count=1)
    waits = GroupChanged(group="sample-0", before="Starting", after="Degraded", because="1 of 2 workers ready")
    journal.later(milliseconds=MINUTE_MS)
    journal.lws_status(status(updated=1, ready=0, generation=1, is_available=False))
    journal.lws_status(status(updated=1, ready=1, generation=1, is_available=False))  # as before: nothing is won
    journal.decided(facts=[waits, blocked])
    progress = RolloutProgress(SAMPLE)
    story(progress, journal.steps)
    assert progress.progress_ms == START_MS
    assert progress.stalled(START_MS + MINUTE_MS - 1, after_ms=MINUTE_MS) is None
    end = progress.stalled(START_MS + MINUTE_MS, after_ms=MINUTE_MS)
    assert end is not None
    assert (end.how, end.holders) == (STALLED, ("sample-0",))
    assert end.waits == (Wait(group="sample-0", state="Degraded", because="1 of 2 workers ready"),)
    journal.decided(
        facts=[
            RolloutStepped(
                key="k", partition_before=1, partition=0, replicas_before=2, replicas=2, because="it is ready"
            )
        ]
    )
    progress.add_decision(journal.events[-1], journal.decisions[-1].decision)
    assert progress.progress_ms == START_MS + MINUTE_MS
    assert progress.ending(STALLED, "").holders == ()


def test_a_group_that_is_kept_fails_the_rollout() -> None:
    journal = JournalBuilder()
    journal.lws(replicas=2)
    kept = GroupKept(
        group="sample-0",
        leader="sample-0",
        leader_uid="l",
        failed_pod="sample-0-1",
        failed_uid="w",
        failure="container restarted",
        failed_ms=START_MS,
        recreations=3,
    )
    journal.decided(facts=[kept, kept])
    progress = RolloutProgress(SAMPLE)
    assert [one.kind for one in story(progress, journal.steps)].count(ENDED) == 1
    assert progress.end is not None
    assert progress.end.how == FAILED


def test_a_partition_holds_groups_back() -> None:
    counts = Counts(replicas=4, wanted_updated=1, updated=1, ready=4, surplus=1)
    assert in_words(counts) == "1 of 1 groups updated (a partition holds back 3), 4 of 4 ready, 1 more than wanted"


FACTS: Final = st.one_of(
    st.tuples(st.just("set"), st.integers(1, 4), st.integers(0, 3), st.sampled_from(["lws", "other"])),
    st.tuples(st.just("status"), st.integers(0, 4), st.integers(0, 3), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("kept"), st.integers(0, 2)),
    st.tuples(st.just("deleted"), st.sampled_from(["lws", "other"])),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(FACTS, max_size=25))
def test_whatever_is_observed_each_rollout_ends_once(facts: list[tuple[Any, ...]]) -> None:
    journal, specs = JournalBuilder(), dict[tuple[str, int], int]()
    for kind, *values in facts:
        if kind == "set":
            generation, replicas, uid = values
            replicas = specs.setdefault((uid, generation), replicas)  # another spec is another generation
            journal.lws(generation=generation, replicas=replicas, uid=uid)
        elif kind == "status":
            generation, updated, ready, is_available = values
            journal.lws_status(status(updated=updated, ready=ready, generation=generation, is_available=is_available))
        elif kind == "deleted":
            journal.fact(subjects.SET, SAMPLE.name, SetDeleted(uid=values[0], resource_version="999"))
        else:
            group = f"{SAMPLE.name}-{values[0]}"
            kept = GroupKept(
                group=group,
                leader=group,
                leader_uid="l",
                failed_pod=group,
                failed_uid="l",
                failure="deleted",
                failed_ms=START_MS,
                recreations=1,
            )
            journal.lws_status({})
            journal.decided(facts=[kept])
    progress = RolloutProgress(SAMPLE)
    told = story(progress, journal.steps)
    assert_each_ends_once(told)
    if told:
        assert (progress.end is not None) == (told[-1].kind == ENDED)
    if progress.end is not None and progress.end.how == DONE:
        counts = progress.counts
        assert (counts.ready >= counts.replicas, counts.surplus) == (True, 0)
        assert counts.updated >= counts.wanted_updated
