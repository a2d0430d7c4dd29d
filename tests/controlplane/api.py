"""A small Kubernetes API client for the tests, independent of the production adapters.

The tests must not believe the code they test, so they speak to the API server through this: JSON over one aiohttp
session, and watches as raw lines. Deliberately absent: caching, typed models, discovery, and retries but for 429 (a
storage of the API server still starts).
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeVar

import aiohttp
import msgspec

Json = dict[str, Any]
_Answer = TypeVar("_Answer")

MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
TABLE: Final = "application/json;as=Table;g=meta.k8s.io;v=v1"

BUSY_SECONDS_MAX: Final = 10.0

NAMESPACES: Final = "/api/v1/namespaces"
NODES: Final = "/api/v1/nodes"
CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Connection(NamedTuple):
    """Where the API server listens, whom to trust, and who we are."""

    server: str
    authority_file: Path
    token: str


class User(NamedTuple):
    """Whom an administrator's client speaks for, as the API server then names it to admission."""

    name: str
    groups: tuple[str, ...] = ()


class ApiError(Exception):
    """The API server refused: ``code`` is the HTTP status, ``status`` the ``Status`` object it sent."""

    def __init__(self, code: int, status: Json, *, request: str) -> None:
        """Keep the answer beside the request that led to it."""
        super().__init__(f"{request}: {code} {status.get('reason', '')}: {status.get('message', '')}")
        self.code = code
        self.status = status


def core(plural: str, namespace: str, name: str = "") -> str:
    """The path of a namespaced core resource, or of one object of it."""
    return _path(f"/api/v1/namespaces/{namespace}/{plural}", name)


def grouped(group_version: str, plural: str, namespace: str, name: str = "") -> str:
    """The path of a namespaced resource of a group such as ``apps/v1``, or of one object of it."""
    return _path(f"/apis/{group_version}/namespaces/{namespace}/{plural}", name)


def statefulsets(namespace: str, name: str = "") -> str:
    """The path of the StatefulSets of a namespace, or of one of them."""
    return grouped("apps/v1", "statefulsets", namespace, name)


def leaderworkersets(namespace: str, name: str = "") -> str:
    """The path of the LeaderWorkerSets of a namespace, or of one of them."""
    return grouped("leaderworkerset.x-k8s.io/v1", "leaderworkersets", namespace, name)


def _path(collection: str, name: str) -> str:
    return f"{collection}/{name}" if name else collection


class Api:
    """One session with one API server; an async context manager."""

    def __init__(
        self,
        connection: Connection,
        *,
        user_agent: str = "lws-events-tests",
        connections_max: int = 64,
        user: User | None = None,
    ) -> None:
        """Nothing is opened before the context is entered. ``user``: whom to impersonate."""
        self._connection = connection
        self._headers = [("Authorization", f"Bearer {connection.token}"), ("User-Agent", user_agent)]
        if user is not None:
            self._headers.append(("Impersonate-User", user.name))
            self._headers += [("Impersonate-Group", group) for group in user.groups]
        self._connections_max = connections_max
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session in the running loop."""
        trust = ssl.create_default_context(cafile=str(self._connection.authority_file))
        self._session = aiohttp.ClientSession(
            self._connection.server,
            connector=aiohttp.TCPConnector(ssl=trust, limit=self._connections_max),
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=60),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the session and its connections."""
        assert self._session is not None
        await self._session.close()

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Send exactly these bytes; the answer's code and bytes, whatever they are."""
        status, answer, _ = await self.exchange(method, path, body=body, content_type=content_type, params=params)
        return status, answer

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: dict[str, str] | None = None,
    ) -> tuple[int, bytes, tuple[str, ...]]:
        """As ``send``, with the ``Warning`` headers as a third part."""
        assert self._session is not None, "use the client as an async context manager"
        headers = {"Content-Type": content_type} if body is not None else {}
        async with self._session.request(method, path, data=body, params=params, headers=headers) as response:
            return response.status, await response.read(), tuple(response.headers.getall("Warning", ()))

    async def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        content_type: str = "application/json",
        params: dict[str, str] | None = None,
    ) -> Json:
        """Send JSON, return JSON; for a while again when the server is busy.

        Raises:
            ApiError: the answer's code is 400 or above.
        """
        data = None if body is None else msgspec.json.encode(body)
        deadline = time.monotonic() + BUSY_SECONDS_MAX
        while True:
            code, answer = await self.send(method, path, body=data, content_type=content_type, params=params)
            if code != 429 or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        if code >= 400:
            raise ApiError(code, _status(answer), request=f"{method} {path}")
        decoded: Json = msgspec.json.decode(answer)
        return decoded

    async def get(self, path: str) -> Json:
        """One object. Raises ``ApiError``."""
        return await self.call("GET", path)

    async def table(self, path: str) -> Json:
        """An object or a collection as the table that kubectl prints. Raises ``ApiError``."""
        assert self._session is not None, "use the client as an async context manager"
        async with self._session.get(path, headers={"Accept": TABLE}) as response:
            answer = await response.read()
            if response.status >= 400:
                raise ApiError(response.status, _status(answer), request=f"GET {path} as a table")
            decoded: Json = msgspec.json.decode(answer)
            return decoded

    async def find(self, path: str) -> Json | None:
        """One object, or ``None`` where there is none."""
        try:
            return await self.call("GET", path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def items(self, path: str, *, labels: str = "", fields: str = "") -> list[Json]:
        """The objects of a collection, optionally selected by labels or fields."""
        params = {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
        listed = await self.call("GET", path, params=params)
        items: list[Json] = listed["items"]
        return items

    async def create(self, collection: str, manifest: Json) -> Json:
        """Create an object in a collection. Raises ``ApiError``."""
        return await self.call("POST", collection, manifest)

    async def merge(self, path: str, change: Json) -> Json:
        """JSON merge patch. Raises ``ApiError``."""
        return await self.call("PATCH", path, change, content_type=MERGE_PATCH)

    async def apply(self, path: str, manifest: Json, *, manager: str = "tests") -> Json:
        """Server-side apply, with force. Raises ``ApiError``."""
        return await self.call(
            "PATCH", path, manifest, content_type=APPLY_PATCH, params={"fieldManager": manager, "force": "true"}
        )

    async def delete(
        self, path: str, *, uid: str = "", grace_seconds: int | None = None, propagation: str = ""
    ) -> Json | None:
        """Delete one object, optionally only this incarnation of it; ``None`` where there is none.

        ``grace_seconds=0`` on a pod is a force delete. Raises ``ApiError`` on anything but 404.
        """
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if propagation:
            options["propagationPolicy"] = propagation
        try:
            return await self.call("DELETE", path, options)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def watch(self, path: str, *, resource_version: str, fields: str = "") -> AsyncIterator[bytes]:
        """The lines of one watch connection, until the server ends it; an error of the server is a line as well.

        Raises:
            ApiError: the watch was refused.
            aiohttp.ClientError: the connection broke.
        """
        assert self._session is not None
        params = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": resource_version}
        if fields:
            params["fieldSelector"] = fields
        # No total: a watch is as long as the server lets it be. A silent one ends and is opened again.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=300)
        async with self._session.get(path, params=params, timeout=timeout) as response:
            if response.status >= 400:
                raise ApiError(response.status, _status(await response.read()), request=f"WATCH {path}")
            pending = b""
            async for chunk in response.content.iter_any():
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    yield line


def _status(answer: bytes) -> Json:
    try:
        decoded = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        decoded = None
    return decoded if isinstance(decoded, dict) else {"message": answer[:500].decode(errors="replace")}


async def eventually(
    probe: Callable[[], Awaitable[_Answer | None]],
    *,
    what: str,
    timeout_seconds: float = 60,
    interval_seconds: float = 0.1,
) -> _Answer:
    """Ask until the answer is truthy; the one way in which tests wait for a real process.

    Raises:
        TimeoutError: not in time; the message says what was waited for and the last answer.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer = await probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_seconds} s for {what}; the last answer was {answer!r}")
        await asyncio.sleep(interval_seconds)
