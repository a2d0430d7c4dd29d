"""What kubelets serve of containers' logs: the end that the API server asks when somebody reads a pod's log.

One HTTPS server for all nodes of ``Kubelets``; the API server reaches it by the address and port in the Node objects.
Deliberately absent: everything else of a kubelet's API, and logs that grow while they are read.
"""

import ssl
from pathlib import Path
from typing import Final, Self

from aiohttp import web

from tests.controlplane.certificates import make_authority, write_server_certificate

LOOPBACK: Final = "127.0.0.1"


class KubeletLogs:
    """An async context manager. ``write`` is what a container has written; nothing else is there to read."""

    def __init__(self, directory: Path) -> None:
        """``directory`` is for the server's certificate."""
        self._directory = directory
        self._texts: dict[tuple[str, str, str, bool], str] = {}
        self._runner: web.AppRunner | None = None
        self.port = 0

    def write(self, namespace: str, pod: str, text: str, *, container: str = "main", previous: bool = False) -> None:
        """A container's log; ``previous``: of the run before the last restart."""
        self._texts[namespace, pod, container, previous] = text

    async def __aenter__(self) -> Self:
        certificate, key = write_server_certificate(make_authority(), self._directory, hosts=(LOOPBACK,))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        application = web.Application()
        application.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._read)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0, ssl_context=tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _read(self, request: web.Request) -> web.Response:
        found = request.match_info
        previous = request.query.get("previous") == "true"
        text = self._texts.get((found["namespace"], found["pod"], found["container"], previous))
        if text is None:
            return web.Response(status=400, text=f"unable to retrieve container logs for test://{found['container']}")
        lines = text.splitlines(keepends=True)
        return web.Response(text="".join(lines[-int(request.query.get("tailLines", len(lines))) :]))
