"""Restarts that are forgiven: those from before the group was complete, and from before the policy changed (D3)."""

import msgspec
import pytest

from lws_events import events, names, subjects
from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import FailureLeftAlone
from tests.scenario import Scenario

ON_RESTART, AFTER_START, NONE = "RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None"
EXPERIMENTAL = {names.RECREATE_GROUP_AFTER_START: "true"}


def _running(policy: str) -> Scenario:
    scenario = Scenario(leaderWorkerTemplate={"restartPolicy": policy})
    scenario.run()
    return scenario


def _deleted(scenario: Scenario) -> list[tuple[str, str]]:
    return [(each.name, each.uid) for each in scenario.commanded(DeleteLeaderPod)]


@pytest.mark.parametrize(("policy", "annotations"), [(AFTER_START, {}), (ON_RESTART, EXPERIMENTAL)])
def test_d3_restarts_before_the_group_was_complete_are_forgiven(policy: str, annotations: dict[str, str]) -> None:
    scenario = Scenario(leaderWorkerTemplate={"restartPolicy": policy})
    scenario.apply_set(annotations=annotations)
    scenario.carry_out()
    scenario.pod("sample-0", restarts=1)
    scenario.carry_out()
    owner = events.Owner("StatefulSet", "sample-0", "sample-0-sts-of-sample-0-uid")
    scenario.pod("sample-0-1", owner=owner, restarts=1)
    scenario.pod("sample-0-2", owner=owner, phase="Pending")
    scenario.pod("sample-0-1", owner=owner, restarts=2)
    scenario.pod("sample-0-2", owner=owner)
    # H14: the reference ends the group at the next event of a pod that restarted long ago.
    scenario.pod("sample-0-1", owner=owner, restarts=2, ready=False)
    scenario.pod("sample-0", restarts=1, ready=False)
    assert _deleted(scenario) == []
    assert len(scenario.facts(FailureLeftAlone)) == 3
    scenario.pod("sample-0-1", owner=owner, restarts=3)
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")]


def test_d3_a_deletion_before_the_group_was_complete_is_forgiven() -> None:
    scenario = _running(AFTER_START)
    scenario.pod("sample-0-2", phase="Pending", ready=False)
    scenario.pod_deleted("sample-0-1")
    assert _deleted(scenario) == []
    scenario.pod("sample-0-1", uid="replacement", phase="Pending", ready=False)
    scenario.pod("sample-0-1", uid="replacement")
    scenario.pod("sample-0-2")
    assert _deleted(scenario) == []
    scenario.pod_deleted("sample-0-2")
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")]


def test_d3_a_change_of_policy_ends_no_group() -> None:
    scenario = _running(NONE)
    scenario.pod("sample-0-1", restarts=3)
    scenario.pod("sample-1", restarts=1)
    scenario.apply_set(leaderWorkerTemplate={"restartPolicy": ON_RESTART})
    scenario.carry_out()
    scenario.pod("sample-0-1", restarts=3, ready=False)
    scenario.pod("sample-1", restarts=1, ready=False)
    assert _deleted(scenario) == []


@pytest.mark.parametrize(
    ("last_phase", "deleted"), [("Running", [("sample-0", "sample-0-uid")]), ("Pending", [])], ids=["complete", "not"]
)
def test_d3_at_the_start_the_whole_listing_says_whether_the_group_was_complete(
    last_phase: str, deleted: list[tuple[str, str]]
) -> None:
    past = _running(AFTER_START)
    listed = [past.group(0).leader, *past.group(0).workers.values()]
    names_of_pods = ["sample-0", *past.group(0).workers]
    worker_set, set_ = past.group(0).worker_set, past.state.set_
    assert worker_set is not None
    assert set_ is not None
    started = Scenario()
    started.see(subjects.STATEFULSET, "sample-0", worker_set)
    for name, pod in zip(names_of_pods, listed, strict=True):
        assert pod is not None
        change = {"restarts": 1} if name == "sample-0-1" else {"phase": last_phase} if name == "sample-0-2" else {}
        started.see(subjects.POD, name, msgspec.structs.replace(pod.view, **change))
    started.see(subjects.SET, "sample", set_)
    assert _deleted(started) == deleted
