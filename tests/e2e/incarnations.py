"""Watches the pods of a set from the outside and notes every moment in which two incarnations of a group overlap.

An incarnation is a leader pod's uid. A worker belongs to the leader that was there when the worker was created; the API
server orders all pods of one watch, so what is seen here is what was so.
"""

import asyncio
import contextlib
from typing import Any, Final, Self

import aiohttp
import msgspec

from tests.controlplane.api import Api, ApiError, core, eventually

_NAME: Final = "leaderworkerset.sigs.k8s.io/name"
_WORKER_INDEX: Final = "leaderworkerset.sigs.k8s.io/worker-index"
_GROUP_INDEX: Final = "leaderworkerset.sigs.k8s.io/group-index"


class Incarnations:
    """Follows the pods of one namespace. Use as an async context manager."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.overlaps: list[str] = []
        """Sentences about workers that existed together with a leader of another incarnation."""
        self.leaders: dict[str, list[str]] = {}
        """Uids of the leaders of each group, in the order in which they appeared."""
        self._api = api
        self._path = core("pods", namespace)
        self._workers: dict[str, dict[str, str]] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        version = await self._list()
        self._task = asyncio.create_task(self._follow(version))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _follow(self, version: str) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, ApiError):
                async for line in self._api.watch(self._path, resource_version=version):
                    event = msgspec.json.decode(line)
                    match event["type"]:
                        case "ADDED":
                            self._added(event["object"])
                        case "DELETED":
                            self._deleted(event["object"])
                        case "ERROR":
                            break
            # The connection broke, or the version is gone: what happened meanwhile shows in a new listing.
            version = await eventually(self._try_to_list, what="the API server to list pods again")

    async def _try_to_list(self) -> str | None:
        with contextlib.suppress(aiohttp.ClientError, ApiError):
            return await self._list()
        return None

    async def _list(self) -> str:
        """Take in a snapshot: workers that are gone first, so that only those that are still there overlap."""
        listing = await self._api.get(self._path)
        present = {pod["metadata"]["uid"] for pod in listing["items"]}
        for workers in self._workers.values():
            for name in [name for name, uid in workers.items() if uid not in present]:
                del workers[name]
        seen = {uid for uids in self.leaders.values() for uid in uids}
        seen |= {uid for workers in self._workers.values() for uid in workers.values()}
        new = [pod for pod in listing["items"] if pod["metadata"]["uid"] not in seen]
        for pod in sorted(new, key=lambda pod: not _is_leader(pod)):
            self._added(pod)
        return str(listing["metadata"]["resourceVersion"])

    def _added(self, pod: dict[str, Any]) -> None:
        group, name, uid = _group(pod), pod["metadata"]["name"], pod["metadata"]["uid"]
        if not group:
            return
        if _is_leader(pod):
            left = self._workers.get(group, {})
            if left:
                self.overlaps.append(f"new leader {name} ({uid}) appeared while {sorted(left)} were still there")
            self.leaders.setdefault(group, []).append(uid)
        else:
            self._workers.setdefault(group, {})[name] = uid

    def _deleted(self, pod: dict[str, Any]) -> None:
        group, name = _group(pod), pod["metadata"]["name"]
        if group and not _is_leader(pod):
            self._workers.get(group, {}).pop(name, None)


def _group(pod: dict[str, Any]) -> str:
    labels = pod["metadata"].get("labels", {})
    return f"{labels[_NAME]}-{labels.get(_GROUP_INDEX, '')}" if _NAME in labels else ""


def _is_leader(pod: dict[str, Any]) -> bool:
    return bool(pod["metadata"].get("labels", {}).get(_WORKER_INDEX) == "0")
