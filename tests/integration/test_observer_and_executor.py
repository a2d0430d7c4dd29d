"""The Kubernetes adapters against the simulated cluster over HTTP and against the real control plane."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.contract.cluster import WatchingApi
from tests.contract.clusters_under_test import RealCluster, SimulatedCluster, simulated
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.kubelets import Kubelets
from tests.integration.kubernetes_suite import KubernetesAdaptersSuite
from tests.integration.pod_groups_suite import PodGroupsSuite


class TestSimulatedCluster(KubernetesAdaptersSuite, PodGroupsSuite):
    """The cluster of the demo."""

    @pytest_asyncio.fixture
    async def cluster(self, tmp_path: Path) -> AsyncIterator[SimulatedCluster]:
        """A fresh cluster for each test."""
        async with simulated(tmp_path, seed=7) as running:
            yield running


@pytest.mark.controlplane
class TestRealCluster(KubernetesAdaptersSuite, PodGroupsSuite):
    """etcd, API server, controller manager and scheduler as they are."""

    @pytest_asyncio.fixture
    async def cluster(
        self, control_plane: ControlPlane, kubelets: Kubelets, namespace: str
    ) -> AsyncIterator[RealCluster]:
        """A fresh namespace of the shared control plane."""
        async with WatchingApi(control_plane.connection) as api:
            yield RealCluster(api, namespace, control_plane, kubelets)
