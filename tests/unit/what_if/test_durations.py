"""How long groups took to be ready, and pods to end, as a journal tells it."""

import pytest

from adapters.simulation import kinds
from projections.durations import P50, P99, DurationFold, percentile
from tests.modelled_cluster import SET, LivingCluster


def test_times_of_groups_and_pods_are_those_of_the_cluster() -> None:
    cluster = LivingCluster(1)
    cluster.create(replicas=3, size=2)
    cluster.settle()
    cluster.simulation.api.delete(kinds.PODS, "sample-1", namespace=SET.namespace)
    cluster.settle()
    fold = DurationFold()
    for step in cluster.steps:
        fold.add(step)
    found = fold.of(SET)
    assert len(found.ready_ms) == 4
    assert all(300 <= one <= 2_000 for one in found.ready_ms)
    assert len(found.end_ms) == 2
    assert all(50 <= one <= 1_200 for one in found.end_ms)


def test_of_a_set_that_is_unknown_nothing_is_recorded() -> None:
    assert (DurationFold().of(SET).ready_ms, DurationFold().of(SET).end_ms) == ([], [])


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([7], P50, 7), ([7], P99, 7), ([3, 1, 2], P50, 2), ([1, 2, 3, 4], P50, 2), (list(range(1, 201)), P99, 198)],
)
def test_percentiles_are_values_that_were_seen(values: list[int], percent: int, expected: int) -> None:
    assert percentile(values, percent) == expected
