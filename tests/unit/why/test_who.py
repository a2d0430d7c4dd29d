"""Who asked for what, as ``why`` tells it: before the end that it led to, or recorded behind it."""

from collections.abc import Callable

import pytest

from lws_events import subjects
from lws_events.decisions import GroupRecreationStarted
from lws_events.events import (
    DeletionRequested,
    Disruption,
    FieldManager,
    PodDeleted,
    SetDeleted,
    SpecChangeRequested,
)
from projections.timeline import timeline
from projections.why.decision import Point, decision_at
from projections.why.model import ENDED, FAILURE, RECREATION, ROLLOUT, Chain
from tests.scenario import Scenario
from tests.unit.why.told import chains, last_view, steps, verdict, words

COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
DRAIN = Disruption("EvictionByEvictionAPI", "Eviction API: evicting")


def running(**template: str) -> Scenario:
    scenario = Scenario(leaderWorkerTemplate=template)
    scenario.run()
    scenario.carry_out()
    return scenario


def asked(scenario: Scenario, uid: str, user: str, *, kind: str = subjects.POD, eviction: bool = False) -> None:
    fact = DeletionRequested(
        kind=kind, name="x", user=user, groups=("ops", "system:masters"), uid=uid, eviction=eviction
    )
    scenario.see(subjects.REQUEST, user, fact)


def in_either_order(first: Callable[[], object], second: Callable[[], object], *, behind: bool) -> None:
    for step in (second, first) if behind else (first, second):
        step()


def gone(scenario: Scenario, pod: str, disruption: Disruption | None = None) -> Callable[[], object]:
    fact = PodDeleted(uid=last_view(scenario, pod).uid, resource_version="90000", disruption=disruption)
    return lambda: scenario.see(subjects.POD, pod, fact)


def told_of(scenario: Scenario, kind: str) -> Chain:
    return chains(scenario, kind)[-1]


@pytest.mark.parametrize("behind", [False, True])
def test_whoever_deleted_a_worker_is_named(*, behind: bool) -> None:
    scenario = running()
    uid = last_view(scenario, "sample-0-1").uid
    in_either_order(lambda: asked(scenario, uid, "carol"), gone(scenario, "sample-0-1"), behind=behind)
    chain = told_of(scenario, RECREATION)
    assert chain.cause is not None
    assert (chain.cause.user, chain.cause.groups, chain.cause.hint) == ("carol", ("ops", "system:masters"), "")
    assert chain.cause.what == "carol (groups ops) deleted it"
    assert chain.what.endswith("because of pod sample-0-1: carol (groups ops) deleted it")
    assert any(what.startswith("carol (groups ops) asked to delete") for what in words(chain))
    assert verdict(scenario, "sample-0-1").cause.user == "carol"


@pytest.mark.parametrize("behind", [False, True])
def test_whoever_drains_a_node_is_named(*, behind: bool) -> None:
    scenario = running()
    uid = last_view(scenario, "sample-0-1").uid
    drain = lambda: asked(scenario, uid, "carol", eviction=True)  # noqa: E731
    in_either_order(drain, gone(scenario, "sample-0-1", DRAIN), behind=behind)
    cause = told_of(scenario, RECREATION).cause
    assert cause is not None
    assert (cause.category, cause.user, cause.by) == ("disruption", "carol", "Eviction API")
    assert cause.what.endswith(", asked for by carol (groups ops)")


@pytest.mark.parametrize("behind", [False, True])
def test_whoever_ended_a_pod_whose_group_went_on_is_named(*, behind: bool) -> None:
    scenario = running(restartPolicy="None")
    uid = last_view(scenario, "sample-0-1").uid
    in_either_order(lambda: asked(scenario, uid, "carol"), gone(scenario, "sample-0-1"), behind=behind)
    cause = told_of(scenario, FAILURE).cause
    assert cause is not None
    assert cause.user == "carol"


@pytest.mark.parametrize("behind", [False, True])
def test_the_decision_itself_names_who_it_goes_back_to(*, behind: bool) -> None:
    scenario = running()
    uid = last_view(scenario, "sample-0-1").uid
    in_either_order(lambda: asked(scenario, uid, "carol"), gone(scenario, "sample-0-1"), behind=behind)
    sequence = next(
        each.cause
        for each in scenario.decisions
        if any(isinstance(fact, GroupRecreationStarted) for fact in each.facts)
    )
    found = decision_at(steps(scenario), scenario.name, Point(sequence=sequence))
    assert found is not None
    assert found.cause is not None
    assert found.cause.user == "carol"


def test_kubernetes_own_controllers_are_told_by_what_they_are() -> None:
    scenario = running()
    uid = last_view(scenario, "sample-0-1").uid
    asked(scenario, uid, COLLECTOR)
    gone(scenario, "sample-0-1")()
    cause = told_of(scenario, RECREATION).cause
    assert cause is not None
    assert cause.what == f"the garbage collector ({COLLECTOR}) deleted it"


def test_without_a_webhook_nobody_is_guessed() -> None:
    scenario = running()
    asked(scenario, "another", "carol")
    gone(scenario, "sample-0-1")()
    cause = told_of(scenario, RECREATION).cause
    assert cause is not None
    assert cause.user == ""
    assert "does not say who it was" in cause.hint


@pytest.mark.parametrize("behind", [False, True])
def test_the_end_of_a_set_names_who_deleted_it(*, behind: bool) -> None:
    scenario = running()
    uid = scenario.set_uid

    def end() -> None:
        scenario.see(subjects.SET, "sample", SetDeleted(uid=uid, resource_version="80000"))
        gone(scenario, "sample-0")()

    in_either_order(lambda: asked(scenario, uid, "bob", kind=subjects.SET), end, behind=behind)
    cause = told_of(scenario, ENDED).cause
    assert cause is not None
    assert (cause.category, cause.user) == ("set-deleted", "bob")
    assert cause.what == "the LeaderWorkerSet was deleted, and everything with it, by bob (groups ops)"


@pytest.mark.parametrize("behind", [False, True])
def test_a_rollout_names_user_and_field_manager(*, behind: bool) -> None:
    scenario = running()
    request = SpecChangeRequested(user="dave", uid=scenario.set_uid, generation=scenario.generation + 1)
    containers = [{"name": "c", "image": "changed", "resources": {}}]
    managers = (FieldManager("dave-cli", "Apply", "2026-01-01T00:00:00Z"),)

    def change() -> None:
        worker = {"workerTemplate": {"spec": {"containers": containers}}}
        scenario.apply_set(leaderWorkerTemplate=worker, managers=managers)

    in_either_order(lambda: scenario.see(subjects.REQUEST, "dave", request), change, behind=behind)
    scenario.carry_out()
    first, second, *_ = words(told_of(scenario, ROLLOUT))
    assert first == "dave asked to UPDATE the LeaderWorkerSet, and admission let it pass"
    assert second.endswith(", changed by field manager dave-cli (server-side apply)")


@pytest.mark.parametrize("behind", [False, True])
def test_a_scaling_names_who_asked_for_that_number(*, behind: bool) -> None:
    scenario = running()
    request = SpecChangeRequested(user="alice", subresource="scale", replicas=5)
    in_either_order(
        lambda: scenario.see(subjects.REQUEST, "alice", request), lambda: scenario.apply_set(replicas=5), behind=behind
    )
    scenario.carry_out()
    assert words(told_of(scenario, ROLLOUT))[0].startswith("alice asked to scale the LeaderWorkerSet to 5 groups")


CONTROLLER = "system:serviceaccount:lws-system:lws-controller-manager"


@pytest.mark.parametrize(
    ("user", "who", "kind", "told"),
    [
        ("carol", "user", "change", "carol (groups ops) asked to delete pod x"),
        (COLLECTOR, "cluster", "pod", f"the garbage collector ({COLLECTOR}) asked to delete pod x"),
        (CONTROLLER, "cluster", "pod", f"the LeaderWorkerSet controller ({CONTROLLER}) asked to delete pod x"),
    ],
)
def test_what_controllers_ask_for_is_nobodys_change(user: str, who: str, kind: str, told: str) -> None:
    scenario = running()
    asked(scenario, last_view(scenario, "sample-0-1").uid, user)
    [entry] = [one for one in timeline(steps(scenario), scenario.name) if " asked to delete " in one.what]
    assert (entry.who, entry.kind, entry.what) == (who, kind, told)
