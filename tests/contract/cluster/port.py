"""The cluster that the contract is about, a client that watches, and what all parts of the suite share."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

import aiohttp
import msgspec

from tests.controlplane.api import Api, ApiError, Json, core, eventually, statefulsets
from tests.simulation.manifests import statefulset


class WatchingApi(Api):
    """A client that reads a watch with any parameters."""

    async def lines(self, path: str, params: dict[str, str]) -> AsyncIterator[bytes]:
        """The lines of one watch connection until it ends. Raises ``ApiError`` when it is refused."""
        assert self._session is not None, "use the client as an async context manager"
        timeout = aiohttp.ClientTimeout(total=None, sock_read=120)
        async with self._session.get(path, params=params, timeout=timeout) as response:
            if response.status >= 400:
                raise ApiError(response.status, await response.json(), request=f"WATCH {path}")
            async for line in response.content:
                yield line


class Cluster(Protocol):
    """A cluster under test: eight nodes in four racks (label ``rack_key``), and an empty namespace."""

    api: WatchingApi
    namespace: str
    rack_key: str

    async def evict(self, name: str) -> None:
        """The kubelet evicts a pod: phase Failed."""

    async def restart_container(self, name: str, *, exit_code: int) -> None:
        """A container of a pod ends and starts again."""

    async def set_ready(self, name: str, *, ready: bool) -> None:
        """A pod's readiness changes."""

    async def forget_history(self) -> None:
        """Every watch from an older revision expires."""


class Lines:
    """A watch that is read line by line in the background."""

    def __init__(self, api: WatchingApi, path: str, *, resource_version: str, **params: str) -> None:
        self.events: list[Json] = []
        self._task = asyncio.create_task(self._read(api, path, resource_version, params))

    async def _read(self, api: WatchingApi, path: str, resource_version: str, params: dict[str, str]) -> None:
        query = {"watch": "true", "resourceVersion": resource_version, "timeoutSeconds": "60", **params}
        async for line in api.lines(path, query):
            self.events.append(msgspec.json.decode(line))

    async def until(self, *wanted: tuple[str, str]) -> None:
        """Wait for these ``(type, name)`` in this order, others in between."""

        async def seen() -> bool:
            rest = iter(self.facts())
            return all(fact in rest for fact in wanted)

        await eventually(seen, what=f"{wanted} in {self.facts()}", timeout_seconds=30)

    def facts(self) -> list[tuple[str, str]]:
        """``(type, name)`` of each event so far."""
        return [(event["type"], event["object"].get("metadata", {}).get("name", "")) for event in self.events]

    async def close(self) -> None:
        """Stop reading."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class ClusterSuite:
    """Base of all parts of the contract: ways to act on the cluster and to wait for it."""

    async def pods(self, cluster: Cluster, labels: str = "") -> dict[str, Json]:
        found = await cluster.api.items(core("pods", cluster.namespace), labels=labels)
        return {item["metadata"]["name"]: item for item in found}

    async def ready_pods(self, cluster: Cluster, *names: str) -> dict[str, Json]:
        """Wait until exactly these pods exist, ready and not terminating."""

        async def probe() -> dict[str, Json]:
            pods = await self.pods(cluster)
            good = sorted(pods) == sorted(names) and all(ready(item) for item in pods.values())
            return pods if good else {}

        return await eventually(probe, what=f"ready pods {names}")

    async def no_pods(self, cluster: Cluster) -> None:
        """Wait until the namespace has no pod."""

        async def probe() -> bool:
            return not await self.pods(cluster)

        await eventually(probe, what="no pods")

    async def gone(self, cluster: Cluster, path: str) -> None:
        async def probe() -> bool:
            return await cluster.api.find(path) is None

        await eventually(probe, what=f"{path} to be gone")

    async def create_set(self, cluster: Cluster, name: str = "s", **options: Any) -> Json:
        return await cluster.api.create(statefulsets(cluster.namespace), statefulset(name, **options))

    async def settled_set(self, cluster: Cluster, name: str = "s", **expected: int) -> Json:
        """Wait until a StatefulSet has observed its generation and has these counts in its status."""

        async def probe() -> Json | None:
            found = await cluster.api.get(statefulsets(cluster.namespace, name))
            status = found["status"]
            same = all(status.get(key, 0) == value for key, value in expected.items())
            return found if same and status.get("observedGeneration") == found["metadata"]["generation"] else None

        return await eventually(probe, what=f"StatefulSet {name} to have {expected}")

    async def new_image(self, cluster: Cluster, image: str, **strategy: Any) -> None:
        containers = [{"name": "main", "image": image}]
        change: Json = {"template": {"spec": {"terminationGracePeriodSeconds": 5, "containers": containers}}}
        if strategy:
            change["updateStrategy"] = {"rollingUpdate": strategy}
        await cluster.api.merge(statefulsets(cluster.namespace, "s"), {"spec": change})

    def config(self, name: str = "a", **data: str) -> Json:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def ready(item: Json) -> bool:
    """Whether a pod is ready and not terminating."""
    conditions = item.get("status", {}).get("conditions") or []
    is_ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
    return is_ready and "deletionTimestamp" not in item["metadata"]


def scheduled(item: Json) -> Json:
    """The PodScheduled condition of a pod, or nothing."""
    conditions = item.get("status", {}).get("conditions") or []
    return next((entry for entry in conditions if entry["type"] == "PodScheduled"), {})
