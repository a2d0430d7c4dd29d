"""One seed, one history: the same simulation run twice, also in another interpreter with another hash seed."""

import hashlib
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.simulation import Simulation, SimulationSettings, kinds, objects, racks
from adapters.simulation.simulation import NotReachedError
from tests.simulation.manifests import statefulset

NS = "default"


def history(seed: int, *, random_order: bool) -> str:
    """A digest of every change of a run with failures and a rollout."""
    simulation = Simulation(
        seed=seed, nodes=racks(2, nodes_per_rack=2), settings=SimulationSettings(random_order=random_order)
    )
    digest = hashlib.sha256()

    def note(change: object) -> None:
        record = change.record  # type: ignore[attr-defined]
        digest.update(f"{simulation.clock.now!r} {change.type} ".encode())  # type: ignore[attr-defined]
        digest.update(record.encoded())

    simulation.store.subscribe(note)
    simulation.api.create(kinds.STATEFULSETS, statefulset("lws", replicas=3), namespace=NS)
    simulation.settle()
    for index in range(3):
        leader = simulation.api.get(kinds.PODS, f"lws-{index}", namespace=NS)
        workers = statefulset(f"lws-{index}", replicas=3, start=1, owner=leader)
        simulation.api.create(kinds.STATEFULSETS, workers, namespace=NS)
    simulation.settle()
    simulation.kubelets.restart_container("lws-1-2")
    simulation.kubelets.evict("lws-2-3")
    simulation.api.delete(kinds.PODS, "lws-0", namespace=NS, propagation="Foreground")
    simulation.settle()
    change = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "new"}]}}}}
    simulation.api.patch(kinds.STATEFULSETS, "lws", change, type_="strategic", namespace=NS)
    simulation.settle()
    assert all(objects.is_true(obj, "Ready") for obj in simulation.api.select(kinds.PODS, namespace=NS))
    return digest.hexdigest()


@given(seed=st.integers(min_value=0, max_value=2**32), random_order=st.booleans())
@settings(max_examples=10, deadline=None)
def test_the_same_seed_gives_the_same_history(seed: int, random_order: bool) -> None:
    assert history(seed, random_order=random_order) == history(seed, random_order=random_order)


def test_seeds_differ() -> None:
    assert len({history(seed, random_order=True) for seed in range(4)}) == 4


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_interpreter_gives_the_same_history(hash_seed: str) -> None:
    program = "from tests.simulation.test_determinism import history; print(history(42, random_order=True))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert result.stdout.strip() == history(42, random_order=True)


def test_a_condition_that_never_holds_names_the_seed() -> None:
    with pytest.raises(NotReachedError, match="seed=99"):
        Simulation(seed=99).run_until(lambda: False)
