"""A cluster, and programs that end with their test."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.controller.clusters import Cluster, running_cluster
from tests.integration.controller.program import Program

MakeProgram = Callable[..., Program]


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A simulated cluster with its API server."""
    async with running_cluster(tmp_path) as running:
        yield running


@pytest.fixture
def program(tmp_path: Path) -> Iterator[MakeProgram]:
    """Makes programs, in a directory of the test; all have ended after it."""
    made: list[Program] = []

    def make(*arguments: str, **options: object) -> Program:
        made.append(Program(tmp_path, *arguments, **options))  # type: ignore[arg-type]  # handed on as they come
        return made[-1]

    yield make
    for one in made:
        one.child.kill()
