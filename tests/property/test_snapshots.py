"""A state that was written down and read again is the same state, whatever happens to the set afterwards."""

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from lws_events import decisions, snapshots
from lws_events.fleet import Fleet
from tests.property.reordering_cluster import ReorderingCluster
from tests.property.test_any_order import REFUSALS, ROUNDS, SEEDS, Happening, _bytes, _play


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=SEEDS, rounds=ROUNDS, refusals=REFUSALS, at=st.floats(0, 1))
def test_folding_on_from_a_snapshot_is_folding_on(
    seed: int, rounds: list[list[Happening]], refusals: frozenset[int], at: float
) -> None:
    cluster = ReorderingCluster(seed, refusals=refusals)
    _play(cluster, rounds)
    middle = int(at * len(cluster.journal))
    live, restored = Fleet(), Fleet()
    for position, (sequence, subject, envelope, decision) in enumerate(cluster.journal):
        stepped = live.step(sequence, subject, envelope)
        if position == middle:
            restored = _through_snapshots(live)
        elif position > middle:
            again = restored.step(sequence, subject, envelope)
            assert (decisions.encode(again[1]) if again else b"") == (decisions.encode(stepped[1]) if stepped else b"")
            assert _bytes(restored) == _bytes(live)
        assert (stepped[1] if stepped else None) == decision


def _through_snapshots(live: Fleet) -> Fleet:
    fleet = Fleet()
    fleet.epoch, fleet.sequence = live.epoch, live.sequence
    for name, state in live.aggregates.items():
        data = snapshots.take_snapshot(state, epoch=live.epoch, sequence=live.sequence, decisions=0, digest="")
        fleet.aggregates[name] = snapshots.restore(snapshots.decode_snapshot(data), name)
        assert fleet.aggregates[name] == state
    return fleet
