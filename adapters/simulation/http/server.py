"""The HTTP server of a simulated cluster, and the hand that moves its virtual time along with the real one.

Every request sees the cluster at the virtual time that corresponds to now; between requests a task runs what is due.
``speed`` is virtual seconds per real second.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec
import yaml
from aiohttp import web

from adapters.simulation.errors import ApiError, MethodNotAllowedError
from adapters.simulation.http import changing, discovery, tables
from adapters.simulation.http.changing import Change
from adapters.simulation.http.faults import HttpFaults
from adapters.simulation.http.reading import Lists, selection_of
from adapters.simulation.http.targets import Target, target_of
from adapters.simulation.http.watches import Watches, options_of
from adapters.simulation.simulation import Simulation

BODY_BYTES_MAX = 16 * 2**20
STEPS_PER_TURN = 200
"""Actions run before the event loop gets its turn again, so that a storm does not silence the server."""
IDLE_SECONDS_MAX = 0.1
"""Time moves on at least this often, so that faults from within the process happen at the right time."""
_HEALTH = frozenset({"/readyz", "/livez", "/healthz"})


@dataclass(frozen=True)
class ServerSettings:
    """How the cluster is served. An empty ``token`` admits everybody; ``port`` 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    speed: float = 1.0
    token: str = ""
    bookmark_seconds: float = 60.0


class ClusterServer:
    """An async context manager: on entering it listens and time runs, on leaving both have ended."""

    def __init__(self, simulation: Simulation, *, settings: ServerSettings | None = None) -> None:
        self.simulation = simulation
        self.settings = settings or ServerSettings()
        self.faults = HttpFaults(simulation.store)
        self.url = ""
        self.requests: dict[tuple[str, str], int] = {}
        """Requests received by ``(method, plural or path)``."""
        self._lists = Lists(simulation.store)
        self._watches = Watches(simulation.store, self.faults, bookmark_seconds=self.settings.bookmark_seconds)
        self._runner: web.AppRunner | None = None
        self._driver: asyncio.Task[None] | None = None
        self._wake_up = asyncio.Event()
        self._began = (0.0, 0.0)
        self._defect: Exception | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.settings.host, self.settings.port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._began = (asyncio.get_running_loop().time(), self.simulation.clock.now)
        self._driver = asyncio.create_task(self._drive())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop; a failure of the simulation itself comes to light here."""
        self.faults.drop_watches()
        driver, runner = self._driver, self._runner
        assert driver is not None, "entered before left"
        assert runner is not None, "entered before left"
        driver.cancel()
        await asyncio.gather(driver, return_exceptions=True)
        await runner.cleanup()
        if self._defect is not None:
            raise self._defect

    def write_kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for this server; readable by its owner only. Returns the path."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "simulated",
            "clusters": [{"name": "simulated", "cluster": {"server": self.url}}],
            "users": [{"name": "simulated", "user": {"token": self.settings.token} if self.settings.token else {}}],
            "contexts": [
                {
                    "name": "simulated",
                    "context": {"cluster": "simulated", "user": "simulated", "namespace": "default"},
                }
            ],
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document))
        return path

    # time

    def catch_up(self) -> None:
        """Run what is due by now, some of it at most, and move time on if nothing is left behind."""
        began_real, began_virtual = self._began
        elapsed = asyncio.get_running_loop().time() - began_real
        target = began_virtual + elapsed * self.settings.speed
        clock = self.simulation.clock
        for _ in range(STEPS_PER_TURN):
            due = clock.next_at()
            if due is None or due > target:
                clock.advance_to(target)
                return
            try:
                clock.step()
            except Exception as error:
                self._defect = error
                raise

    async def _drive(self) -> None:
        while True:
            self._wake_up.clear()
            self.catch_up()
            due = self.simulation.clock.next_at()
            delay = IDLE_SECONDS_MAX
            if due is not None:
                delay = min(delay, max(0.0, (due - self.simulation.clock.now) / self.settings.speed))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake_up.wait()

    # requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except ApiError as error:
            retry = error.details.get("retryAfterSeconds")
            headers = {"Retry-After": str(retry)} if retry else {}
            return _json(error.status(), status=error.code, headers=headers)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self._defect is not None:
            # Better a failing request that shows it than a cluster that stands still.
            raise self._defect
        if request.path in _HEALTH:
            return web.Response(text="ok")
        if self.settings.token and request.headers.get("Authorization") != f"Bearer {self.settings.token}":
            unauthorized = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized"}
            return _json({**unauthorized, "reason": "Unauthorized", "code": 401}, status=401)
        document = discovery.document(request.path)
        if document is not None and request.method == "GET":
            return _json(document)
        target = target_of(request.path)
        counted = (request.method, target.kind.plural)
        self.requests[counted] = self.requests.get(counted, 0) + 1
        body = await request.read()
        self.catch_up()
        self.faults.check(request.method, target)
        if request.method == "GET":
            return await self._read(request, target)
        changing.refuse_dry_run(request.query)
        try:
            return self._change(request, target, body)
        finally:
            self._wake_up.set()

    async def _read(self, request: web.Request, target: Target) -> web.StreamResponse:
        query = request.query
        if query.get("watch") in {"true", "1"}:
            return await self._watches.serve(request, selection_of(target, query), options_of(query))
        as_table = tables.ACCEPT in request.headers.get("Accept", "") and not target.subresource
        clock = self.simulation.clock
        if not target.name:
            page = self._lists.page(selection_of(target, query), query)
            if as_table:
                found = [record.obj for record in page.records]
                return _json(tables.table(target.kind, found, clock=clock, page=page))
            return web.Response(body=page.encoded(), content_type="application/json")
        obj = self.simulation.api.get(target.kind, target.name, namespace=target.namespace)
        if as_table:
            return _json(tables.table(target.kind, [obj], clock=clock))
        if target.subresource == "scale" and target.kind.scale:
            obj = changing.scale_of(obj)
        return _json(obj)

    def _change(self, request: web.Request, target: Target, body: bytes) -> web.Response:
        api = self.simulation.api
        change = Change(
            target=target,
            query=request.query,
            content_type=request.headers.get("Content-Type", "application/json"),
            body=body,
            user=request.headers.get("Impersonate-User", "kubernetes-admin"),
            manager=request.query.get("fieldManager") or request.headers.get("User-Agent", "unknown").partition("/")[0],
        )
        match request.method:
            case "POST":
                return _json(changing.create(api, change), status=201)
            case "PUT":
                return _json(changing.replace(api, change))
            case "PATCH":
                patched, created = changing.patch(api, change)
                return _json(patched, status=201 if created else 200)
            case "DELETE" if target.name:
                return _json(changing.delete(api, change))
            case "DELETE":
                return _json(changing.delete_collection(api, change, selection_of(target, request.query)))
            case _:
                raise MethodNotAllowedError(f"the server does not allow {request.method} here")


def _json(document: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(document), status=status, content_type="application/json", headers=headers
    )
