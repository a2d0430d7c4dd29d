"""Records the journal of which the pictures of the page ``/ui`` are taken.

``python -m tests.browser.fleet FILE`` plays it on the simulated cluster with the real controller, in about a minute:
four sets start; in the large one a worker is killed for memory again and again, so that its group waits longer each
time and is kept in the end; a new image is rolled out, and meanwhile workers of other groups are lost.
"""

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from adapters.controller.process import run_controller
from adapters.journal.transfer import export_journal
from adapters.nats.connection import connect
from adapters.nats.embedded import server_for_reading
from adapters.nats.journal import open_journal_for_reading
from adapters.settings.controller import Settings
from adapters.simulation import Simulation, SimulationSettings, kinds, objects, racks
from adapters.simulation.http import ClusterServer, ServerSettings
from adapters.simulation.kubelets import KubeletSettings
from adapters.simulation.set_admission import set_admission
from tests.controlplane.api import eventually

NAMESPACE: Final = "serving"
LARGE: Final = "llama-70b"
_SETS: Final = {LARGE: (36, 4), "mixtral": (12, 2), "whisper": (6, 1), "embeddings": (8, 1)}
_LIMITED: Final = {"lws-events.io/restart-backoff": "2s", "lws-events.io/restart-limit": "2"}
_SLOW: Final = KubeletSettings(start=(1.0, 3.0), ready=(0.5, 2.0), stop=(0.5, 1.5))


class _Stage:
    def __init__(self, simulation: Simulation) -> None:
        self.api = simulation.api
        self.kubelets = simulation.kubelets

    def apply(self, name: str, *, groups: int, size: int, **annotations: str) -> None:
        template = {"spec": {"containers": [{"name": "serve", "image": f"registry.example/{name}:2.3"}]}}
        manifest = {
            "apiVersion": "leaderworkerset.x-k8s.io/v1",
            "kind": "LeaderWorkerSet",
            "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations},
            "spec": {
                "replicas": groups,
                "leaderWorkerTemplate": {"size": size, "workerTemplate": template},
                "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxUnavailable": 3}},
            },
        }
        self.api.create(kinds.LEADERWORKERSETS, manifest, namespace=NAMESPACE)

    def release(self, name: str, image: str) -> None:
        containers = [{"name": "serve", "image": image}]
        spec = {"spec": {"leaderWorkerTemplate": {"workerTemplate": {"spec": {"containers": containers}}}}}
        self.api.patch(kinds.LEADERWORKERSETS, name, spec, type_="merge", namespace=NAMESPACE)

    def lose(self, pod: str) -> None:
        self.api.delete(kinds.PODS, pod, namespace=NAMESPACE, grace_seconds=0)

    def uid(self, pod: str) -> str:
        found = self.api.find(kinds.PODS, pod, namespace=NAMESPACE)
        return objects.uid(found) if found is not None else ""

    async def until_available(self) -> None:
        async def available() -> bool:
            found = list(self.api.select(kinds.LEADERWORKERSETS, namespace=NAMESPACE))
            return all(objects.is_true(one, "Available") for one in found)

        await eventually(available, what="all sets to be available")

    async def until_ready(self, pod: str, *, was: str) -> None:
        async def ready() -> bool:
            found = self.api.find(kinds.PODS, pod, namespace=NAMESPACE)
            return found is not None and objects.uid(found) != was and objects.is_true(found, "Ready")

        await eventually(ready, what=f"{pod} to be ready again")


async def _play(stage: _Stage) -> None:
    stage.api.create(kinds.NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for name, (groups, size) in _SETS.items():
        stage.apply(name, groups=groups, size=size, **(_LIMITED if name == LARGE else {}))
    await stage.until_available()
    for _ in range(2):
        pod = f"{LARGE}-7-2"
        uid = stage.uid(pod)
        stage.kubelets.kill_for_memory(pod, namespace=NAMESPACE)
        await stage.until_ready(pod, was=uid)
        await stage.until_available()
    stage.lose("mixtral-4-1")
    stage.kubelets.kill_for_memory(f"{LARGE}-7-2", namespace=NAMESPACE)  # once too often
    stage.release(LARGE, f"registry.example/{LARGE}:2.4")

    async def on_its_way() -> bool:
        return 11 <= updated_groups(stage.api) < 30  # and not those of the release before

    await eventually(on_its_way, what="the rollout to reach its eleventh group")
    stage.lose(f"{LARGE}-12-3")
    stage.lose(f"{LARGE}-21-1")

    async def further() -> bool:
        return updated_groups(stage.api) >= 14

    await eventually(further, what="the rollout to go on")


def updated_groups(api: Any) -> int:
    """Groups of the large set that are updated, as its status says."""
    found = api.get(kinds.LEADERWORKERSETS, LARGE, namespace=NAMESPACE)
    count: int = found.get("status", {}).get("updatedReplicas", 0)
    return count


async def record(path: Path) -> None:
    """Play it and export its journal."""
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch)
        settings = SimulationSettings(epoch=datetime.now(UTC), kubelet=_SLOW)
        simulation = Simulation(nodes=racks(6, nodes_per_rack=40), admission=set_admission, settings=settings)
        async with ClusterServer(simulation, settings=ServerSettings(speed=1.5)) as server:
            stop = asyncio.Event()
            running = asyncio.create_task(
                run_controller(
                    Settings(
                        kubeconfig=server.write_kubeconfig(data_dir / "kubeconfig"),
                        data_dir=data_dir,
                        cluster="eu-west",
                        webhooks=False,
                        leader_elect=False,
                        health_probe_bind_address="0",
                        metrics_bind_address="0",
                    ),
                    stop=stop,
                )
            )
            try:
                await _play(_Stage(simulation))
            finally:
                stop.set()
                await running
        async with server_for_reading(data_dir) as connection_settings:
            connection = await connect(connection_settings, name="recording")
            try:
                await export_journal(await open_journal_for_reading(connection, "eu-west"), path)
            finally:
                await connection.close()


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1])))
