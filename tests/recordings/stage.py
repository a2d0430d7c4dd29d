"""Where a story is recorded: a control plane of its own, nodes in racks, the controller as it is deployed, and users.

The journal is exported as a user exports it, by another process of the program while the controller runs. Seconds are
real ones, since a recorded incident has to take the time that an incident takes; ``pace`` shortens them for a test.
"""

import asyncio
import subprocess
import tempfile
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from tests.controlplane.api import NODES, Api, Json, User, core, eventually, leaderworkersets
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.installation import crd, install_crd
from tests.controlplane.kubelet_logs import KubeletLogs
from tests.controlplane.kubelets import Kubelets
from tests.controlplane.nodes import NodeSpec
from tests.controlplane.pod_status import Pod
from tests.e2e.controller import PROGRAM, Controller
from tests.e2e.features.sets import Sets, is_ready
from tests.recordings.account import KUBELETS, USERS, install

NAMESPACE: Final = "default"
RACK: Final = "topology.kubernetes.io/rack"
GPUS: Final = "nvidia.com/gpu"
_WAIT_SECONDS_MAX: Final = 420.0


def racks(names: str, *, nodes: int = 2) -> list[NodeSpec]:
    """Racks with one letter each, of nodes with eight accelerators: ``gpu-a1``, ``gpu-a2``, …"""
    return [
        NodeSpec(f"gpu-{rack}{number}", ((RACK, f"rack-{rack}"),), ((GPUS, "8"),))
        for rack in names
        for number in range(1, nodes + 1)
    ]


class Stage:
    """One cluster in which one story happens. Made by ``staged``."""

    def __init__(
        self,
        clients: dict[User, Api],
        *,
        api: Api,
        kubelets: Kubelets,
        logs: KubeletLogs,
        controller: Controller,
        folder: Path,
        pace: float,
    ) -> None:
        self._clients = clients
        self._folder = folder
        self._pace = pace
        self.api = api
        self.sets = Sets(api, NAMESPACE)
        self.kubelets = kubelets
        self.logs = logs
        self.controller = controller

    def client(self, user: User) -> Api:
        """The API server as a user sees it, and who the API server believes it is."""
        return self._clients[user]

    def pods_take(self, *, start: tuple[float, float], stop: float) -> None:
        """Seconds that pods need to start, from the first number to the second, by their names; and to end."""
        low, high = (seconds * self._pace for seconds in start)

        def starting(pod: Pod) -> float:
            return low + (high - low) * (zlib.crc32(pod.metadata.name.encode()) % 100) / 100

        self.kubelets.start_seconds = starting
        self.kubelets.termination_seconds = stop * self._pace

    async def let_pass(self, seconds: float) -> None:
        """Nothing happens for so long: that is a part of a story, and in its journal."""
        await asyncio.sleep(seconds * self._pace)

    async def apply(self, manifest: Json, *, user: User) -> None:
        """Server-side apply, as pipelines do it."""
        path = leaderworkersets(NAMESPACE, manifest["metadata"]["name"])
        await self.client(user).apply(path, manifest, manager=user.name.partition("@")[0])

    async def drain(self, node: str, *, user: User) -> None:
        """As ``kubectl drain``: no more pods for the node, then an eviction of those of sets that are there."""
        client = self.client(user)
        await client.merge(f"{NODES}/{node}", {"spec": {"unschedulable": True}})
        for pod in await self.api.items(core("pods", NAMESPACE), fields=f"spec.nodeName={node}"):
            name = pod["metadata"]["name"]
            metadata = {"name": name, "namespace": NAMESPACE}
            eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
            await client.create(core("pods", NAMESPACE, name) + "/eviction", eviction)

    async def uncordon(self, node: str, *, user: User) -> None:
        """As ``kubectl uncordon``."""
        await self.client(user).merge(f"{NODES}/{node}", {"spec": {"unschedulable": None}})

    async def other(self, name: str, group: int, *, was: dict[str, str], size: int = 2) -> None:
        """Wait until a whole group consists of other pods, which are ready."""
        old = set(was.values())

        async def replaced() -> bool:
            pods = (await self.sets.pods(name, group=group)).values()
            return len(pods) == size and all(is_ready(pod) and pod["metadata"]["uid"] not in old for pod in pods)

        await self.when(replaced, what=f"group {group} of {name} to be another one")

    async def available(self, name: str) -> None:
        """Wait until a set is as its spec says."""
        spec = (await self.sets.get(name))["spec"]

        async def settled() -> bool:
            lws = await self.sets.get(name)
            status = lws.get("status", {})
            counts = {status.get(count) for count in ("replicas", "readyReplicas", "updatedReplicas")}
            conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
            current = status.get("observedGeneration") == lws["metadata"]["generation"]
            return current and counts == {spec["replicas"]} and conditions.get("Available") == "True"

        await self.when(settled, what=f"{name} to be available")

    async def told(self, name: str, reason: str) -> None:
        """Wait until an Event of this reason is there about a set."""

        async def found() -> bool:
            return bool(await self.sets.notes(name, reason=reason))

        await self.when(found, what=f"an Event {reason} about {name}")

    async def when(self, probe: Any, *, what: str) -> None:
        """Wait; a story has more patience than a test."""
        await eventually(probe, what=what, timeout_seconds=_WAIT_SECONDS_MAX, interval_seconds=0.2)

    async def export(self, name: str, *, with_logs: bool = False) -> Path:
        """The journal so far, on demand with the captured logs beside it."""
        await self.controller.at_rest(NAMESPACE)
        path = self._folder / f"{name}.jsonl.gz"
        where = ("--data-dir", str(self.controller.data_dir))
        command = [PROGRAM, "journal", "export", str(path), *(["--logs"] if with_logs else []), *where]
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=120)
        return path

    async def export_nodes(self, name: str) -> Path:
        """What ``kubectl get nodes -o yaml`` prints, without what only fills the page."""
        listed = await self.api.items(NODES)
        items = [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": node["metadata"]["name"], "labels": node["metadata"]["labels"]},
                "spec": {key: node["spec"][key] for key in ("unschedulable", "taints") if key in node["spec"]},
                "status": {"allocatable": node["status"]["allocatable"]},
            }
            for node in listed
        ]
        path = self._folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}, sort_keys=False))
        return path


@asynccontextmanager
async def staged(
    nodes: list[NodeSpec], folder: Path, *, pace: float = 1.0, arguments: tuple[str, ...] = ()
) -> AsyncIterator[Stage]:
    """A control plane with these nodes, and the controller with its webhooks and the rights of its manifests.

    ``folder`` is where journals are written.
    """
    async with AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plane = await stack.enter_async_context(ControlPlane(accounts=True))
        api = await stack.enter_async_context(plane.api())
        await install_crd(api, crd())
        kubeconfig = await install(plane, api)
        clients = {user: await stack.enter_async_context(Api(plane.connection, user=user)) for user in USERS}
        logs = await stack.enter_async_context(KubeletLogs(scratch))
        kubelets = await stack.enter_async_context(Kubelets(plane.connection, nodes, port=logs.port, user=KUBELETS))
        capture = ("--capture-logs", "--capture-logs-timeout", "10s")
        controller = Controller(
            api, kubeconfig=kubeconfig, directory=scratch / "controller", arguments=(*capture, *arguments)
        )
        await controller.start()
        try:
            await controller.register_webhooks()
            await controller.register_recording()
            yield Stage(clients, api=api, kubelets=kubelets, logs=logs, controller=controller, folder=folder, pace=pace)
            await controller.verify()
        finally:
            await controller.kill()
