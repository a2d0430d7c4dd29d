"""Every golden journal folds, and gives the decisions that were recorded, in this release and all later ones.

A journal is named for what it protects. A test that fails here is not mended by recording again: a decision that
changed on purpose needs a new version of the machine (``decisions.MACHINE_VERSION``), a line in ``CHANGED_ON_PURPOSE``
that says what became better, and a new journal beside the old.
"""

import itertools
from pathlib import Path
from typing import Final, TypeVar

import pytest

from adapters.reading.reader import open_for_reading
from adapters.reading.source import JournalSource
from lws_events import decisions
from lws_events.decisions import (
    FailureLeftAlone,
    GroupKept,
    GroupRecreationPostponed,
    GroupRecreationStarted,
    GroupTerminationOverdue,
    ObjectLeftAlone,
    RolloutBlocked,
    RolloutStepped,
)
from lws_events.fleet import Fleet
from projections.verify import verify
from tests.journals.recording import FOLDER
from tests.journals.stories import PRESENT, STORIES
from tests.recordings.__main__ import FOLDER as DOCUMENTED
from tests.recordings.__main__ import JOURNALS as DOCUMENTED_STORIES

Fact = TypeVar("Fact")

RECORDED: Final = sorted(DOCUMENTED.glob("*.jsonl.gz"))
"""Journals of the documentation, from a real control plane; named for what they show."""

JOURNALS: Final = [*sorted(FOLDER.rglob("*.jsonl.gz")), *RECORDED]

CHANGED_ON_PURPOSE: Final[dict[str, str]] = {
    "changed_template_is_rolled_out_and_old_revisions_go": "rolling updates go group by group, within the budget",
    "fifth_group_waits_for_a_rack_of_its_own": "a change of the number of groups is on record, with its reason",
    "force_deleted_worker_recreates_its_group": "a timer watches over groups that end, and tells of those that do not",
    "two_failures_in_one_group_are_one_recreation": "as above",
    "worker_deleted_while_the_controller_was_down": "as above",
    "set_is_scaled_and_deleted": "a change of the number of groups is on record, with its reason",
}
"""Journals of machine 1 in which this one decides otherwise: name → what became better."""


def name_of(path: Path) -> str:
    return str(path.relative_to(DOCUMENTED if path in RECORDED else FOLDER)).removesuffix(".jsonl.gz")


def test_every_story_has_its_journal_of_the_present_machine() -> None:
    assert {path.name.removesuffix(".jsonl.gz") for path in PRESENT.iterdir()} == set(STORIES)


def test_every_journal_of_the_documentation_has_its_story_its_line_and_a_size_that_can_be_sent() -> None:
    told = {journal for journals in DOCUMENTED_STORIES.values() for journal in journals}
    assert {path.name.removesuffix(".jsonl.gz") for path in RECORDED} == told
    lines = (DOCUMENTED / "README.md").read_text().splitlines()
    for path in RECORDED:
        assert [line for line in lines if line.startswith(f"| [{path.name}]({path.name})")], path.name
        assert path.stat().st_size < 300_000, path.name


def test_only_journals_of_earlier_machines_may_be_decided_otherwise() -> None:
    assert set(CHANGED_ON_PURPOSE) <= {name_of(path) for path in JOURNALS if path.parent != PRESENT}


@pytest.mark.parametrize("path", JOURNALS, ids=name_of)
def test_the_recorded_decisions_are_made_again(path: Path) -> None:
    with open_for_reading(JournalSource(file=path)) as reader:
        result = verify(reader.events(), reader.decisions(), Fleet())
    changed = name_of(path) in CHANGED_ON_PURPOSE
    assert (result.differences > 0) == changed, result.first
    assert result.decisions > 0
    if result.machines == (decisions.MACHINE_VERSION,):
        assert result.undecided == 0


def facts_of(path: Path, kind: type[Fact]) -> list[Fact]:
    with open_for_reading(JournalSource(file=path)) as reader:
        facts = [fact for recorded in reader.decisions() for fact in recorded.decision.facts]
    return [fact for fact in facts if isinstance(fact, kind)]


def of_both_machines(name: str) -> list[Path]:
    return [folder / f"{name}.jsonl.gz" for folder in (FOLDER, PRESENT)]


RECREATED: Final = {
    "force_deleted_worker_recreates_its_group": ["sample-1"],
    "two_failures_in_one_group_are_one_recreation": ["sample-0"],
    "worker_deleted_while_the_controller_was_down": ["sample-1"],
    "set_is_scaled_and_deleted": [],
    "changed_template_is_rolled_out_and_old_revisions_go": [],
    "policy_none_leaves_a_failure_alone": [],
}


@pytest.mark.parametrize(
    ("path", "groups"),
    [(path, groups) for name, groups in RECREATED.items() for path in of_both_machines(name)],
)
def test_each_journal_protects_what_it_is_named_for(path: Path, groups: list[str]) -> None:
    assert [recreation.group for recreation in facts_of(path, GroupRecreationStarted)] == groups


@pytest.mark.parametrize("path", of_both_machines("policy_none_leaves_a_failure_alone"))
def test_a_failure_left_alone_says_why(path: Path) -> None:
    assert [fact.because for fact in facts_of(path, FailureLeftAlone)] == ["restart policy None"]


def steps(name: str) -> list[tuple[int, int]]:
    found = facts_of(PRESENT / f"{name}.jsonl.gz", RolloutStepped)
    return [(step.partition, step.replicas) for step in found]


def test_a_surge_comes_before_the_steps_and_goes_after_them() -> None:
    found = steps("rolling_update_keeps_to_its_budget_with_a_surge")
    assert found[0] == (4, 6)
    assert found[-1] == (0, 4)
    assert [partition for partition, _ in found] == sorted((partition for partition, _ in found), reverse=True)


def test_a_second_template_parks_the_partition_again() -> None:
    partitions = [partition for partition, _ in steps("second_template_and_scale_down_in_mid_rollout")]
    assert partitions[0] == 6
    assert partitions[-1] == 0
    assert any(after > before for before, after in itertools.pairwise(partitions)) or 3 in partitions


def test_a_canary_stops_at_the_partition_until_it_is_lowered() -> None:
    partitions = [partition for partition, _ in steps("canary_waits_at_its_partition")]
    assert 3 in partitions
    assert partitions[-1] == 0
    assert partitions == sorted(partitions, reverse=True)


def test_a_blocked_rollout_names_the_group_that_holds_the_budget() -> None:
    path = PRESENT / "rollout_blocked_by_a_broken_group_says_so_and_goes_on.jsonl.gz"
    assert [fact.groups for fact in facts_of(path, RolloutBlocked)] == [("stuck-0",)]


def test_a_crash_loop_is_answered_at_once_then_later_then_not_at_all() -> None:
    path = PRESENT / "group_that_fails_again_and_again_waits_longer_and_is_kept.jsonl.gz"
    assert [fact.attempt for fact in facts_of(path, GroupRecreationStarted)] == [1, 2]
    assert [fact.attempt for fact in facts_of(path, GroupRecreationPostponed)] == [2]
    assert [fact.group for fact in facts_of(path, GroupKept)] == ["looping-0"]


def test_an_object_of_others_is_left_alone() -> None:
    path = PRESENT / "foreign_statefulset_is_left_alone.jsonl.gz"
    assert ("StatefulSet", "sample-1") in {(fact.kind, fact.name) for fact in facts_of(path, ObjectLeftAlone)}


def documented(name: str) -> Path:
    return DOCUMENTED / f"{name}.jsonl.gz"


def test_the_recorded_incident_is_what_its_guide_tells() -> None:
    for name in ("incident", "incident-resolved"):
        recreated = [fact.group for fact in facts_of(documented(name), GroupRecreationStarted)]
        assert recreated == ["llama-5", "llama-1", "llama-0"]
        assert next(fact.groups for fact in facts_of(documented(name), RolloutBlocked)) == ("llama-0",)


def test_the_recorded_crash_loop_waits_longer_each_time_and_is_kept() -> None:
    path = documented("crash-loop")
    assert [fact.attempt for fact in facts_of(path, GroupRecreationPostponed)] == [2, 3]
    assert [fact.group for fact in facts_of(path, GroupKept)] == ["embed-1"]
    assert [fact.attempt for fact in facts_of(path, GroupRecreationStarted)] == [1, 2, 3, 1]


def test_the_recorded_loss_of_a_node_keeps_a_group_from_ending() -> None:
    path = documented("node-loss")
    assert [fact.group for fact in facts_of(path, GroupRecreationStarted)] == ["search-1"]
    assert [fact.group for fact in facts_of(path, GroupTerminationOverdue)] == ["search-1"]


def test_the_recorded_rolling_update_has_a_surge_and_no_recreation() -> None:
    path = documented("rolling-update")
    assert facts_of(path, GroupRecreationStarted) == []
    assert max(fact.replicas for fact in facts_of(path, RolloutStepped)) == 5
