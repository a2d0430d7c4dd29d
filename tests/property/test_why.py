"""Whatever happens, and in whatever order it is told: every recreation has its chain, every deletion its answer."""

from collections.abc import Callable
from operator import methodcaller

import hypothesis.strategies as st
import msgspec
from hypothesis import HealthCheck, given, settings

from lws_events import names
from lws_events.decisions import GroupRecreationStarted
from lws_events.events import PodDeleted, PodObserved
from projections.journal import RecordedDecision, RecordedEvent, Step
from projections.why.decision import Point, decision_at
from projections.why.model import RECREATION
from projections.why.stories import stories
from projections.why.verdict import verdicts
from projections.why.waits import waits
from tests.property.reordering_cluster import ReorderingCluster

GROUPS = 3
SEEDS = st.integers(0, 2**32 - 1)
ANNOTATIONS = st.sampled_from([{}, {names.RESTART_BACKOFF: "10s"}, {names.RESTART_LIMIT: "1"}])
Happening = tuple[int, bool, Callable[[ReorderingCluster], None]]
"""Group, whether its leader is deleted, and what happens."""
HAPPENINGS: list[Happening] = [
    *((index, False, methodcaller("force_delete", index, worker)) for index in range(GROUPS) for worker in (1, 2)),
    *((index, False, methodcaller("evict", index, worker)) for index in range(GROUPS) for worker in (1, 2)),
    *((index, False, methodcaller("restart", f"sample-{index}{of}")) for index in range(GROUPS) for of in ("", "-1")),
    *((index, True, methodcaller("delete_leader", index)) for index in range(GROUPS)),
]
ROUNDS = st.lists(st.lists(st.sampled_from(HAPPENINGS), min_size=1, max_size=3), min_size=1, max_size=3)
QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _play(seed: int, rounds: list[list[Happening]], annotations: dict[str, str]) -> list[Step]:
    cluster = ReorderingCluster(seed)
    cluster.apply_set(annotations=annotations, replicas=GROUPS)
    cluster.settle()
    for happenings in rounds:
        without_leader: set[int] = set()
        for index, ends_leader, happens in happenings:
            if index in without_leader:
                continue  # its pods go with their leader
            if ends_leader:
                without_leader.add(index)
            happens(cluster)
        cluster.settle()
    return [
        Step(
            RecordedEvent(sequence, subject, envelope),
            None if decision is None else RecordedDecision(sequence, subject, decision),
        )
        for sequence, subject, envelope, decision in cluster.journal
    ]


@QUIET
@given(seed=SEEDS, rounds=ROUNDS, annotations=ANNOTATIONS)
def test_every_recreation_has_a_chain_that_begins_with_the_failed_pod(
    seed: int, rounds: list[list[Happening]], annotations: dict[str, str]
) -> None:
    steps = _play(seed, rounds, annotations)
    decided: list[tuple[int, GroupRecreationStarted]] = [
        (step.event.sequence, fact)
        for step in steps
        for fact in (step.decision.facts if step.decision is not None else ())
        if isinstance(fact, GroupRecreationStarted)
    ]
    set_name = next(step.event.address.set_name for step in steps if step.event.address is not None)
    chains = list(stories(steps, set_name, kinds=(RECREATION,)))
    events = {step.event.sequence: step.event for step in steps}
    for sequence, fact in decided:
        [chain] = [
            one for one in chains if sequence in {link.sequence for link in one.links if link.kind == "decision"}
        ]
        assert (chain.failed_pod, chain.leader, chain.failure) == (fact.failed_pod, fact.leader, fact.failure)
        first = events[chain.links[0].sequence]
        assert first.address is not None
        assert first.address.name == fact.failed_pod
        assert isinstance(first.envelope.fact, PodObserved | PodDeleted)
        assert chain.cause is not None
        assert chain.cause.pod == fact.failed_pod
        assert chain.links[0].sequence <= sequence
        at_ms = [link.at_ms for link in chain.links]
        assert at_ms == sorted(at_ms)
        explained = decision_at(steps, set_name, Point(sequence=sequence))
        assert explained is not None
        assert f"event {sequence} " in explained.what
        assert msgspec.json.encode(chain)


@QUIET
@given(seed=SEEDS, rounds=ROUNDS, annotations=ANNOTATIONS)
def test_every_deletion_of_a_pod_has_an_answer(
    seed: int, rounds: list[list[Happening]], annotations: dict[str, str]
) -> None:
    steps = _play(seed, rounds, annotations)
    set_name = next(step.event.address.set_name for step in steps if step.event.address is not None)
    deleted: dict[str, set[str]] = {}
    known: dict[str, str] = {}
    for step in steps:
        fact, address = step.event.envelope.fact, step.event.address
        if address is not None and isinstance(fact, PodObserved):
            known[fact.uid] = address.name
        elif address is not None and isinstance(fact, PodDeleted) and fact.uid in known:
            deleted.setdefault(address.name, set()).add(fact.uid)
    for pod, uids in deleted.items():
        found = verdicts(steps, set_name, pod)
        assert uids <= {verdict.uid for verdict in found}
        for verdict in found:
            assert bool(verdict.decision) != bool(verdict.because), verdict


@QUIET
@given(seed=SEEDS, rounds=ROUNDS, annotations=ANNOTATIONS, at=st.floats(0, 1))
def test_a_group_that_is_not_ready_waits_for_something(
    seed: int, rounds: list[list[Happening]], annotations: dict[str, str], at: float
) -> None:
    steps = _play(seed, rounds, annotations)
    set_name = next(step.event.address.set_name for step in steps if step.event.address is not None)
    for one in waits(steps, set_name, until=Point(sequence=int(at * len(steps)))):
        assert one.waits_for, one
