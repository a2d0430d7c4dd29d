"""An API server on loopback that answers from a script, for tests of what the client does with the answers."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self

from aiohttp import web

from adapters.kubernetes.client import ApiClient, RequestMeter
from adapters.kubernetes.credentials import Credentials, FixedCredentials

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedApi:
    """Answers in the order of the script of a method and path; the last answer marked ``always`` is repeated."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._scripts: defaultdict[tuple[str, str], deque[Respond]] = defaultdict(deque)
        self._always: dict[tuple[str, str], Respond] = {}
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def client(self, credentials: Credentials | None = None, *, meter: RequestMeter | None = None) -> ApiClient:
        return ApiClient(credentials or FixedCredentials(self.url), meter=meter, timeout_seconds=5.0)

    def script(self, method: str, path: str, *answers: Respond) -> None:
        self._scripts[method, path].extend(answers)

    def always(self, method: str, path: str, answer: Respond) -> None:
        self._always[method, path] = answer

    def requests(self, method: str, path: str | None = None) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == method and path in (None, asked.path)]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append(Asked(request.method, request.path, dict(request.query), body, dict(request.headers)))
        key = (request.method, request.path)
        if self._scripts[key]:
            return await self._scripts[key].popleft()(request)
        if key in self._always:
            return await self._always[key](request)
        return await refuse(404, "NotFound", f"{request.path} is not in the script")(request)


def answer(body: Any, *, code: int = 200, headers: dict[str, str] | None = None) -> Respond:
    """A JSON body (or the bytes of one)."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def respond(_: web.Request) -> web.Response:
        return web.Response(status=code, body=data, content_type="application/json", headers=headers)

    return respond


def refuse(
    code: int, reason: str, message: str = "", *, headers: dict[str, str] | None = None, causes: Any = None
) -> Respond:
    """A Status."""
    details = {"causes": causes} if causes else {}
    status = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return answer(status, code=code, headers=headers)


def stream(*pieces: Any, then: str = "end") -> Respond:
    """A chunked answer; a dict is one line. ``then``: ``end``, ``cut`` (connection lost) or ``wait`` (for ever)."""

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece if isinstance(piece, bytes) else json.dumps(piece).encode() + b"\n")
        if then == "cut":
            assert request.transport is not None
            request.transport.abort()
        elif then == "wait":
            await asyncio.Event().wait()
        return response

    return respond


def lost() -> Respond:
    """The connection breaks before any answer."""

    async def respond(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    return respond


def page(*items: dict[str, Any], version: str, more: str = "") -> Respond:
    """A page of a listing."""
    metadata = {"resourceVersion": version, **({"continue": more} if more else {})}
    return answer({"metadata": metadata, "items": list(items)})


def added(obj: dict[str, Any]) -> dict[str, Any]:
    return {"type": "ADDED", "object": obj}


def modified(obj: dict[str, Any]) -> dict[str, Any]:
    return {"type": "MODIFIED", "object": obj}


def deleted(obj: dict[str, Any]) -> dict[str, Any]:
    return {"type": "DELETED", "object": obj}


def bookmark(version: str) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": version}}}


def expired() -> dict[str, Any]:
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    return {"type": "ERROR", "object": status}


class Collection:
    """A collection that can be listed and watched; the test changes it."""

    def __init__(self, *items: dict[str, Any], version: str = "100") -> None:
        self.items = list(items)
        self.version = version
        self.gone = False
        self.watches: list[asyncio.Queue[Any]] = []

    def push(self, event: dict[str, Any]) -> None:
        """Send an event to whoever watches now."""
        for watch in self.watches:
            watch.put_nowait(event)

    def hang_up(self) -> None:
        """End the watches in good order."""
        for watch in self.watches:
            watch.put_nowait(None)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return await page(*self.items, version=self.version)(request)
        if self.gone:
            self.gone = False
            return await refuse(410, "Expired")(request)
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        events: asyncio.Queue[Any] = asyncio.Queue()
        self.watches.append(events)
        try:
            while (event := await events.get()) is not None:
                await response.write(json.dumps(event).encode() + b"\n")
        finally:
            self.watches.remove(events)
        return response
