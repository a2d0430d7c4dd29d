"""The servers that operators ask: probes and metrics, on the addresses of the settings."""

import contextlib
from typing import TYPE_CHECKING

import structlog

from adapters.controller.background import Background
from adapters.controller.errors import listening
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.pace import SystemClock
from adapters.observability.access import Guard
from adapters.observability.health import Health
from adapters.observability.metrics import Metrics
from adapters.observability.serving import metrics_application, metrics_certificate, serving

if TYPE_CHECKING:
    from adapters.settings.controller import Settings

_log = structlog.get_logger(__name__)


async def serve_probes(settings: "Settings", health: Health, *, stack: contextlib.AsyncExitStack) -> None:
    """Answer probes until ``stack`` ends. Raises ``CannotListen``."""
    if settings.health is None:
        return
    application = health.application(
        liveness=settings.liveness_endpoint_name, readiness=settings.readiness_endpoint_name
    )
    with listening("--health-probe-bind-address", port=settings.health.port, host=settings.health.host):
        await stack.enter_async_context(serving(application, settings.health))


async def serve_metrics(
    settings: "Settings",
    metrics: Metrics,
    *,
    reviews: ApiClient | None,
    background: Background,
    stack: contextlib.AsyncExitStack,
) -> None:
    """Serve metrics until ``stack`` ends; ``reviews`` asks who may read them, and is needed where they are secure.

    Raises ``CannotListen`` or ``CertificateError``.
    """
    address = settings.metrics
    if address is None:
        return
    tls, guard = None, None
    if settings.metrics_secure:
        assert reviews is not None
        live, files = await metrics_certificate(
            settings.metrics_cert_dir, tls=settings.tls(), namespace=settings.namespace
        )
        if files is not None:
            background.start(files.run(), name="metrics certificate files")
        tls, guard = live.context(), Guard(reviews, clock=SystemClock())
    application = metrics_application(metrics, guard=guard)
    with listening("--metrics-bind-address", port=address.port, host=address.host):
        port = await stack.enter_async_context(serving(application, address, tls=tls))
    # With the tab, these are the words that the reference's end-to-end suite looks for in a log (spec 10.6).
    _log.info("controller-runtime.metrics\tServing metrics server", port=port, secure=settings.metrics_secure)
