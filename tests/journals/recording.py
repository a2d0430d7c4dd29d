"""Plays a story with the real controller against a simulated cluster, and exports the journal."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from adapters.controller.process import run_controller
from adapters.journal.transfer import export_journal
from adapters.nats.connection import connect
from adapters.nats.embedded import server_for_reading
from adapters.nats.journal import open_journal_for_reading
from adapters.settings.controller import Settings
from adapters.simulation import Simulation, SimulationSettings, kinds, racks
from adapters.simulation.http import ClusterServer, ServerSettings
from adapters.simulation.set_admission import set_admission

FOLDER: Final = Path(__file__).parent
"""Where golden journals are: those of machine 1; each later machine has a folder of its own in it."""

TOPOLOGY: Final = "leaderworkerset.sigs.k8s.io/exclusive-topology"
RACK: Final = "topology.kubernetes.io/rack"
NAMESPACE: Final = "default"
CLUSTER: Final = "golden"

_SPEED: Final = 4.0
_WAIT_SECONDS_MAX: Final = 60.0


class Story:
    """The cluster in which a story happens, with the controller running when it begins."""

    def __init__(self, simulation: Simulation, kubeconfig: Path, data_dir: Path) -> None:
        self.simulation = simulation
        self._kubeconfig = kubeconfig
        self._data_dir = data_dir
        self._running: asyncio.Task[int] | None = None
        self._stop = asyncio.Event()

    async def start_controller(self) -> None:
        settings = Settings(
            kubeconfig=self._kubeconfig,
            cluster=CLUSTER,
            data_dir=self._data_dir,
            webhooks=False,
            leader_elect=False,
            health_probe_bind_address="0",
            metrics_bind_address="0",
        )
        self._stop = asyncio.Event()
        self._running = asyncio.create_task(run_controller(settings, stop=self._stop))

    async def stop_controller(self) -> None:
        if self._running is not None:
            self._stop.set()
            await self._running
            self._running = None

    def apply(self, name: str, *, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        """Create a set; its template is a single container."""
        template = {"spec": {"containers": [{"name": "main", "image": "example.test/main:1"}]}}
        group = {"size": 3, "workerTemplate": template} | spec.pop("leaderWorkerTemplate", {})
        manifest = {
            "apiVersion": "leaderworkerset.x-k8s.io/v1",
            "kind": "LeaderWorkerSet",
            "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations or {}},
            "spec": {"replicas": 2, "leaderWorkerTemplate": group} | spec,
        }
        self.simulation.api.create(kinds.LEADERWORKERSETS, manifest, namespace=NAMESPACE)

    def change(self, name: str, spec: dict[str, Any]) -> None:
        """Merge a change into a set's spec."""
        self.simulation.api.patch(kinds.LEADERWORKERSETS, name, {"spec": spec}, type_="merge", namespace=NAMESPACE)

    def force_delete(self, pod: str) -> None:
        self.simulation.api.delete(kinds.PODS, pod, namespace=NAMESPACE, grace_seconds=0)

    def uid(self, pod: str) -> str:
        found = self.simulation.api.find(kinds.PODS, pod, namespace=NAMESPACE)
        return found["metadata"]["uid"] if found is not None else ""

    def pods(self) -> list[str]:
        return sorted(pod["metadata"]["name"] for pod in self.simulation.api.select(kinds.PODS, namespace=NAMESPACE))

    async def until(self, condition: Callable[[], bool], *, what: str) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS_MAX
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited for {what}; pods are {self.pods()}")
            await asyncio.sleep(0.02)

    async def until_available(self, name: str) -> None:
        """The set's status says that all of its present spec is there."""

        def available() -> bool:
            found = self.simulation.api.get(kinds.LEADERWORKERSETS, name, namespace=NAMESPACE)
            status, generation = found.get("status", {}), found["metadata"]["generation"]
            conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
            ready = status.get("readyReplicas", 0) == found["spec"]["replicas"]
            settled = status.get("replicas", 0) == status.get("updatedReplicas", 0) == found["spec"]["replicas"]
            current = status.get("observedGeneration") == generation
            return ready and settled and current and conditions.get("Available") == "True"

        await self.until(available, what=f"{name} to be Available")

    def status(self, name: str) -> dict[str, Any]:
        """The set's status."""
        status: dict[str, Any] = self.simulation.api.get(kinds.LEADERWORKERSETS, name, namespace=NAMESPACE).get(
            "status", {}
        )
        return status

    async def until_event(self, reason: str) -> None:
        """Somebody was told, by a Kubernetes Event of this reason."""
        await self.until(
            lambda: any(
                each["reason"] == reason for each in self.simulation.api.select(kinds.EVENTS, namespace=NAMESPACE)
            ),
            what=f"an Event {reason}",
        )

    async def until_recreated(self, name: str, leader: str, *, was: str) -> None:
        await self.until(lambda: self.uid(leader) not in ("", was), what=f"{leader} to be replaced")
        await self.until_available(name)


async def record(tale: Callable[[Story], Awaitable[None]], path: Path) -> None:
    """Play a story and export its journal to ``path``. Raises ``TimeoutError`` where it does not come to its end."""
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch)
        async with staged(data_dir) as story:
            await tale(story)
        async with server_for_reading(data_dir) as settings:
            connection = await connect(settings, name="recording")
            try:
                await export_journal(await open_journal_for_reading(connection, CLUSTER), path)
            finally:
                await connection.close()


@contextlib.asynccontextmanager
async def staged(data_dir: Path) -> AsyncIterator[Story]:
    """A cluster of four racks, with the controller running until the end of the block."""
    simulation = Simulation(
        nodes=racks(4, nodes_per_rack=4, key=RACK),
        admission=set_admission,
        settings=SimulationSettings(epoch=datetime.now(UTC)),
    )
    async with ClusterServer(simulation, settings=ServerSettings(speed=_SPEED)) as server:
        story = Story(simulation, server.write_kubeconfig(data_dir / "kubeconfig"), data_dir)
        await story.start_controller()
        try:
            yield story
        finally:
            await story.stop_controller()
