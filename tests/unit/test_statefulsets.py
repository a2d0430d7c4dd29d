"""Leader and worker StatefulSets against the recorded ones (spec 2.2 to 2.4, 9.1.5).

Ours differ on purpose where a vector shows one of these defects of the reference:

- D22 an empty exclusive topology counts as not set: "worker: exclusive with empty value"
- D29 a group's size is its revision's, not the live one: "worker: old revision: size 1, live 3"
- D39 kubectl's last-applied annotation is not copied to StatefulSets

The builders are not asked, because the machine ends earlier, in: "worker: revision missing" (D27), "worker: nesting
guard", "worker: exists already".
"""

import copy
from typing import Any

import pytest

from lws_events.accelerators import requests_tpus
from lws_events.canonical.errors import CanonicalError
from lws_events.names import (
    EXCLUSIVE_TOPOLOGY,
    LAST_APPLIED,
    LEADER_NAME,
    REVISION_KEY,
    SIZE,
    SUBGROUP_EXCLUSIVE_TOPOLOGY,
    SUBGROUP_POLICY_TYPE,
    SUBGROUP_SIZE,
)
from lws_events.objects.claims import effective_claims
from lws_events.objects.leader_statefulset import leader_statefulset, statefulset_max_unavailable
from lws_events.objects.metadata import LeaderRef
from lws_events.objects.worker_statefulset import TopologyUnknownError, prepare_worker_template, worker_statefulset
from lws_events.revisions import restore
from lws_events.scaling import ScalingError
from tests import golden_vectors

VECTORS = golden_vectors.load("statefulsets")
LEADERS = [vector for vector in VECTORS if vector["kind"] == "leader"]


def name(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def ends_before_building(vector: dict[str, Any]) -> bool:
    nested = LEADER_NAME in vector["leaderPod"]["metadata"].get("annotations", {})
    return "revisionData" not in vector or nested or "existingStatefulSet" in vector


WORKERS = [vector for vector in VECTORS if vector["kind"] == "worker" and not ends_before_building(vector)]


def leader_of(pod: dict[str, Any]) -> LeaderRef:
    metadata = pod["metadata"]
    return LeaderRef(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        labels=metadata["labels"],
        requests_tpus=requests_tpus(pod["spec"]),
    )


def built_worker(vector: dict[str, Any]) -> dict[str, Any] | None:
    lws, pod = vector["lws"], vector["leaderPod"]
    restored = restore(lws["spec"], vector["revisionData"].encode())
    prepared = prepare_worker_template(restored, namespace=lws["metadata"]["namespace"])
    node = vector.get("node") if pod["spec"].get("nodeName") else None
    key = lws["metadata"].get("annotations", {}).get(EXCLUSIVE_TOPOLOGY, "")
    value = node["metadata"].get("labels", {}).get(key) if node else None
    return worker_statefulset(prepared, lws=lws, leader=leader_of(pod), topology_value=value)


def without_last_applied(applied: dict[str, Any]) -> dict[str, Any]:
    """D39: the one annotation that the reference copies and we do not."""
    applied = copy.deepcopy(applied)
    annotations = applied["metadata"].get("annotations", {})
    annotations.pop(LAST_APPLIED, None)
    if not annotations:
        applied["metadata"].pop("annotations", None)
    return applied


def live_size(vector: dict[str, Any]) -> int:
    return int(vector["lws"]["spec"]["leaderWorkerTemplate"]["size"])


@pytest.mark.parametrize("vector", LEADERS, ids=name)
def test_golden_leader(vector: dict[str, Any]) -> None:
    built = leader_statefulset(
        vector["lws"],
        partition=vector["partition"],
        replicas=vector["replicas"],
        revision_key=vector["revisionKey"],
    )
    assert built == without_last_applied(vector["applied"])


@pytest.mark.parametrize("vector", WORKERS, ids=name)
def test_golden_worker(vector: dict[str, Any]) -> None:
    annotations = vector["lws"]["metadata"].get("annotations", {})
    if vector["applied"] is not None and vector["applied"]["spec"]["replicas"] > 0:
        assert built_worker(vector) == without_last_applied(vector["applied"])
    elif annotations.get(EXCLUSIVE_TOPOLOGY) == "":
        # D22: "worker: exclusive with empty value". The reference waits for ever for a node with the label "".
        built = built_worker(vector)
        assert built is not None
        assert "nodeSelector" not in built["spec"]["template"]["spec"]
        assert EXCLUSIVE_TOPOLOGY not in built["spec"]["template"]["metadata"]["annotations"]
        assert built["metadata"]["annotations"] == annotations
    elif annotations.get(EXCLUSIVE_TOPOLOGY):
        # Not scheduled, or a node without the label: the machine waits, or says so.
        with pytest.raises(TopologyUnknownError):
            built_worker(vector)
    elif "error" in vector:
        with pytest.raises(CanonicalError):
            built_worker(vector)
    elif vector["applied"] is not None:
        # D29: "worker: old revision: size 1, live 3". The reference creates a StatefulSet with 0 replicas.
        assert vector["applied"]["spec"]["replicas"] == 0
        assert built_worker(vector) is None
    else:
        assert live_size(vector) == 1
        built = built_worker(vector)
        # D29: a group of a revision with workers gets them, also when the live size is 1 by now.
        revision_size = restore(vector["lws"]["spec"], vector["revisionData"].encode())["leaderWorkerTemplate"]["size"]
        assert (built is None) == (revision_size == 1)


def a_set(annotations: dict[str, str] | None = None, **template: Any) -> dict[str, Any]:
    pod = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "metadata": {"name": "web", "namespace": "ns", "uid": "u", "annotations": annotations or {}},
        "spec": {"replicas": 3, "leaderWorkerTemplate": {"size": 4, "workerTemplate": pod, **template}},
    }


def built_leader(lws: dict[str, Any], **more: Any) -> dict[str, Any]:
    return leader_statefulset(lws, partition=0, replicas=3, revision_key="key", **more)


LEADER = LeaderRef(name="web-0", namespace="ns", uid="pod", labels={REVISION_KEY: "key"})


def worker_of(lws: dict[str, Any], **more: Any) -> dict[str, Any]:
    built = worker_statefulset(prepare_worker_template(lws["spec"], namespace="ns"), lws=lws, leader=LEADER, **more)
    assert built is not None
    return built


def test_the_last_applied_annotation_is_not_copied() -> None:
    """D39."""
    lws = a_set({LAST_APPLIED: "{}", "mine": "1"})
    assert LAST_APPLIED not in built_leader(lws)["metadata"]["annotations"]
    assert worker_of(lws)["metadata"]["annotations"] == {"mine": "1"}
    assert "annotations" not in worker_of(a_set({LAST_APPLIED: "{}"}))["metadata"]


def test_a_group_has_the_size_of_its_revision() -> None:
    """D29: the live size went from 4 to 1; a rebuilt group of the old revision still gets its workers."""
    revision = prepare_worker_template(a_set()["spec"], namespace="ns")
    built = worker_statefulset(revision, lws=a_set(size=1), leader=LEADER)
    assert built is not None
    assert built["spec"]["replicas"] == 3
    assert built["spec"]["template"]["metadata"]["annotations"][SIZE] == "4"


def test_empty_subgroup_topology_counts_as_not_set() -> None:
    """D22."""
    policy = {"subGroupPolicyType": "LeaderWorker", "subGroupSize": 2}
    annotations = built_leader(a_set({SUBGROUP_EXCLUSIVE_TOPOLOGY: ""}, subGroupPolicy=policy))["spec"]["template"][
        "metadata"
    ]["annotations"]
    assert annotations == {SIZE: "4", SUBGROUP_POLICY_TYPE: "LeaderWorker", SUBGROUP_SIZE: "2"}


def test_the_topology_of_the_leader_joins_the_users_node_selector() -> None:
    pod = {"spec": {"containers": [], "nodeSelector": {"disk": "ssd", "rack": "user"}}}
    lws = a_set({EXCLUSIVE_TOPOLOGY: "rack"}, workerTemplate=pod)
    selector = worker_of(lws, topology_value="r7")["spec"]["template"]["spec"]["nodeSelector"]
    assert selector == {"disk": "ssd", "rack": "r7"}
    with pytest.raises(TopologyUnknownError, match="'rack'"):
        worker_of(lws)


def test_groups_of_one_revision_do_not_disturb_each_other() -> None:
    lws = a_set({EXCLUSIVE_TOPOLOGY: "rack"})
    prepared = prepare_worker_template(lws["spec"], namespace="ns")
    first = worker_statefulset(prepared, lws=lws, leader=LEADER, topology_value="r1")
    before = copy.deepcopy(first)
    other = LeaderRef(name="web-1", namespace="ns", uid="other", labels={REVISION_KEY: "key"}, requests_tpus=True)
    worker_statefulset(prepared, lws=lws, leader=other, topology_value="r2")
    assert first == before


def test_building_changes_no_input() -> None:
    lws = a_set({EXCLUSIVE_TOPOLOGY: "rack"})
    before = copy.deepcopy(lws)
    built_leader(lws)
    worker_of(lws, topology_value="r1")
    assert lws == before


def budget(replicas: int, max_unavailable: Any, max_surge: Any) -> int:
    rolling = {"maxUnavailable": max_unavailable, "maxSurge": max_surge}
    rollout = {"type": "RollingUpdate", "rollingUpdateConfiguration": rolling}
    return statefulset_max_unavailable({"replicas": replicas, "rolloutStrategy": rollout})


@pytest.mark.parametrize(
    ("replicas", "max_unavailable", "max_surge", "expected"),
    [
        (1, 2, 1, 3),
        (1, 0, 2, 1),
        (0, 0, 0, 1),
        (2, 1, "50%", 2),
        (10, "25%", "25%", 5),
        (3, "100%", "100%", 6),
        (5, 0, "1%", 1),
        (2, "25%", 0, 1),
        (3, "007%", 0, 1),
    ],
)
def test_the_budget_of_the_statefulset_controller(
    replicas: int, max_unavailable: Any, max_surge: Any, expected: int
) -> None:
    assert budget(replicas, max_unavailable, max_surge) == expected


def test_the_budget_saturates_at_32_bits() -> None:
    """D23: the reference overflows and ends at 1."""
    assert budget(10, 2147483647, 10) == 2147483647


def test_an_absent_budget_is_one() -> None:
    assert statefulset_max_unavailable({}) == 1


@pytest.mark.parametrize("value", ["5", "five", "%", "", "1.5%", True])
def test_an_unreadable_budget_is_refused(value: Any) -> None:
    with pytest.raises(ScalingError, match="percentage"):
        budget(3, value, 0)


CLAIM = {
    "metadata": {"name": "data", "labels": {"a": "b"}, "namespace": "elsewhere", "managedFields": [{"manager": "m"}]},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1024Mi"}},
        "volumeName": "pv",
        "dataSource": {"kind": "VolumeSnapshot", "name": "s"},
    },
    "status": {"phase": "Bound"},
}


def test_only_the_effective_part_of_a_claim_is_copied() -> None:
    assert effective_claims([CLAIM, {}], namespace="ns") == [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": "ns"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        },
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "", "namespace": "ns"}, "spec": {}},
    ]
