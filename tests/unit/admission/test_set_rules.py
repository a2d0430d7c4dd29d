"""Rules of sets that the golden vectors leave open: kindness to updates, claims, quantities, warnings."""

from typing import Any

import pytest

from lws_events import names
from lws_events.admission import Admitted, Denied, Surroundings, admit
from tests.unit.admission.objects import a_set, budgets

MEMBER = "spec.leaderWorkerTemplate"


def created(lws: dict[str, Any], **around: Any) -> Admitted | Denied:
    return admit("LeaderWorkerSet", "CREATE", lws, surroundings=Surroundings(**around))


def updated(new: dict[str, Any], old: dict[str, Any], **around: Any) -> Admitted | Denied:
    return admit("LeaderWorkerSet", "UPDATE", new, old, surroundings=Surroundings(**around))


def with_metadata(lws: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**lws, "metadata": {**lws["metadata"], **metadata}}


def claim(storage: Any = "1Gi", **spec: Any) -> dict[str, Any]:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}, **spec}
    return {"metadata": {"name": "data"}, "spec": wanted}


def with_claims(*claims: dict[str, Any]) -> dict[str, Any]:
    return a_set(template={"volumeClaimTemplates": list(claims)})


def warnings(answer: Admitted | Denied) -> list[str]:
    assert isinstance(answer, Admitted), answer
    return list(answer.warnings)


class TestUpdatesOfSetsThatBecameInvalid:
    """D20: a scale-down through the scale subresource left budgets that round to nothing."""

    BROKEN = a_set(replicas=2, rolloutStrategy=budgets("25%", 0))

    def test_creating_it_is_denied(self) -> None:
        assert isinstance(created(self.BROKEN), Denied)

    def test_it_can_be_annotated(self) -> None:
        assert isinstance(updated(with_metadata(self.BROKEN, annotations={"a": "b"}), self.BROKEN), Admitted)

    def test_it_can_be_scaled_although_it_stays_invalid(self) -> None:
        assert isinstance(updated(a_set(replicas=3, rolloutStrategy=budgets("25%", 0)), self.BROKEN), Admitted)

    def test_d44_after_a_scale_beyond_all_pods_it_can_be_labelled_and_scaled_back(self) -> None:
        """V5; an autoscaler's write passes no webhook."""
        scaled = a_set(replicas=2**30, template={"size": 4})
        assert isinstance(created(scaled), Denied)
        for allowed in (a_set(replicas=3, template={"size": 4}), with_metadata(scaled, labels={"a": "b"})):
            assert isinstance(updated(allowed, scaled), Admitted)
        assert isinstance(updated(scaled, a_set(replicas=3, template={"size": 4})), Denied)

    def test_another_mistake_is_still_one(self) -> None:
        answer = updated(a_set(replicas=2, rolloutStrategy=budgets("25%", 0, -1)), self.BROKEN)
        assert isinstance(answer, Denied)
        assert [violation.rule for violation in answer.violations] == ["V10"]

    def test_its_finalizer_can_be_removed_on_its_way_out(self) -> None:
        leaving = with_metadata(a_set(replicas=-5), deletionTimestamp="2026-01-01T00:00:00Z")
        assert isinstance(updated(leaving, a_set()), Admitted)

    def test_a_set_stored_with_an_unreadable_field_can_be_repaired(self) -> None:
        stored = a_set(rolloutStrategy=budgets(2**31, 0))
        assert isinstance(updated(a_set(), stored), Admitted)
        assert isinstance(updated(stored, a_set()), Denied)


class TestClaimTemplates:
    """D10 and D11: what reaches a StatefulSet is immutable, the rest has no effect."""

    @pytest.mark.parametrize("new", [(), (claim("2Gi"),), (claim(), claim()), (claim(storageClassName="fast"),)])
    def test_an_effective_change_is_denied(self, new: tuple[dict[str, Any], ...]) -> None:
        answer = updated(with_claims(*new), with_claims(claim()))
        assert isinstance(answer, Denied)
        assert answer.message.startswith("spec.leaderWorkerTemplate.volumeClaimTemplates: Invalid value: ")
        assert answer.message.endswith("field is immutable")

    @pytest.mark.parametrize("spelling", ["1024Mi", 1073741824, "1073741824000m"])
    def test_the_same_amount_in_another_spelling_is_no_change(self, spelling: Any) -> None:
        assert isinstance(updated(with_claims(claim(spelling)), with_claims(claim())), Admitted)

    def test_a_field_that_is_not_copied_may_change_with_a_warning(self) -> None:
        answer = updated(with_claims(claim(volumeName="pv-1")), with_claims(claim()))
        assert warnings(answer) == [
            f"{MEMBER}.volumeClaimTemplates: changes have no effect on existing StatefulSets: data.spec.volumeName"
        ]

    def test_a_set_that_an_earlier_edit_has_blocked_can_be_reverted(self) -> None:
        blocked, live = with_claims(claim("2Gi")), (claim("1Gi"),)
        assert isinstance(updated(with_claims(claim("1Gi")), blocked, leader_claim_templates=live), Admitted)
        assert isinstance(updated(with_claims(claim("1Gi")), blocked), Denied)

    def test_a_healthy_set_stays_protected_where_the_live_claims_are_known(self) -> None:
        answer = updated(with_claims(claim("2Gi")), with_claims(claim()), leader_claim_templates=(claim(),))
        assert isinstance(answer, Denied)


class TestSubgroupsWithoutSize:
    """D41: sets that an absent hook let in can be repaired."""

    STORED = a_set(template={"subGroupPolicy": {}})

    @pytest.mark.parametrize("template", [{"subGroupPolicy": {"subGroupSize": 2}}, {}, {"subGroupPolicy": {}}])
    def test_any_next_state_is_fine(self, template: dict[str, Any]) -> None:
        assert isinstance(updated(a_set(replicas=3, template=template), self.STORED), Admitted)


class TestSpelling:
    """The mutating hook reads what the schema would refuse (spec 1.3)."""

    def test_numbers_become_what_the_schema_takes(self) -> None:
        container = {"name": "c", "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}}
        lws = a_set(
            replicas=1.0,
            rolloutStrategy=budgets(2.0, 0),
            template={"size": 2.0, "workerTemplate": {"spec": {"containers": [container], "hostNetwork": None}}},
        )
        answer = created(lws)
        assert isinstance(answer, Admitted)
        spec = answer.object["spec"]
        assert (repr(spec["replicas"]), repr(spec["leaderWorkerTemplate"]["size"])) == ("1", "2")
        assert repr(spec["rolloutStrategy"]["rollingUpdateConfiguration"]["maxUnavailable"]) == "2"
        worker = spec["leaderWorkerTemplate"]["workerTemplate"]["spec"]
        assert worker["containers"][0]["resources"]["limits"] == {"cpu": "500m", "memory": "1Gi"}
        assert worker["hostNetwork"] is None
        assert lws["spec"]["replicas"] == 1.0, "the input is not changed"

    @pytest.mark.parametrize("spec", [None, {}])
    def test_a_set_without_templates_is_denied(self, spec: Any) -> None:
        answer = created({**a_set(), "spec": spec})
        assert isinstance(answer, Denied)
        assert answer.message == f"{MEMBER}.workerTemplate.spec.containers: Required value"


class TestWarnings:
    def test_a_plain_set_has_none(self) -> None:
        assert warnings(created(a_set(), sibling_names=("other", "set-", "set-a"))) == []

    @pytest.mark.parametrize(("name", "sibling"), [("a-1", "a"), ("a", "a-12")])
    def test_names_that_may_collide(self, name: str, sibling: str) -> None:
        assert warnings(created(a_set(name), sibling_names=("b", sibling))) == [
            f"metadata.name: objects of {name} and of the existing {sibling} may get the same names"
        ]

    @pytest.mark.parametrize(
        ("length", "replicas", "size", "surge", "warned"),
        [(50, 10, 2, 0, False), (51, 10, 2, 0, True), (50, 10, 2, 1, True), (52, 10, 1, 0, False), (53, 1, 1, 0, True)],
    )
    def test_names_that_leave_no_room_for_the_hash(
        self, length: int, replicas: int, size: int, surge: int, warned: bool
    ) -> None:
        lws = a_set("a" * length, replicas=replicas, rolloutStrategy=budgets(1, surge), template={"size": size})
        assert bool(warnings(created(lws))) is warned

    def test_a_name_that_becomes_too_long_by_scaling(self) -> None:
        few, many = a_set("a" * 50, replicas=10), a_set("a" * 50, replicas=11)
        assert len(warnings(updated(many, few))) == 1
        assert warnings(updated(with_metadata(many, labels={"a": "b"}), many)) == []

    def test_empty_topology(self) -> None:
        lws = with_metadata(a_set(), annotations={names.EXCLUSIVE_TOPOLOGY: ""})
        assert warnings(created(lws)) == [
            f"metadata.annotations[{names.EXCLUSIVE_TOPOLOGY}]: an empty value means that it is not set"
        ]

    def test_changed_topology(self) -> None:
        lws = with_metadata(a_set(), annotations={names.EXCLUSIVE_TOPOLOGY: "rack"})
        key = names.EXCLUSIVE_TOPOLOGY
        wanted = f"metadata.annotations[{key}]: changing {key} restarts all groups"
        assert warnings(updated(lws, a_set())) == [wanted]
        assert warnings(updated(lws, lws)) == []

    def test_claims_that_vanish_with_every_group(self) -> None:
        retention = {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"}}
        assert len(warnings(created(a_set(template=retention)))) == 1
        assert warnings(created(a_set(template={**retention, "restartPolicy": "None"}))) == []

    def test_templates_that_will_be_refused_or_misread(self) -> None:
        env = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
        worker = {"restartPolicy": "OnFailure", "containers": [{"name": "c", "env": env}]}
        assert warnings(created(a_set(template={"workerTemplate": {"spec": worker}}))) == [
            f"{MEMBER}.workerTemplate.spec.restartPolicy: OnFailure is refused by StatefulSets, use Always",
            f"{MEMBER}.workerTemplate.spec: container c lists A more than once, the first value counts",
        ]

    def test_reserved_keys_of_an_existing_set(self) -> None:
        worker = {
            "metadata": {"labels": {names.GROUP_INDEX: "1"}, "annotations": {names.EXCLUSIVE_TOPOLOGY: "rack"}},
            "spec": {"containers": [{"name": "c"}]},
        }
        lws = a_set(template={"workerTemplate": worker})
        path = f"{MEMBER}.workerTemplate.metadata.labels[{names.GROUP_INDEX}]"
        assert isinstance(created(lws), Denied)
        assert warnings(updated(lws, lws)) == [f"{path}: is set by the controller, remove it from the template"]


@pytest.mark.parametrize("kind", ["Service", "ConfigMap"])
def test_other_kinds_pass(kind: str) -> None:
    other = {"kind": kind}
    assert admit(kind, "CREATE", other) == Admitted(object=other)


def test_a_pod_is_mutated_in_process() -> None:
    metadata = {"name": "set-0-x", "labels": {names.SET_NAME: "set"}, "annotations": {names.SIZE: "2"}}
    answer = admit("Pod", "CREATE", {"metadata": metadata, "spec": {}}, namespace="default")
    assert answer == Denied(code=403, message="parsing pod ordinal for pod set-0-x")
