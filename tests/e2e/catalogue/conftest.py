"""Storage, API server and one controller for all cases of the controllers' suite; a namespace for each case.

No StatefulSet controller, garbage collector, scheduler or kubelet runs, and no hook is registered. Every fixture runs
in the session's loop. After each module the journal is verified in another process.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import pytest
import pytest_asyncio

from tests.controlplane.api import NAMESPACES, Api, eventually, leaderworkersets, statefulsets
from tests.controlplane.cluster import BARE, ControlPlane
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
async def hooked_plane(bare_api: Api, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hooked]:
    """The control plane asks our hooks about every set and pod, as long as a module's tests run."""
    hooked = Hooked(bare_api)
    async with registered(hooked, directory=tmp_path_factory.mktemp("hooks")):
        yield hooked


@pytest_asyncio.fixture(loop_scope="session")
async def hooked(hooked_plane: Hooked) -> Hooked:
    """The hooked control plane, with a fresh namespace."""
    hooked_plane.namespace = await _new_namespace(hooked_plane.api, prefix="test-ns-")
    return hooked_plane


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
        name = await _new_namespace(bare_api, prefix="lws-ns-")
        lws = await bare_api.create(leaderworkersets(name), definition(**differences))
        case = Case(bare_api, namespace=name, name=lws["metadata"]["name"], controller=verified_controller)
        path = statefulsets(name, case.name)
        await eventually(lambda: bare_api.find(path), what=f"the leader StatefulSet of {name}", interval_seconds=0.05)
        await case.pods(0, lws["spec"]["replicas"])
        return case

    return begin


async def _new_namespace(api: Api, *, prefix: str) -> str:
    """Create a namespace of a new name; nobody makes a ServiceAccount in it, and no pod needs one."""
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": prefix}}
    name: str = (await api.create(NAMESPACES, manifest))["metadata"]["name"]
    return name


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Show the controller's log with a failure."""
    outcome = yield
    report = outcome.get_result()
    running = getattr(item, "funcargs", {}).get("bare_controller")
    if report.failed and isinstance(running, Controller):
        report.sections.append(("controller log", running.log_tail()))
