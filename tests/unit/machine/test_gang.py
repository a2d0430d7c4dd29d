"""PodGroups: when one is made, what it waits for, and what waits for it (spec 4.9, D32, D53, D65)."""

from typing import Any

import msgspec
import pytest

from lws_events import events, names
from lws_events.commands import CreatePodGroup, CreateWorkerStatefulSet, RecordEvent
from lws_events.decisions import GroupChanged, ObjectLeftAlone
from tests.scenario import Scenario

FOREIGN = events.Owner("Job", "other", "job-uid")


def started(**spec: Any) -> Scenario:
    """A set whose revision and leader StatefulSet are there, and no pod yet."""
    scenario = Scenario(**spec)
    scenario.apply_set()
    scenario.carry_out()
    return scenario


def name_of(scenario: Scenario, index: int = 0) -> str:
    return f"sample-{index}-{scenario.state.target_key}"


def leader(scenario: Scenario, index: int = 0, **view: Any) -> None:
    """A leader pod that a gang scheduler is to place."""
    scenario.pod(f"sample-{index}", **({"gang_group": name_of(scenario, index)} | view))


def manifest(command: CreatePodGroup) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(command.manifest)
    return decoded


def warnings(scenario: Scenario) -> list[str]:
    return [each.note for each in scenario.commanded(RecordEvent) if each.type == "Warning"]


def test_a_pod_group_is_made_before_the_workers_and_owned_by_the_leader() -> None:
    scenario = started()
    leader(scenario)
    [command] = scenario.commanded(CreatePodGroup)
    assert (command.name, command.leader, command.owner_uid) == (name_of(scenario), "sample-0", "sample-0-uid")
    assert manifest(command)["spec"] == {"minMember": 3, "minResources": {}}
    assert scenario.commanded(CreateWorkerStatefulSet) == []
    waiting = scenario.facts(GroupChanged)[-1]
    assert waiting.because == f"waiting for its PodGroup {name_of(scenario)} to exist"

    [issued] = scenario.issued(CreatePodGroup)
    scenario.show_result(issued)
    scenario.succeed(issued)
    assert [each.name for each in scenario.commanded(CreateWorkerStatefulSet)] == ["sample-0"]
    scenario.carry_out()
    assert len(scenario.commanded(CreatePodGroup)) == 1


def test_without_a_provider_the_annotation_is_nothing_to_the_machine() -> None:
    scenario = started()
    size = {names.SIZE: "3", "scheduling.k8s.io/group-name": name_of(scenario)}
    scenario.pod("sample-0", annotations=size)
    assert scenario.commanded(CreatePodGroup) == []
    assert len(scenario.commanded(CreateWorkerStatefulSet)) == 1


def test_a_group_without_workers_has_one_too() -> None:
    scenario = started(leaderWorkerTemplate={"size": 1})
    leader(scenario)
    [command] = scenario.commanded(CreatePodGroup)
    assert manifest(command)["spec"]["minMember"] == 1


def test_workers_that_come_once_the_leader_is_ready_are_not_waited_for() -> None:
    scenario = started(startupPolicy="LeaderReady")
    leader(scenario, ready=False, phase="Pending", node="")
    [command] = scenario.commanded(CreatePodGroup)
    assert manifest(command)["spec"]["minMember"] == 1
    scenario.carry_out()
    assert scenario.commanded(CreateWorkerStatefulSet) == []
    leader(scenario)
    assert len(scenario.commanded(CreateWorkerStatefulSet)) == 1


def test_a_leader_on_its_way_out_gets_none() -> None:
    scenario = started()
    leader(scenario, deleting_since="2026-01-01T00:00:00Z")
    assert scenario.commanded(CreatePodGroup) == []


@pytest.mark.parametrize(
    "view",
    [
        {"leader_uid": "earlier-uid"},
        {"leader_uid": "sample-0-uid", "deleting_since": "2026-01-01T00:00:00Z"},
    ],
    ids=["of an earlier leader", "going"],
)
def test_d32_one_that_is_about_to_go_is_waited_for_and_then_made_anew(view: dict[str, Any]) -> None:
    scenario = started()
    scenario.pod_group(name_of(scenario), uid="old", **view)
    leader(scenario)
    assert scenario.commanded(CreatePodGroup) == []
    assert scenario.commanded(CreateWorkerStatefulSet) == []
    scenario.pod_group_deleted(name_of(scenario), uid="old")
    assert [each.owner_uid for each in scenario.commanded(CreatePodGroup)] == ["sample-0-uid"]
    scenario.carry_out()
    assert len(scenario.commanded(CreateWorkerStatefulSet)) == 1
    assert warnings(scenario) == []


def test_d32_the_present_leaders_own_counts() -> None:
    """As after a switch from the reference: its PodGroups are there."""
    scenario = started()
    scenario.pod_group(name_of(scenario))
    leader(scenario)
    assert scenario.commanded(CreatePodGroup) == []
    assert len(scenario.commanded(CreateWorkerStatefulSet)) == 1


@pytest.mark.parametrize("owner", [FOREIGN, None])
def test_somebody_elses_is_left_alone_and_told_once(owner: events.Owner | None) -> None:
    scenario = started()
    scenario.pod_group(name_of(scenario), uid="foreign", owner=owner)
    leader(scenario)
    leader(scenario, restarts=0, waiting="x")
    text = f"PodGroup {name_of(scenario)} exists and is not managed by this LeaderWorkerSet"
    assert warnings(scenario) == [f"Failed to create pod group {name_of(scenario)} for leader pod sample-0: {text}"]
    [left] = scenario.facts(ObjectLeftAlone)
    assert (left.kind, left.name) == ("PodGroup", name_of(scenario))
    assert scenario.commanded(CreateWorkerStatefulSet) == []
    scenario.pod_group_deleted(name_of(scenario), uid="foreign")
    assert len(scenario.commanded(CreatePodGroup)) == 1


def test_one_that_somebody_removes_is_made_again() -> None:
    scenario = started()
    leader(scenario)
    scenario.carry_out()
    scenario.pod_group_deleted(name_of(scenario), uid=f"{name_of(scenario)}-of-sample-0-uid")
    assert len(scenario.commanded(CreatePodGroup)) == 2
    assert len(scenario.commanded(CreateWorkerStatefulSet)) == 1


def test_what_the_scheduler_writes_leads_to_nothing() -> None:
    scenario = started()
    leader(scenario)
    scenario.carry_out()
    before = len(scenario.decisions)
    for phase in ("Pending", "Inqueue", "Running"):
        uid = f"{name_of(scenario)}-of-sample-0-uid"
        assert scenario.pod_group(name_of(scenario), uid=uid, min_member=3, phase=phase) is None
    assert len(scenario.decisions) == before
    assert scenario.state.pod_groups[name_of(scenario)].phase == "Running"


def test_the_leader_of_a_recreated_group_gets_its_own() -> None:
    scenario = started()
    leader(scenario)
    scenario.carry_out()
    scenario.pod_deleted("sample-0")
    leader(scenario, uid="next-uid")
    assert len(scenario.commanded(CreatePodGroup)) == 1  # the old one has not gone yet
    scenario.pod_group_deleted(name_of(scenario), uid=f"{name_of(scenario)}-of-sample-0-uid")
    assert [each.owner_uid for each in scenario.commanded(CreatePodGroup)] == ["sample-0-uid", "next-uid"]


def test_a_deletion_that_comes_late_does_not_take_the_new_one() -> None:
    scenario = started()
    leader(scenario)
    scenario.pod_group(name_of(scenario), uid="new")
    scenario.pod_group_deleted(name_of(scenario), uid="old")
    assert name_of(scenario) in scenario.state.pod_groups


def test_d65_a_group_of_an_older_revision_keeps_its_own_size() -> None:
    scenario = started()
    old_key = scenario.state.target_key
    scenario.apply_set(leaderWorkerTemplate={"size": 5})
    scenario.carry_out()
    assert scenario.state.target_key != old_key
    labels = {names.SET_NAME: "sample", names.REVISION_KEY: old_key, names.GROUP_INDEX: "1", names.WORKER_INDEX: "0"}
    scenario.pod("sample-1", labels=labels, annotations={names.SIZE: "3"}, gang_group=f"sample-1-{old_key}")
    leader(scenario)
    members = {each.name: manifest(each)["spec"]["minMember"] for each in scenario.commanded(CreatePodGroup)}
    assert members == {f"sample-1-{old_key}": 3, name_of(scenario): 5}


def test_queue_and_annotations_of_the_set_are_handed_on() -> None:
    scenario = Scenario()
    asked = {"scheduling.volcano.sh/queue-name": "q", "volcano.sh/task-topology": "x", "other": "y"}
    scenario.apply_set(annotations=asked)
    scenario.carry_out()
    leader(scenario)
    [command] = scenario.commanded(CreatePodGroup)
    made = manifest(command)
    assert made["spec"]["queue"] == "q"
    assert made["metadata"]["annotations"] == {"volcano.sh/task-topology": "x"}


def test_a_refusal_is_told_and_tried_again_and_holds_the_workers_of_its_group_back_alone() -> None:
    scenario = started()
    leader(scenario)
    [issued] = scenario.issued(CreatePodGroup)
    scenario.fail(issued, code=404, reason="NotServed", message="podgroups are not served")
    scenario.pod("sample-1")
    assert [each.name for each in scenario.commanded(CreateWorkerStatefulSet)] == ["sample-1"]
    start = f"Failed to create pod group {name_of(scenario)} for leader pod sample-0"
    assert warnings(scenario) == [f"{start}: podgroups are not served"]
    scenario.fire(f"retry/podgroup/{name_of(scenario)}")
    assert len(scenario.commanded(CreatePodGroup)) == 2
    scenario.carry_out()
    assert len(scenario.commanded(CreateWorkerStatefulSet)) == 2


def test_a_name_that_is_taken_for_a_moment_is_no_reason_to_complain() -> None:
    scenario = started()
    leader(scenario)
    for _ in range(2):
        assert warnings(scenario) == []
        issued = scenario.issued(CreatePodGroup)[-1]
        scenario.fail(issued, code=409, reason="AlreadyExists", message="it belongs to Pod sample-0 (uid old)")
        scenario.fire(f"retry/podgroup/{name_of(scenario)}")
    assert len(warnings(scenario)) == 1
    assert len(scenario.facts(ObjectLeftAlone)) == 1


def test_what_was_tried_for_an_earlier_leader_does_not_delay_the_next_one() -> None:
    scenario = started()
    leader(scenario)
    scenario.fail(scenario.issued(CreatePodGroup)[-1], code=403, reason="Forbidden", message="no")
    scenario.pod_deleted("sample-0")
    leader(scenario, uid="next-uid")
    assert [each.owner_uid for each in scenario.commanded(CreatePodGroup)] == ["sample-0-uid", "next-uid"]


def test_a_revision_that_stays_missing_is_told() -> None:
    scenario = started()
    labels = {names.SET_NAME: "sample", names.REVISION_KEY: "lost", names.GROUP_INDEX: "0", names.WORKER_INDEX: "0"}
    scenario.pod("sample-0", labels=labels, gang_group="sample-0-lost")
    assert scenario.commanded(CreatePodGroup) == []
    scenario.fire("missing-revision/sample-0")
    assert any("pod group sample-0-lost" in each for each in warnings(scenario))


def test_a_template_that_cannot_be_read_is_told() -> None:
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "much"}}}
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    key = scenario.state.target_key
    [name] = scenario.state.revisions
    template = {"size": 3, "workerTemplate": {"spec": {"containers": [container]}}}
    data = msgspec.json.encode({"spec": {"leaderWorkerTemplate": template, "networkConfig": None}})
    revision = msgspec.structs.replace(
        scenario.state.revisions[name], resource_version=scenario.next_version(), data=msgspec.Raw(data)
    )
    scenario.see("revision", name, revision)
    scenario.pod("sample-0", gang_group=f"sample-0-{key}")
    assert any("'much' is not a quantity" in each for each in warnings(scenario))


def test_state_of_a_set_that_is_gone_is_forgotten_with_its_pod_groups() -> None:
    scenario = started()
    scenario.pod_group("sample-0-x", owner=events.Owner("Pod", "sample-0", "gone"))
    scenario.see("set", "sample", events.SetDeleted(uid="set-uid", resource_version=scenario.next_version()))
    for name, view in list(scenario.state.revisions.items()):
        gone = events.RevisionDeleted(uid=view.uid, resource_version=scenario.next_version())
        scenario.see("revision", name, gone)
    leader_set = scenario.state.leader_set
    assert leader_set is not None
    gone_set = events.StatefulSetDeleted(uid=leader_set.uid, resource_version=scenario.next_version())
    scenario.see("statefulset", "sample", gone_set)
    service = scenario.state.service
    assert service is not None
    scenario.see("service", "sample", events.ServiceDeleted(uid=service.uid, resource_version=scenario.next_version()))
    assert scenario.name not in scenario.fleet.aggregates
