"""Pytest fixtures on the control plane: one per session, one namespace per test, kubelets for whoever asks.

A plugin (``tests/conftest.py`` names it). The programs are built while tests are collected, since no single test's
time limit should have to allow for that.
"""

import itertools
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
import pytest
import pytest_asyncio

from tests.controlplane import nodes
from tests.controlplane.api import CRDS, NAMESPACES, Api, ApiError, core, eventually, leaderworkersets, statefulsets
from tests.controlplane.build import BuildError, binaries
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.installation import CRD_NAME, crd, install_crd
from tests.controlplane.kubelets import Kubelets

_NUMBERS: Final = itertools.count(1)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the programs ready before the first test that needs them."""
    if session.config.option.collectonly or not any(i.get_closest_marker("controlplane") for i in session.items):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    try:
        if capture is None:
            binaries()
        else:
            with capture.global_and_fixture_disabled():
                binaries()
    except BuildError as error:
        raise pytest.UsageError(str(error)) from error


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def control_plane() -> AsyncIterator[ControlPlane]:
    """A control plane with our CRD, shared by all tests of the session: leave no cluster-wide object behind."""
    async with ControlPlane(audit=True) as running:
        async with running.api() as client:
            await install_crd(client, crd())
        yield running


@pytest_asyncio.fixture
async def api(control_plane: ControlPlane) -> AsyncIterator[Api]:
    """An administrator's client in the test's own loop."""
    async with control_plane.api() as client:
        yield client


@pytest_asyncio.fixture
async def kubelets(control_plane: ControlPlane) -> AsyncIterator[Kubelets]:
    """Eight nodes in four racks (label ``nodes.RACK``), gone after the test; pods start at once."""
    async with Kubelets(control_plane.connection, nodes.racks(4, nodes_per_rack=2)) as running:
        yield running


@pytest_asyncio.fixture
async def namespace(api: Api) -> AsyncIterator[str]:
    """A fresh namespace in which pods can be created; emptied after the test."""
    name = await create_namespace(api)
    yield name
    await remove_namespace(api, name)


async def create_namespace(api: Api, *, prefix: str = "test") -> str:
    """Create a namespace of a new name and wait for its default ServiceAccount, without which pods are refused."""
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": f"{prefix}-{next(_NUMBERS)}-"}}
    name: str = (await api.create(NAMESPACES, manifest))["metadata"]["name"]
    await eventually(
        lambda: api.find(core("serviceaccounts", name, "default")), what=f"the ServiceAccount of namespace {name}"
    )
    return name


async def remove_namespace(api: Api, name: str) -> None:
    """Delete all that keeps pods alive, then the pods at once, then the namespace, without waiting for its end.

    Works without kubelets and without a controller, and even when a test left the API server without our CRD.
    """
    collections = [statefulsets(name), core("pods", name)]
    if await api.find(f"{CRDS}/{CRD_NAME}"):
        collections.insert(0, leaderworkersets(name))
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    try:
        for collection in collections:
            await api.call("DELETE", collection, options, params={"gracePeriodSeconds": "0"})
        await api.delete(f"{NAMESPACES}/{name}")
    except (aiohttp.ClientError, ApiError) as error:
        pytest.fail(f"namespace {name} could not be removed: {error}")
