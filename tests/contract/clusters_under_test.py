"""The clusters that must keep the contract: the simulated one over HTTP, and the real control plane."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.simulation import Simulation, SimulationSettings, racks
from adapters.simulation.http import ClusterServer, ServerSettings
from adapters.simulation.kubelets import KubeletSettings
from tests.contract.cluster import WatchingApi
from tests.controlplane import nodes
from tests.controlplane.api import Connection
from tests.controlplane.certificates import make_authority
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.kubelets import Kubelets

SPEED = 20.0
"""Virtual seconds per second: pods of the simulation need a second to start, the tests should not."""


@dataclass
class SimulatedCluster:
    """The simulation behind its HTTP server."""

    api: WatchingApi
    namespace: str
    server: ClusterServer
    rack_key: str = nodes.RACK

    async def evict(self, name: str) -> None:
        """See ``Cluster``."""
        self.server.simulation.kubelets.evict(name, namespace=self.namespace)

    async def restart_container(self, name: str, *, exit_code: int) -> None:
        """See ``Cluster``."""
        self.server.simulation.kubelets.restart_container(name, namespace=self.namespace, exit_code=exit_code)

    async def set_ready(self, name: str, *, ready: bool) -> None:
        """See ``Cluster``."""
        self.server.simulation.kubelets.set_ready(name, namespace=self.namespace, ready=ready)

    async def forget_history(self) -> None:
        """See ``Cluster``."""
        self.server.faults.expire_history()


@asynccontextmanager
async def simulated(directory: Path, *, seed: int) -> AsyncIterator[SimulatedCluster]:
    """A fresh simulated cluster; its order of events is drawn from the seed."""
    kubelet = KubeletSettings(start=(0.2, 1.0), ready=(0.0, 0.5))
    simulation = Simulation(
        seed=seed,
        nodes=racks(4, nodes_per_rack=2, key=nodes.RACK),
        settings=SimulationSettings(random_order=True, kubelet=kubelet),
    )
    # The client always makes a TLS context; the simulation speaks plain HTTP and the authority is never asked.
    authority = directory / "ca.crt"
    authority.write_bytes(make_authority().pem)
    settings = ServerSettings(speed=SPEED, token="secret")
    async with (
        ClusterServer(simulation, settings=settings) as server,
        WatchingApi(Connection(server.url, authority, "secret")) as api,
    ):
        yield SimulatedCluster(api, "default", server)


@dataclass
class RealCluster:
    """The real control plane with test kubelets."""

    api: WatchingApi
    namespace: str
    control_plane: ControlPlane
    kubelets: Kubelets
    rack_key: str = nodes.RACK

    async def evict(self, name: str) -> None:
        """See ``Cluster``."""
        await self.kubelets.evict(self.namespace, name)

    async def restart_container(self, name: str, *, exit_code: int) -> None:
        """See ``Cluster``."""
        await self.kubelets.restart_container(self.namespace, name, exit_code=exit_code)

    async def set_ready(self, name: str, *, ready: bool) -> None:
        """See ``Cluster``."""
        await self.kubelets.set_ready(self.namespace, name, ready=ready)

    async def forget_history(self) -> None:
        """See ``Cluster``."""
        await self.control_plane.expire_watches()
