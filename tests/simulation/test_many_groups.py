"""Three hundred groups of eight: everything comes up, and the writes that it takes stay proportional to the pods."""

from adapters.simulation import Simulation, kinds, objects, racks
from adapters.simulation.store import Change
from tests.simulation.manifests import statefulset

NS = "default"
GROUPS = 300
SIZE = 8


def test_three_hundred_groups_start() -> None:
    simulation = Simulation(seed=1, nodes=racks(10, nodes_per_rack=10))
    api = simulation.api

    def start_workers(change: Change) -> None:
        obj = change.record.obj
        if change.kind is kinds.PODS and change.type == "ADDED" and objects.labels(obj)["role"] == "leader":
            labels = {"role": "worker", "group": objects.name(obj)}
            workers = statefulset(objects.name(obj), replicas=SIZE - 1, start=1, labels=labels, owner=obj)
            simulation.clock.at(simulation.clock.now, lambda: api.create(kinds.STATEFULSETS, workers, namespace=NS))

    simulation.store.subscribe(start_workers)
    leaders = statefulset("lws", replicas=GROUPS, labels={"role": "leader"})
    api.create(kinds.STATEFULSETS, leaders, namespace=NS)
    simulation.settle()
    pods = api.select(kinds.PODS, namespace=NS)
    assert len(pods) == GROUPS * SIZE
    assert all(objects.is_true(obj, "Ready") for obj in pods)
    assert api.writes["create", "pods"] == api.writes["bind", "pods"] == api.writes["status", "pods"] == GROUPS * SIZE
    assert api.writes["status", "statefulsets"] <= 2 * GROUPS * SIZE
