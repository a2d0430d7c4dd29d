"""Volume claims: what was created stays, whatever the set says later; new StatefulSets get whole claims (D10, D11)."""

from typing import Any

import msgspec
import pytest

from lws_events import events, names, subjects
from lws_events.commands import (
    ApplyLeaderStatefulSet,
    CreateControllerRevision,
    CreateWorkerStatefulSet,
    RecordEvent,
)
from tests.scenario import Scenario


def claim(storage: str = "1Gi", name: str = "data", **more: Any) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}, **more}
    return {"metadata": {"name": name, "labels": {"tier": "cache"}}, "spec": spec}


def as_stored(*claims: dict[str, Any], whole: bool = True) -> msgspec.Raw:
    """Claim templates as the API server shows them in a StatefulSet."""
    stored = []
    for each in claims:
        metadata = {"name": each["metadata"]["name"], "namespace": "default"}
        if whole:
            metadata["labels"] = each["metadata"]["labels"]
        spec = {**each["spec"], "volumeMode": "Filesystem"}
        stored.append({"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec, "status": {"phase": "x"}})
    return msgspec.Raw(msgspec.json.encode(stored))


def applied(scenario: Scenario) -> Any:
    return msgspec.json.decode(scenario.commanded(ApplyLeaderStatefulSet)[-1].manifest)["spec"]


def running(*claims: dict[str, Any], whole: bool = True) -> Scenario:
    scenario = Scenario(leaderWorkerTemplate={"volumeClaimTemplates": list(claims)} if claims else {})
    scenario.run()
    scenario.leader_set(claims=as_stored(*claims, whole=whole))
    scenario.carry_out()
    return scenario


def warnings(scenario: Scenario) -> list[str]:
    return [each.note for each in scenario.commanded(RecordEvent) if each.type == "Warning"]


NOTE = (
    "Failed to update leader statefulset sample: spec.leaderWorkerTemplate.volumeClaimTemplates: field is immutable, "
    "the claims in force stay ({}); everything else takes effect"
)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ((claim("1Gi"),), [claim("2Gi")], "data"),
        ((claim("1Gi"),), [], "data"),
        ((), [claim("1Gi")], "none"),
        ((claim(name="a"), claim(name="b")), [claim(name="b"), claim(name="a")], "a, b"),
    ],
    ids=["another size", "the last one removed", "the first one added", "another order"],
)
def test_d10_changed_claims_make_no_revision_and_are_told_of_once(
    before: tuple[dict[str, Any], ...], after: list[dict[str, Any]], kept: str
) -> None:
    scenario = running(*before)
    revisions, applies = len(scenario.issued(CreateControllerRevision)), len(scenario.issued(ApplyLeaderStatefulSet))
    scenario.apply_set(leaderWorkerTemplate={"volumeClaimTemplates": after})
    scenario.carry_out()
    for index in range(3):
        scenario.at_ms += 60_000
        scenario.leader_set(claims=as_stored(*before), status_replicas=index)
        scenario.carry_out()
    assert len(scenario.issued(CreateControllerRevision)) == revisions
    assert len(scenario.issued(ApplyLeaderStatefulSet)) == applies + 1  # of the new spec, for its other parts
    assert applied(scenario).get("volumeClaimTemplates", []) == msgspec.json.decode(as_stored(*before))
    assert warnings(scenario) == [NOTE.format(kept)]
    assert scenario.state.status["observedGeneration"] == 2


def test_d10_everything_else_takes_effect() -> None:
    scenario = running(claim("1Gi"))
    key = scenario.state.target_key
    other = {"spec": {"containers": [{"name": "c", "image": "i:2", "resources": {}}]}}
    scenario.apply_set(
        replicas=3, leaderWorkerTemplate={"volumeClaimTemplates": [claim("2Gi")], "workerTemplate": other}
    )
    scenario.carry_out()
    assert scenario.state.target_key != key
    assert applied(scenario)["replicas"] == 3
    assert applied(scenario)["template"]["spec"]["containers"][0]["image"] == "i:2"
    assert applied(scenario)["volumeClaimTemplates"] == msgspec.json.decode(as_stored(claim("1Gi")))
    revision = msgspec.json.decode(scenario.commanded(CreateControllerRevision)[-1].manifest)["data"]
    (kept,) = revision["spec"]["leaderWorkerTemplate"]["volumeClaimTemplates"]
    assert kept["spec"]["resources"] == {"requests": {"storage": "1Gi"}}


def test_d10_a_revert_is_no_change() -> None:
    scenario = running(claim("1Gi"))
    key, revisions = scenario.state.target_key, len(scenario.issued(CreateControllerRevision))
    for storage in ("2Gi", "1024Mi", "1Gi"):
        scenario.apply_set(leaderWorkerTemplate={"volumeClaimTemplates": [claim(storage)]})
        scenario.carry_out()
    assert scenario.state.target_key == key
    assert len(scenario.issued(CreateControllerRevision)) <= revisions + 1  # another spelling is another revision
    assert not scenario.state.claims_disputed


def test_d10_a_set_changed_before_our_time_is_taken_over_without_a_flood() -> None:
    """The reference has made revision after revision; the leader StatefulSet still has the first key and claims."""
    origin = running(claim("1Gi"), whole=False)
    adopted = Scenario(leaderWorkerTemplate={"volumeClaimTemplates": [claim("3Gi")]})
    for _, subject, envelope in origin.recorded:
        if isinstance(envelope.fact, events.RevisionObserved | events.StatefulSetObserved | events.PodObserved):
            address = subjects.parse(subject)
            assert address is not None
            adopted.see(address.kind, address.name, envelope.fact)
    adopted.apply_set()
    adopted.carry_out()
    assert adopted.state.target_key == origin.state.target_key
    assert adopted.issued(CreateControllerRevision) == []
    assert warnings(adopted) == [NOTE.format("data")]
    assert [each.adopts for each in adopted.commanded(ApplyLeaderStatefulSet)] == [True]


def test_d10_a_deleted_leader_statefulset_comes_back_with_the_wanted_claims() -> None:
    scenario = running(claim("1Gi"))
    scenario.apply_set(leaderWorkerTemplate={"volumeClaimTemplates": [claim("2Gi")]})
    scenario.carry_out()
    gone = events.StatefulSetDeleted(uid="leader-set-uid", resource_version=scenario.next_version())
    scenario.see(subjects.STATEFULSET, "sample", gone)
    scenario.carry_out()
    (made,) = applied(scenario)["volumeClaimTemplates"]
    assert made["spec"]["resources"] == {"requests": {"storage": "2Gi"}}


def test_d11_new_statefulsets_get_whole_claims() -> None:
    source = {"name": "snap", "kind": "VolumeSnapshot", "apiGroup": "snapshot.storage.k8s.io"}
    scenario = running(claim(dataSource=source, selector={"matchLabels": {"a": "b"}}))
    worker = msgspec.json.decode(scenario.commanded(CreateWorkerStatefulSet)[-1].manifest)["spec"]
    for (made,) in (applied(scenario)["volumeClaimTemplates"], worker["volumeClaimTemplates"]):
        assert made["metadata"] == {"name": "data", "namespace": "default", "labels": {"tier": "cache"}}
        assert made["spec"]["dataSource"] == source
        assert made["spec"]["selector"] == {"matchLabels": {"a": "b"}}


def test_d11_workers_of_an_adopted_set_get_what_their_leaders_got() -> None:
    scenario = Scenario(leaderWorkerTemplate={"volumeClaimTemplates": [claim()]})
    scenario.apply_set()
    for issued in scenario.issued(CreateControllerRevision):
        scenario.show_result(issued)
        scenario.succeed(issued)
    scenario.leader_set(claims=as_stored(claim(), whole=False))
    scenario.pod("sample-0", ready=False)
    (worker,) = msgspec.json.decode(scenario.commanded(CreateWorkerStatefulSet)[-1].manifest)["spec"][
        "volumeClaimTemplates"
    ]
    assert worker["metadata"] == {"name": "data", "namespace": "default"}


def test_a_statefulset_of_an_older_journal_gets_what_the_reference_copies() -> None:
    scenario = running(claim())
    scenario.leader_set(claims=events.NOT_RECORDED)  # as before claims were recorded
    scenario.apply_set(replicas=3)
    scenario.carry_out()
    (made,) = applied(scenario)["volumeClaimTemplates"]
    assert made["metadata"] == {"name": "data", "namespace": "default"}


def test_the_retention_policy_may_change() -> None:
    scenario = running(claim())
    policy = {"whenDeleted": "Delete", "whenScaled": "Retain"}
    scenario.apply_set(leaderWorkerTemplate={"persistentVolumeClaimRetentionPolicy": policy})
    scenario.carry_out()
    assert applied(scenario)["persistentVolumeClaimRetentionPolicy"] == policy
    assert warnings(scenario) == []
    assert scenario.state.own_leader_set is not None
    assert scenario.state.own_leader_set.labels[names.REVISION_KEY] == scenario.state.target_key
