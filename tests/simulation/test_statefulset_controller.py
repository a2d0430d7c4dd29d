"""What the simulated StatefulSet controller does with partition, maxUnavailable, ordinals, failures and orphans."""

from typing import Any

import pytest

from adapters.simulation import Simulation, SimulationSettings, kinds, objects
from adapters.simulation.objects import Object
from tests.simulation.manifests import pod, statefulset

NS = "default"


@pytest.fixture
def simulation() -> Simulation:
    return Simulation(seed=3)


def create(simulation: Simulation, name: str = "s", **options: Any) -> Object:
    simulation.api.create(kinds.STATEFULSETS, statefulset(name, **options), namespace=NS)
    simulation.settle()
    return get(simulation, name)


def get(simulation: Simulation, name: str = "s") -> Object:
    return simulation.api.get(kinds.STATEFULSETS, name, namespace=NS)


def names(simulation: Simulation) -> list[str]:
    return [objects.name(obj) for obj in simulation.api.select(kinds.PODS, namespace=NS)]


def images(simulation: Simulation) -> dict[str, str]:
    return {
        objects.name(obj): obj["spec"]["containers"][0]["image"]
        for obj in simulation.api.select(kinds.PODS, namespace=NS)
    }


def patch(simulation: Simulation, change: Object) -> None:
    simulation.api.patch(kinds.STATEFULSETS, "s", {"spec": change}, type_="strategic", namespace=NS)


def new_image(simulation: Simulation, image: str = "new", **more: Any) -> None:
    patch(simulation, {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}, **more})


def test_a_parallel_set_starts_all_at_once_and_reports(simulation: Simulation) -> None:
    simulation.api.create(kinds.STATEFULSETS, statefulset("s", replicas=3, start=1), namespace=NS)
    simulation.run_until(lambda: bool(names(simulation)))
    assert names(simulation) == ["s-1", "s-2", "s-3"]
    simulation.settle()
    status = get(simulation)["status"]
    assert {status[key] for key in ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")} == {3}
    assert status["currentReplicas"] == 3
    assert status["observedGeneration"] == 1
    assert status["currentRevision"] == status["updateRevision"]
    first = simulation.api.get(kinds.PODS, "s-1", namespace=NS)
    labels = objects.labels(first)
    assert labels["apps.kubernetes.io/pod-index"] == "1"
    assert labels["statefulset.kubernetes.io/pod-name"] == "s-1"
    assert labels["controller-revision-hash"] == status["updateRevision"]
    assert (first["spec"]["hostname"], first["spec"]["subdomain"]) == ("s-1", "s")
    assert simulation.api.get(kinds.REVISIONS, status["updateRevision"], namespace=NS)["revision"] == 1


def test_an_ordered_set_waits_for_each_pod(simulation: Simulation) -> None:
    simulation.api.create(kinds.STATEFULSETS, statefulset("s", replicas=3, policy="OrderedReady"), namespace=NS)
    most_pending = 0
    while simulation.step():
        pods = simulation.api.select(kinds.PODS, namespace=NS)
        most_pending = max(most_pending, sum(not objects.is_true(obj, "Ready") for obj in pods))
    assert most_pending == 1
    assert names(simulation) == ["s-0", "s-1", "s-2"]


def test_scaling_removes_the_highest_ordinals(simulation: Simulation) -> None:
    create(simulation, replicas=4)
    patch(simulation, {"replicas": 2})
    simulation.settle()
    assert names(simulation) == ["s-0", "s-1"]
    assert get(simulation)["status"]["replicas"] == 2


def test_the_partition_keeps_lower_ordinals_and_rebuilds_them_from_their_revision(simulation: Simulation) -> None:
    create(simulation, replicas=4, image="old")
    new_image(simulation, updateStrategy={"rollingUpdate": {"partition": 2}})
    simulation.settle()
    assert images(simulation) == {"s-0": "old", "s-1": "old", "s-2": "new", "s-3": "new"}
    status = get(simulation)["status"]
    assert status["currentRevision"] != status["updateRevision"]
    assert (status["currentReplicas"], status["updatedReplicas"]) == (2, 2)
    simulation.api.delete(kinds.PODS, "s-1", namespace=NS)
    simulation.settle()
    assert images(simulation)["s-1"] == "old"
    patch(simulation, {"updateStrategy": {"rollingUpdate": {"partition": 0}}})
    simulation.settle()
    assert set(images(simulation).values()) == {"new"}
    status = get(simulation)["status"]
    assert status["currentRevision"] == status["updateRevision"]


def test_without_the_feature_gate_pods_are_rolled_one_after_the_other() -> None:
    simulation = Simulation(seed=3, settings=SimulationSettings(statefulset_max_unavailable=False))
    create(simulation, replicas=4, image="old")
    new_image(simulation, updateStrategy={"rollingUpdate": {"maxUnavailable": 3}})
    assert get(simulation)["spec"]["updateStrategy"]["rollingUpdate"] == {"partition": 0}
    ends: list[str] = []
    worst = 0
    while simulation.step():
        pods = simulation.api.select(kinds.PODS, namespace=NS)
        ends += [objects.name(pod) for pod in pods if objects.terminating(pod) and objects.name(pod) not in ends]
        worst = max(worst, 4 - sum(objects.is_true(pod, "Ready") and not objects.terminating(pod) for pod in pods))
    assert (ends, worst) == (["s-3", "s-2", "s-1", "s-0"], 1)
    assert set(images(simulation).values()) == {"new"}


@pytest.mark.parametrize("max_unavailable", [1, 2, "50%"])
def test_a_rollout_stays_within_max_unavailable(simulation: Simulation, max_unavailable: int | str) -> None:
    create(simulation, replicas=4, image="old")
    new_image(simulation, updateStrategy={"rollingUpdate": {"maxUnavailable": max_unavailable}})
    worst = 0
    while simulation.step():
        pods = simulation.api.select(kinds.PODS, namespace=NS)
        up = sum(objects.is_true(obj, "Ready") and not objects.terminating(obj) for obj in pods)
        worst = max(worst, 4 - up)
    assert set(images(simulation).values()) == {"new"}
    assert worst == (1 if max_unavailable == 1 else 2)


def test_a_broken_pod_uses_up_the_budget(simulation: Simulation) -> None:
    create(simulation, replicas=3, image="old")
    simulation.kubelets.set_ready("s-0", ready=False)
    new_image(simulation)
    simulation.settle()
    assert set(images(simulation).values()) == {"old"}


def test_going_back_reuses_the_old_revision(simulation: Simulation) -> None:
    first = create(simulation, replicas=1, image="old")["status"]["updateRevision"]
    new_image(simulation)
    simulation.settle()
    new_image(simulation, image="old")
    simulation.settle()
    assert get(simulation)["status"]["updateRevision"] == first
    assert simulation.api.get(kinds.REVISIONS, first, namespace=NS)["revision"] == 3


@pytest.mark.parametrize("fault", ["evict", "force"])
def test_a_pod_that_ended_or_vanished_is_replaced(simulation: Simulation, fault: str) -> None:
    create(simulation, replicas=2)
    before = objects.uid(simulation.api.get(kinds.PODS, "s-1", namespace=NS))
    if fault == "evict":
        simulation.kubelets.evict("s-1")
    else:
        simulation.api.delete(kinds.PODS, "s-1", namespace=NS, grace_seconds=0)
    simulation.settle()
    after = simulation.api.get(kinds.PODS, "s-1", namespace=NS)
    assert objects.uid(after) != before
    assert objects.is_true(after, "Ready")


def test_a_new_set_waits_for_pods_of_the_old_one(simulation: Simulation) -> None:
    first = create(simulation, replicas=2)
    olds = {objects.uid(obj) for obj in simulation.api.select(kinds.PODS, namespace=NS)}
    simulation.api.delete(kinds.STATEFULSETS, "s", namespace=NS)
    second = simulation.api.create(kinds.STATEFULSETS, statefulset("s", replicas=2), namespace=NS)
    assert objects.uid(second) != objects.uid(first)
    simulation.settle()
    pods = simulation.api.select(kinds.PODS, namespace=NS)
    assert len(pods) == 2
    assert not olds & {objects.uid(obj) for obj in pods}
    assert {objects.owners(obj)[0]["uid"] for obj in pods} == {objects.uid(second)}


def test_orphans_that_match_are_adopted_and_foreign_pods_are_not(simulation: Simulation) -> None:
    orphan = simulation.api.create(kinds.PODS, pod("s-0", labels={"app": "s"}), namespace=NS)
    other = create(simulation, "t", replicas=1, labels={"app": "s"})
    create(simulation, replicas=1, updateStrategy={"type": "OnDelete"})
    adopted = simulation.api.get(kinds.PODS, "s-0", namespace=NS)
    assert objects.uid(adopted) == objects.uid(orphan)
    assert objects.owners(adopted)[0]["name"] == "s"
    foreign = simulation.api.get(kinds.PODS, "t-0", namespace=NS)
    assert objects.owners(foreign)[0]["uid"] == objects.uid(other)


def test_min_ready_seconds_delay_availability(simulation: Simulation) -> None:
    simulation.api.create(kinds.STATEFULSETS, statefulset("s", replicas=1, minReadySeconds=60), namespace=NS)
    simulation.run_until(lambda: get(simulation)["status"].get("readyReplicas") == 1)
    assert get(simulation)["status"]["availableReplicas"] == 0
    ready_at = simulation.clock.now
    simulation.settle()
    assert get(simulation)["status"]["availableReplicas"] == 1
    assert simulation.clock.now - ready_at >= 59


def test_claims_are_made_for_each_pod(simulation: Simulation) -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    create(simulation, replicas=2, volumeClaimTemplates=[claim])
    claims = [objects.name(obj) for obj in simulation.api.select(kinds.CLAIMS, namespace=NS)]
    assert claims == ["data-s-0", "data-s-1"]
    volumes = simulation.api.get(kinds.PODS, "s-1", namespace=NS)["spec"]["volumes"]
    assert volumes[0]["persistentVolumeClaim"] == {"claimName": "data-s-1"}
