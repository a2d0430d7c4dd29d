"""One image per session, one cluster per test."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from adapters.nats.connection import Connection, ConnectionSettings, connect
from tests.containers.jetstream import JetStreamCluster, built_image, running_cluster


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """Tag of the built image."""
    with built_image() as tag:
        yield tag


@pytest.fixture
def cluster(image: str) -> Iterator[JetStreamCluster]:
    """Three running servers."""
    with running_cluster(image) as running:
        yield running


@pytest_asyncio.fixture
async def connection(cluster: JetStreamCluster) -> AsyncIterator[Connection]:
    """A connection to the cluster as the controller makes it."""
    opened = await connect(ConnectionSettings(url=cluster.url), timeout=30)
    yield opened
    await opened.close()
