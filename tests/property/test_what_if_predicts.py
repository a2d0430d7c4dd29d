"""What ``what-if`` says of a change is what then happens when the change is made.

A cluster lives with drawn times and its journal is kept; the question is asked of the journal, which knows only views.
Then the very same change is made in the living cluster, and both courses are compared. A seed reproduces a scenario.
"""

import random
from collections import Counter
from typing import Any, Final, NamedTuple

import pytest

from adapters.simulation import kinds
from adapters.what_if import inventory, questions
from adapters.what_if.asking import OfJournal, Request, Times, ask_twice
from adapters.what_if.course import Course
from adapters.what_if.forecast import SetForecast, forecast
from adapters.what_if.placement import domains_of
from lws_events import names
from tests.modelled_cluster import RACK, SET, LivingCluster, manifest

SEEDS: Final = 40
TIMES: Final = Times(ready_seconds=1.0, end_seconds=0.5)


class Scenario(NamedTuple):
    """A set, what has happened to it before, and what is asked."""

    before: dict[str, Any]
    faults: int
    is_settled: bool
    after: dict[str, Any] | None
    drained: bool


def scenario(seed: int) -> Scenario:
    """All of it drawn from a seed."""
    chance = random.Random(seed)
    before = _spec(chance)
    after: dict[str, Any] | None = None
    drained = chance.random() < 0.2
    if not drained:
        after = dict(before)
        for change in chance.sample(("image", "replicas", "size", "rolling", "labels", "policy"), chance.randint(1, 2)):
            after |= _changed(chance, change, before)
    return Scenario(before, chance.choice((0, 0, 1, 2)), chance.random() < 0.8, after, drained)


def _spec(chance: random.Random) -> dict[str, Any]:
    exclusive = chance.random() < 0.25
    return {
        "replicas": chance.randint(1, 4),
        "size": chance.randint(1, 3),
        "policy": chance.choice(("", "RecreateGroupOnPodRestart", "None")),
        "startupPolicy": chance.choice(("LeaderCreated", "LeaderReady")),
        "annotations": {names.EXCLUSIVE_TOPOLOGY: RACK} if exclusive else {},
        "rolloutStrategy": _rolling(chance),
    }


def _rolling(chance: random.Random) -> dict[str, Any]:
    budget = {"maxUnavailable": chance.randint(1, 2), "maxSurge": chance.randint(0, 2)}
    return {"type": "RollingUpdate", "rollingUpdateConfiguration": budget}


def _changed(chance: random.Random, change: str, before: dict[str, Any]) -> dict[str, Any]:
    match change:
        case "image":
            return {"image": f"example.test/main:{chance.randint(2, 3)}"}
        case "replicas":
            return {"replicas": chance.randint(0, 5)}
        case "size":
            return {"size": chance.randint(1, 3)}
        case "rolling":
            return {"rolloutStrategy": _rolling(chance)}
        case "policy":
            return {"policy": chance.choice(("RecreateGroupOnPodRestart", "None"))}
        case _:
            return {"annotations": {**before["annotations"], "team": "b"}}


def play(seed: int) -> tuple[Scenario, SetForecast, SetForecast]:
    """The scenario, what was foretold, and what happened."""
    chosen = scenario(seed)
    cluster = LivingCluster(seed, gate=seed % 4 != 0)
    cluster.create(**chosen.before)
    cluster.settle()
    for _ in range(chosen.faults):
        pods = sorted(name for name in (pod.name for pod in Course(cluster.simulation).pods.values()))
        if pods:
            cluster.simulation.api.delete(
                kinds.PODS, cluster.chance.choice(pods), namespace=SET.namespace, grace_seconds=0
            )
        if chosen.is_settled:
            cluster.settle()
        else:
            cluster.simulation.advance(cluster.chance.random())
    cluster.simulation.advance(0.1)  # the last change is in the journal
    request = Request(set_name=str(SET))
    if chosen.drained:
        nodes = sorted({pod.node for pod in Course(cluster.simulation).pods.values() if pod.node})
        request = Request(set_name=str(SET), drain=(cluster.chance.choice(nodes),))
    elif chosen.after is not None:
        request = Request(manifest=manifest(**chosen.after))
    all_nodes = [inventory.as_known(node) for node in cluster.simulation.api.select(kinds.NODES)]
    told = ask_twice(OfJournal(cluster.past(), nodes=all_nodes), request, times=TIMES)
    [foretold] = told.sets
    return chosen, foretold.forecast, happened(cluster, request)


def happened(cluster: LivingCluster, request: Request) -> SetForecast:
    """Make the change in the living cluster and watch."""
    course, before = Course(cluster.simulation), domains_of(cluster.simulation)

    def seen(*step: Any) -> None:
        cluster.record(*step)
        course.decided(*step)

    cluster.world.controller.on_step = seen
    if request.manifest is not None:
        verdict = questions.apply_manifest(cluster.world, request.manifest, SET)
        assert verdict.accepted, verdict.messages
    for node in request.drain:
        questions.drain(cluster.world, node)
    cluster.settle()
    return forecast(cluster.world, course, SET, before=before)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_is_foretold_happens(seed: int) -> None:
    chosen, foretold, came = play(seed)
    context = f"seed {seed}: {chosen}"
    assert foretold.finishes == came.finishes, context
    assert foretold.created_groups == came.created_groups, context
    assert foretold.removed_groups == came.removed_groups, context
    groups, of_course = [one.group for one in foretold.restarts], [one.group for one in came.restarts]
    assert Counter(groups) == Counter(of_course), context
    if chosen.is_settled:
        # Of a cluster in motion a journal does not know what comes first: which pod is ready is a matter of moments.
        assert foretold.surge_groups == came.surge_groups, context
        assert sorted(foretold.pods_replaced) == sorted(came.pods_replaced), context
    if chosen.is_settled and not chosen.drained:
        assert groups == of_course, context


def test_scenarios_reach_what_matters() -> None:
    scenarios = [scenario(seed) for seed in range(SEEDS)]
    asked = [each.after for each in scenarios if each.after is not None]
    assert sum(each.drained for each in scenarios) >= 3
    assert sum(not each.is_settled for each in scenarios) >= 3
    assert sum(bool(each.before["annotations"]) for each in scenarios) >= 5
    assert sum("image" in after for after in asked) >= 5
    assert sum(after["rolloutStrategy"]["rollingUpdateConfiguration"]["maxSurge"] > 0 for after in asked) >= 5
