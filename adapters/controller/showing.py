"""The web page of a controller: served beside it by every replica that has a journal, and never in its way."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from adapters.controller.background import Background
from adapters.controller.errors import listening
from adapters.journal.port import Journal
from adapters.kubernetes.pace import SystemClock
from adapters.lifecycle_events.web import add_lifecycle_routes
from adapters.observability.metrics import Metrics
from adapters.observability.serving import metrics_certificate, serving
from adapters.web.access import Access, TokenFile
from adapters.web.api import add_page_routes
from adapters.web.application import web_application
from adapters.web.metrics import PageMetrics
from adapters.web.page import page_of_controller, page_of_journal
from lws_events.fleet import Fleet

if TYPE_CHECKING:
    from adapters.settings.controller import Settings

_log = structlog.get_logger(__name__)


async def show_page(
    settings: "Settings",
    journal: Journal,
    *,
    fleet: Callable[[], Fleet | None],
    metrics: Metrics,
    background: Background,
    stack: contextlib.AsyncExitStack,
) -> None:
    """Serve the page until ``stack`` ends, if it is asked for; beyond loopback over TLS.

    ``fleet``: what the engine of this process knows. A process without one (admission alone) folds the journal itself,
    when somebody looks. Raises ``WebError``, ``CannotListen`` or ``CertificateError``.
    """
    address = settings.ui
    if address is None:
        return
    access = Access(None if settings.ui_token_file is None else TokenFile(settings.ui_token_file))
    tls = None
    if not address.is_loopback:
        live, files = await metrics_certificate(
            settings.metrics_cert_dir, tls=settings.tls(), namespace=settings.namespace
        )
        if files is not None:
            background.start(files.run(), name="certificate files of the page")
        tls = live.context()
    application = web_application(
        access,
        loopback=address.is_loopback,
        secure=tls is not None,
        answered_with=PageMetrics(metrics.registry).answered,
    )
    now_ms = SystemClock().now_ms
    if settings.only_webhooks:
        page = page_of_journal(
            journal, source="the controller's journal", in_loop=True, considerate=True, now_ms=now_ms
        )
    else:
        page = page_of_controller(journal, fleet=fleet, now_ms=now_ms)
    add_page_routes(application, page)
    add_lifecycle_routes(application, journal)
    with listening("--ui-bind-address", port=address.port, host=address.host):
        port = await stack.enter_async_context(serving(application, address, tls=tls))
    _log.info("the web page is served", port=port, path="/ui", tls=tls is not None, token=access.needs_token)
