"""Two frames (catalogue 6.2), with a namespace for each case; every fixture runs in the session's loop.

Controllers: storage, API server and one controller for all cases; no StatefulSet controller, garbage collector,
scheduler or kubelet runs, and no hook is registered. After each module the journal is verified in another process.
Webhooks: our hooks, and no controller of ours.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import pytest
import pytest_asyncio

from tests.controlplane.api import NAMESPACES, Api, eventually, leaderworkersets, statefulsets
from tests.controlplane.cluster import BARE, ControlPlane
from tests.controlplane.fixtures import create_namespace, remove_namespace
from tests.controlplane.installation import crd, install_crd
from tests.controlplane.volcano import install_pod_groups
from tests.e2e.catalogue.cases import Case
from tests.e2e.catalogue.definition import definition
from tests.e2e.catalogue.hooks import Hooked, registered
from tests.e2e.controller import Controller

Play = Callable[..., Awaitable[Case]]
"""Begins a case with ``DEF``, changed as the keyword arguments of ``definition`` say."""


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def bare_plane() -> AsyncIterator[ControlPlane]:
    """A control plane of storage and API server alone, with our CRD and that of PodGroups."""
    async with ControlPlane(components=BARE) as running:
        async with running.api() as client:
            await install_crd(client, crd())
            await install_pod_groups(client)
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def bare_api(bare_plane: ControlPlane) -> AsyncIterator[Api]:
    """An administrator's client."""
    async with bare_plane.api() as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hooked_plane(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hooked]:
    """A control plane without our controller asks our hooks about every set and pod while a module's tests run."""
    async with control_plane.api() as api:
        hooked = Hooked(api)
        async with registered(hooked, directory=tmp_path_factory.mktemp("hooks")):
            yield hooked


@pytest_asyncio.fixture(loop_scope="session")
async def hooked(hooked_plane: Hooked) -> AsyncIterator[Hooked]:
    """The hooked control plane, with a fresh namespace that is emptied after the test."""
    hooked_plane.namespace = await create_namespace(hooked_plane.api, prefix="test-ns")
    yield hooked_plane
    await remove_namespace(hooked_plane.api, hooked_plane.namespace)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def bare_controller(
    bare_plane: ControlPlane, bare_api: Api, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Controller]:
    """The controller of all cases; its hooks are asked by nobody.

    Gang scheduling is on: it concerns only the pods that the cases of it make with the annotation.
    """
    directory = tmp_path_factory.mktemp("catalogue")
    gang = ("--gang-provider", "volcano")
    running = Controller(bare_api, kubeconfig=bare_plane.kubeconfig, directory=directory, arguments=gang)
    try:
        await running.start()
        yield running
        await running.stop()
    finally:
        await running.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def verified_controller(bare_controller: Controller) -> AsyncIterator[Controller]:
    """The controller; whatever happens in a module, its journal gives the same decisions again."""
    yield bare_controller
    await bare_controller.verify()


@pytest.fixture
def play(bare_api: Api, verified_controller: Controller) -> Play:
    """How a case begins: namespace, set, leader StatefulSet, leader pods (catalogue 1.1, frame of every case)."""

    async def begin(**differences: Any) -> Case:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "lws-ns-"}}
        name = (await bare_api.create(NAMESPACES, namespace))["metadata"]["name"]
        lws = await bare_api.create(leaderworkersets(name), definition(**differences))
        case = Case(bare_api, namespace=name, name=lws["metadata"]["name"], controller=verified_controller)
        path = statefulsets(name, case.name)
        await eventually(lambda: bare_api.find(path), what=f"the leader StatefulSet of {name}", interval_seconds=0.05)
        await case.pods(0, lws["spec"]["replicas"])
        return case

    return begin


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Show the controller's log with a failure."""
    outcome = yield
    report = outcome.get_result()
    running = getattr(item, "funcargs", {}).get("bare_controller")
    if report.failed and isinstance(running, Controller):
        report.sections.append(("controller log", running.log_tail()))
