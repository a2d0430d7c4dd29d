"""One controller and eight nodes in four racks for all feature tests; a fresh namespace for each.

Every fixture runs in the session's loop, since the kubelets work beside the tests. After each module the journal is
verified in another process.
"""

from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest
import pytest_asyncio

from tests.controlplane import nodes
from tests.controlplane.api import Api, leaderworkersets
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.fixtures import create_namespace, remove_namespace
from tests.controlplane.installation import remove_webhooks
from tests.controlplane.kubelets import Kubelets
from tests.e2e.catalogue.cases import Case
from tests.e2e.catalogue.definition import definition
from tests.e2e.controller import Controller
from tests.e2e.features.sets import Sets
from tests.e2e.features.whole_groups import Create


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def api(control_plane: ControlPlane) -> AsyncIterator[Api]:
    """An administrator's client."""
    async with control_plane.api() as client:
        yield client


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def kubelets(control_plane: ControlPlane) -> AsyncIterator[Kubelets]:
    """Eight nodes in four racks; pods start and end at once."""
    async with Kubelets(control_plane.connection, nodes.racks(4, nodes_per_rack=2)) as running:
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def running_controller(
    control_plane: ControlPlane, api: Api, kubelets: Kubelets, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Controller]:
    """The controller of all feature tests, with its webhooks."""
    directory = tmp_path_factory.mktemp("controller")
    running = Controller(api, kubeconfig=control_plane.kubeconfig, directory=directory)
    try:
        await running.start()
        await running.register_webhooks()
        yield running
        await remove_webhooks(api)
        await running.stop()
    finally:
        await running.kill()
        await remove_webhooks(api)


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def verified(running_controller: Controller) -> AsyncIterator[None]:
    """Whatever happened in a module: its journal gives the same decisions again."""
    yield
    await running_controller.verify()


@pytest.fixture
def controller(running_controller: Controller) -> Controller:
    """The running controller."""
    assert running_controller.running(), "an earlier test has left the controller stopped"
    return running_controller


@pytest_asyncio.fixture(loop_scope="session")
async def namespace(api: Api, controller: Controller) -> AsyncIterator[str]:
    """A fresh namespace, emptied after the test."""
    name = await create_namespace(api)
    yield name
    await remove_namespace(api, name)


@pytest.fixture
def sets(api: Api, namespace: str) -> Sets:
    """The sets of the test's namespace."""
    return Sets(api, namespace)


@pytest.fixture
def create(api: Api, namespace: str, controller: Controller) -> Create:
    """Creates a set of the test catalogue in the test's namespace."""

    async def created(**differences: Any) -> Case:
        lws = await api.create(leaderworkersets(namespace), definition(**differences))
        return Case(api, namespace=namespace, name=lws["metadata"]["name"], controller=controller)

    return created


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Show the controller's log with a failure."""
    outcome = yield
    report = outcome.get_result()
    running = getattr(item, "funcargs", {}).get("running_controller")
    if report.failed and isinstance(running, Controller):
        report.sections.append(("controller log", running.log_tail()))
