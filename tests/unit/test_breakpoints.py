"""The language of breakpoints: what each condition stops at, how they combine, and what is said of a wrong one."""

import pytest

from lws_events import decisions
from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import ConditionChanged, FailureLeftAlone, GroupRecreationStarted
from projections.breakpoints import KEYS, WORDS, BreakpointError, parse_breakpoint
from tests.journal_builder import JournalBuilder

RECREATION = GroupRecreationStarted(
    group="sample-1",
    leader="sample-1",
    leader_uid="l1",
    failed_pod="sample-1-2",
    failed_uid="w2",
    failure="deleted",
)
LEFT_ALONE = FailureLeftAlone(
    group="sample-0", pod="sample-0-1", pod_uid="w1", failure="deleted", because="restart policy None"
)


@pytest.fixture(scope="module")
def journal() -> JournalBuilder:
    """Events 2 to 7; 1 begins the epoch."""
    journal = JournalBuilder()
    journal.pod("sample-0", uid="l0")  # 2
    journal.running("sample-1-2", uid="w2")  # 3
    journal.decided(facts=[ConditionChanged(condition="Available", status="True")])
    journal.pod_deleted("sample-1-2", uid="w2")  # 4
    journal.decided(facts=[RECREATION], commands=[DeleteLeaderPod(name="sample-1", uid="l1")])
    journal.pod_deleted("sample-0-1", uid="w1")  # 5
    journal.decided(facts=[LEFT_ALONE, ConditionChanged(condition="Available", status="False")])
    journal.pod_deleted("sample-1", uid="l1")  # 6
    return journal


@pytest.mark.parametrize(
    ("expression", "sequences"),
    [
        ("restart", [4]),
        ("failure", [4, 5]),
        ("decision", [3, 4, 5]),
        ("refused", []),
        ("command=DeleteLeaderPod", [4]),
        ("fact=PodDeleted", [4, 5, 6]),
        ("fact=FailureLeftAlone", [5]),
        ("pod=sample-0-1", [5]),
        ("pod=sample-1", [4, 6]),
        ("pod=sample-1-2", [3, 4]),
        ("group=1", [3, 4, 6]),
        ("group=sample-0", [2, 5]),
        ("condition=Available", [3, 5]),
        ("condition=Available=False", [5]),
        ("restart|condition=Available=False", [4, 5]),
        ("restart or fact=PodObserved,group=0", [2, 4]),
        ("decision and group=1 and pod=sample-1", [4]),
        (" fact = PodDeleted , decision ", [4, 5]),
        ("restart,failure,pod=sample-0-1", []),
    ],
)
def test_what_it_stops_at(journal: JournalBuilder, expression: str, sequences: list[int]) -> None:
    found = parse_breakpoint(expression)
    assert [step.event.sequence for step in journal.steps if found.matches(step)] == sequences


@pytest.mark.parametrize(
    ("expression", "message", "hint"),
    [
        ("", "a condition is missing", "restart|"),
        ("restart|", "a condition is missing", "restart|"),
        ("restart,,decision", "a condition is missing", "restart|"),
        ("restrat", "no condition 'restrat'", "did you mean restart?"),
        ("colour=blue", "no condition 'colour'", "known are restart, failure"),
        ("command=DeletePod", "no command 'DeletePod'", "DeleteLeaderPod"),
        ("colour=", "no condition 'colour'", "known are restart, failure"),
        ("fact=PodGone", "no fact 'PodGone'", "Pod"),
        ("pod=", "pod= lacks its value", "about this pod"),
        ("condition=Available=Maybe", "becomes True or False", "condition=Available=False"),
    ],
)
def test_what_is_said_of_a_wrong_one(expression: str, message: str, hint: str) -> None:
    with pytest.raises(BreakpointError, match=message) as refused:
        parse_breakpoint(expression)
    assert hint in refused.value.hint


def test_every_condition_is_in_the_help() -> None:
    from adapters.cli.replay import command

    for condition in (*WORDS, *KEYS):
        assert condition in (command.__doc__ or "")


def test_every_failure_is_a_failure() -> None:
    kinds = {name for name in vars(decisions) if name.startswith(("GroupRecreation", "GroupKept", "FailureLeft"))}
    assert kinds == {"GroupRecreationStarted", "GroupRecreationPostponed", "GroupKept", "FailureLeftAlone"}
