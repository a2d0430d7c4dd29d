"""Every golden journal folds, and gives the decisions that were recorded, in this release and all later ones.

A journal is named for what it protects. A test that fails here is not mended by recording again: a decision that
changed on purpose needs a new version of the machine (``decisions.MACHINE_VERSION``), a line in ``CHANGED_ON_PURPOSE``
that says what became better, and a new journal beside the old.
"""

from pathlib import Path
from typing import Final

import pytest

from adapters.cli.options import JournalSource
from adapters.cli.reading import open_for_reading
from lws_events import decisions
from lws_events.decisions import FailureLeftAlone, GroupRecreationStarted
from lws_events.fleet import Fleet
from projections.verify import verify
from tests.journals.recording import FOLDER, STORIES

JOURNALS: Final = sorted(FOLDER.glob("*.jsonl.gz"))

CHANGED_ON_PURPOSE: Final[dict[str, str]] = {
    "changed_template_is_rolled_out_and_old_revisions_go": "rolling updates go group by group, within the budget",
    "fifth_group_waits_for_a_rack_of_its_own": "a change of the number of groups is on record, with its reason",
    "force_deleted_worker_recreates_its_group": "a timer watches over groups that end, and tells of those that do not",
    "two_failures_in_one_group_are_one_recreation": "as above",
    "worker_deleted_while_the_controller_was_down": "as above",
    "set_is_scaled_and_deleted": "a change of the number of groups is on record, with its reason",
}
"""Journals of earlier machines in which this one decides otherwise: name → what became better."""


def test_every_story_has_its_journal() -> None:
    assert {path.name.removesuffix(".jsonl.gz") for path in JOURNALS} == set(STORIES)


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.name)
def test_the_recorded_decisions_are_made_again(path: Path) -> None:
    with open_for_reading(JournalSource(file=path)) as reader:
        result = verify(reader.events(), reader.decisions(), Fleet())
    changed = path.name.removesuffix(".jsonl.gz") in CHANGED_ON_PURPOSE
    assert (result.differences > 0) == changed, result.first
    assert result.decisions > 0
    if result.machines == (decisions.MACHINE_VERSION,):
        assert result.undecided == 0


def recreations(name: str) -> list[GroupRecreationStarted]:
    with open_for_reading(JournalSource(file=FOLDER / f"{name}.jsonl.gz")) as reader:
        facts = [fact for recorded in reader.decisions() for fact in recorded.decision.facts]
    return [fact for fact in facts if isinstance(fact, GroupRecreationStarted)]


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("force_deleted_worker_recreates_its_group", ["sample-1"]),
        ("two_failures_in_one_group_are_one_recreation", ["sample-0"]),
        ("worker_deleted_while_the_controller_was_down", ["sample-1"]),
        ("set_is_scaled_and_deleted", []),
        ("changed_template_is_rolled_out_and_old_revisions_go", []),
        ("policy_none_leaves_a_failure_alone", []),
    ],
)
def test_each_journal_protects_what_it_is_named_for(name: str, groups: list[str]) -> None:
    assert [recreation.group for recreation in recreations(name)] == groups


def test_a_failure_left_alone_says_why() -> None:
    path = FOLDER / "policy_none_leaves_a_failure_alone.jsonl.gz"
    with open_for_reading(JournalSource(file=path)) as reader:
        facts = [fact for recorded in reader.decisions() for fact in recorded.decision.facts]
    assert [fact.because for fact in facts if isinstance(fact, FailureLeftAlone)] == ["restart policy None"]
