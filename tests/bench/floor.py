"""The floor: what Kubernetes itself takes for the same StatefulSets, posted at once, with no controller and no webhook.

No controller can be faster than that; how much slower it is, is its own doing.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing

import msgspec

from tests.bench.plane import fresh_plane
from tests.controlplane.api import Api, Json, core, statefulsets


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
    """Seconds from the first POST until every pod of the StatefulSets is ready. Raises ``TimeoutError``."""
    pods = sum(manifest["spec"]["replicas"] for manifest in manifests)
    async with fresh_plane() as plane, asyncio.timeout(timeout_seconds):
        collection = statefulsets(plane.namespace)
        version = (await plane.api.call("GET", core("pods", plane.namespace)))["metadata"]["resourceVersion"]
        ready = asyncio.create_task(_all_ready(plane.api, core("pods", plane.namespace), version, pods=pods))
        began = time.monotonic()
        await asyncio.gather(*(plane.api.create(collection, manifest) for manifest in manifests))
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
