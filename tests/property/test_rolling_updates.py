"""Rolling updates in a model of the StatefulSet controller: whatever a user does, whatever order groups get ready in.

What is claimed, and no more:

* At rest the leader StatefulSet has what the specified planner asks for, computed here once more from the model: no
  step is missing, none is taken too early.
* A step that takes ready groups down leaves at most ``mu + (S - R)`` groups at or above the partition undone. Groups
  that broke by themselves are not ours to count; the reference's planner may add its window to some of them.
* If nothing breaks by itself and neither replicas nor budgets change, at least ``R - mu`` groups are ready at any time
  of a rollout; ``R - mu - ms`` if further templates come in the middle of it, and the StatefulSet controller counts.
* A rollout ends once every group that comes up becomes ready.
* A controller that starts anew from the present objects alone writes no other partition and no other replicas.
"""

from collections.abc import Callable

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from lws_events import decisions
from lws_events.fleet import Fleet
from lws_events.machine.rollout import bits, refinements
from lws_events.machine.rollout.planner import Present, Situation
from tests.rollout_model import ModelPod, Rollout

REPLICAS = st.integers(1, 7)
BUDGETS = st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(any)
TEMPLATES = ("i", "B", "C")
READY = st.tuples(st.just("ready"), st.integers(0, 20))
TEMPLATE = st.tuples(st.just("template"), st.integers(0, 2))
OTHERS = st.one_of(
    st.tuples(st.just("replicas"), st.integers(0, 7)),
    st.tuples(st.just("partition"), st.integers(0, 7)),
    st.tuples(st.just("maxUnavailable"), st.integers(1, 4)),
    st.tuples(st.just("breaks"), st.integers(0, 20)),
)
STEPS = st.lists(st.one_of(READY, READY, READY, TEMPLATE, OTHERS), max_size=14)
UNBROKEN_STEPS = st.lists(st.one_of(READY, READY, TEMPLATE), max_size=14)
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Step = tuple[str, int]


class Watched(Rollout):
    """A model that looks at every write before the StatefulSet controller acts on it, and after each of its acts."""

    def __init__(self, replicas: int, budgets: tuple[int, int], *, gate: bool = True, size: int = 2) -> None:
        unavailable, surge = budgets
        strategy = {"rollingUpdateConfiguration": {"maxUnavailable": unavailable, "maxSurge": surge}}
        super().__init__(gate=gate, replicas=replicas, rolloutStrategy=strategy, leaderWorkerTemplate={"size": size})
        self.on_write: Callable[[Situation, int], None] = lambda before, partition: None
        self.on_act: Callable[[], None] = lambda: None
        self.begin()

    def situation(self) -> Situation:
        """What the planner should know, from the pods of the model alone."""
        rolling = self.spec["rolloutStrategy"]["rollingUpdateConfiguration"]
        wanted, key = self.spec["replicas"], self.state.target_key
        keys = {
            index: pod.template.labels["leaderworkerset.sigs.k8s.io/template-revision-hash"]
            for index, pod in self.pods.items()
        }
        return Situation(
            replicas=wanted,
            user_partition=rolling["partition"],
            max_unavailable=rolling["maxUnavailable"],
            max_surge=min(rolling["maxSurge"], wanted),
            present=Present(self.replicas, self.partition, wanted),
            ready=sum(1 << index for index, pod in self.pods.items() if pod.ready),
            updated=sum(1 << index for index in self.pods if keys[index] == key),
            outdated=sum(1 << index for index in self.pods if keys[index] != key),
        )

    def do(self, step: Step) -> None:
        kind, value = step
        unready = [index for index, pod in sorted(self.pods.items()) if not pod.ready]
        ready = [index for index, pod in sorted(self.pods.items()) if pod.ready]
        match kind:
            case "ready" if unready:
                self.make_ready(unready[value % len(unready)])
            case "breaks" if ready:
                self.make_ready(ready[value % len(ready)], ready=False)
            case "template":
                self.template(TEMPLATES[value])
            case "replicas":
                self.change(replicas=value)
            case "partition" | "maxUnavailable":
                self.roll(**{kind: value})

    def finish(self) -> None:
        """All groups become ready, also those that come up in the meantime."""
        for _ in range(200):
            unready = [index for index, pod in sorted(self.pods.items()) if not pod.ready]
            if unready:
                self.make_ready(unready[-1])
            elif not self.fire_one():
                return
        raise AssertionError("the rollout does not end")

    def fire_one(self) -> bool:
        timers = list(self.state.timers)
        if timers:
            self.fire(timers[0])
            self.settle()
        return bool(timers)

    def _apply(self, manifest: dict[str, object]) -> None:
        before, partition = self.situation(), self.partition
        super()._apply(manifest)
        if self.partition < partition and self.update is not None:
            self.on_write(before, self.partition)

    def _act(self) -> bool:
        acted = super()._act()
        self.on_act()
        return acted


@SETTINGS
@given(replicas=REPLICAS, budgets=BUDGETS, gate=st.booleans(), size=st.integers(1, 2), steps=STEPS)
def test_at_rest_the_statefulset_is_what_the_planner_asks_for(
    replicas: int, budgets: tuple[int, int], gate: bool, size: int, steps: list[Step]
) -> None:
    model = Watched(replicas, budgets, gate=gate, size=size)
    for step in steps:
        model.do(step)
        planned = refinements.plan(model.situation())
        assert (model.partition, model.replicas) == (planned.partition, planned.replicas)


@SETTINGS
@given(replicas=REPLICAS, budgets=BUDGETS, gate=st.booleans(), steps=STEPS)
def test_a_step_takes_down_no_more_than_the_budget(
    replicas: int, budgets: tuple[int, int], gate: bool, steps: list[Step]
) -> None:
    model = Watched(replicas, budgets, gate=gate)

    def check(before: Situation, partition: int) -> None:
        assert before.present is not None
        total, current = before.present.replicas, before.present.partition
        taken = bits.below(before.ready & ~before.updated, min(current, total, model.replicas)) >> partition
        if taken and total >= before.replicas:
            undone = bits.below(~(before.ready & before.updated) & ((1 << total) - 1), total) >> current
            allowance = max(1, before.max_unavailable + total - before.replicas)
            assert taken.bit_count() + undone.bit_count() <= allowance

    model.on_write = check
    for step in steps:
        model.do(step)


@SETTINGS
@given(replicas=REPLICAS, budgets=BUDGETS, gate=st.booleans(), steps=st.lists(READY, max_size=20))
def test_enough_groups_are_ready_during_a_rollout(
    replicas: int, budgets: tuple[int, int], gate: bool, steps: list[Step]
) -> None:
    model = Watched(replicas, budgets, gate=gate)
    _play_watching_the_floor(model, [("template", 1), *steps], floor=replicas - budgets[0])


@SETTINGS
@given(replicas=REPLICAS, budgets=BUDGETS, steps=UNBROKEN_STEPS)
def test_further_templates_cost_at_most_the_surge(replicas: int, budgets: tuple[int, int], steps: list[Step]) -> None:
    """They restart surge groups at once, also those that stand in for groups that are down (spec D25)."""
    _play_watching_the_floor(Watched(replicas, budgets), steps, floor=replicas - sum(budgets))


def _play_watching_the_floor(model: Watched, steps: list[Step], *, floor: int) -> None:
    def check() -> None:
        assert sum(pod.ready for pod in model.pods.values()) >= floor

    model.on_act = check
    for step in steps:
        model.do(step)


@SETTINGS
@given(replicas=REPLICAS, budgets=BUDGETS, gate=st.booleans(), steps=STEPS)
def test_a_rollout_ends(replicas: int, budgets: tuple[int, int], gate: bool, steps: list[Step]) -> None:
    model = Watched(replicas, budgets, gate=gate)
    for step in steps:
        model.do(step)
    model.finish()
    now = model.situation()
    assert model.partition == now.user_partition
    from_partition = bits.below(now.outdated, now.replicas) >> now.user_partition
    assert from_partition == 0
    assert model.conditions() == {"Available"}
    if now.user_partition == 0:
        assert model.replicas == now.replicas
        assert {each.key for each in model.state.revisions.values()} == {model.state.target_key}


@SETTINGS
@given(replicas=REPLICAS, budgets=BUDGETS, steps=STEPS, at=st.integers(0, 14))
def test_a_controller_without_a_journal_goes_on_the_same_way(
    replicas: int, budgets: tuple[int, int], steps: list[Step], at: int
) -> None:
    kept, lost = Watched(replicas, budgets), Watched(replicas, budgets)
    for position, step in enumerate(steps):
        if position == at:
            lost.forget()
            lost.start_anew()
            assert lost.written == []
        kept.do(step)
        lost.do(step)
        assert (lost.partition, lost.replicas) == (kept.partition, kept.replicas)
        assert _groups(lost) == _groups(kept)


def _groups(model: Rollout) -> list[tuple[int, ModelPod]]:
    return [(index, msgspec.structs.replace(pod, uid="")) for index, pod in sorted(model.pods.items())]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(replicas=REPLICAS, budgets=BUDGETS, steps=STEPS)
def test_a_controller_killed_at_any_event_decides_as_the_one_that_lives(
    replicas: int, budgets: tuple[int, int], steps: list[Step]
) -> None:
    """Recorded decisions bring the state back, byte for byte, at every event: so the next decision is the same, too."""
    model = Watched(replicas, budgets)
    for step in steps:
        model.do(step)
    made = {decision.cause: decision for decision in model.decisions}
    live, recalled = Fleet(), Fleet()
    for sequence, subject, envelope in model.recorded:
        stepped = live.step(sequence, subject, envelope)
        assert (stepped[1] if stepped else None) == made.get(sequence)
        decision = made.get(sequence)
        recalled.recall(sequence, subject, envelope, decisions.decode(decisions.encode(decision)) if decision else None)
        assert _bytes(live) == _bytes(recalled)


def _bytes(fleet: Fleet) -> bytes:
    return msgspec.json.encode(sorted(fleet.aggregates.items()), order="sorted")


@pytest.mark.parametrize("kind", ["template", "replicas", "partition", "maxUnavailable", "breaks", "ready"])
def test_the_model_can_do_everything(kind: str) -> None:
    model = Watched(4, (1, 1))
    model.template("B")
    before = len(model.recorded)
    model.do((kind, 2))
    assert len(model.recorded) > before
