"""Revisions that are not there: made anew where that is safe, waited for, or given up (spec 5.12, D12, D26, D30)."""

from typing import Any

import msgspec

from lws_events import events, names, subjects
from lws_events.commands import (
    TEMPLATE_CHANGED,
    ApplyLeaderStatefulSet,
    CreateControllerRevision,
    DeleteControllerRevision,
)
from lws_events.decisions import Issued
from tests.scenario import Scenario

OTHER = {"spec": {"containers": [{"name": "c", "image": "i:2", "resources": {}}]}}


def adopted_without_revision(key: str, **spec: Any) -> Scenario:
    """A set of the reference whose leader StatefulSet has a key, and nobody a revision with it."""
    scenario = Scenario(**spec)
    view = events.StatefulSetObserved(
        uid="leader-set-uid",
        resource_version=scenario.next_version(),
        generation=1,
        labels={names.SET_NAME: "sample", names.REVISION_KEY: key},
        annotations={names.REPLICAS: "2"},
        owner=events.Owner("LeaderWorkerSet", "sample", "set-uid"),
        replicas=2,
        partition=0,
        status_replicas=2,
        claims=msgspec.Raw(b"[]"),
    )
    scenario.see(subjects.STATEFULSET, "sample", view)
    scenario.apply_set()
    return scenario


def created(scenario: Scenario) -> Issued:
    return scenario.issued(CreateControllerRevision)[-1]


def manifest(issued: Issued) -> Any:
    assert isinstance(issued.command, CreateControllerRevision | ApplyLeaderStatefulSet)
    return msgspec.json.decode(issued.command.manifest)


def test_d26_a_missing_revision_is_made_only_if_the_template_is_still_the_same() -> None:
    scenario = adopted_without_revision("oldkey")
    assert scenario.issued(CreateControllerRevision) == []  # it may only not have been seen yet
    scenario.fire("missing-revision")
    command = created(scenario).command
    assert isinstance(command, CreateControllerRevision)
    assert manifest(created(scenario))["metadata"]["labels"][names.REVISION_KEY] == "oldkey"
    assert command.leader_set == "sample"
    template = msgspec.json.decode(command.template)
    assert template["metadata"]["labels"][names.REVISION_KEY] == "oldkey"
    assert template["spec"]["containers"] == [{"name": "c", "image": "i", "resources": {}}]
    announced = created(scenario).announce
    assert announced is not None
    assert announced.note == "Creating missing revision with key oldkey for existing LeaderWorkerSet"


def test_d26_otherwise_the_live_spec_is_a_change_with_a_key_of_its_own() -> None:
    scenario = adopted_without_revision("oldkey", leaderWorkerTemplate={"workerTemplate": OTHER})
    scenario.fire("missing-revision")
    scenario.fail(created(scenario), code=0, reason=TEMPLATE_CHANGED, message="spec.template.spec.containers[0].image")
    assert "retry/" not in " ".join(scenario.state.timers)
    labels = manifest(created(scenario))["metadata"]["labels"]
    assert labels[names.REVISION_KEY] != "oldkey"
    announced = created(scenario).announce
    assert announced is not None
    assert announced.note == f"Creating revision with key {labels[names.REVISION_KEY]} for updated LWS"
    scenario.show_result(created(scenario))
    scenario.succeed(created(scenario))
    # A normal rollout: parked at the top first, no group is replaced by this apply.
    spec = manifest(scenario.issued(ApplyLeaderStatefulSet)[0])["spec"]
    assert spec["updateStrategy"]["rollingUpdate"]["partition"] == 2
    assert len(scenario.issued(CreateControllerRevision)) == 2


def test_a_key_that_is_the_hash_of_the_live_spec_needs_no_comparison() -> None:
    probe = Scenario()
    probe.run()
    scenario = adopted_without_revision(probe.state.target_key)
    scenario.fire("missing-revision")
    command = created(scenario).command
    assert isinstance(command, CreateControllerRevision)
    assert command.leader_set == ""


def test_a_leader_statefulset_without_a_key_gets_one_by_a_normal_rollout() -> None:
    scenario = adopted_without_revision("")
    scenario.show_result(created(scenario))
    scenario.succeed(created(scenario))
    spec = manifest(scenario.issued(ApplyLeaderStatefulSet)[0])["spec"]
    assert spec["updateStrategy"]["rollingUpdate"]["partition"] == 2
    announced = created(scenario).announce
    assert announced is not None
    assert announced.note.endswith("for a newly created LeaderWorkerSet")


def test_d12_duplicates_of_the_reference_are_read_and_all_but_the_newest_go_when_it_is_done() -> None:
    origin = Scenario()
    origin.run()
    ((name, revision),) = origin.state.revisions.items()
    for number in (2, 3):
        more = msgspec.structs.replace(
            revision, uid=f"r{number}", number=number, resource_version=origin.next_version()
        )
        origin.see(subjects.REVISION, f"{name[:-1]}{number}", more)
    origin.carry_out()
    assert [each.uid for each in origin.commanded(DeleteControllerRevision)] == [revision.uid, "r2"]
    assert len(origin.issued(CreateControllerRevision)) == 1
    assert len(origin.issued(ApplyLeaderStatefulSet)) == 1


def test_798_another_serialisation_of_the_same_template_is_no_change() -> None:
    """A newer library prints templates differently: an upgrade of the controller restarted everything."""
    origin = Scenario()
    origin.run()
    ((name, revision),) = origin.state.revisions.items()
    data = msgspec.json.decode(revision.data)
    data["spec"]["leaderWorkerTemplate"]["workerTemplate"]["metadata"] = {"creationTimestamp": None}
    old = msgspec.structs.replace(revision, data=msgspec.Raw(msgspec.json.encode(data)), key="oldhash")
    adopted = Scenario()
    adopted.see(subjects.REVISION, name, old)
    view = origin.state.leader_set
    assert view is not None
    labels = {names.SET_NAME: "sample", names.REVISION_KEY: "oldhash"}
    adopted.see(subjects.STATEFULSET, "sample", msgspec.structs.replace(view, labels=labels))
    adopted.apply_set()
    assert adopted.issued(CreateControllerRevision) == []
    (apply,) = adopted.issued(ApplyLeaderStatefulSet)
    assert manifest(apply)["metadata"]["labels"][names.REVISION_KEY] == "oldhash"
    assert isinstance(apply.command, ApplyLeaderStatefulSet)
    assert apply.command.adopts


def test_732_a_leader_statefulset_of_the_set_that_was_deleted_counts_for_nothing() -> None:
    """A set deleted and created again used the revision and the rollout state of the dying StatefulSet."""
    scenario = Scenario()
    scenario.run()
    view = scenario.state.leader_set
    assert view is not None
    scenario.set_uid = "next-set"
    scenario.apply_set(leaderWorkerTemplate={"workerTemplate": OTHER})
    scenario.see(
        subjects.STATEFULSET,
        "sample",
        msgspec.structs.replace(view, deleting_since="2026-01-01T00:00:00Z", resource_version=scenario.next_version()),
    )
    announced = created(scenario).announce
    assert announced is not None
    assert announced.note.endswith("for a newly created LeaderWorkerSet")
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == 1


def test_d30_a_leader_statefulset_recreated_in_a_rollout_starts_at_the_users_partition() -> None:
    scenario = Scenario(replicas=4)
    scenario.run()
    scenario.apply_set(leaderWorkerTemplate={"workerTemplate": OTHER})
    for issued in scenario.issued(CreateControllerRevision)[1:]:
        scenario.show_result(issued)
        scenario.succeed(issued)
    gone = events.StatefulSetDeleted(uid="leader-set-uid", resource_version=scenario.next_version())
    scenario.see(subjects.STATEFULSET, "sample", gone)
    scenario.fail(scenario.issued(ApplyLeaderStatefulSet)[-1], code=409, reason="Conflict", message="another uid")
    scenario.fire("retry/statefulset/sample")
    spec = manifest(scenario.issued(ApplyLeaderStatefulSet)[-1])["spec"]
    assert spec["updateStrategy"]["rollingUpdate"]["partition"] == 0
    assert spec["replicas"] == 4


def _overwritten(key: str) -> Scenario:
    """A set at rest, on whose leader StatefulSet somebody writes another key."""
    scenario = Scenario()
    scenario.run()
    scenario.apply_set(replicas=1)
    scenario.succeed(scenario.issued(ApplyLeaderStatefulSet)[-1], resource_version=scenario.next_version())
    scenario.leader_set(labels={names.SET_NAME: "sample", names.REVISION_KEY: key})
    return scenario


def test_a_key_that_somebody_wrote_counts_once_a_revision_records_it() -> None:
    scenario = _overwritten("written")
    applied = len(scenario.issued(ApplyLeaderStatefulSet))
    assert len(scenario.issued(CreateControllerRevision)) == 1, "the other may only not have been seen yet"
    scenario.fire("missing-revision")
    assert manifest(created(scenario))["metadata"]["labels"][names.REVISION_KEY] == "written"
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == applied, "the key is not taken away meanwhile"
    scenario.show_result(created(scenario))
    scenario.succeed(created(scenario))
    assert scenario.state.target_key == "written"
    template = manifest(scenario.issued(ApplyLeaderStatefulSet)[-1])["spec"]["template"]
    assert template["metadata"]["labels"][names.REVISION_KEY] == "written"
