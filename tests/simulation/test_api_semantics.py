"""Concurrency, preconditions, generation, deletion and server-side apply of the simulated API server."""

from typing import Any

import pytest

from adapters.simulation import AdmissionRequest, ApiError, Simulation, kinds, objects
from adapters.simulation.errors import (
    AlreadyExistsError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from adapters.simulation.objects import Object
from tests.simulation.manifests import pod, statefulset

NS = "default"


@pytest.fixture
def simulation() -> Simulation:
    return Simulation(seed=1)


def lws(**spec: Any) -> Object:
    template = {"spec": {"containers": [{"name": "main", "image": "a"}]}}
    return {"metadata": {"name": "set"}, "spec": {"leaderWorkerTemplate": {"workerTemplate": template}, **spec}}


def test_resource_versions_grow_and_a_stale_one_conflicts(simulation: Simulation) -> None:
    first = simulation.api.create(kinds.CONFIGMAPS, {"metadata": {"name": "a"}, "data": {"x": "1"}}, namespace=NS)
    second = simulation.api.update(kinds.CONFIGMAPS, {**first, "data": {"x": "2"}}, namespace=NS)
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    with pytest.raises(ConflictError, match="has been modified"):
        simulation.api.update(kinds.CONFIGMAPS, {**first, "data": {"x": "3"}}, namespace=NS)


def test_an_update_that_changes_nothing_is_no_write(simulation: Simulation) -> None:
    first = simulation.api.create(kinds.CONFIGMAPS, {"metadata": {"name": "a"}, "data": {"x": "1"}}, namespace=NS)
    revision = simulation.store.revision
    assert simulation.api.update(kinds.CONFIGMAPS, first, namespace=NS) is simulation.api.get(
        kinds.CONFIGMAPS, "a", namespace=NS
    )
    assert simulation.store.revision == revision


def test_what_comes_in_is_copied(simulation: Simulation) -> None:
    body = {"metadata": {"name": "a"}, "data": {"x": "1"}}
    simulation.api.create(kinds.CONFIGMAPS, body, namespace=NS)
    body["data"]["x"] = "2"
    assert simulation.api.get(kinds.CONFIGMAPS, "a", namespace=NS)["data"] == {"x": "1"}


def test_create_refuses_what_exists_and_namespaces_that_do_not(simulation: Simulation) -> None:
    simulation.api.create(kinds.PODS, pod("a"), namespace=NS)
    with pytest.raises(AlreadyExistsError, match='pods "a" already exists'):
        simulation.api.create(kinds.PODS, pod("a"), namespace=NS)
    with pytest.raises(NotFoundError, match='namespaces "nowhere" not found'):
        simulation.api.create(kinds.PODS, pod("a"), namespace="nowhere")


def test_generation_follows_the_spec_and_not_labels_or_status(simulation: Simulation) -> None:
    created = simulation.api.create(kinds.LEADERWORKERSETS, lws(), namespace=NS)
    assert created["metadata"]["generation"] == 1
    assert created["spec"]["replicas"] == 1
    labelled = simulation.api.patch(
        kinds.LEADERWORKERSETS, "set", {"metadata": {"labels": {"a": "b"}}}, type_="merge", namespace=NS
    )
    assert labelled["metadata"]["generation"] == 1
    scaled = simulation.api.patch(kinds.LEADERWORKERSETS, "set", {"spec": {"replicas": 3}}, type_="merge", namespace=NS)
    assert scaled["metadata"]["generation"] == 2
    reported = simulation.api.update(
        kinds.LEADERWORKERSETS, {**scaled, "spec": {}, "status": {"replicas": 3}}, namespace=NS, subresource="status"
    )
    assert reported["metadata"]["generation"] == 2
    assert reported["spec"]["replicas"] == 3
    assert reported["status"] == {"replicas": 3}
    rewritten = simulation.api.update(kinds.LEADERWORKERSETS, {**reported, "status": {"replicas": 9}}, namespace=NS)
    assert rewritten["status"] == {"replicas": 3}


def test_the_schema_of_the_set_is_enforced(simulation: Simulation) -> None:
    with pytest.raises(InvalidError, match="should be greater than or equal to 0"):
        simulation.api.create(kinds.LEADERWORKERSETS, lws(replicas=-1), namespace=NS)
    with pytest.raises(InvalidError, match=r"Unsupported value: \"Never\""):
        simulation.api.create(kinds.LEADERWORKERSETS, lws(startupPolicy="Never"), namespace=NS)


def test_immutable_fields_of_a_statefulset(simulation: Simulation) -> None:
    created = simulation.api.create(kinds.STATEFULSETS, statefulset("s", replicas=1), namespace=NS)
    with pytest.raises(InvalidError, match="updates to statefulset spec for fields other than 'replicas'"):
        simulation.api.update(
            kinds.STATEFULSETS, {**created, "spec": {**created["spec"], "serviceName": "other"}}, namespace=NS
        )


def test_admission_may_change_and_deny() -> None:
    def admission(request: AdmissionRequest) -> Object:
        if request.name == "bad":
            raise ForbiddenError("admission webhook denied the request: no")
        if request.kind is kinds.PODS and request.operation == "CREATE":
            return objects.with_metadata(request.object, labels={"seen": request.user})
        return request.object

    simulation = Simulation(admission=admission)
    created = simulation.api.create(kinds.PODS, pod("good"), namespace=NS, user="ada")
    assert created["metadata"]["labels"] == {"seen": "ada"}
    with pytest.raises(ForbiddenError):
        simulation.api.create(kinds.PODS, pod("bad"), namespace=NS)
    assert simulation.api.find(kinds.PODS, "bad", namespace=NS) is None


# deletion


def running_pod(simulation: Simulation, name: str = "a", **spec: Any) -> Object:
    simulation.api.create(kinds.PODS, pod(name, **spec), namespace=NS)
    simulation.settle()
    return simulation.api.get(kinds.PODS, name, namespace=NS)


def test_a_running_pod_terminates_gracefully(simulation: Simulation) -> None:
    before = running_pod(simulation)
    asked = simulation.api.delete(kinds.PODS, "a", namespace=NS)
    assert objects.terminating(asked)
    assert asked["metadata"]["deletionGracePeriodSeconds"] == 30
    assert asked["metadata"]["generation"] == before["metadata"]["generation"] + 1
    simulation.settle()
    assert simulation.api.find(kinds.PODS, "a", namespace=NS) is None


@pytest.mark.parametrize("case", ["unscheduled", "failed", "forced"])
def test_a_pod_that_needs_no_grace_goes_at_once(simulation: Simulation, case: str) -> None:
    if case == "unscheduled":
        simulation.api.create(kinds.PODS, pod("a", nodeSelector={"no": "where"}), namespace=NS)
        simulation.settle()
    else:
        running_pod(simulation)
    if case == "failed":
        simulation.kubelets.evict("a")
    simulation.api.delete(kinds.PODS, "a", namespace=NS, grace_seconds=0 if case == "forced" else None)
    assert simulation.api.find(kinds.PODS, "a", namespace=NS) is None


def test_a_second_deletion_may_only_shorten(simulation: Simulation) -> None:
    running_pod(simulation)
    first = simulation.api.delete(kinds.PODS, "a", namespace=NS, grace_seconds=20)
    assert simulation.api.delete(kinds.PODS, "a", namespace=NS, grace_seconds=25) == first
    assert simulation.api.delete(kinds.PODS, "a", namespace=NS, propagation="Foreground") == first
    shorter = simulation.api.delete(kinds.PODS, "a", namespace=NS, grace_seconds=10)
    assert shorter["metadata"]["deletionGracePeriodSeconds"] == 10
    assert shorter["metadata"]["deletionTimestamp"] < first["metadata"]["deletionTimestamp"]


def test_preconditions_of_a_deletion(simulation: Simulation) -> None:
    created = simulation.api.create(kinds.CONFIGMAPS, {"metadata": {"name": "a"}}, namespace=NS)
    with pytest.raises(ConflictError, match="UID in precondition: other"):
        simulation.api.delete(kinds.CONFIGMAPS, "a", namespace=NS, uid="other")
    with pytest.raises(ConflictError):
        simulation.api.delete(kinds.CONFIGMAPS, "a", namespace=NS, resource_version="1")
    simulation.api.delete(kinds.CONFIGMAPS, "a", namespace=NS, uid=objects.uid(created))
    with pytest.raises(NotFoundError):
        simulation.api.delete(kinds.CONFIGMAPS, "a", namespace=NS)


def test_a_finalizer_keeps_an_object_until_it_is_removed(simulation: Simulation) -> None:
    body = {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}}
    simulation.api.create(kinds.CONFIGMAPS, body, namespace=NS)
    held = simulation.api.delete(kinds.CONFIGMAPS, "a", namespace=NS)
    assert objects.terminating(held)
    more = {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    with pytest.raises(InvalidError, match="no new finalizers"):
        simulation.api.patch(kinds.CONFIGMAPS, "a", more, type_="merge", namespace=NS)
    simulation.api.patch(kinds.CONFIGMAPS, "a", {"metadata": {"finalizers": None}}, type_="merge", namespace=NS)
    assert simulation.api.find(kinds.CONFIGMAPS, "a", namespace=NS) is None


# server-side apply


def test_apply_removes_what_it_no_longer_applies_and_leaves_what_others_own(simulation: Simulation) -> None:
    def config(**data: str) -> Object:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}

    simulation.api.apply(kinds.CONFIGMAPS, config(x="1", y="2"), manager="lws", namespace=NS)
    simulation.api.patch(
        kinds.CONFIGMAPS, "a", {"data": {"z": "3"}}, type_="merge", namespace=NS, manager="kubectl-edit"
    )
    applied = simulation.api.apply(kinds.CONFIGMAPS, config(x="1"), manager="lws", namespace=NS)
    assert applied["data"] == {"x": "1", "z": "3"}
    revision = simulation.store.revision
    assert simulation.api.apply(kinds.CONFIGMAPS, config(x="1"), manager="lws", namespace=NS) == applied
    assert simulation.store.revision == revision, "an unchanged apply is no write"


def test_apply_conflicts_unless_forced(simulation: Simulation) -> None:
    def config(value: str) -> Object:
        return {"metadata": {"name": "a"}, "data": {"x": value}}

    simulation.api.apply(kinds.CONFIGMAPS, config("1"), manager="one", namespace=NS)
    simulation.api.apply(kinds.CONFIGMAPS, config("1"), manager="two", namespace=NS)
    with pytest.raises(ConflictError, match=r'conflict with "one" using v1: \.data\.x'):
        simulation.api.apply(kinds.CONFIGMAPS, config("2"), manager="two", namespace=NS)
    forced = simulation.api.apply(kinds.CONFIGMAPS, config("2"), manager="two", namespace=NS, force=True)
    assert forced["data"] == {"x": "2"}
    assert [entry["manager"] for entry in forced["metadata"]["managedFields"]] == ["two"]


def test_apply_merges_containers_by_name(simulation: Simulation) -> None:
    config = statefulset("s", replicas=1)
    simulation.api.apply(kinds.STATEFULSETS, config, manager="lws", namespace=NS)
    containers = [{"name": "main", "image": "b"}, {"name": "extra", "image": "c"}]
    spec = config["spec"]
    template = {**spec["template"], "spec": {**spec["template"]["spec"], "containers": containers}}
    changed = {**config, "spec": {**spec, "template": template}}
    applied = simulation.api.apply(kinds.STATEFULSETS, changed, manager="lws", namespace=NS)
    assert [c["image"] for c in applied["spec"]["template"]["spec"]["containers"]] == ["b", "c"]
    assert applied["metadata"]["generation"] == 2
    back = simulation.api.apply(kinds.STATEFULSETS, config, manager="lws", namespace=NS)
    assert [c["name"] for c in back["spec"]["template"]["spec"]["containers"]] == ["main"]


# history


def test_history_is_bounded_and_says_when_it_has_expired(simulation: Simulation) -> None:
    revision = simulation.store.revision
    simulation.api.create(kinds.CONFIGMAPS, {"metadata": {"name": "a"}}, namespace=NS)
    simulation.api.delete(kinds.CONFIGMAPS, "a", namespace=NS)
    changes = simulation.store.changes_since(kinds.CONFIGMAPS, revision)
    assert [change.type for change in changes] == ["ADDED", "DELETED"]
    assert int(changes[1].record.obj["metadata"]["resourceVersion"]) > changes[0].revision
    simulation.store.compact(kinds.CONFIGMAPS)
    with pytest.raises(ExpiredError):
        simulation.store.changes_since(kinds.CONFIGMAPS, revision)


def test_a_refusal_is_a_status_object() -> None:
    with pytest.raises(ApiError) as caught:
        Simulation().api.get(kinds.PODS, "a", namespace=NS)
    status = caught.value.status()
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 404, "NotFound")
    assert status["details"] == {"name": "a", "kind": "pods"}
