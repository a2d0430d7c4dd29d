"""The test control plane itself: Kubernetes' own controllers and our kubelets work together as in a cluster."""

from typing import Any

import pytest

from tests.controlplane.api import Api, ApiError, core, eventually, statefulsets
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.kubelets import Kubelets

pytestmark = pytest.mark.controlplane


def a_statefulset(name: str, *, replicas: int) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "serviceName": name,
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "example.test/main:1"}]},
            },
        },
    }


async def ready(api: Api, namespace: str, name: str, *, replicas: int) -> None:
    async def all_ready() -> bool:
        status = (await api.get(statefulsets(namespace, name)))["status"]
        return bool(status.get("readyReplicas", 0) == replicas)

    await eventually(all_ready, what=f"{replicas} ready pods of StatefulSet {name}")


async def pod_when(api: Api, namespace: str, name: str, *, other_than: str = "") -> dict[str, Any]:
    """The running pod of this name, once there is one with another uid."""

    async def found() -> dict[str, Any] | None:
        pod = await api.find(core("pods", namespace, name))
        fresh = pod is not None and pod["metadata"]["uid"] != other_than
        return pod if pod is not None and fresh and pod["status"].get("phase") == "Running" else None

    return await eventually(found, what=f"pod {name} to run")


async def test_a_statefulset_becomes_ready_and_its_pods_end(api: Api, namespace: str, kubelets: Kubelets) -> None:
    created = await api.create(statefulsets(namespace), a_statefulset("web", replicas=3))
    assert created["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == 2, "the feature gate is off"
    await ready(api, namespace, "web", replicas=3)
    pod = await api.get(core("pods", namespace, "web-1"))
    assert pod["spec"]["nodeName"].startswith("rack-")
    assert pod["status"]["podIP"]

    await api.delete(statefulsets(namespace, "web"), propagation="Foreground")

    async def empty() -> bool:
        return not await api.items(core("pods", namespace))

    await eventually(empty, what="the pods to be removed")


async def test_faults_show_in_the_pods(api: Api, namespace: str, kubelets: Kubelets) -> None:
    await api.create(statefulsets(namespace), a_statefulset("web", replicas=2))
    await ready(api, namespace, "web", replicas=2)

    await kubelets.restart_container(namespace, "web-0", exit_code=3)
    await kubelets.kill_out_of_memory(namespace, "web-0")
    container = (await api.get(core("pods", namespace, "web-0")))["status"]["containerStatuses"][0]
    assert container["restartCount"] == 2
    assert container["lastState"]["terminated"]["reason"] == "OOMKilled"

    await kubelets.set_ready(namespace, "web-0", ready=False)
    await ready(api, namespace, "web", replicas=1)
    await kubelets.set_ready(namespace, "web-0", ready=True)
    await ready(api, namespace, "web", replicas=2)

    before = await api.get(core("pods", namespace, "web-1"))
    await kubelets.evict(namespace, "web-1")
    after = await pod_when(api, namespace, "web-1", other_than=before["metadata"]["uid"])
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0


async def test_held_pods_wait_for_their_image(api: Api, namespace: str, kubelets: Kubelets) -> None:
    await kubelets.hold_starts(lambda pod: pod.metadata.name == "web-0")
    await api.create(statefulsets(namespace), a_statefulset("web", replicas=2))
    await ready(api, namespace, "web", replicas=1)

    async def waiting() -> bool:
        status = (await api.get(core("pods", namespace, "web-0")))["status"]
        states = [c["state"].get("waiting", {}).get("reason") for c in status.get("containerStatuses", [])]
        return bool(status["phase"] == "Pending" and states == ["ImagePullBackOff"])

    await eventually(waiting, what="web-0 to report that it cannot pull")
    await kubelets.release_starts()
    await ready(api, namespace, "web", replicas=2)


@pytest.mark.timeout(180)
async def test_a_lost_node_loses_its_pods_and_comes_back(api: Api, namespace: str, kubelets: Kubelets) -> None:
    await api.create(statefulsets(namespace), a_statefulset("web", replicas=1))
    await ready(api, namespace, "web", replicas=1)
    before = await api.get(core("pods", namespace, "web-0"))
    node = before["spec"]["nodeName"]

    await kubelets.lose_node(node)
    await ready(api, namespace, "web", replicas=0)

    async def terminating() -> bool:
        pod = await api.get(core("pods", namespace, "web-0"))
        return "deletionTimestamp" in pod["metadata"]

    await eventually(terminating, what="the pod on the lost node to be deleted")
    assert (await api.get(core("pods", namespace, "web-0")))["metadata"]["uid"] == before["metadata"]["uid"]

    await kubelets.restore_node(node)
    await pod_when(api, namespace, "web-0", other_than=before["metadata"]["uid"])


async def test_expired_watches_are_told_so(api: Api, control_plane: ControlPlane, namespace: str) -> None:
    old = (await api.get(core("configmaps", namespace)))["metadata"]["resourceVersion"]
    await api.create(core("configmaps", namespace), {"metadata": {"name": "later"}})

    await control_plane.expire_watches()

    codes = []
    try:
        async for line in api.watch(core("configmaps", namespace), resource_version=old):
            codes.append(b'"code":410' in line)
            break
    except ApiError as error:
        codes.append(error.code == 410)
    assert codes == [True]


async def test_a_killed_api_server_comes_back_with_what_it_had(
    api: Api, control_plane: ControlPlane, namespace: str, kubelets: Kubelets
) -> None:
    await api.create(statefulsets(namespace), a_statefulset("web", replicas=2))
    await ready(api, namespace, "web", replicas=2)
    await control_plane.kill("kube-apiserver")
    await control_plane.start("kube-apiserver")

    before = await api.get(core("pods", namespace, "web-0"))
    await api.delete(core("pods", namespace, "web-0"))
    await pod_when(api, namespace, "web-0", other_than=before["metadata"]["uid"])
