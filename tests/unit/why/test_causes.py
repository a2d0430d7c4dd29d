"""Why a pod ended, as far as the cluster tells: containers, Kubernetes' own reasons, owners, or somebody."""

from typing import Any

import pytest

from lws_events import names
from lws_events.events import ContainerExit, Disruption, Owner, PodDeleted, PodObserved, StatefulSetObserved
from projections.why import causes
from projections.why.causes import Owners

GOING = "2026-01-01T00:00:00Z"
LEADERS = Owner("LeaderWorkerSet", "sample", "set")
LEADER = Owner("Pod", "sample-0", "leader")


def pod(**view: Any) -> PodObserved:
    defaults: dict[str, Any] = {"uid": "u", "resource_version": "1", "phase": "Running", "node": "node-7"}
    return PodObserved(**(defaults | view))


def statefulset(owner: Owner = LEADERS, **view: Any) -> StatefulSetObserved:
    return StatefulSetObserved(uid="s", resource_version="1", generation=1, owner=owner, **view)


def gone(**fact: Any) -> PodDeleted:
    return PodDeleted(uid="u", resource_version="2", **fact)


@pytest.mark.parametrize(
    ("ended", "signal", "words"),
    [
        (ContainerExit("main", 1, "Error"), "", "container main exited with 1 (Error); it was started again"),
        (ContainerExit("main", 139, "Error"), "SIGSEGV", "container main exited with 139 (Error) (SIGSEGV); it"),
        (ContainerExit("main", 200, "Error", 9), "SIGKILL", "container main exited with 200 by signal 9 (Error) (SIGK"),
        (ContainerExit("main", 1, "Error", 63), "signal 63", "container main exited with 1 by signal 63 (Error)"),
        (ContainerExit("main", 255, "Error"), "", "container main exited with 255 (Error); it"),
    ],
)
def test_a_container_that_ended(ended: ContainerExit, signal: str, words: str) -> None:
    found = causes.cause_of_restart("sample-0-1", pod(last_exit=ended, restarts=1))
    assert (found.category, found.signal, found.exit_code) == (causes.CONTAINER, signal, ended.exit_code)
    assert found.what.startswith(words)
    assert (found.pod, found.node, found.container) == ("sample-0-1", "node-7", "main")


def test_a_container_that_was_killed_for_memory() -> None:
    killed = ContainerExit("main", 137, "OOMKilled")
    found = causes.cause_of_restart("sample-0-1", pod(last_exit=killed, restarts=1))
    assert (found.category, found.by, found.signal) == (causes.OUT_OF_MEMORY, "kernel", "SIGKILL")
    assert found.what == "the kernel killed container main for its memory; it was started again"
    deleted = causes.cause_of_deletion("sample-0-1", pod(), gone(last_exit=killed), Owners())
    assert deleted.category == causes.OUT_OF_MEMORY
    known_before = causes.cause_of_deletion("sample-0-1", pod(last_exit=killed), gone(last_exit=killed), Owners())
    assert known_before.category == causes.SOMEBODY


def test_a_restart_of_which_nothing_is_known() -> None:
    assert causes.cause_of_restart("sample-0-1", pod(restarts=1)).what == "a container restarted"


@pytest.mark.parametrize(
    ("reason", "by"),
    [
        ("PreemptionByScheduler", "kube-scheduler"),
        ("EvictionByEvictionAPI", "Eviction API"),
        ("DeletionByTaintManager", "taint manager"),
        ("DeletionByPodGC", "pod garbage collector"),
        ("TerminationByKubelet", "kubelet"),
        ("SomethingNew", ""),
    ],
)
def test_a_pod_that_kubernetes_itself_ended(reason: str, by: str) -> None:
    disruption = Disruption(reason, "as the condition says")
    going = pod(deleting_since=GOING, disruption=disruption)
    for found in (
        causes.cause_of_deletion("sample-0-1", pod(), going, Owners()),
        causes.cause_of_deletion("sample-0-1", going, gone(), Owners()),
        causes.cause_of_phase("sample-0-1", pod(phase="Failed", disruption=disruption)),
    ):
        assert (found.category, found.by, found.reason, found.hint) == (causes.DISRUPTION, by, reason, "")
        assert f"({reason}: as the condition says)" in found.what


def test_a_pod_that_the_kubelet_or_its_own_containers_ended() -> None:
    evicted = causes.cause_of_phase("sample-0-1", pod(phase="Failed", reason="Evicted"))
    assert (evicted.category, evicted.what) == (causes.KUBELET, "the kubelet ended it: Evicted")
    exited = causes.cause_of_phase("sample-0-1", pod(phase="Failed", last_exit=ContainerExit("main", 3, "Error")))
    assert exited.what == "container main exited with 3 (Error), and the pod failed"
    assert causes.cause_of_phase("sample-0-1", pod(phase="Succeeded")).what == "its containers ended: it succeeded"


def category(name: str, before: PodObserved, owners: Owners) -> str:
    return causes.cause_of_deletion(name, before, gone(), owners).category


def test_a_deletion_that_its_owners_explain() -> None:
    workers = statefulset(LEADER, replicas=2)
    assert category("sample-0", pod(), Owners(command="e-1-0")) == causes.CONTROLLER
    assert category("sample-0-1", pod(), Owners(set_is_ending=True)) == causes.SET_DELETED
    assert category("sample-0-1", pod(), Owners(leader_is_ending=True, parent=workers)) == causes.GROUP_ENDED
    assert category("sample-0-1", pod(), Owners(parent_is_ending=True)) == causes.GROUP_ENDED
    assert category("sample-0-2", pod(), Owners(parent=workers)) == causes.SOMEBODY
    assert category("sample-0-3", pod(), Owners(parent=workers)) == causes.SCALED_DOWN
    assert category("sample-2", pod(), Owners(parent=statefulset(replicas=2))) == causes.SCALED_DOWN
    assert category("sample-0-1", pod(phase="Failed"), Owners(parent=workers)) == causes.POD_ENDED


def test_a_leader_that_a_rolling_update_replaced() -> None:
    rolling = statefulset(replicas=3, partition=1, labels={names.REVISION_KEY: "new"})
    old, new = pod(labels={names.REVISION_KEY: "old"}), pod(labels={names.REVISION_KEY: "new"})
    assert category("sample-1", old, Owners(parent=rolling)) == causes.ROLLED_OUT
    assert category("sample-0", old, Owners(parent=rolling)) == causes.SOMEBODY
    assert category("sample-1", new, Owners(parent=rolling)) == causes.SOMEBODY


def test_where_nothing_tells_it_it_says_so() -> None:
    at_once = causes.cause_of_deletion("sample-0-1", pod(), gone(), Owners())
    assert at_once.what == "somebody deleted it, not this controller, at once and without a grace period"
    assert at_once.words.endswith("does not say who it was: the API server's audit log does")
    gracefully = causes.cause_of_deletion("sample-0-1", pod(), pod(deleting_since=GOING), Owners())
    assert gracefully.what == "somebody deleted it, not this controller"
    unseen = causes.cause_of_deletion("sample-0-1", pod(), gone(inferred=True), Owners())
    assert unseen.what == "somebody deleted it, not this controller, while nobody was watching"
    assert {one.by for one in (at_once, gracefully, unseen)} == {""}
    assert causes.cause_of_replacement("sample-0-1", pod()).category == causes.REPLACED
