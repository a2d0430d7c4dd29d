"""A rolling update as its timeline tells it."""

from lws_events.decisions import LeaderReplacementStarted, LifecycleFact, RolloutBlocked, RolloutStepped
from projections.entries import Entry
from projections.timeline import timeline
from tests.journal_builder import SAMPLE, JournalBuilder


def told(*facts: LifecycleFact, group: str | None = None) -> list[Entry]:
    """What the controller has decided, as entries; for one group, or for all."""
    journal = JournalBuilder()
    journal.running("sample-0", uid="l0", node="node-1")
    journal.decided(facts=facts)
    return [each for each in timeline(journal.steps, SAMPLE, group=group) if each.who == "controller"]


def test_a_step_says_what_moves_and_why() -> None:
    step = RolloutStepped(
        key="k",
        partition_before=4,
        partition=3,
        replicas_before=6,
        replicas=4,
        because="2 groups are updated and ready",
    )
    (entry,) = told(step)
    assert (entry.group, entry.what) == (
        "",
        "rolling update: the partition is to move from 4 to 3 and the leader StatefulSet is to go from 6 to 4 groups, "
        "because 2 groups are updated and ready",
    )


def test_what_does_not_move_is_not_told() -> None:
    step = RolloutStepped(
        key="k", partition_before=4, partition=4, replicas_before=4, replicas=6, because="the template changed"
    )
    (entry,) = told(step)
    assert entry.what == (
        "rolling update: the leader StatefulSet is to go from 4 to 6 groups, because the template changed"
    )


def test_a_blocked_rollout_names_who_holds_the_budget() -> None:
    (entry,) = told(RolloutBlocked(key="k", partition=4, groups=("sample-0", "sample-1"), count=5))
    assert entry.what == (
        "the rolling update cannot go below partition 4: the budget is used up by groups that are not ready: "
        "sample-0, sample-1 and 3 more"
    )
    (entry,) = told(RolloutBlocked(key="k", partition=4, groups=("sample-0",), count=1))
    assert entry.what.endswith("not ready: sample-0")


def test_a_replaced_leader_is_told_of_its_group() -> None:
    replaced = LeaderReplacementStarted(group="sample-0", leader_uid="l0", partition=0, because="it is in the way")
    (entry,) = told(replaced, group="0")
    assert (entry.group, entry.what) == (
        "0",
        "group sample-0: its leader pod is to be replaced, because it is in the way",
    )
