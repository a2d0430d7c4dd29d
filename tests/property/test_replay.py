"""Whatever happened to a set: its replay ends in the live state, walks back as it came, and verifies."""

from collections.abc import Iterator, Sequence

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from lws_events.fleet import Fleet
from projections.debugger import Debugger
from projections.difference import plain
from projections.journal import RecordedDecision, RecordedEvent, Step
from projections.replay import END, Until, state_at
from projections.verify import verify
from tests.property.reordering_cluster import ReorderingCluster
from tests.property.test_any_order import REFUSALS, ROUNDS, SEEDS, Happening, _play


def _steps(cluster: ReorderingCluster) -> list[Step]:
    return [
        Step(
            RecordedEvent(sequence, subject, envelope),
            None if decision is None else RecordedDecision(number, "", decision),
        )
        for number, (sequence, subject, envelope, decision) in enumerate(cluster.journal, start=1)
    ]


class _Source:
    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    def __call__(self, *, after: int, epoch: str) -> Iterator[Step]:
        return (step for step in self._steps if step.event.sequence > after)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=SEEDS, rounds=ROUNDS, refusals=REFUSALS, points=st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_a_replay_ends_in_the_live_state_and_walks_both_ways(
    seed: int, rounds: list[list[Happening]], refusals: frozenset[int], points: list[float]
) -> None:
    cluster = ReorderingCluster(seed, refusals=refusals)
    _play(cluster, rounds)
    steps, live = _steps(cluster), Fleet()
    for sequence, subject, envelope, _ in cluster.journal:
        live.step(sequence, subject, envelope)
    [name] = {address.set_name for step in steps if (address := step.event.address) is not None}

    past = Debugger(_Source(steps), name)
    past.go_to(END)
    aggregate = live.aggregates.get(name)
    assert past.state == (None if aggregate is None else plain(aggregate))
    for point in points:
        until = Until(sequence=steps[int(point * (len(steps) - 1))].event.sequence)
        here = past.go_to(until)
        assert past.here() == state_at(steps, name, Fleet(), until=until)
        if here is not None and past.back() is not None:
            assert past.step() == here

    recorded = [step.recorded for step in steps if step.recorded is not None]
    found = verify((step.event for step in steps), recorded, Fleet())
    assert (found.differences, found.undecided, found.lost) == (0, 0, 0)
