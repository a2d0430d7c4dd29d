"""What users have reported of the reference, by the number of the report: what went wrong there must not go wrong here.

The reports are those of spec 7.7 and of section 7; each test is the scenario behind one, as small as it can be. Those
that need a real control plane are in ``tests/e2e/features/test_upstream_reports.py``.
"""

from typing import Any

import msgspec
import pytest

from lws_events import events, names, subjects
from lws_events.commands import (
    ApplyLeaderStatefulSet,
    CreateControllerRevision,
    CreateService,
    CreateWorkerStatefulSet,
    DeleteLeaderPod,
    RecordEvent,
)
from lws_events.decisions import ConditionChanged, FailureLeftAlone, GroupTerminationOverdue, RevisionChosen
from tests.rollout_model import Rollout
from tests.scenario import Scenario

GOING = "2024-01-01T00:00:00Z"
ON_RESTART, AFTER_START = "RecreateGroupOnPodRestart", "RecreateGroupAfterStart"
ROLLING = {"rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": 0, "partition": 0}}


def _running(**spec: Any) -> Scenario:
    scenario = Scenario(**spec)
    scenario.run()
    return scenario


def _deleted(scenario: Scenario) -> list[str]:
    return [each.uid for each in scenario.commanded(DeleteLeaderPod)]


def _new_template(scenario: Scenario, image: str = "next", **template: Any) -> None:
    containers = [{"name": "c", "image": image, "resources": {}}]
    scenario.apply_set(leaderWorkerTemplate={"workerTemplate": {"spec": {"containers": containers}}, **template})
    scenario.carry_out()


def _worker_manifests(scenario: Scenario) -> list[dict[str, Any]]:
    return [msgspec.json.decode(each.manifest) for each in scenario.commanded(CreateWorkerStatefulSet)]


def _image(manifest: dict[str, Any]) -> str:
    return str(manifest["spec"]["template"]["spec"]["containers"][0]["image"])


# Failures and restarts


@pytest.mark.parametrize("order", ["leader first", "workers first"])
def test_issue_291_old_workers_that_die_in_an_update_do_not_restart_the_new_leader(order: str) -> None:
    scenario = _running()
    labels = scenario.group(1).workers["sample-1-1"].view.labels
    _new_template(scenario)
    assert scenario.state.target_key != labels[names.REVISION_KEY]
    scenario.pod_deleted("sample-1")
    if order == "leader first":
        scenario.pod("sample-1", uid="next")
    scenario.pod("sample-1-1", labels=labels, deleting_since=GOING)
    scenario.pod("sample-1-2", labels=labels, phase="Failed", ready=False)
    scenario.pod_deleted("sample-1-1")
    if order == "workers first":
        scenario.pod("sample-1", uid="next")
    scenario.worker_set_deleted("sample-1", uid="sample-1-sts-of-sample-1-uid")
    scenario.pod_deleted("sample-1-2")
    scenario.carry_out()
    assert _deleted(scenario) == []


def test_issue_508_a_dead_node_holds_its_group_up_which_is_told_and_never_forced() -> None:
    scenario = _running()
    scenario.pod("sample-0-1", node="dead", ready=False)
    scenario.pod("sample-0-1", node="dead", ready=False, deleting_since=GOING)
    scenario.carry_out()
    assert _deleted(scenario) == ["sample-0-uid"]
    scenario.pod("sample-0", deleting_since=GOING)
    scenario.pod_deleted("sample-0-2")
    scenario.fire("terminating")
    assert [fact.pods for fact in scenario.facts(GroupTerminationOverdue)] == [("sample-0-1 on node dead",)]
    assert len(_worker_manifests(scenario)) == 2, "no worker of a new incarnation beside one of the old"
    scenario.pod_deleted("sample-0-1")
    scenario.worker_set_deleted("sample-0", uid="sample-0-sts-of-sample-0-uid")
    scenario.pod_deleted("sample-0")
    scenario.run_group(0, incarnation="-2")
    assert scenario.group(0).lifecycle == "Ready"
    assert _deleted(scenario) == ["sample-0-uid"]


def test_issue_725_a_slow_image_pull_does_not_kill_a_group_that_is_recreated_after_start() -> None:
    scenario = Scenario(leaderWorkerTemplate={"restartPolicy": AFTER_START})
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0")
    scenario.carry_out()
    scenario.pod("sample-0-1", phase="Pending", ready=False, waiting="c: ImagePullBackOff")
    for restarts in range(1, 4):
        scenario.pod("sample-0-2", restarts=restarts, ready=False)
    scenario.pod("sample-0-1")
    scenario.pod("sample-0-2", restarts=3)
    assert _deleted(scenario) == []


@pytest.mark.parametrize("known", ["before", "after", "never"])
def test_issue_804_workers_of_a_leader_deleted_in_background_leave_the_next_one_alone(known: str) -> None:
    """The old StatefulSet is seen before, after or never: its pods are not the new leader's in any case."""
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    owner = events.Owner("StatefulSet", "sample-0", "old-sts")
    if known == "before":
        scenario.worker_set("sample-0", uid="old-sts", leader_uid="old-leader")
    scenario.pod("sample-0-1", uid="w", owner=owner)
    scenario.pod("sample-0", uid="new-leader")
    scenario.pod("sample-0-1", uid="w", owner=owner, deleting_since=GOING)
    scenario.pod_deleted("sample-0-1", uid="w")
    if known == "after":
        scenario.worker_set("sample-0", uid="old-sts", leader_uid="old-leader")
    assert _deleted(scenario) == []
    assert scenario.facts(FailureLeftAlone) == []  # it is no failure at all
    assert len(scenario.group(0).unjudged) == (known == "never")


@pytest.mark.parametrize("seen", ["gone", "replaced", "both, inferred", "late"])
def test_issue_998_a_worker_that_vanishes_unseen_ends_its_group(seen: str) -> None:
    """A worker deleted with grace period 0, in every way in which the news of it can arrive."""
    scenario = _running()
    version = scenario.next_version()
    if seen in ("replaced", "both, inferred"):
        scenario.pod("sample-0-1", uid="next")
    if seen != "replaced":
        inferred = seen == "both, inferred"
        fact = events.PodDeleted(uid="sample-0-1-uid", resource_version=version, inferred=inferred)
        scenario.see(subjects.POD, "sample-0-1", fact)
    if seen == "late":
        scenario.pod("sample-0-1", resource_version="1")  # a repeated line of the watch does not bring it back
    scenario.carry_out()
    assert _deleted(scenario) == ["sample-0-uid"]


def test_issue_998_found_after_the_controller_was_away() -> None:
    """The listing at the start has another uid under the same leader and StatefulSet than the journal."""
    scenario = _running()
    scenario.at_ms += 3_600_000
    scenario.pod("sample-0-1", uid="next", phase="Pending", ready=False)
    assert _deleted(scenario) == ["sample-0-uid"]


# Rolling updates


def _broken(*, gate: bool) -> Rollout:
    model = Rollout(replicas=4, gate=gate, rolloutStrategy=ROLLING)
    model.begin()
    for index in range(4):
        model.make_ready(index, ready=False)
    model.forget()
    return model


def _finish(model: Rollout, *, steps_max: int = 60) -> None:
    """New groups become ready, timers fire, until the model rests with every group updated."""
    for _ in range(steps_max):
        updated = [i for i, pod in sorted(model.pods.items()) if pod.template == model.update and not pod.ready]
        stuck = [timer for timer in model.state.timers if timer.startswith("stuck-leader/")]
        if updated:
            model.make_ready(updated[-1])
        elif stuck:
            model.fire(stuck[0])
            model.settle()
        else:
            return
    raise AssertionError("the rollout does not end")


def test_issue_225_existing_workers_keep_their_template_whatever_restarts() -> None:
    """A template that has changed reaches groups one by one; a controller that starts anew does not spread it."""
    model = Rollout(replicas=3, rolloutStrategy=ROLLING)
    model.begin()
    made = len(model.commanded(CreateWorkerStatefulSet))
    model.template("next")
    assert model.restarted == [2]
    model.start_anew()
    assert model.restarted == [2]
    assert len(model.commanded(CreateWorkerStatefulSet)) == made + 1


@pytest.mark.parametrize("report", ["238", "280", "963"])
def test_issue_238_280_and_pull_963_a_group_below_the_partition_comes_back_as_it_was(report: str) -> None:
    """Its worker template (238), size (280), subdomain and claims (963) are those of its own revision."""
    changes: dict[str, dict[str, Any]] = {
        "238": {},
        "280": {"size": 5},
        "963": {"volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {}}]},
    }
    scenario = _running(rolloutStrategy={"rollingUpdateConfiguration": {"partition": 2}})
    leader = scenario.group(0).leader
    assert leader is not None
    [before, _] = _worker_manifests(scenario)
    _new_template(scenario, **changes[report])
    scenario.pod_deleted("sample-0-1")
    scenario.carry_out()
    scenario.worker_set_deleted("sample-0", uid="sample-0-sts-of-sample-0-uid")
    scenario.pod_deleted("sample-0-2")
    scenario.pod_deleted("sample-0")
    scenario.pod("sample-0", uid="next", labels=leader.view.labels, annotations=leader.view.annotations)
    after = _worker_manifests(scenario)[-1]
    assert len(_worker_manifests(scenario)) == 3
    assert _image(after) == "i"
    assert after["spec"] == before["spec"]


def test_issue_488_groups_below_the_window_that_are_not_ready_use_up_the_budget() -> None:
    model = Rollout(replicas=2, rolloutStrategy=ROLLING)
    model.begin()
    model.make_ready(0, ready=False)
    model.forget()
    model.template("next")
    assert model.restarted == [], "the last ready group was updated"
    assert model.ready_groups() == 1


@pytest.mark.parametrize("gate", [True, False])
def test_issue_567_and_568_the_update_goes_on_where_every_old_group_is_broken(*, gate: bool) -> None:
    model = _broken(gate=gate)
    model.template("fixed")
    _finish(model)
    assert sorted(set(model.restarted)) == [0, 1, 2, 3]
    assert model.partition == 0
    assert model.ready_groups() == 4


def test_issue_751_leaders_that_the_statefulset_controller_never_replaces_are_replaced() -> None:
    model = _broken(gate=True)
    model.template("fixed")
    assert model.restarted == [], "the StatefulSet controller counts every leader that is not ready"
    timer = next(timer for timer in model.state.timers if timer.startswith("stuck-leader/"))
    model.fire(timer)
    model.settle()
    assert model.restarted == [3]
    _finish(model)
    assert model.ready_groups() == 4


def test_issue_776_and_778_surge_alone_keeps_every_group_up_and_scales_exactly() -> None:
    surging = {"rollingUpdateConfiguration": {"maxUnavailable": 0, "maxSurge": 2, "partition": 0}}
    model = Rollout(replicas=4, rolloutStrategy=surging)
    model.begin()
    assert model.max_unavailable >= 1, "the API server refuses a StatefulSet with 0"
    model.template("next")
    for _ in range(40):
        waiting = [index for index, pod in sorted(model.pods.items()) if not pod.ready]
        assert model.ready_groups() >= 4
        if not waiting:
            break
        model.make_ready(waiting[-1])
    assert (model.replicas, model.partition) == (4, 0)
    model.forget()
    model.change(replicas=5)
    assert model.created == [4], "one group more was made than was asked for"


# Revisions and sets


def test_issue_732_a_set_created_again_uses_nothing_of_the_statefulset_that_is_on_its_way_out() -> None:
    scenario = _running()
    old_key = scenario.state.target_key
    scenario.see(subjects.SET, "sample", events.SetDeleted(uid="set-uid", resource_version=scenario.next_version()))
    old_set = scenario.state.leader_set
    assert old_set is not None
    going = msgspec.structs.replace(old_set, resource_version=scenario.next_version(), deleting_since=GOING)
    scenario.see(subjects.STATEFULSET, "sample", going)
    applied = len(scenario.commanded(ApplyLeaderStatefulSet))
    scenario.set_uid = "new-set-uid"
    chosen = len(scenario.facts(RevisionChosen))
    containers = [{"name": "c", "image": "other", "resources": {}}]
    scenario.apply_set(leaderWorkerTemplate={"workerTemplate": {"spec": {"containers": containers}}})
    assert all(fact.key != old_key for fact in scenario.facts(RevisionChosen)[chosen:])
    gone = events.StatefulSetDeleted(uid=old_set.uid, resource_version=scenario.next_version())
    scenario.see(subjects.STATEFULSET, "sample", gone)
    scenario.carry_out()
    manifest = msgspec.json.decode(scenario.commanded(ApplyLeaderStatefulSet)[-1].manifest)
    assert len(scenario.commanded(ApplyLeaderStatefulSet)) > applied
    assert manifest["metadata"]["ownerReferences"][0]["uid"] == "new-set-uid"
    assert manifest["metadata"]["labels"][names.REVISION_KEY] != old_key


def test_issue_798_a_revision_that_an_older_library_has_printed_is_no_change() -> None:
    origin = _running()
    [(name, revision)] = origin.state.revisions.items()
    data = msgspec.json.decode(revision.data)
    template = data["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    template["metadata"] = {"creationTimestamp": None}
    older = msgspec.structs.replace(revision, key="older", data=msgspec.Raw(msgspec.json.encode(data)))
    assert origin.state.leader_set is not None
    labels = origin.state.leader_set.labels | {names.REVISION_KEY: "older"}

    scenario = Scenario()
    scenario.see(subjects.REVISION, name, older)
    scenario.see(subjects.STATEFULSET, "sample", msgspec.structs.replace(origin.state.leader_set, labels=labels))
    scenario.apply_set()
    scenario.carry_out()
    assert scenario.commanded(CreateControllerRevision) == []
    assert scenario.state.target_key == "older"


@pytest.mark.parametrize("report", ["385", "391", "473"])
def test_issue_385_391_and_473_a_worker_that_was_taken_for_a_leader_gets_no_workers(report: str) -> None:
    scenario = Scenario(networkConfig={"subdomainPolicy": "UniquePerReplica" if report == "391" else "Shared"})
    scenario.apply_set()
    scenario.carry_out()
    annotations = {names.SIZE: "3", names.LEADER_NAME: "sample-0"}
    for restarts in range(3 if report == "473" else 1):
        scenario.pod("sample-0", annotations=annotations, ready=restarts > 0)
    assert scenario.commanded(CreateWorkerStatefulSet) == []
    [warning] = [each for each in scenario.commanded(RecordEvent) if each.type == "Warning"]
    assert "contains mistake annotation" in warning.note


@pytest.mark.parametrize("report", ["400", "490"])
def test_issue_400_and_490_neither_creation_nor_scaling_is_an_update(report: str) -> None:
    scenario = _running()
    if report == "400":
        scenario.apply_set(replicas=4)
        scenario.carry_out()
        for index in (2, 3):
            scenario.run_group(index)
    assert "UpdateInProgress" not in {fact.condition for fact in scenario.facts(ConditionChanged)}


def test_issue_523_nothing_is_created_for_a_set_that_is_deleted_in_foreground() -> None:
    scenario = _running()
    assert scenario.state.set_ is not None
    going = msgspec.structs.replace(scenario.state.set_, resource_version=scenario.next_version(), deleting_since=GOING)
    scenario.see(subjects.SET, "sample", going)
    before = len(scenario.issued())
    scenario.worker_set_deleted("sample-0", uid="sample-0-sts-of-sample-0-uid")
    scenario.pod("sample-0", ready=False)
    scenario.pod_deleted("sample-0-1")
    gone = events.StatefulSetDeleted(uid="leader-set-uid", resource_version=scenario.next_version())
    scenario.see(subjects.STATEFULSET, "sample", gone)
    assert len(scenario.issued()) == before


# Status, placement and Services


@pytest.mark.parametrize(
    "workers",
    [{"available": 0, "ready_replicas": 2}, {"available": 2, "current_revision": "a", "update_revision": "b"}],
    ids=["pods exist and are not available", "of two revisions"],
)
def test_issue_705_workers_are_ready_when_they_are_available_and_of_one_revision(workers: dict[str, Any]) -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0")
    scenario.carry_out()
    uid = "sample-0-sts-of-sample-0-uid"
    scenario.worker_set("sample-0", uid=uid, **workers)
    assert scenario.state.totals.ready == 0
    scenario.worker_set("sample-0", uid=uid)
    assert scenario.state.totals.ready == 1


def test_issue_945_the_subgroup_type_is_on_worker_pods() -> None:
    policy = {"subGroupSize": 1, "subGroupPolicyType": "LeaderExcluded"}
    scenario = Scenario(leaderWorkerTemplate={"subGroupPolicy": policy})
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0")
    [manifest] = _worker_manifests(scenario)
    assert manifest["spec"]["template"]["metadata"]["annotations"][names.SUBGROUP_POLICY_TYPE] == "LeaderExcluded"


def test_issue_946_workers_wait_for_the_topology_of_their_leaders_node() -> None:
    scenario = Scenario()
    scenario.apply_set(annotations={names.EXCLUSIVE_TOPOLOGY: "rack"})
    scenario.carry_out()
    scenario.pod("sample-0", node="unknown")
    assert _worker_manifests(scenario) == []
    scenario.pod("sample-0", node="unknown", topology={"rack": "r1"})
    [manifest] = _worker_manifests(scenario)
    assert manifest["spec"]["template"]["spec"]["nodeSelector"] == {"rack": "r1"}


def test_issue_947_a_leader_on_its_way_out_gets_no_service() -> None:
    scenario = Scenario(networkConfig={"subdomainPolicy": "UniquePerReplica"})
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", deleting_since=GOING)
    assert scenario.commanded(CreateService) == []
    scenario.pod("sample-1")
    assert [each.name for each in scenario.commanded(CreateService)] == ["sample-1"]
