"""The admission webhooks of a controller: certificate from files or of our own making, requests passed on.

Admission needs neither the journal nor a leader: it is served as soon as there is a certificate, and goes on while the
journal is away.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import NamedTuple, Protocol

from adapters.controller.background import Background
from adapters.controller.errors import listening
from adapters.kubernetes.client import ApiClient
from adapters.webhooks.cluster import KubernetesSecretStore, KubernetesWebhookConfigurations
from adapters.webhooks.files import CertificateFiles
from adapters.webhooks.live_claims import LiveClaims
from adapters.webhooks.relay import RequestRelay
from adapters.webhooks.server import AdmissionServer, RequestMetrics, SurroundingsOf
from adapters.webhooks.tls import LiveCertificate, TlsSettings
from lws_events.admission import PATHS, RECORD

_PORT_FLAG = "--webhook-port"


class WebhookSettings(NamedTuple):
    """How admission is served."""

    host: str
    port: int
    certificate_directory: Path | None
    """None: the certificate is made and rotated by this process."""
    namespace: str
    service: str
    secret: str
    tls: TlsSettings = TlsSettings()


class AdmissionMetrics(RequestMetrics, Protocol):
    """Where answered requests are counted, from zero."""

    def webhook_registered(self, path: str) -> None:
        """A webhook is served."""


class Admission:
    """Admission as it is being served."""

    def __init__(self, server: AdmissionServer, *, certificate_problem: Callable[[], str]) -> None:
        self._server = server
        self._certificate_problem = certificate_problem

    @property
    def problem(self) -> str:
        """Why the API server cannot ask us; empty when it can."""
        return self._certificate_problem() or ("" if self._server.ready else "the webhook server does not listen")

    @property
    def port(self) -> int:
        """Where it listens; 0 while it does not."""
        return self._server.port


@contextlib.asynccontextmanager
async def serving_admission(
    settings: WebhookSettings,
    *,
    client: ApiClient | None,
    surroundings_of: SurroundingsOf,
    requests: RequestRelay | None,
    metrics: AdmissionMetrics,
    background: Background,
) -> AsyncIterator[Admission]:
    """Serve while the block runs. ``client`` is needed for a certificate of our own making, which is waited for.

    ``requests`` keeps who asked for what; None where there is no place to keep it in. Raises ``CertificateError`` for
    files that cannot be used, ``CannotListen`` for an address that cannot be had.
    """
    for path in (*PATHS, RECORD):
        metrics.webhook_registered(path)
    live = LiveCertificate(settings.tls)
    server = AdmissionServer(
        live,
        host=settings.host,
        port=settings.port,
        surroundings_of=surroundings_of,
        live_claims=LiveClaims(client) if client is not None else None,
        requests=requests,
        metrics=metrics,
    )
    if settings.certificate_directory is not None:
        files = CertificateFiles(settings.certificate_directory, live)
        files.load()
        with listening(_PORT_FLAG, port=settings.port, host=settings.host):
            await server.start()
        task = background.start(files.run(), name="certificate files")
        admission = Admission(server, certificate_problem=lambda: "")
    else:
        assert client is not None, "a certificate of our own making is kept in the cluster"
        # Only here: the library that makes certificates weighs 7 MiB.
        from adapters.webhooks.certificates import ServerIdentity
        from adapters.webhooks.rotation import CertificateRotator

        rotator = CertificateRotator(
            KubernetesSecretStore(client, namespace=settings.namespace, name=settings.secret),
            KubernetesWebhookConfigurations(client),
            live,
            identity=ServerIdentity.of_service(settings.service, settings.namespace),
        )
        serving = _serve_once_certified(server, live, rotator.run(), settings=settings)
        task = background.start(serving, name="webhook server")
        admission = Admission(server, certificate_problem=lambda: rotator.problem)
    try:
        yield admission
    finally:
        await background.stop(task)
        await server.stop()


async def _serve_once_certified(
    server: AdmissionServer, live: LiveCertificate, rotation: Coroutine[None, None, None], *, settings: WebhookSettings
) -> None:
    """Rotate for ever; listen as soon as there is a certificate. Raises ``CannotListen``."""
    rotating = asyncio.create_task(rotation)
    certified = asyncio.create_task(live.available.wait())
    try:
        await asyncio.wait({rotating, certified}, return_when=asyncio.FIRST_COMPLETED)
        if certified.done():
            with listening(_PORT_FLAG, port=settings.port, host=settings.host):
                await server.start()
        await rotating
    finally:
        certified.cancel()
        rotating.cancel()
        await asyncio.gather(rotating, return_exceptions=True)
