"""A proxy before the API server that makes watches expire for its one client, and for nobody else.

Killing the API server to the same end would also blind the cluster's own controllers, whose mistakes afterwards are not
what is tested. Everything but an expired watch is passed on as it is.
"""

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Final, Self

import aiohttp
import yaml
from aiohttp import web

from tests.controlplane.api import Connection

_EXPIRED: Final = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure",'
    b'"message":"too old resource version","reason":"Expired","code":410}}\n'
)
_HOP_BY_HOP: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class ExpiringProxy:
    """An async context manager: on entering it listens on loopback."""

    def __init__(self, connection: Connection) -> None:
        self.expired = 0
        """How many watches were told that their version is gone."""
        self._connection = connection
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._watches: set[asyncio.Event] = set()
        self._url = ""

    async def __aenter__(self) -> Self:
        trust = ssl.create_default_context(cafile=str(self._connection.authority_file))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=0),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        application = web.Application(client_max_size=16 * 2**20)
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.expire_watches()
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    def write_kubeconfig(self, path: Path) -> Path:
        """A kubeconfig that leads through the proxy, with an administrator's rights."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": self._url}}],
            "users": [{"name": "proxy", "user": {"token": self._connection.token}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        }
        path.write_text(yaml.safe_dump(document))
        return path

    def expire_watches(self) -> None:
        """Answer every watch that is open with 410, in the middle of its stream, and end it."""
        for gone in self._watches:
            gone.set()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        async with self._session.request(
            request.method,
            self._connection.server + request.raw_path,
            headers=headers,
            data=await request.read() or None,
        ) as answer:
            passed = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=passed)
            with contextlib.suppress(ConnectionResetError):  # the client went without waiting
                await response.prepare(request)
                if "watch" in request.query and answer.status == 200:
                    await self._stream(answer, response)
                else:
                    await response.write(await answer.read())
                await response.write_eof()
            return response

    async def _stream(self, answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
        """Pass lines on whole, so that the error comes between two of them."""
        gone = asyncio.Event()
        self._watches.add(gone)
        waiting = asyncio.ensure_future(gone.wait())
        reading = asyncio.ensure_future(answer.content.readline())
        try:
            while True:
                await asyncio.wait({waiting, reading}, return_when=asyncio.FIRST_COMPLETED)
                if gone.is_set():
                    self.expired += 1
                    await response.write(_EXPIRED)
                    return
                line = reading.result()
                if not line:
                    return
                await response.write(line)
                reading = asyncio.ensure_future(answer.content.readline())
        except aiohttp.ClientPayloadError:
            return  # the API server has gone: the client connects again
        finally:
            self._watches.discard(gone)
            waiting.cancel()
            reading.cancel()
            await asyncio.gather(waiting, reading, return_exceptions=True)
