"""``why`` on the real control plane: killed for memory, drained, tainted, deleted; and the log of what was killed.

The log comes from a kubelet's end that the real API server asks, and is gone from the cluster when it is shown here.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio
import yaml

from tests.controlplane import nodes
from tests.controlplane.api import NODES, Api, Json, core, eventually
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.fixtures import create_namespace, remove_namespace
from tests.controlplane.installation import remove_webhooks
from tests.controlplane.kubelet_logs import KubeletLogs
from tests.controlplane.kubelets import Kubelets
from tests.e2e.controller import Controller
from tests.e2e.features.sets import Sets, a_set

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="function")]

SET: Final = "sample"
COMPONENT: Final = Path(__file__).parents[2] / "deploy" / "components" / "capture-logs" / "cluster-role.yaml"
PLURALS: Final = {"ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings"}
ACCOUNT: Final = "system:serviceaccount:lws-system:lws-controller-manager"
LOG: Final = "".join(f"step {number}\n" for number in range(300)) + "db password=hunter2\nCUDA error: out of memory\n"


class Stage(NamedTuple):
    """A set of four groups, whatever can happen to it, and who tells why."""

    api: Api
    sets: Sets
    kubelets: Kubelets
    logs: KubeletLogs
    controller: Controller

    async def recreated(self, group: int, *, was: dict[str, str]) -> list[dict[str, Any]]:
        """Once the whole group is another one, and ready: the chains about it."""
        old = set(was.values())
        await self.sets.when(
            SET,
            what=f"group {group} to be another one",
            holds=lambda pods: not old & {pod["metadata"]["uid"] for pod in pods.values()},
        )
        await self.sets.available(SET)
        await self.controller.at_rest(self.sets.namespace)
        chains: list[dict[str, Any]] = await self.controller.ask("why", f"{self.name}/{group}", "--logs")
        return chains

    @property
    def name(self) -> str:
        return f"{self.sets.namespace}/{SET}"

    async def verdict(self, pod: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.controller.ask("why-not", f"{self.sets.namespace}/{pod}")
        verdict: dict[str, Any] = found["verdicts"][0]
        return verdict


@pytest_asyncio.fixture
async def stage(control_plane: ControlPlane, api: Api, tmp_path: Path) -> AsyncIterator[Stage]:
    (tmp_path / "kubelets").mkdir()
    async with (
        KubeletLogs(tmp_path / "kubelets") as logs,
        Kubelets(control_plane.connection, nodes.flat(4), port=logs.port) as kubelets,
    ):
        arguments = ("--capture-logs", "--capture-logs-timeout", "10s")
        controller = Controller(
            api, kubeconfig=control_plane.kubeconfig, directory=tmp_path / "controller", arguments=arguments
        )
        namespace = await create_namespace(api)
        try:
            await controller.start()
            await controller.register_webhooks()
            yield Stage(api, Sets(api, namespace), kubelets, logs, controller)
            await controller.verify()
        finally:
            await remove_webhooks(api)
            await controller.kill()
            await remove_namespace(api, namespace)


async def test_why_groups_were_recreated_and_what_the_killed_container_wrote(stage: Stage) -> None:
    namespace = stage.sets.namespace
    await stage.sets.create(a_set(SET, replicas=4))
    await stage.sets.available(SET)

    was = await stage.sets.uids(SET, group=0)
    stage.logs.write(namespace, "sample-0-1", LOG, previous=True)
    await stage.kubelets.kill_out_of_memory(namespace, "sample-0-1")
    [killed] = await stage.recreated(0, was=was)
    assert (killed["cause"]["category"], killed["cause"]["exit_code"]) == ("out-of-memory", 137)
    assert (killed["kind"], killed["failed_pod"], killed["complete"]) == ("recreation", "sample-0-1", True)
    [log] = killed["logs"]
    assert (log["container"], log["previous"], log["lines"], log["truncated"]) == ("main", True, 200, True)
    assert log["text"].splitlines()[-2:] == ["db password=[redacted]", "CUDA error: out of memory"]
    kinds = [link["kind"] for link in killed["links"]]
    assert kinds.index("log") < kinds.index("outcome")

    was = await stage.sets.uids(SET, group=1)
    await _drain(stage, "sample-1-1")
    [drained] = await stage.recreated(1, was=was)
    assert (drained["cause"]["by"], drained["cause"]["reason"]) == ("Eviction API", "EvictionByEvictionAPI")

    was = await stage.sets.uids(SET, group=2)
    node = (await stage.sets.pods(SET, group=2))["sample-2-1"]["spec"]["nodeName"]
    taint = {"spec": {"taints": [{"key": "broken", "value": "yes", "effect": "NoExecute"}]}}
    await stage.api.merge(f"{NODES}/{node}", taint)
    [tainted, *_] = await stage.recreated(2, was=was)
    assert tainted["cause"]["reason"] == "DeletionByTaintManager"

    was = await stage.sets.uids(SET, group=3)
    await stage.api.delete(core("pods", namespace, "sample-3-1"))
    chains = await stage.recreated(3, was=was)
    assert chains[-1]["cause"]["category"] == "deleted-by-somebody"

    for pod in ("sample-0-1", "sample-1-1", "sample-3-1"):
        verdict = await stage.verdict(pod)
        assert verdict["decision"] or verdict["because"]
    [created] = await stage.controller.ask("why", stage.name, "--kind", "rollout")
    assert "asked to CREATE the LeaderWorkerSet" in created["links"][0]["what"]
    waiting = await stage.controller.ask("why-not", stage.name)
    assert waiting["waiting"] == []


async def test_the_component_grants_the_right_to_read_logs_and_nothing_less_would_do(api: Api) -> None:
    assert not await _may_read_logs(api)
    for manifest in yaml.safe_load_all(COMPONENT.read_text()):
        await api.create(_path(manifest), manifest)
    try:
        assert await eventually(lambda: _may_read_logs(api), what="the right to be in force")
    finally:
        for manifest in yaml.safe_load_all(COMPONENT.read_text()):
            await api.delete(f"{_path(manifest)}/{manifest['metadata']['name']}")


def _path(manifest: Json) -> str:
    """Where objects of this kind are, which have no namespace."""
    return f"/apis/{manifest['apiVersion']}/{PLURALS[manifest['kind']]}"


async def _may_read_logs(api: Api) -> bool:
    attributes = {"verb": "get", "resource": "pods", "subresource": "log", "namespace": "default"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": ACCOUNT, "resourceAttributes": attributes},
    }
    answer = await api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


async def _drain(stage: Stage, pod: str) -> None:
    """As kubectl does it: no more pods for the node, then an eviction."""
    found = await stage.api.get(core("pods", stage.sets.namespace, pod))
    await stage.api.merge(f"{NODES}/{found['spec']['nodeName']}", {"spec": {"unschedulable": True}})
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": stage.sets.namespace},
    }
    await stage.api.create(core("pods", stage.sets.namespace, pod) + "/eviction", eviction)
