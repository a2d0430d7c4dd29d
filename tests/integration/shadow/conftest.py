"""A simulated cluster, a shadow beside it, and controllers that end with their test."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.controlplane.processes import Child
from tests.integration.controller.clusters import Cluster, running_cluster
from tests.integration.controller.program import Program
from tests.integration.shadow.shadows import Shadow, mutated


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A simulated cluster with its API server."""
    async with running_cluster(tmp_path) as running:
        yield running


@pytest.fixture
def shadow(tmp_path: Path, cluster: Cluster) -> Iterator[Shadow]:
    """A shadow that has not been started."""
    made = Shadow(tmp_path, kubeconfig=cluster.kubeconfig)
    yield made
    made.child.kill()


@pytest.fixture
def controller(tmp_path: Path, cluster: Cluster) -> Iterator[Program]:
    """Our controller, which has not been started."""
    made = Program(tmp_path, "--no-webhooks", "--no-leader-elect", kubeconfig=cluster.kubeconfig)
    yield made
    made.child.kill()


@pytest.fixture
def without(tmp_path: Path, cluster: Cluster) -> Iterator[Callable[[str], Child]]:
    """Starts a controller without one rule."""
    started: list[Child] = []

    def start(mutation: str) -> Child:
        started.append(mutated(tmp_path, mutation, kubeconfig=cluster.kubeconfig))
        started[-1].start()
        return started[-1]

    yield start
    for child in started:
        child.kill()
