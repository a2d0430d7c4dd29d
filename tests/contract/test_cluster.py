"""The simulated cluster and the real control plane keep the same contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.contract.cluster import ClusterContract, WatchingApi
from tests.contract.clusters_under_test import RealCluster, SimulatedCluster, simulated
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.kubelets import Kubelets


class TestSimulatedCluster(ClusterContract):
    """In virtual time, in two orders of events."""

    @pytest_asyncio.fixture(params=[1, 2], ids=["seed1", "seed2"])
    async def cluster(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SimulatedCluster]:
        """A fresh cluster for each test."""
        async with simulated(tmp_path, seed=request.param) as running:
            yield running


@pytest.mark.controlplane
class TestRealCluster(ClusterContract):
    """etcd, API server, controller manager and scheduler as they are."""

    @pytest_asyncio.fixture
    async def cluster(
        self, control_plane: ControlPlane, kubelets: Kubelets, namespace: str
    ) -> AsyncIterator[RealCluster]:
        """A fresh namespace of the shared control plane."""
        async with WatchingApi(control_plane.connection) as api:
            yield RealCluster(api, namespace, control_plane, kubelets)
