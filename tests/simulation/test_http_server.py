"""The HTTP face: production adapters against it, time that runs, faults of the API server, what kubectl asks for."""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import aiohttp
import msgspec
import pytest
import pytest_asyncio
import yaml

from adapters.kubernetes import resources, wire
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.credentials import FixedCredentials
from adapters.kubernetes.errors import ApiError
from adapters.kubernetes.pace import BackOff, SystemClock
from adapters.kubernetes.watch import Changed, Listed, ListingBegan, ListingEnded, Removed, Watcher, WatchSettings
from adapters.simulation import Simulation, kinds, objects
from adapters.simulation.http import ClusterServer, ServerSettings
from tests.simulation.manifests import pod, statefulset

NS = "default"
TOKEN = "secret"
NO_POD: objects.Object = {"metadata": {}}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ClusterServer]:
    async with ClusterServer(Simulation(seed=1), settings=ServerSettings(speed=20, token=TOKEN)) as running:
        yield running


@pytest_asyncio.fixture
async def client(server: ClusterServer) -> AsyncIterator[ApiClient]:
    async with ApiClient(FixedCredentials(server.url, token=TOKEN)) as running:
        yield running


async def until(condition: object, *, seconds: float = 20.0) -> None:
    """Wait for a callable to be true; the simulation runs meanwhile."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_time_runs_with_the_clock_on_the_wall(server: ClusterServer) -> None:
    simulation = server.simulation
    simulation.api.create(kinds.STATEFULSETS, statefulset("s", replicas=3), namespace=NS)
    await until(lambda: sum(objects.is_true(o, "Ready") for o in simulation.api.select(kinds.PODS)) == 3)


async def test_the_production_watcher_follows_through_every_fault(server: ClusterServer, client: ApiClient) -> None:
    settings = WatchSettings(back_off=BackOff(cap_seconds=0.05), page_size=2)
    watcher = Watcher(client, resources.PODS, wire.Pod, clock=SystemClock(), namespace=NS, settings=settings)
    known: dict[str, str] = {}
    listings = 0

    async def follow() -> None:
        nonlocal listings
        async with aclosing(watcher.events()) as events:
            async for event in events:
                match event:
                    case ListingBegan():
                        known.clear()
                    case ListingEnded():
                        listings += 1
                    case Listed(object=found) | Changed(object=found):
                        known[found.metadata.name] = found.metadata.uid
                    case Removed(object=found):
                        known.pop(found.metadata.name, None)

    api = server.simulation.api

    def in_step() -> bool:
        return known == {objects.name(o): objects.uid(o) for o in api.select(kinds.PODS, namespace=NS)}

    task = asyncio.create_task(follow())
    try:
        for name in ("a", "b", "c"):
            api.create(kinds.PODS, pod(name), namespace=NS)
        await until(lambda: listings == 1 and len(known) == 3)
        await until(lambda: server.faults.drop_watches() == 1)  # once it watches what it has listed
        api.create(kinds.PODS, pod("d"), namespace=NS)
        await until(in_step)
        assert listings == 1, "a broken connection is resumed, not listed again"
        api.delete(kinds.PODS, "a", namespace=NS, grace_seconds=0)
        server.faults.expire_history(kinds.PODS)
        api.delete(kinds.PODS, "b", namespace=NS, grace_seconds=0)
        await until(lambda: listings == 2 and in_step())
        server.faults.fail(times=2, methods=("GET",), kind=kinds.PODS)
        server.faults.throttle(times=2, methods=("GET",), kind=kinds.PODS, retry_after_seconds=0)
        server.faults.drop_watches()
        api.create(kinds.PODS, pod("e"), namespace=NS)
        await until(in_step)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_production_client_writes(server: ClusterServer, client: ApiClient) -> None:
    sts = msgspec.json.encode(statefulset("s", replicas=1))
    applied = msgspec.json.decode(await client.apply(resources.STATEFUL_SETS, NS, "s", sts, field_manager="lws"))
    assert applied["metadata"]["managedFields"][0]["manager"] == "lws"
    await until(lambda: server.simulation.api.find(kinds.PODS, "s-0", namespace=NS))
    uid = objects.uid(server.simulation.api.get(kinds.PODS, "s-0", namespace=NS))
    with pytest.raises(ApiError) as caught:
        await client.delete(resources.PODS, NS, "s-0", uid="another")
    assert caught.value.code == 409
    await client.delete(resources.PODS, NS, "s-0", uid=uid, propagation="Foreground")
    await until(lambda: server.simulation.store.by_uid(uid) is None)


async def test_a_throttled_request_says_how_long(server: ClusterServer, client: ApiClient) -> None:
    server.faults.throttle(times=1, retry_after_seconds=7)
    with pytest.raises(ApiError) as caught:
        await client.get(resources.PODS, NS, "a")
    assert (caught.value.code, caught.value.retry_after_seconds) == (429, 7)
    with pytest.raises(ApiError) as caught:
        await client.get(resources.PODS, NS, "a")
    assert caught.value.code == 404


async def test_strangers_are_turned_away(server: ClusterServer) -> None:
    async with aiohttp.ClientSession(server.url) as session:
        async with session.get("/api/v1/pods") as response:
            assert response.status == 401
        async with session.get("/readyz") as response:
            assert (response.status, await response.text()) == (200, "ok")


async def test_discovery_names_what_is_served(server: ClusterServer) -> None:
    async with aiohttp.ClientSession(server.url, headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        async with session.get("/version") as response:
            assert (await response.json())["gitVersion"].startswith("v1.36")
        async with session.get("/apis/leaderworkerset.x-k8s.io/v1") as response:
            names = [entry["name"] for entry in (await response.json())["resources"]]
        assert names == ["leaderworkersets", "leaderworkersets/status", "leaderworkersets/scale"]
        async with session.get("/apis/nobody.example/v1/things") as response:
            assert response.status == 404
        async with session.post("/api/v1/namespaces/default/pods?dryRun=All", json=pod("a")) as response:
            assert response.status == 400
        async with session.patch("/api/v1/namespaces/default/pods/a", json={}) as response:
            assert response.status == 415
        async with session.post("/api/v1/namespaces/default/pods", data=b"{") as response:
            assert response.status == 400


async def test_kubectl_gets_tables_and_enough_openapi(server: ClusterServer) -> None:
    server.simulation.api.create(kinds.STATEFULSETS, statefulset("s", replicas=1), namespace=NS)
    await until(lambda: objects.is_true(server.simulation.api.find(kinds.PODS, "s-0", namespace=NS) or NO_POD, "Ready"))
    server.simulation.kubelets.restart_container("s-0")
    await until(lambda: objects.is_true(server.simulation.api.get(kinds.PODS, "s-0", namespace=NS), "Ready"))
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    async with aiohttp.ClientSession(server.url, headers=headers) as session:
        async with session.get("/api/v1/namespaces/default/pods") as response:
            table = await response.json()
        assert [column["name"] for column in table["columnDefinitions"] if not column["priority"]] == [
            "Name",
            "Ready",
            "Status",
            "Restarts",
            "Age",
        ]
        assert table["rows"][0]["cells"][:4] == ["s-0", "1/1", "Running", 1]
        async with session.get("/openapi/v3") as response:
            path = (await response.json())["paths"]["apis/apps/v1"]["serverRelativeURL"]
        async with session.get(path) as response:
            assert "/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}" in (await response.json())["paths"]


async def test_a_kubeconfig_is_private_and_points_here(server: ClusterServer, tmp_path: Path) -> None:
    path = server.write_kubeconfig(tmp_path / "kubeconfig")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = yaml.safe_load(path.read_text())
    assert document["clusters"][0]["cluster"]["server"] == server.url
    assert document["users"][0]["user"]["token"] == TOKEN


async def test_a_defect_of_the_simulation_is_not_hidden() -> None:
    def broken() -> None:
        raise ZeroDivisionError("a defect")

    simulation = Simulation()
    simulation.clock.at(0.1, broken)
    server = ClusterServer(simulation, settings=ServerSettings(speed=100))
    await server.__aenter__()
    async with aiohttp.ClientSession(server.url) as session, asyncio.timeout(10):
        while (await session.get("/api/v1/pods")).status != 500:
            await asyncio.sleep(0.02)
    with pytest.raises(ZeroDivisionError):
        await server.__aexit__()
