"""The floor: what Kubernetes itself takes for the same StatefulSets, posted at once, with no controller and no webhook.

No controller can be faster than that; how much slower it is, is its own doing.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from tests.bench.plane import fresh_plane
from tests.controlplane.api import Api, Json, core, statefulsets
from tests.controlplane.fixtures import create_namespace

REPEATS_MAX: Final = 3
REPEATED_SECONDS: Final = 5.0


class _Condition(msgspec.Struct):
    type: str
    status: str


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    resource_version: str = ""


class _Status(msgspec.Struct):
    conditions: list[_Condition] = []


class _Pod(msgspec.Struct):
    metadata: _Metadata
    status: _Status = msgspec.field(default_factory=_Status)


class _Event(msgspec.Struct):
    type: str
    object: _Pod


_EVENT = msgspec.json.Decoder(_Event)


async def measure(manifests: Sequence[Json], *, timeout_seconds: float) -> float:
    """Seconds from the first POST until every pod of the StatefulSets is ready. Raises ``TimeoutError``.

    Small ones are measured several times, each in a new namespace, and the least counts: a floor is what is possible.
    """
    found: list[float] = []
    async with fresh_plane() as plane, asyncio.timeout(timeout_seconds):
        namespace = plane.namespace
        while not found or (len(found) < REPEATS_MAX and sum(found) < REPEATED_SECONDS):
            found.append(await _once(plane.api, namespace, manifests))
            namespace = await create_namespace(plane.api, prefix="floor")
    return min(found)


async def _once(api: Api, namespace: str, manifests: Sequence[Json]) -> float:
    pods = sum(manifest["spec"]["replicas"] for manifest in manifests)
    version = (await api.call("GET", core("pods", namespace)))["metadata"]["resourceVersion"]
    ready = asyncio.create_task(_all_ready(api, core("pods", namespace), version, pods=pods))
    began = time.monotonic()
    await asyncio.gather(*(api.create(statefulsets(namespace), manifest) for manifest in manifests))
    await ready
    return time.monotonic() - began


async def _all_ready(api: Api, path: str, version: str, *, pods: int) -> None:
    """Watch until so many pods are ready. Nothing takes pods away meanwhile."""
    ready: set[str] = set()
    while len(ready) < pods:
        async with aclosing(api.watch(path, resource_version=version)) as lines:  # type: ignore[type-var]
            async for line in lines:
                event = _EVENT.decode(line)
                if event.type == "ERROR":
                    raise RuntimeError(f"the watch of the floor's pods broke: {line[:300]!r}")
                version = event.object.metadata.resource_version
                if any(c.type == "Ready" and c.status == "True" for c in event.object.status.conditions):
                    ready.add(event.object.metadata.name)
                if len(ready) == pods:
                    return
