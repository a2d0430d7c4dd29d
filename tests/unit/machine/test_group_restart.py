"""What the failure of one pod does to its group: the tables of spec 4.7, D1 to D3, reports about restarts."""

from collections.abc import Callable

import pytest

from lws_events import events, names, subjects
from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import FailureLeftAlone, GroupRecreationStarted
from tests.scenario import Scenario

GOING = "2024-01-01T00:00:00Z"
ON_RESTART, AFTER_START, NONE = "RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None"
EXPERIMENTAL = {names.RECREATE_GROUP_AFTER_START: "true"}


def _running(policy: str = ON_RESTART, annotations: dict[str, str] | None = None, **template: object) -> Scenario:
    scenario = Scenario(leaderWorkerTemplate={"restartPolicy": policy, **template})
    scenario.annotations = annotations or {}
    scenario.run()
    return scenario


def _deleted(scenario: Scenario) -> list[tuple[str, str]]:
    return [(each.name, each.uid) for each in scenario.commanded(DeleteLeaderPod)]


def _left_alone(scenario: Scenario) -> list[tuple[str, str]]:
    return [(fact.pod, fact.because) for fact in scenario.facts(FailureLeftAlone)]


Happening = Callable[[Scenario], object]
FAILURES: dict[str, Happening] = {
    "a worker's container restarts": lambda s: s.pod("sample-0-1", restarts=1),
    "an init container of a starting worker restarts": lambda s: s.pod("sample-0-1", phase="Pending", restarts=2),
    "the leader's container restarts": lambda s: s.pod("sample-0", restarts=1),
    "a worker is deleted gracefully": lambda s: s.pod("sample-0-1", deleting_since=GOING),
    "a worker is deleted by force (D1)": lambda s: s.pod_deleted("sample-0-1"),
    "a worker was replaced while nobody looked (D1)": lambda s: s.pod("sample-0-1", uid="replacement"),
    "a worker is evicted (D2)": lambda s: s.pod("sample-0-1", phase="Failed", ready=False, reason="Evicted"),
    "a worker has ended (D2)": lambda s: s.pod("sample-0-1", phase="Succeeded", ready=False),
    "the leader has failed (D2)": lambda s: s.pod("sample-0", phase="Failed", ready=False),
    "the worker StatefulSet goes in foreground": lambda s: (
        s.worker_set("sample-0", uid="sample-0-sts-of-sample-0-uid", deleting_since=GOING),
        s.pod("sample-0-1", deleting_since=GOING),
    ),
}
NO_FAILURES: dict[str, Happening] = {
    "a worker is not ready": lambda s: s.pod("sample-0-1", ready=False),
    "a container restarts in phase Unknown": lambda s: s.pod("sample-0-1", phase="Unknown", restarts=1),
    "the leader is deleted by someone (D6)": lambda s: s.pod("sample-0", deleting_since=GOING),
    "the leader is deleted by force (D6)": lambda s: s.pod_deleted("sample-0"),
    "the leader was replaced while nobody looked (D6)": lambda s: s.pod("sample-0", uid="replacement"),
    "a worker of another revision is deleted": lambda s: s.pod(
        "sample-0-1", deleting_since=GOING, labels={names.REVISION_KEY: "old", names.WORKER_INDEX: "1"}
    ),
    "the worker StatefulSet goes in background": lambda s: (
        s.worker_set_deleted("sample-0", uid="sample-0-sts-of-sample-0-uid"),
        s.pod("sample-0-1", deleting_since=GOING),
        s.pod_deleted("sample-0-1"),
    ),
    "a worker goes with its StatefulSet by force": lambda s: (
        s.worker_set("sample-0", uid="sample-0-sts-of-sample-0-uid", deleting_since=GOING),
        s.pod_deleted("sample-0-1"),
    ),
    "the group goes with its leader": lambda s: (
        s.pod("sample-0", deleting_since=GOING),
        s.pod("sample-0-1", deleting_since=GOING),
        s.pod_deleted("sample-0-2"),
    ),
}


@pytest.mark.parametrize("policy", [ON_RESTART, AFTER_START])
@pytest.mark.parametrize("happening", FAILURES.values(), ids=FAILURES)
def test_a_failure_ends_the_group_once(policy: str, happening: Happening) -> None:
    scenario = _running(policy)
    if policy == AFTER_START and happening is FAILURES["an init container of a starting worker restarts"]:
        happening(scenario)
        assert _deleted(scenario) == []
        return
    happening(scenario)
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")]
    assert len(scenario.facts(GroupRecreationStarted)) == 1


@pytest.mark.parametrize("happening", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("policy", [NONE, "Default", ""])
def test_without_a_recreating_policy_it_is_recorded_and_left_alone(policy: str, happening: Happening) -> None:
    scenario = _running(policy)
    happening(scenario)
    assert _deleted(scenario) == []
    assert {because for _, because in _left_alone(scenario)} == {f"restart policy {policy}"}


@pytest.mark.parametrize("policy", [ON_RESTART, AFTER_START, NONE])
@pytest.mark.parametrize("happening", NO_FAILURES.values(), ids=NO_FAILURES)
def test_what_is_no_failure(policy: str, happening: Happening) -> None:
    scenario = _running(policy)
    happening(scenario)
    assert _deleted(scenario) == []


def test_what_is_said_and_recorded() -> None:
    scenario = _running()
    end = events.ContainerExit(container="main", exit_code=137, reason="OOMKilled")
    scenario.pod("sample-1-2", restarts=1, last_exit=end)
    (issued,) = scenario.issued(DeleteLeaderPod)
    assert issued.announce is not None
    assert (issued.announce.reason, issued.announce.action, issued.announce.note) == (
        "RecreateGroup",
        "Delete",
        "Worker pod sample-1-2 failed, deleted leader pod sample-1 to recreate group 1",
    )
    (started,) = scenario.facts(GroupRecreationStarted)
    assert started.failure == "container main restarted (exit code 137, OOMKilled)"
    assert (started.failed_uid, started.leader_uid) == ("sample-1-2-uid", "sample-1-uid")


def test_failures_at_the_same_time_and_during_the_recreation_lead_to_one_deletion() -> None:
    scenario = _running()
    scenario.pod("sample-0-1", restarts=1)
    scenario.pod("sample-0-2", restarts=1)
    scenario.pod_deleted("sample-0-1")
    scenario.pod("sample-0", restarts=1)
    scenario.succeed(scenario.issued(DeleteLeaderPod)[0])
    scenario.pod("sample-0", deleting_since=GOING)
    scenario.pod_deleted("sample-0-2")
    scenario.pod_deleted("sample-0")
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")]


def test_two_groups_fail_independently() -> None:
    scenario = _running()
    scenario.pod_deleted("sample-0-1")
    scenario.pod_deleted("sample-1-1")
    assert _deleted(scenario) == [("sample-0", "sample-0-uid"), ("sample-1", "sample-1-uid")]


def test_a_recreated_group_comes_up_and_can_fail_again() -> None:
    scenario = _running()
    for incarnation in ("", "-2", "-3"):
        scenario.pod_deleted("sample-0-1", uid=f"sample-0-1-uid{incarnation}")
        scenario.carry_out()
        scenario.pod_deleted("sample-0-2", uid=f"sample-0-2-uid{incarnation}")
        scenario.worker_set_deleted("sample-0", uid=f"sample-0-sts-of-sample-0-uid{incarnation}")
        scenario.pod_deleted("sample-0", uid=f"sample-0-uid{incarnation}")
        following = {"": "-2", "-2": "-3", "-3": "-4"}[incarnation]
        scenario.run_group(0, incarnation=following)
        assert scenario.group(0).lifecycle == "Ready"
    assert [uid for _, uid in _deleted(scenario)] == ["sample-0-uid", "sample-0-uid-2", "sample-0-uid-3"]


def test_no_worker_and_no_service_is_made_while_the_recreation_is_under_way() -> None:
    scenario = _running()
    scenario.pod_deleted("sample-0-1")
    scenario.worker_set_deleted("sample-0", uid="sample-0-sts-of-sample-0-uid")
    scenario.pod("sample-0", ready=False)
    before = len(scenario.issued())
    scenario.pod("sample-0")
    assert len(scenario.issued()) == before


def test_a_refused_deletion_is_tried_again_with_the_same_uid() -> None:
    scenario = _running()
    scenario.pod_deleted("sample-0-1")
    for _ in range(2):
        scenario.fail(scenario.issued(DeleteLeaderPod)[-1], code=500, reason="InternalError")
        scenario.pod("sample-0-2", ready=False)
        scenario.fire("retry/pod/sample-0")
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")] * 3
    assert len(scenario.facts(GroupRecreationStarted)) == 1


def test_the_deletion_of_a_new_leader_waits_for_the_answer_about_the_old_one() -> None:
    scenario = _running()
    scenario.pod_deleted("sample-0-1")
    scenario.pod("sample-0", uid="next")
    scenario.pod("sample-0", uid="next", restarts=1)
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")]
    scenario.fail(scenario.issued(DeleteLeaderPod)[0], code=409, reason="Conflict")
    assert _deleted(scenario) == [("sample-0", "sample-0-uid"), ("sample-0", "next")]


def test_d1_a_deletion_that_was_only_inferred_counts() -> None:
    scenario = _running()
    fact = events.PodDeleted(uid="sample-0-1-uid", resource_version=scenario.next_version(), inferred=True)
    scenario.see(subjects.POD, "sample-0-1", fact)
    scenario.pod("sample-0-1", uid="replacement")
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")]


def test_d1_a_late_deletion_of_an_earlier_pod_of_the_name_is_ignored() -> None:
    scenario = _running()
    assert scenario.pod_deleted("sample-0-1", uid="long-gone") is None


def _lose_two_workers_slowly(scenario: Scenario) -> None:
    """One fails, is deleted by the StatefulSet controller and replaced; one is deleted and found replaced."""
    scenario.pod("sample-0-1", phase="Failed", ready=False)
    scenario.pod("sample-0-1", phase="Failed", ready=False, deleting_since=GOING)
    scenario.pod_deleted("sample-0-1")
    scenario.pod("sample-0-2", deleting_since=GOING)
    scenario.pod("sample-0-2", phase="Succeeded", ready=False, deleting_since=GOING)
    scenario.pod("sample-0-2", uid="replacement")


def test_the_end_of_one_pod_is_judged_once() -> None:
    scenario = _running(NONE)
    _lose_two_workers_slowly(scenario)
    assert [pod for pod, _ in _left_alone(scenario)] == ["sample-0-1", "sample-0-2"]


def test_the_slow_end_of_two_pods_leads_to_one_deletion() -> None:
    scenario = _running()
    _lose_two_workers_slowly(scenario)
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")]


def test_a_failure_of_a_leader_is_not_held_against_the_next_one() -> None:
    # Noted while the set itself was still unknown, so that nothing could be decided.
    origin = Scenario()
    origin.run()
    fact = next(each[2].fact for each in origin.recorded if isinstance(each[2].fact, events.SetObserved))
    scenario = Scenario()
    labels = {names.REVISION_KEY: "k", names.WORKER_INDEX: "0"}
    owner = events.Owner("StatefulSet", "sample", "leader-set-uid")
    for uid, restarts in (("first", 1), ("second", 0)):
        pod = events.PodObserved(
            uid=uid, resource_version=scenario.next_version(), labels=labels, owner=owner, restarts=restarts
        )
        scenario.see(subjects.POD, "sample-0", pod)
    scenario.see(subjects.SET, "sample", fact)
    assert _deleted(scenario) == []


def test_a_failure_seen_before_its_statefulset_is_judged_afterwards() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0")
    owner = events.Owner("StatefulSet", "sample-0", "sts")
    scenario.pod("sample-0-1", owner=owner)
    scenario.pod_deleted("sample-0-1")
    assert _deleted(scenario) == []
    scenario.worker_set("sample-0", uid="sts")
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")]


def test_a_later_failure_of_a_pod_does_not_excuse_an_earlier_one() -> None:
    scenario = Scenario(leaderWorkerTemplate={"restartPolicy": AFTER_START})
    scenario.apply_set()
    scenario.carry_out()
    owner = events.Owner("StatefulSet", "sample-0", "sts")
    scenario.pod("sample-0")
    scenario.pod("sample-0-1", owner=owner)
    scenario.pod("sample-0-2", owner=owner)
    scenario.pod("sample-0-1", owner=owner, restarts=1)  # the group is complete
    scenario.pod("sample-0-2", owner=owner, phase="Pending")
    scenario.pod_deleted("sample-0-1")
    scenario.worker_set("sample-0", uid="sts")
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")]


def test_a_failure_seen_before_its_leader_is_judged_afterwards() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.worker_set("sample-0", uid="sts")
    scenario.pod("sample-0-1", owner=events.Owner("StatefulSet", "sample-0", "sts"), restarts=1)
    scenario.pod("sample-0")
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")]


def test_an_experimental_annotation_changes_nothing_under_policy_none() -> None:
    scenario = _running(NONE, EXPERIMENTAL)
    scenario.pod("sample-0-1", restarts=1)
    assert _deleted(scenario) == []


def test_a_group_of_one_is_recreated_when_its_leader_restarts() -> None:
    scenario = _running(ON_RESTART, size=1)
    scenario.pod("sample-1", restarts=1)
    assert _deleted(scenario) == [("sample-1", "sample-1-uid")]


def test_d29_an_old_group_is_complete_by_its_own_size() -> None:
    scenario = _running(AFTER_START)
    scenario.apply_set(leaderWorkerTemplate={"size": 5})
    old = {names.SIZE: "3"}
    scenario.pod("sample-0", annotations=old, restarts=1)
    assert _deleted(scenario) == [("sample-0", "sample-0-uid")]
