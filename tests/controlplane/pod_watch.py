"""Follow the pods that are bound to nodes: list, watch from there, and list again when the version is gone.

Raw lines decoded into the few fields a kubelet needs; 2,400 pods that start at once cost little that way.
Deliberately absent: any idea of what a pod needs.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import aiohttp
import msgspec

from tests.controlplane.api import Api, ApiError
from tests.controlplane.pod_status import Pod

BOUND: Final = "spec.nodeName!="
# A lost API server is asked again after this time; fault tests kill it.
RETRY_SECONDS: Final = 0.2


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Listing(msgspec.Struct):
    metadata: _Meta
    items: list[Pod]


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Bookmark(msgspec.Struct):
    metadata: _Meta


_LISTING: Final = msgspec.json.Decoder(_Listing)
_EVENT: Final = msgspec.json.Decoder(_Event)
_POD: Final = msgspec.json.Decoder(Pod)
_BOOKMARK: Final = msgspec.json.Decoder(_Bookmark)


async def follow_bound_pods(
    api: Api,
    *,
    listed: Callable[[list[Pod]], None],
    changed: Callable[[Pod], None],
    deleted: Callable[[Pod], None],
) -> None:
    """Call back for ever; only cancellation and programming errors end it."""
    while True:
        try:
            version = await _list(api, listed)
            await _watch(api, version, changed=changed, deleted=deleted)
        except (aiohttp.ClientError, ApiError, TimeoutError):
            await asyncio.sleep(RETRY_SECONDS)


async def _list(api: Api, listed: Callable[[list[Pod]], None]) -> str:
    code, body = await api.send("GET", "/api/v1/pods", params={"fieldSelector": BOUND})
    if code != 200:
        raise ApiError(code, {}, request="LIST pods")
    listing = _LISTING.decode(body)
    listed(listing.items)
    return listing.metadata.resource_version


async def _watch(api: Api, version: str, *, changed: Callable[[Pod], None], deleted: Callable[[Pod], None]) -> None:
    """Connection after connection from the last version seen, until the server says that it is gone."""
    while True:
        async for line in api.watch("/api/v1/pods", resource_version=version, fields=BOUND):
            event = _EVENT.decode(line)
            if event.type == "ERROR":
                return
            version = _BOOKMARK.decode(event.object).metadata.resource_version
            if event.type in {"ADDED", "MODIFIED"}:
                changed(_POD.decode(event.object))
            elif event.type == "DELETED":
                deleted(_POD.decode(event.object))
