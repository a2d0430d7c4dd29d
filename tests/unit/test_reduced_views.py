"""Objects as the API server sends them, and what of them goes into the journal."""

import json
from typing import Any

import msgspec
import pytest

from adapters.kubernetes import reduce, wire
from adapters.kubernetes.nodes import NodeLabels, PlacementIndex
from lws_events import events, names, subjects
from lws_events.subjects import SetName

OWNER = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "set-0", "uid": "sts-uid", "controller": True}
OTHER_OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x-uid"}


def decode(model: Any, obj: Any) -> Any:
    data = obj if isinstance(obj, bytes) else json.dumps(obj).encode()
    return msgspec.json.decode(data, type=model)


def metadata(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": "ns",
        "uid": f"uid-{name}",
        "resourceVersion": "7",
        "managedFields": [{"manager": "x", "fieldsV1": {"f:metadata": {}}}],
        **more,
    }


def pod(*, status: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, **meta: Any) -> wire.Pod:
    found: wire.Pod = decode(
        wire.Pod, {"metadata": metadata("set-0-1", **meta), "spec": spec or {}, "status": status or {}}
    )
    return found


def test_a_set_is_two_facts_with_its_spec_untouched() -> None:
    data = (
        b'{"metadata":{"name":"set","namespace":"ns","uid":"u","resourceVersion":"9","generation":3,"labels":{"a":"b"},'
        b'"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","x":"y"}},'
        b'"spec":{"replicas": 2,"z":[1.0]},"status":{"replicas":1}}'
    )
    observed, status = reduce.reduce_set(decode(wire.LeaderWorkerSet, data))
    assert observed == events.SetObserved(
        uid="u",
        resource_version="9",
        generation=3,
        labels={"a": "b"},
        annotations={"x": "y"},
        spec=msgspec.Raw(b'{"replicas": 2,"z":[1.0]}'),
    )
    assert status == events.SetStatusObserved(uid="u", resource_version="9", status=msgspec.Raw(b'{"replicas":1}'))


def test_a_statefulset_without_its_template() -> None:
    found = decode(
        wire.StatefulSet,
        {
            "metadata": metadata(
                "set",
                generation=4,
                labels={names.SET_NAME: "set", "user": "label"},
                annotations={names.REPLICAS: "3", "user": "annotation"},
                ownerReferences=[OTHER_OWNER, {**OWNER, "kind": "LeaderWorkerSet", "name": "set", "uid": "set-uid"}],
                deletionTimestamp="2026-01-01T00:00:00Z",
            ),
            "spec": {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
            "status": {
                "replicas": 3,
                "readyReplicas": 2,
                "availableReplicas": 1,
                "currentRevision": "set-a",
                "updateRevision": "set-b",
            },
        },
    )
    assert reduce.reduce_statefulset(found) == events.StatefulSetObserved(
        uid="uid-set",
        resource_version="7",
        deleting_since="2026-01-01T00:00:00Z",
        generation=4,
        labels={names.SET_NAME: "set", "user": "label"},
        annotations={names.REPLICAS: "3"},
        owner=events.Owner("LeaderWorkerSet", "set", "set-uid"),
        replicas=3,
        partition=2,
        status_replicas=3,
        ready_replicas=2,
        available_replicas=1,
        current_revision="set-a",
        update_revision="set-b",
        claims=msgspec.Raw(b"[]"),
    )


@pytest.mark.parametrize("owner", ["LeaderWorkerSet", "Pod", ""])
def test_d10_claims_are_told_of_leader_statefulsets_as_they_are(owner: str) -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Pending"}}
    owners = [{**OWNER, "kind": owner, "name": "set", "uid": "u"}] if owner else []
    manifest = {"metadata": metadata("set", ownerReferences=owners), "spec": {"volumeClaimTemplates": [claim]}}
    view = reduce.reduce_statefulset(decode(wire.StatefulSet, manifest))
    assert msgspec.json.decode(view.claims) == (None if owner == "Pod" else [claim])


def test_the_partition_of_statefulsets_that_name_none() -> None:
    on_delete = decode(wire.StatefulSet, {"metadata": metadata("a"), "spec": {"updateStrategy": {"type": "OnDelete"}}})
    rolling = decode(wire.StatefulSet, {"metadata": metadata("a"), "spec": {"updateStrategy": {"rollingUpdate": {}}}})
    assert reduce.reduce_statefulset(on_delete).partition is None
    assert reduce.reduce_statefulset(rolling).partition == 0
    assert reduce.reduce_statefulset(rolling).replicas == 1


def test_a_running_pod_with_a_restart() -> None:
    nodes = NodeLabels()
    nodes.set("node-1", {"rack": "r1", "zone": "z1"})
    view = reduce.reduce_pod(
        pod(
            labels={names.SET_NAME: "set", names.WORKER_INDEX: "1", "app": "x"},
            annotations={names.EXCLUSIVE_TOPOLOGY: "rack", names.SUBGROUP_EXCLUSIVE_TOPOLOGY: "", "x": "y"},
            ownerReferences=[OWNER],
            spec={
                "nodeName": "node-1",
                "containers": [{"name": "c", "resources": {"limits": {"google.com/tpu": "4"}}}],
            },
            status={
                "phase": "Running",
                "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
                "initContainerStatuses": [
                    {"name": "i", "restartCount": 1, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
                ],
                "containerStatuses": [
                    {
                        "name": "c",
                        "restartCount": 2,
                        "state": {"running": {"startedAt": "2026-01-01T00:00:09Z"}},
                        "lastState": {
                            "terminated": {
                                "exitCode": 137,
                                "reason": "OOMKilled",
                                "finishedAt": "2026-01-01T00:00:08Z",
                            }
                        },
                    }
                ],
                "ephemeralContainerStatuses": [{"name": "e", "restartCount": 9}],
            },
        ),
        nodes,
    )
    assert view == events.PodObserved(
        uid="uid-set-0-1",
        resource_version="7",
        labels={names.SET_NAME: "set", names.WORKER_INDEX: "1"},
        annotations={names.EXCLUSIVE_TOPOLOGY: "rack", names.SUBGROUP_EXCLUSIVE_TOPOLOGY: ""},
        owner=events.Owner("StatefulSet", "set-0", "sts-uid"),
        phase="Running",
        ready=True,
        restarts=3,
        last_exit=events.ContainerExit("c", 137, "OOMKilled"),
        node="node-1",
        topology={"rack": "r1"},
        requests_tpus=True,
    )


def test_keys_of_our_own_and_the_grace_period_of_a_pod() -> None:
    mark = {names.KEPT_FOR_DEBUGGING: "true"}
    view = reduce.reduce_pod(
        pod(labels=mark | {"app": "x"}, annotations=mark, spec={"terminationGracePeriodSeconds": 0}), NodeLabels()
    )
    assert (view.labels, view.annotations, view.grace_seconds) == (mark, mark, 0)
    assert reduce.reduce_pod(pod(), NodeLabels()).grace_seconds == 30
    copied = decode(wire.StatefulSet, {"metadata": metadata("set", annotations={names.RESTART_BACKOFF: "10s"})})
    assert reduce.reduce_statefulset(copied).annotations == {}


def test_the_newest_end_of_any_container_is_the_last_exit() -> None:
    def ended(code: int, at: str) -> dict[str, Any]:
        return {"terminated": {"exitCode": code, "finishedAt": f"2026-01-01T00:00:{at}Z"}}

    status = decode(
        wire.PodStatus,
        {
            "initContainerStatuses": [{"name": "init", "lastState": ended(1, "01"), "state": ended(0, "50")}],
            "containerStatuses": [
                {"name": "a", "lastState": ended(2, "30"), "state": ended(3, "40")},
                {"name": "b", "state": ended(4, "35")},
            ],
        },
    )
    assert reduce.last_exit(status) == events.ContainerExit("a", 3)
    assert reduce.last_exit(wire.PodStatus()) is None


def test_what_a_pod_waits_for() -> None:
    unscheduled = pod(
        status={"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/4 nodes are available"}]}
    )
    crashing = pod(
        status={
            "containerStatuses": [
                {"name": "a", "state": {"waiting": {"reason": "ContainerCreating"}}},
                {"name": "b", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}}},
            ]
        }
    )
    creating = pod(status={"containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "ContainerCreating"}}}]})
    shown = [reduce.reduce_pod(found, NodeLabels()).waiting for found in (unscheduled, crashing, creating)]
    assert shown == ["0/4 nodes are available", "b: CrashLoopBackOff", ""]


def test_an_evicted_pod_and_a_pod_of_nothing_but_metadata() -> None:
    evicted = reduce.reduce_pod(pod(status={"phase": "Failed", "reason": "Evicted"}), NodeLabels())
    assert (evicted.phase, evicted.reason, evicted.ready) == ("Failed", "Evicted", False)
    bare = reduce.reduce_pod(decode(wire.Pod, {"metadata": metadata("set-0")}), NodeLabels())
    assert bare == events.PodObserved(uid="uid-set-0", resource_version="7")


def test_no_tpus_where_the_amount_is_zero() -> None:
    asks = [
        reduce.reduce_pod(pod(spec={"containers": [{"resources": resources}]}), NodeLabels()).requests_tpus
        for resources in ({"limits": {"google.com/tpu": "0"}}, {"requests": {"google.com/tpu": "1"}}, {"limits": {}})
    ]
    assert asks == [False, True, False]


def test_services_and_revisions() -> None:
    service = decode(
        wire.Service,
        {
            "metadata": metadata("set", ownerReferences=[OWNER]),
            "spec": {"clusterIP": "None", "selector": {names.SET_NAME: "set"}},
        },
    )
    assert reduce.reduce_service(service) == events.ServiceObserved(
        uid="uid-set",
        resource_version="7",
        owner=events.Owner("StatefulSet", "set-0", "sts-uid"),
        headless=True,
        selector={names.SET_NAME: "set"},
    )
    data = (
        b'{"metadata":{"name":"set-a-1","namespace":"ns","uid":"u","resourceVersion":"5","labels":{"'
        + names.REVISION_KEY.encode()
        + b'":"a"}},"data":{"spec":{"a":"\\u003c", "b":1}},"revision":4}'
    )
    revision = reduce.reduce_revision(decode(wire.ControllerRevision, data))
    assert (revision.key, revision.number) == ("a", 4)
    assert bytes(revision.data) == b'{"spec":{"a":"\\u003c", "b":1}}'


def test_where_an_object_belongs() -> None:
    labelled = decode(wire.Meta, metadata("set-0-1", labels={names.SET_NAME: "set"}))
    assert reduce.key_of(subjects.POD, labelled) == reduce.Key(subjects.POD, SetName("ns", "set"), "set-0-1")
    assert reduce.key_of(subjects.SET, decode(wire.Meta, metadata("set"))) == reduce.Key(
        subjects.SET, SetName("ns", "set"), "set"
    )
    assert reduce.key_of(subjects.POD, decode(wire.Meta, metadata("stray", labels={names.SET_NAME: ""}))) is None


def test_nodes_remember_labels_and_pods() -> None:
    nodes = NodeLabels()
    assert nodes.set("n", {"rack": "1"})
    assert not nodes.set("n", {"rack": "1"})
    assert nodes.topology("n", ["rack", "zone"]) == {"rack": "1"}
    nodes.forget("n")
    assert nodes.topology("n", ["rack"]) == {}
    index: PlacementIndex[str] = PlacementIndex()
    index.place("a", "n")
    index.place("b", "n")
    index.place("a", "m")
    index.place("b", "")
    assert (index.on("n"), index.on("m")) == (set(), {"a"})


@pytest.mark.parametrize(
    ("written", "seen"), [({"maxUnavailable": 3}, 3), ({"maxUnavailable": "30%"}, None), ({}, None)]
)
def test_how_many_pods_a_statefulset_may_take_down(written: dict[str, Any], seen: int | None) -> None:
    """Absent where the API server has dropped the field (D24); a percentage is somebody else's."""
    found = {"metadata": metadata("a"), "spec": {"updateStrategy": {"rollingUpdate": written}}}
    assert reduce.reduce_statefulset(decode(wire.StatefulSet, found)).max_unavailable == seen


def test_a_pod_that_kubernetes_itself_ends_says_why() -> None:
    conditions = [
        {"type": "Ready", "status": "True"},
        {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "made room"},
    ]
    status = msgspec.convert({"conditions": conditions}, wire.PodStatus)
    assert reduce.disruption(status) == events.Disruption("PreemptionByScheduler", "made room")
    over = msgspec.convert({"conditions": [conditions[1] | {"status": "False"}]}, wire.PodStatus)
    assert (reduce.disruption(over), reduce.disruption(wire.PodStatus())) == (None, None)


def test_the_signal_of_an_end_is_kept_where_the_runtime_tells_it() -> None:
    state = {"terminated": {"exitCode": 137, "signal": 9, "reason": "Error"}}
    status = msgspec.convert({"containerStatuses": [{"name": "c", "state": state}]}, wire.PodStatus)
    assert reduce.last_exit(status) == events.ContainerExit("c", 137, "Error", 9)


def test_the_last_writers_of_a_set_without_those_of_its_status() -> None:
    fields = [
        {"manager": "kubectl", "operation": "Apply", "time": "2026-01-01T00:00:01Z", "fieldsV1": {"f:spec": {}}},
        {"manager": "lws-events", "operation": "Apply", "time": "2026-01-01T00:00:09Z", "subresource": "status"},
        {"manager": "hpa", "operation": "Update", "time": "2026-01-01T00:00:05Z", "subresource": "scale"},
        {"manager": "old", "operation": "Update"},
    ]
    found = decode(wire.LeaderWorkerSet, {"metadata": metadata("set", managedFields=fields)})
    observed, _ = reduce.reduce_set(found)
    assert isinstance(observed, events.SetObserved)
    assert observed.managers == (
        events.FieldManager("hpa", "Update", "2026-01-01T00:00:05Z", "scale"),
        events.FieldManager("kubectl", "Apply", "2026-01-01T00:00:01Z"),
        events.FieldManager("old", "Update"),
    )


def test_writers_are_bounded() -> None:
    fields = [{"manager": "m" * 500, "operation": "Update", "time": f"2026-01-01T00:00:{n:02}Z"} for n in range(60)]
    observed, _ = reduce.reduce_set(decode(wire.LeaderWorkerSet, {"metadata": metadata("set", managedFields=fields)}))
    assert isinstance(observed, events.SetObserved)
    assert len(observed.managers) == 8
    assert observed.managers[0].time == "2026-01-01T00:00:59Z"
    assert len(msgspec.json.encode(observed.managers)) < 2000
