"""From one steady state to the next each condition changes once at most, in whatever order its groups get there."""

import itertools
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import given

from lws_events import commands, events, subjects
from lws_events.commands import UpdateSetStatus
from lws_events.machine.status import COUNTS_INTERVAL_MS
from tests.property.fuzzing import fuzzed
from tests.property.reordering_cluster import ReorderingCluster
from tests.scenario import Scenario

GROUPS = 4
Step = Callable[[Scenario], object]


def _statuses(written: list[dict[str, Any]], condition: str) -> list[str]:
    """What a condition was in one write after the other, repetitions left out; absent counts as False."""
    found = [
        next((each["status"] for each in status.get("conditions", []) if each["type"] == condition), "False")
        for status in written
    ]
    return [status for status, _ in itertools.groupby(found)]


def _written(issued: list[commands.Command]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(each.status) for each in issued if isinstance(each, UpdateSetStatus)]


def _becoming_ready(scenario: Scenario, index: int) -> list[Step]:
    """What is told of a group that comes up, in the order of one watch each; some of it more than once."""
    group = f"sample-{index}"
    current = scenario.group(index).worker_set
    assert current is not None
    return [
        lambda each: each.pod(group),
        lambda each: each.worker_set(group, uid=current.uid, leader_uid=f"{group}-uid", available=1),
        lambda each: each.worker_set(group, uid=current.uid, leader_uid=f"{group}-uid"),
        lambda each: each.pod(f"{group}-1"),
        lambda each: each.pod(f"{group}-2"),
    ]


@fuzzed(120)
@given(data=st.data())
def test_groups_that_come_up_in_any_order(data: st.DataObject) -> None:
    scenario = Scenario(replicas=GROUPS)
    scenario.apply_set()
    scenario.carry_out()
    for index in range(GROUPS):
        scenario.pod(f"sample-{index}", ready=False, phase="Pending")
        scenario.carry_out()
    queues = [_becoming_ready(scenario, index) for index in range(GROUPS)]
    while waiting := [queue for queue in queues if queue]:
        data.draw(st.sampled_from(waiting)).pop(0)(scenario)
        scenario.at_ms += data.draw(st.sampled_from([0, 10, COUNTS_INTERVAL_MS]))
        if data.draw(st.booleans()):
            scenario.carry_out()
    _settle(scenario)
    written = _written(scenario.commanded(commands.UpdateSetStatus))
    assert _statuses(written, "Available") == ["False", "True"]
    assert _statuses(written, "Progressing") == ["True", "False"]
    assert _statuses(written, "UpdateInProgress") == ["False"]
    assert [status.get("readyReplicas", 0) for status in written] == sorted(
        status.get("readyReplicas", 0) for status in written
    )
    assert _moves(written) == _changes(written)


@fuzzed(120)
@given(data=st.data(), seen_late=st.booleans())
def test_groups_that_are_replaced_in_a_rollout(data: st.DataObject, seen_late: bool) -> None:
    """The StatefulSet controller replaces them in any order and number; available, progressing, available."""
    scenario = Scenario(replicas=GROUPS)
    scenario.run()
    _settle(scenario)
    before = len(scenario.issued(UpdateSetStatus))
    scenario.apply_set(leaderWorkerTemplate={"workerTemplate": {"metadata": {"labels": {"v": "2"}}}})
    scenario.carry_out()
    queues = [_replacement(index, seen_late=seen_late) for index in data.draw(st.permutations(range(GROUPS)))]
    for first in range(0, GROUPS, 2):
        pair = queues[first : first + 2]
        while waiting := [queue for queue in pair if queue]:
            data.draw(st.sampled_from(waiting)).pop(0)(scenario)
            scenario.at_ms += data.draw(st.sampled_from([0, 10, COUNTS_INTERVAL_MS]))
            scenario.carry_out()
    _settle(scenario)
    written = _written(scenario.commanded(commands.UpdateSetStatus))[before - 1 :]
    assert _statuses(written, "Available") == ["True", "False", "True"]
    assert _statuses(written, "Progressing") == ["False", "True", "False"]
    assert _statuses(written, "UpdateInProgress") == ["False", "True", "False"]
    assert _moves(written) == _changes(written)


def _replacement(index: int, *, seen_late: bool) -> list[Step]:
    group = f"sample-{index}"

    def workers_gone(scenario: Scenario) -> None:
        current = scenario.group(index).worker_set if group in scenario.state.groups else None
        if current is not None:
            scenario.worker_set_deleted(group, uid=current.uid)
        for worker in (1, 2):
            scenario.pod_deleted(f"{group}-{worker}")

    def workers_ready(scenario: Scenario) -> None:
        current = scenario.group(index).worker_set
        assert current is not None
        scenario.worker_set(group, uid=current.uid, leader_uid=f"{group}-uid-2")

    ends: list[Step] = [lambda each: each.pod_deleted(group), workers_gone]
    new: list[Step] = [lambda each: each.pod(group, uid=f"{group}-uid-2", ready=False)]
    begins = [ends[0], new[0], ends[1]] if seen_late else [*ends, *new]
    return [*begins, lambda each: each.pod(group, uid=f"{group}-uid-2"), workers_ready]


def _settle(scenario: Scenario) -> None:
    """Let timers of the status fire, until it is written."""
    scenario.carry_out()
    scenario.at_ms += COUNTS_INTERVAL_MS
    if "status" in scenario.state.timers:
        scenario.fire("status")
    scenario.carry_out()


def _conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["lastTransitionTime"]) for each in status.get("conditions", [])}


def _moves(written: list[dict[str, Any]]) -> int:
    """How often a time of transition moved."""
    return sum(
        before[name][1] != at
        for one, two in itertools.pairwise(written)
        for name, (_, at) in _conditions(two).items()
        if name in (before := _conditions(one))
    )


def _changes(written: list[dict[str, Any]]) -> int:
    """How often a condition that was there changed, in another second than before."""
    return sum(
        before[name][0] != status and before[name][1] != at
        for one, two in itertools.pairwise(written)
        for name, (status, at) in _conditions(two).items()
        if name in (before := _conditions(one))
    )


@fuzzed(60)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_new_set_is_never_available_before_it_is_up(seed: int) -> None:
    """With every watch at its own pace, old news repeated."""
    cluster = ReorderingCluster(seed)
    cluster.apply_set(replicas=GROUPS)
    cluster.settle()
    decided = [decision for _, _, _, decision in cluster.journal if decision is not None]
    written = _written([issued.command for decision in decided for issued in decision.commands])
    assert _statuses(written, "Available") == ["False", "True"]
    assert _statuses(written, "Progressing") == ["True", "False"]
    assert _statuses(written, "UpdateInProgress") == ["False"]


@fuzzed(60)
@given(gaps=st.lists(st.sampled_from([0, 1, 300, 999, 1000, 5000]), min_size=5, max_size=60))
def test_counts_are_written_once_in_an_interval_and_never_left_stale(gaps: list[int]) -> None:
    scenario = Scenario(replicas=60, leaderWorkerTemplate={"size": 1})
    scenario.apply_set()
    scenario.carry_out()
    began_ms, before = scenario.at_ms, len(scenario.issued(UpdateSetStatus))
    for index, gap in enumerate(gaps[:-1]):
        timer = scenario.state.timers.get("status")
        scenario.at_ms += gap
        if timer is not None and timer <= scenario.at_ms:
            scenario.fire("status")
        scenario.pod(f"sample-{index}")
        scenario.carry_out()
    elapsed_ms = scenario.at_ms - began_ms
    assert len(scenario.issued(UpdateSetStatus)) - before <= 1 + elapsed_ms // COUNTS_INTERVAL_MS + 1
    _settle(scenario)
    assert scenario.state.status["readyReplicas"] == len(gaps) - 1


def test_a_generation_is_observed_only_with_counts_of_its_own_revision() -> None:
    """Until its revision exists, counts would be of the old one, and say that everything is up to date."""
    scenario = Scenario()
    scenario.run()
    _settle(scenario)
    before = len(scenario.issued(UpdateSetStatus))
    scenario.apply_set(leaderWorkerTemplate={"workerTemplate": {"metadata": {"labels": {"v": "2"}}}})
    status = events.SetStatusObserved(
        uid="set-uid", resource_version=scenario.next_version(), status=msgspec.Raw(b"{}")
    )
    scenario.see(subjects.SET_STATUS, "sample", status)
    assert len(scenario.issued(UpdateSetStatus)) == before
    scenario.carry_out()
    written = _written(scenario.commanded(commands.UpdateSetStatus))[before:]
    assert {each["observedGeneration"] for each in written} == {2}
    assert [each.get("updatedReplicas", 0) for each in written] == [0] * len(written)
