"""Whatever happens to a set in the simulated cluster: its journal replays to the live state and verifies.

And a machine without a rule is found by its verification wherever that rule had a part. A seed reproduces a life.
"""

import functools
import importlib
import itertools
from collections.abc import Iterator
from typing import Any, Final

import pytest

from adapters.simulation import kinds, objects
from adapters.what_if import questions
from lws_events.fleet import Fleet
from projections.debugger import Debugger
from projections.difference import plain
from projections.journal import Step
from projections.replay import END
from projections.verify import Verification, verify
from tests.modelled_cluster import SET, LivingCluster, manifest
from tests.property.test_what_if_predicts import scenario

SEEDS: Final = range(60)
HAPPENINGS: Final = 6
RULES: Final = {
    "decide_restart": ("GroupRecreationStarted", "FailureLeftAlone"),
    "decide_workers": ("CreateWorkerStatefulSet",),
    "decide_status": ("UpdateSetStatus",),
    "decide_shared_service": ("CreateService",),
    "decide_truncation": ("DeleteControllerRevision",),
    "decide_worker_metadata": ("ApplyWorkerMetadata",),
}
"""What a rule that can be switched off decides, by the names of its kinds."""


@functools.cache
def life(seed: int) -> LivingCluster:
    """A set that is created, changed, disturbed and perhaps deleted, with pauses of any length."""
    cluster, drawn = LivingCluster(seed, gate=seed % 4 != 0, gang=seed % 5 == 0), scenario(seed)
    cluster.create(**drawn.before)
    cluster.simulation.advance(cluster.chance.uniform(0, 5))
    for _ in range(HAPPENINGS):
        _happen(cluster, drawn.after or drawn.before)
        if cluster.chance.random() < 0.5:
            cluster.settle()
        else:
            cluster.simulation.advance(cluster.chance.expovariate(1.0))
    cluster.simulation.advance(0.1)
    return cluster


def _happen(cluster: LivingCluster, changed: dict[str, Any]) -> None:
    chance, api = cluster.chance, cluster.simulation.api
    pods = sorted(pod["metadata"]["name"] for pod in api.select(kinds.PODS, namespace=SET.namespace))
    running = [pod for pod in pods if objects.phase(api.get(kinds.PODS, pod, namespace=SET.namespace)) == "Running"]
    match chance.choice(("change", "scale", "kill", "kill", "evict", "drain", "delete")):
        case "change":
            _apply(cluster, changed)
        case "scale":
            _apply(cluster, changed | {"replicas": chance.randint(0, 5)})
        case "kill" if pods:
            grace = chance.choice((0, 30))
            api.delete(kinds.PODS, chance.choice(pods), namespace=SET.namespace, grace_seconds=grace)
        case "evict" if running:
            cluster.simulation.kubelets.evict(chance.choice(running))
        case "drain":
            placed = api.select(kinds.PODS, namespace=SET.namespace)
            nodes = sorted({objects.spec(pod)["nodeName"] for pod in placed if "nodeName" in objects.spec(pod)})
            if nodes:
                questions.drain(cluster.world, chance.choice(nodes))
        case "delete" if chance.random() < 0.3 and api.find(kinds.LEADERWORKERSETS, SET.name, namespace=SET.namespace):
            api.delete(kinds.LEADERWORKERSETS, SET.name, namespace=SET.namespace)


def _apply(cluster: LivingCluster, spec: dict[str, Any]) -> None:
    found = questions.apply_manifest(cluster.world, manifest(**spec), SET)
    assert found.accepted, found.messages


def verified(steps: list[Step]) -> Verification:
    recorded = [step.recorded for step in steps if step.recorded is not None]
    return verify((step.event for step in steps), recorded, Fleet())


def decided(steps: list[Step], names: tuple[str, ...]) -> bool:
    """Whether a fact or command of these kinds was decided."""
    decisions = [step.decision for step in steps if step.decision is not None]
    facts = (fact for decision in decisions for fact in decision.facts)
    commands = (issued.command for decision in decisions for issued in decision.commands)
    return any(type(one).__name__ in names for one in itertools.chain(facts, commands))


class _Source:
    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps

    def __call__(self, *, after: int, epoch: str) -> Iterator[Step]:
        return (step for step in self._steps if step.event.sequence > after)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_replay_ends_in_the_live_state_and_verifies(seed: int) -> None:
    cluster = life(seed)
    past = Debugger(_Source(cluster.steps), SET)
    past.go_to(END)
    live = cluster.world.controller.fleet.aggregates.get(SET)
    assert past.state == (None if live is None else plain(live))
    found = verified(cluster.steps)
    assert (found.differences, found.undecided, found.lost) == (0, 0, 0), found.first
    assert found.events == len(cluster.steps)


@pytest.mark.parametrize("rule", RULES)
def test_a_machine_without_a_rule_is_found(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In each life in which the rule decided something, and in no other."""
    lives = {seed: life(seed).steps for seed in SEEDS}
    had_a_part = {seed for seed, steps in lives.items() if decided(steps, RULES[rule])}
    monkeypatch.setattr(importlib.import_module("lws_events.machine.decide"), rule, lambda *_, **__: "")
    found = {seed for seed in lives if verified(lives[seed]).differences}
    assert had_a_part
    assert found == had_a_part
