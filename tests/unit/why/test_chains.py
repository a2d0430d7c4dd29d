"""Chains of what is no recreation: leaders that end by themselves, failures left alone, strangers, rollouts."""

from lws_events import names, subjects
from lws_events.decisions import RolloutStepped
from lws_events.events import Owner, PodDeleted, SpecChangeRequested
from projections.why import causes
from projections.why.model import ENDED, FAILURE, KINDS, OBJECT, RECREATION, ROLLOUT
from tests.scenario import Scenario
from tests.unit.why.told import GOING, chains, words


def _running(**template: str) -> Scenario:
    scenario = Scenario(leaderWorkerTemplate=template) if template else Scenario()
    scenario.run()
    return scenario


def test_a_leader_that_somebody_deletes_ends_its_group() -> None:
    scenario = _running()
    scenario.pod("sample-1", deleting_since=GOING)
    scenario.at_ms += 2_000
    scenario.pod_deleted("sample-1")
    for worker in (1, 2):
        scenario.pod_deleted(f"sample-1-{worker}")
    scenario.at_ms += 500
    scenario.run_group(1, incarnation="-new")
    [chain] = chains(scenario, ENDED)
    assert (chain.group, chain.complete, chain.elapsed_ms) == ("1", True, 2_500)
    assert chain.cause is not None
    assert chain.cause.category == causes.SOMEBODY
    assert chain.what == "group 1 ended, because of pod sample-1: somebody deleted it, not this controller"
    assert words(chain)[2:] == [
        "pod sample-1 is gone",
        "new leader pod sample-1 was created (uid sample-1-uid-new)",
        "group 1 is ready: all 3 pods are",
    ]
    assert chains(scenario, RECREATION) == []


def test_a_new_leader_that_is_deleted_before_its_group_is_ready_begins_another_chain() -> None:
    scenario = _running()
    scenario.pod_deleted("sample-1")
    scenario.pod("sample-1", uid="second", ready=False)
    scenario.pod_deleted("sample-1", uid="second")
    first, second = chains(scenario, ENDED)
    assert [first.complete, second.complete] == [False, False]
    assert second.links[0].sequence > first.links[-1].sequence


def test_groups_that_are_scaled_down_end_with_their_last_pod_and_the_decision_is_told() -> None:
    scenario = _running()
    scenario.apply_set(replicas=1)
    scenario.carry_out()
    scenario.pod("sample-1", deleting_since=GOING)
    scenario.pod_deleted("sample-1")
    for worker in (1, 2):
        scenario.pod_deleted(f"sample-1-{worker}")
    [chain] = chains(scenario, ENDED)
    assert chain.cause is not None
    assert (chain.cause.category, chain.complete) == (causes.SCALED_DOWN, True)
    assert chain.links[0].kind == "decision"
    assert "the leader StatefulSet is to go from 2 to 1 groups" in chain.links[0].what
    assert words(chain)[-1] == "group 1 is gone, and is not to come back"


def test_workers_that_go_with_their_leader_have_that_as_their_cause() -> None:
    scenario = _running()
    scenario.pod("sample-0-1", restarts=1)
    scenario.carry_out()
    scenario.pod("sample-0", deleting_since=GOING)
    scenario.pod_deleted("sample-0-1")
    scenario.pod_deleted("sample-0-2")
    scenario.pod_deleted("sample-0")
    [chain] = chains(scenario, RECREATION)
    assert chain.failed_pod == "sample-0-1"
    assert [one.kind for one in chains(scenario)] == [ROLLOUT, RECREATION]


def test_a_failure_that_is_left_alone_ends_when_its_pod_is_ready_again() -> None:
    scenario = _running(restartPolicy="None")
    scenario.pod("sample-0-1", restarts=1, ready=False)
    [open_] = chains(scenario, FAILURE)
    assert (open_.complete, open_.group, open_.failed_pod) == (False, "0", "sample-0-1")
    assert open_.links[-1].rule.startswith("restartPolicy None")
    scenario.at_ms += 700
    scenario.pod("sample-0-1", restarts=1)
    [closed] = chains(scenario, FAILURE)
    assert (closed.complete, words(closed)[-1]) == (True, "pod sample-0-1 is ready again")
    scenario.pod_deleted("sample-0-1")
    scenario.pod("sample-0-1", uid="another")
    [_, replaced] = chains(scenario, FAILURE)
    assert words(replaced)[-1] == "pod sample-0-1 is ready as another one (uid another)"
    assert chains(scenario, pod="sample-0-1") == [closed, replaced]
    assert chains(scenario, pod="sample-0-2") == []


def test_an_object_of_somebody_else_is_left_alone() -> None:
    scenario = _running()
    scenario.pod("sample-7-9", uid="debug", owner=Owner("Job", "other", "j"), labels={names.SET_NAME: "sample"})
    [chain] = chains(scenario, OBJECT)
    assert chain.complete
    assert chain.what.startswith("Pod sample-7-9 is left alone, because ")
    assert chain.links[-1].rule == "objects that belong to somebody else are never touched"


def test_a_rollout_begins_with_the_user_and_ends_when_all_is_ready() -> None:
    scenario = Scenario()
    scenario.see(subjects.REQUEST, "sample", SpecChangeRequested(user="jane", operation="CREATE"))
    scenario.run()
    scenario.carry_out()
    [created] = chains(scenario, ROLLOUT)
    assert (created.complete, created.links[0].kind) == (True, "cause")
    assert words(created)[0].startswith("jane asked to CREATE the LeaderWorkerSet")
    assert any("condition Available became True" in what for what in words(created))
    scenario.see(subjects.REQUEST, "sample", SpecChangeRequested(user="joe"))
    containers = [{"name": "c", "image": "changed", "resources": {}}]
    scenario.apply_set(leaderWorkerTemplate={"workerTemplate": {"spec": {"containers": containers}}})
    scenario.carry_out()
    assert scenario.facts(RolloutStepped)
    [_, changed] = chains(scenario, ROLLOUT)
    assert words(changed)[0].startswith("joe asked to UPDATE")
    assert not changed.complete
    assert "rolling update: the partition is to move" in " ".join(words(changed))
    assert changed.what.endswith(" so far")


def test_a_pod_that_is_gone_when_the_journal_begins_has_no_chain() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.see(subjects.POD, "sample-0", PodDeleted(uid="unknown", resource_version="9"))
    assert chains(scenario, *[kind for kind in KINDS if kind != ROLLOUT]) == []
