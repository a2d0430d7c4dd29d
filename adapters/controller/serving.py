"""The admission webhooks of a controller: certificate from files or of our own making, changes passed on."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import structlog

from adapters.controller.background import Background
from adapters.journal.group_commit import GroupCommit
from adapters.journal.port import Message
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.pace import Clock
from adapters.webhooks.changes import ChangeRelay
from adapters.webhooks.cluster import KubernetesSecretStore, KubernetesWebhookConfigurations
from adapters.webhooks.files import CertificateFiles
from adapters.webhooks.server import AdmissionServer, RequestMetrics
from adapters.webhooks.tls import LiveCertificate
from lws_events import events
from lws_events.admission import SpecChange
from lws_events.subjects import REQUEST, SetName, event_subject

_log = structlog.get_logger(__name__)


class WebhookSettings(NamedTuple):
    """How admission is served."""

    host: str
    port: int
    certificate_directory: Path | None
    """None: the certificate is made and rotated by this process."""
    namespace: str
    service: str
    secret: str


@contextlib.asynccontextmanager
async def serving_admission(
    settings: WebhookSettings,
    *,
    client: ApiClient | None,
    record: Callable[[SpecChange], Awaitable[None]] | None,
    metrics: RequestMetrics,
    background: Background,
) -> AsyncIterator[AdmissionServer]:
    """Serve while the block runs. ``client`` is needed for a certificate of our own making.

    ``record`` keeps who changed what; None where there is no journal to keep it in. Raises ``CertificateError``,
    ``KubernetesError``, and ``OSError`` for an address that cannot be had.
    """
    live = LiveCertificate()
    if settings.certificate_directory is not None:
        files = CertificateFiles(settings.certificate_directory, live)
        files.load()
        background.start(files.run(), name="certificate files")
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
        await rotator.ensure()
        background.start(rotator.run(), name="certificate rotation")
    changes = None
    if record is not None:
        changes = ChangeRelay(record)
        background.start(changes.run(), name="spec changes")
    async with AdmissionServer(
        live, host=settings.host, port=settings.port, changes=changes, metrics=metrics
    ) as server:
        yield server
    if changes is not None:
        await changes.drained(seconds_max=2.0)


def recorder(writer: GroupCommit, *, cluster: str, clock: Clock) -> Callable[[SpecChange], Awaitable[None]]:
    """Keeps who asked for a change of a set as a fact in the journal."""

    async def record(change: SpecChange) -> None:
        set_name = SetName(change.namespace, change.name)
        now_ms = clock.now_ms()
        subject = event_subject(cluster, set_name, REQUEST, change.fact.user)
        data = events.encode(events.Envelope(at_ms=now_ms, fact=change.fact))
        identity = f"{change.fact.uid or set_name}:{change.fact.generation}:{change.fact.operation}:{now_ms}"
        await writer.publish(Message(subject, data, identity))

    return record
