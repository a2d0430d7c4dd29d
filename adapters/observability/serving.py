"""Small HTTP servers of the controller: probes, and metrics (spec 10.5, 10.6).

Metrics are for whoever the API server lets read them, over TLS; or, on a loopback address, for anybody and in plain.
Both servers answer from the start of the process, whatever else it waits for.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aiohttp import web

from adapters.observability.access import Guard, guarding
from adapters.observability.addresses import Address
from adapters.observability.metrics import CONTENT_TYPE, Metrics
from adapters.webhooks.files import CERTIFICATE_FILE, KEY_FILE, CertificateFiles
from adapters.webhooks.tls import KeyPair, LiveCertificate, TlsSettings

_SHUTDOWN_SECONDS: Final = 2.0
_METRICS_SERVICE: Final = "lws-controller-manager-metrics-service"


def metrics_application(metrics: Metrics, *, guard: Guard | None = None) -> web.Application:
    """What is served on the metrics port, for those whom ``guard`` lets in; None: for all."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    application = web.Application(middlewares=[guarding(guard)] if guard is not None else [])
    application.router.add_get("/metrics", answer)
    return application


async def metrics_certificate(
    directory: Path, *, tls: TlsSettings, namespace: str
) -> tuple[LiveCertificate, CertificateFiles | None]:
    """The certificate of the directory, with what keeps it up to date; of our own making where there is none.

    Raises ``CertificateError`` for files that cannot be used.
    """
    live = LiveCertificate(tls)
    if all((directory / name).is_file() for name in (CERTIFICATE_FILE, KEY_FILE)):
        files = CertificateFiles(directory, live, of="metrics")
        files.load()
        return live, files
    # Only here: the library that makes certificates weighs 7 MiB. In a thread, for it takes a while.
    from adapters.webhooks.certificates import ServerIdentity, make_authority, make_server_certificate

    def make() -> KeyPair:
        now = datetime.now(UTC)
        service = f"{_METRICS_SERVICE}.{namespace}.svc"
        identity = ServerIdentity(dns_names=(service, "localhost"), ip_addresses=("127.0.0.1", "::1"))
        return make_server_certificate(make_authority(now=now), identity, now=now)

    live.use(await asyncio.to_thread(make))
    return live, None


@contextlib.asynccontextmanager
async def serving(
    application: web.Application, address: Address, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve while the block runs; yields the port, which the system chooses where that of ``address`` is 0.

    Raises ``OSError`` where the address cannot be had.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address.host or None, address.port, ssl_context=tls)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
