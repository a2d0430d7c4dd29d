"""Cascading deletion as the groups use it: leader set → leader pod → worker set → worker pods."""

import pytest

from adapters.simulation import Simulation, kinds, objects
from adapters.simulation.deletion import Propagation
from adapters.simulation.objects import Object
from tests.simulation.manifests import pod, statefulset

NS = "default"


@pytest.fixture
def simulation() -> Simulation:
    return Simulation(seed=5)


def group(simulation: Simulation) -> tuple[Object, Object]:
    """A leader pod and the worker StatefulSet that it owns, settled."""
    simulation.api.create(kinds.STATEFULSETS, statefulset("lws", replicas=1), namespace=NS)
    simulation.settle()
    leader = simulation.api.get(kinds.PODS, "lws-0", namespace=NS)
    workers = statefulset("lws-0", replicas=2, start=1, owner=leader)
    created = simulation.api.create(kinds.STATEFULSETS, workers, namespace=NS)
    simulation.settle()
    return leader, created


def test_foreground_removes_workers_before_the_leader(simulation: Simulation) -> None:
    leader, workers = group(simulation)
    gone: list[str] = []

    def note(change: object) -> None:
        if getattr(change, "type", "") == "DELETED" and getattr(change, "kind", None) in {
            kinds.PODS,
            kinds.STATEFULSETS,
        }:
            gone.append(objects.name(change.record.obj))  # type: ignore[attr-defined]

    simulation.store.subscribe(note)
    asked = simulation.api.delete(kinds.PODS, "lws-0", namespace=NS, uid=objects.uid(leader), propagation="Foreground")
    assert objects.finalizers(asked) == ["foregroundDeletion"]
    simulation.settle()
    assert sorted(gone[:2]) == ["lws-0-1", "lws-0-2"]
    assert gone[2:] == ["lws-0", "lws-0"], "the worker set, then the leader"
    assert simulation.api.find(kinds.STATEFULSETS, "lws-0", namespace=NS) is None
    successor = simulation.api.get(kinds.PODS, "lws-0", namespace=NS)
    assert objects.uid(successor) != objects.uid(leader)
    assert simulation.store.by_uid(objects.uid(workers)) is None


def test_background_removes_the_leader_first_and_the_rest_follows(simulation: Simulation) -> None:
    _, workers = group(simulation)
    simulation.api.delete(kinds.PODS, "lws-0", namespace=NS)
    simulation.settle()
    assert simulation.store.by_uid(objects.uid(workers)) is None
    assert [objects.name(obj) for obj in simulation.api.select(kinds.PODS, namespace=NS)] == ["lws-0"]


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_nothing_is_left_of_a_deleted_tree(simulation: Simulation, propagation: Propagation) -> None:
    group(simulation)
    simulation.api.delete(kinds.STATEFULSETS, "lws", namespace=NS, propagation=propagation)
    simulation.settle()
    for kind in (kinds.PODS, kinds.STATEFULSETS, kinds.REVISIONS):
        assert simulation.api.select(kind, namespace=NS) == []


def test_orphaning_leaves_the_dependents_without_owner(simulation: Simulation) -> None:
    group(simulation)
    simulation.api.delete(kinds.STATEFULSETS, "lws-0", namespace=NS, propagation="Orphan")
    simulation.settle()
    assert simulation.api.find(kinds.STATEFULSETS, "lws-0", namespace=NS) is None
    worker = simulation.api.get(kinds.PODS, "lws-0-1", namespace=NS)
    assert objects.owners(worker) == []
    assert not objects.terminating(worker)


def test_an_object_lives_while_one_owner_lives(simulation: Simulation) -> None:
    owners = [
        simulation.api.create(kinds.CONFIGMAPS, {"metadata": {"name": name}}, namespace=NS) for name in ("a", "b")
    ]
    references = [{**objects.owner_reference(owner), "controller": False} for owner in owners]
    simulation.api.create(
        kinds.CONFIGMAPS, {"metadata": {"name": "shared", "ownerReferences": references}}, namespace=NS
    )
    simulation.api.delete(kinds.CONFIGMAPS, "a", namespace=NS)
    simulation.settle()
    shared = simulation.api.get(kinds.CONFIGMAPS, "shared", namespace=NS)
    assert [owner["name"] for owner in objects.owners(shared)] == ["b"]
    simulation.api.delete(kinds.CONFIGMAPS, "b", namespace=NS)
    simulation.settle()
    assert simulation.api.find(kinds.CONFIGMAPS, "shared", namespace=NS) is None


def test_what_is_created_for_a_dead_owner_is_collected(simulation: Simulation) -> None:
    leader, _ = group(simulation)
    simulation.api.delete(kinds.PODS, "lws-0", namespace=NS, grace_seconds=0)
    late = pod("late", labels={"a": "b"})
    late["metadata"]["ownerReferences"] = [objects.owner_reference(leader)]
    simulation.api.create(kinds.PODS, late, namespace=NS)
    simulation.settle()
    assert simulation.api.find(kinds.PODS, "late", namespace=NS) is None


def test_a_namespace_goes_with_its_content(simulation: Simulation) -> None:
    simulation.api.create(kinds.NAMESPACES, {"metadata": {"name": "team"}})
    simulation.api.create(kinds.STATEFULSETS, statefulset("s", replicas=2), namespace="team")
    simulation.settle()
    simulation.api.delete(kinds.NAMESPACES, "team")
    simulation.settle()
    assert simulation.api.find(kinds.NAMESPACES, "team") is None
    assert simulation.api.select(kinds.PODS, namespace="team") == []
