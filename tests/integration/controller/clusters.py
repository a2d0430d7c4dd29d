"""A simulated cluster that a controller under test talks to: its sets, its pods, and its API server going away.

Time runs ten times as fast as real time.
"""

import contextlib
import copy
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any, Final

from adapters.demo.sample import GROUPS, NAME, SAMPLE, SIZE
from adapters.simulation import Simulation, kinds, objects, racks
from adapters.simulation.http import ClusterServer, ServerSettings
from adapters.simulation.set_admission import set_admission
from tests.controlplane.api import eventually

NAMESPACE: Final = "default"
PODS: Final = GROUPS * SIZE
_SPEED: Final = 10.0


class Cluster:
    """The cluster and its kubeconfig. ``server`` is there while the API server runs."""

    def __init__(self, simulation: Simulation, kubeconfig: Path) -> None:
        self.simulation = simulation
        self.kubeconfig = kubeconfig
        self.server: ClusterServer | None = None
        self._port = 0

    async def start(self) -> None:
        """Let the API server listen, always on the same port."""
        assert self.server is None
        server = ClusterServer(self.simulation, settings=ServerSettings(port=self._port, speed=_SPEED))
        await server.__aenter__()
        self.server = server
        self._port = int(server.url.rsplit(":", 1)[1])
        server.write_kubeconfig(self.kubeconfig)

    async def stop(self) -> None:
        """Take the API server away; the cluster stands still meanwhile."""
        server, self.server = self.server, None
        if server is not None:
            await server.__aexit__(None, None, None)

    def group(self, index: int) -> dict[str, str]:
        """Uids of the pods of one group, by name."""
        return {name: uid for name, uid in self.pods().items() if name.startswith(f"{NAME}-{index}")}

    def apply(self, name: str = NAME, **spec: Any) -> None:
        """Create the sample under a name, with further fields of the spec."""
        sample = copy.deepcopy(SAMPLE)
        sample["metadata"]["name"] = name
        sample["spec"] |= spec
        self.simulation.api.create(kinds.LEADERWORKERSETS, sample, namespace=NAMESPACE)

    def pods(self) -> dict[str, str]:
        """Uids of all pods, by name."""
        return {objects.name(pod): objects.uid(pod) for pod in self._pods()}

    def kill(self, pod: str) -> None:
        """Delete a pod with grace period 0."""
        self.simulation.api.delete(kinds.PODS, pod, namespace=NAMESPACE, grace_seconds=0)

    async def complete(
        self, *, without: Collection[str] = (), count: int = PODS, timeout_seconds: float = 60
    ) -> dict[str, str]:
        """Wait until so many pods are ready and the set says so, none of them with one of these uids."""

        async def ready() -> dict[str, str] | None:
            pods = self._pods()
            fresh = all(objects.is_true(pod, "Ready") and not objects.terminating(pod) for pod in pods)
            found = self.pods()
            available = all(objects.is_true(lws, "Available") for lws in self._sets())
            return found if fresh and available and len(pods) == count and not {*without} & {*found.values()} else None

        return await eventually(
            ready, what=f"{count} pods, all ready", timeout_seconds=timeout_seconds, interval_seconds=0.05
        )

    def _pods(self) -> list[Any]:
        return list(self.simulation.api.select(kinds.PODS, namespace=NAMESPACE))

    def _sets(self) -> list[Any]:
        return list(self.simulation.api.select(kinds.LEADERWORKERSETS, namespace=NAMESPACE))


@contextlib.asynccontextmanager
async def running_cluster(directory: Path, *, seed: int = 7, started: bool = True) -> AsyncIterator[Cluster]:
    """A cluster of four racks; with its API server, unless that is to be started later."""
    cluster = Cluster(
        Simulation(seed=seed, nodes=racks(4, nodes_per_rack=4), admission=set_admission), directory / "kubeconfig"
    )
    await cluster.start()
    try:
        if not started:
            await cluster.stop()
        yield cluster
    finally:
        await cluster.stop()
