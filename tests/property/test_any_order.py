"""News in any order, twice or late: the same groups are recreated, each once, and the set ends up the same."""

from collections.abc import Callable
from operator import methodcaller

import hypothesis.strategies as st
import msgspec
from hypothesis import HealthCheck, given, settings

from lws_events import decisions, events, names
from lws_events.decisions import GroupRecreationPostponed
from lws_events.fleet import Fleet
from lws_events.machine.state import Aggregate
from tests.property.reordering_cluster import ReorderingCluster

GROUPS = 3
SEEDS = st.integers(0, 2**32 - 1)
REFUSALS = st.frozensets(st.integers(0, 40), max_size=6)
ANNOTATIONS = st.sampled_from([{}, {names.RESTART_BACKOFF: "10s"}])
"""A recreation that waits is a recreation all the same."""

Happening = tuple[str, int, Callable[[ReorderingCluster], None]]


def _happenings() -> list[Happening]:
    """Kind, group, and what happens to it."""
    found: list[Happening] = []
    for index in range(GROUPS):
        for worker in (1, 2):
            found += [
                ("failure", index, methodcaller("force_delete", index, worker)),
                ("failure", index, methodcaller("restart", f"sample-{index}-{worker}")),
                ("failure", index, methodcaller("evict", index, worker)),
            ]
        found.append(("failure", index, methodcaller("restart", f"sample-{index}")))
        found.append(("deletion", index, methodcaller("delete_leader", index)))
    return found


ROUNDS = st.lists(st.lists(st.sampled_from(_happenings()), min_size=1, max_size=4), min_size=1, max_size=3)


def _play(cluster: ReorderingCluster, rounds: list[list[Happening]], annotations: dict[str, str] | None = None) -> None:
    """Bring the set up, and let some things happen at once, several times; checks who was deleted."""
    cluster.apply_set(annotations=annotations, replicas=GROUPS)
    cluster.settle()
    for happenings in rounds:
        before = [cluster.leader_uid(index) for index in range(GROUPS)]
        already = len(cluster.deleted)
        kinds: dict[int, list[str]] = {}
        for kind, index, happens in happenings:
            if "deletion" in kinds.get(index, ()):
                continue  # the workers go with their leader
            kinds.setdefault(index, []).append(kind)
            happens(cluster)
        cluster.settle()
        deleted = cluster.deleted[already:]
        must = [before[index] for index in sorted(kinds) if "deletion" not in kinds[index]]
        assert sorted(deleted) == sorted(must)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=SEEDS, rounds=ROUNDS, refusals=REFUSALS, annotations=ANNOTATIONS)
def test_each_failed_group_is_recreated_exactly_once(
    seed: int, rounds: list[list[Happening]], refusals: frozenset[int], annotations: dict[str, str]
) -> None:
    cluster = ReorderingCluster(seed, refusals=refusals)
    _play(cluster, rounds, annotations)
    assert (cluster.made_again, cluster.deleted_again) == ([], [])
    assert {cluster.leader_uid(index) for index in range(GROUPS)} <= set(cluster.worker_sets_made)
    state = cluster.state
    assert (state.in_flight, state.unseen, state.timers) == ({}, {}, {})
    assert [group.lifecycle for group in state.groups.values()] == ["Ready"] * GROUPS
    status = {key: state.status[key] for key in ("replicas", "readyReplicas", "updatedReplicas", "observedGeneration")}
    assert set(status.values()) == {GROUPS, 1}
    assert {each["type"]: each["status"] for each in state.status["conditions"]}["Available"] == "True"


def _bytes(fleet: Fleet) -> bytes:
    return msgspec.json.encode([fleet.epoch, sorted(fleet.aggregates.items())], order="sorted")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=SEEDS, rounds=ROUNDS, refusals=REFUSALS, annotations=ANNOTATIONS)
def test_recorded_decisions_give_the_same_state_at_every_point(
    seed: int, rounds: list[list[Happening]], refusals: frozenset[int], annotations: dict[str, str]
) -> None:
    cluster = ReorderingCluster(seed, refusals=refusals)
    _play(cluster, rounds, annotations)
    live, recalled, verified = Fleet(), Fleet(), Fleet()
    for sequence, subject, envelope, decision in cluster.journal:
        read_back = decisions.decode(decisions.encode(decision)) if decision is not None else None
        live.step(sequence, subject, envelope)
        recalled.recall(sequence, subject, envelope, read_back)
        assert verified.propose(sequence, subject, envelope, read_back) == decision
        assert _bytes(live) == _bytes(recalled) == _bytes(verified)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=SEEDS, rounds=ROUNDS, refusals=REFUSALS, at=st.floats(0, 1))
def test_a_state_that_was_written_and_read_decides_the_same(
    seed: int, rounds: list[list[Happening]], refusals: frozenset[int], at: float
) -> None:
    cluster = ReorderingCluster(seed, refusals=refusals)
    _play(cluster, rounds)
    middle = int(at * len(cluster.journal))
    fleet = Fleet()
    for position, (sequence, subject, envelope, decision) in enumerate(cluster.journal):
        if position == middle:
            fleet.aggregates = {
                name: msgspec.json.decode(msgspec.json.encode(state), type=Aggregate)
                for name, state in fleet.aggregates.items()
            }
        stepped = fleet.step(sequence, subject, envelope)
        assert (decisions.encode(stepped[1]) if stepped else None) == (decisions.encode(decision) if decision else None)


def test_the_plain_order_has_every_kind_of_news() -> None:
    cluster = ReorderingCluster(0, refusals=frozenset({0, 9}))
    _play(cluster, [[each] for each in _happenings()])
    kinds = {type(envelope.fact) for _, _, envelope, _ in cluster.journal}
    assert {events.PodDeleted, events.StatefulSetDeleted, events.CommandSucceeded, events.TimerFired} <= kinds
    assert len(cluster.deleted) == GROUPS * 7


def test_with_a_backoff_some_recreations_wait() -> None:
    cluster = ReorderingCluster(0)
    _play(cluster, [[each] for each in _happenings()], {names.RESTART_BACKOFF: "10s"})
    facts = [fact for _, _, _, decision in cluster.journal if decision is not None for fact in decision.facts]
    postponed = [fact for fact in facts if isinstance(fact, GroupRecreationPostponed)]
    assert [fact.attempt for fact in postponed] == [2, 3, 4, 5, 6, 7] * GROUPS
    assert len(cluster.deleted) == GROUPS * 7
