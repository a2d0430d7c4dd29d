"""Both ends of the way of requests: from webhook servers without a journal to the controller that has it."""

import contextlib
from typing import TYPE_CHECKING, NamedTuple

import structlog

from adapters.admission_requests.authority import PublishedAuthority, make_identity
from adapters.admission_requests.endpoint import guard_of_endpoint, requests_application
from adapters.admission_requests.sending import Sender
from adapters.controller.background import Background
from adapters.controller.errors import listening
from adapters.controller.recording import Recorder
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.pace import SystemClock
from adapters.observability.health import Health
from adapters.observability.metrics import Metrics
from adapters.observability.serving import serving
from adapters.webhooks.relay import Deliver, RequestRelay
from adapters.webhooks.tls import LiveCertificate

if TYPE_CHECKING:
    from adapters.settings.controller import Settings

_log = structlog.get_logger(__name__)

_NOTE = "admission-requests"


class Process(NamedTuple):
    """Of the process: where it tells of itself, and with what its parts end."""

    metrics: Metrics
    health: Health
    background: Background
    stack: contextlib.AsyncExitStack


async def serve_requests(
    settings: "Settings",
    recorder: Recorder,
    *,
    api: ApiClient,
    process: Process,
) -> None:
    """Take in what webhook servers send until the process ends, if that is asked for. Raises ``CannotListen``."""
    address = settings.admission_requests
    if address is None or settings.only_webhooks or settings.nats_url is not None:
        return  # with NATS of their own webhook servers reach the journal themselves
    identity = await make_identity(settings.namespace)
    live = LiveCertificate(settings.tls())
    live.use(identity.server)
    guard = guard_of_endpoint(api, clock=SystemClock())
    application = requests_application(recorder.record, is_open=lambda: recorder.is_open, guard=guard)
    with listening("--admission-requests-bind-address", port=address.port, host=address.host):
        port = await process.stack.enter_async_context(serving(application, address, tls=live.context()))
    authority = PublishedAuthority(api, namespace=settings.namespace)
    process.background.start(authority.keep(identity.authority_pem, clock=SystemClock()), name="authority of requests")
    process.health.add_note(_NOTE, lambda: authority.problem)
    _log.info("requests of webhook servers are taken in", port=port)


async def relay_of_requests(
    settings: "Settings",
    recorder: Recorder,
    *,
    api: ApiClient | None,
    process: Process,
) -> RequestRelay | None:
    """What passes requests of this process on: into its journal, or to the controller; None where there is neither."""
    deliver: Deliver
    if settings.keeps_journal:
        deliver = recorder.record
    elif settings.admission_requests_url:
        assert api is not None
        authority = PublishedAuthority(api, namespace=settings.namespace)
        sender = Sender(
            settings.admission_requests_url, authority=authority, token_file=settings.admission_requests_token_file
        )
        deliver = (await process.stack.enter_async_context(sender)).deliver
    else:
        return None
    relay = RequestRelay(deliver, on_dropped=process.metrics.requests_dropped)
    process.health.add_note(_NOTE, lambda: relay.problem)
    process.background.start(relay.run(), name="requests of users")
    return relay
