"""A shadow as a process: wiring, signals, the order of starting and stopping, exit codes.

No election, no webhooks, no certificates, no reviews of tokens: all of these write. Metrics are therefore plain HTTP,
by default on a loopback address.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import structlog

from adapters.controller.background import Background
from adapters.controller.ending import run_until_ended, set_by_signals
from adapters.controller.errors import listening
from adapters.controller.journals import JournalSettings, opened
from adapters.controller.operating import serve_probes
from adapters.controller.reach import Reach
from adapters.journal.port import Journal
from adapters.kubernetes import credentials
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.rate import RequestRate
from adapters.observability.addresses import parse_address
from adapters.observability.health import Health
from adapters.observability.metrics import ApiMeter
from adapters.observability.serving import metrics_application, serving
from adapters.observability.timed_journal import timed
from adapters.shadow.metrics import ShadowMetrics
from adapters.shadow.place import journal_name, require_own
from adapters.shadow.shadow import Shadow
from lws_events.gang import configured

if TYPE_CHECKING:
    from adapters.settings.controller import Settings

_log = structlog.get_logger(__name__)


class ShadowSettings(NamedTuple):
    """What only a shadow can be told."""

    patience_seconds: float
    """How long whoever is in charge may take for what was decided here."""
    metrics_bind_address: str
    """``0``: off."""


async def run_shadow(settings: "Settings", shadow: ShadowSettings, *, stop: asyncio.Event) -> int:
    """Run until ``stop`` is set (exit code 0) or a part ends (1). Raises what keeps it from starting."""
    async with contextlib.AsyncExitStack() as stack:
        process = _Process(settings, shadow, stack)
        return await run_until_ended(process.start(), process.background, stop=stop, whole="shadow")


async def run_until_signalled(settings: "Settings", shadow: ShadowSettings) -> int:
    """``run_shadow``, stopped by SIGTERM or SIGINT."""
    return await run_shadow(settings, shadow, stop=set_by_signals())


class _Process:
    """The parts of a running shadow. Everything it starts ends with ``stack``."""

    def __init__(self, settings: "Settings", shadow: ShadowSettings, stack: contextlib.AsyncExitStack) -> None:
        self.background = Background()
        self._settings = settings
        self._shadow = shadow
        self._stack = stack
        self._metrics = ShadowMetrics()
        self._health = Health()
        self._starting = "starting"

    async def start(self) -> None:
        """Start everything, waiting for what cannot be reached. Raises ``NotAShadowsPlace``, and what never heals."""
        settings = self._settings
        if settings.nats_url is None:
            require_own(settings.data_dir)
        self._health.add_readiness("start", lambda: self._starting)
        await serve_probes(settings, self._health, stack=self._stack)
        self._stack.push_async_callback(self.background.stop)
        await self._serve_metrics()
        access = await credentials.load(str(settings.kubeconfig) if settings.kubeconfig else None)
        reach = Reach(ApiMeter(self._metrics, host=urlsplit(access.server).netloc))
        self._health.add_readiness("api-server", lambda: reach.problem)
        rate = RequestRate(qps=settings.kube_api_qps, burst=settings.kube_api_burst)
        client = await self._stack.enter_async_context(ApiClient(access, meter=reach, rate=rate, component="shadow"))
        journal = await self._open_journal()
        shadow = Shadow(
            journal,
            client,
            metrics=self._metrics,
            reaches=lambda: not reach.problem,
            patience_seconds=self._shadow.patience_seconds,
            gang=configured(settings.gang_provider, match_scheduler_name=settings.gang_match_scheduler_name),
        )
        self._metrics.watch_sets(lambda: shadow.engine.fleet.aggregates)
        self._health.add_readiness("shadow", lambda: shadow.problem)
        running = self.background.start(shadow.run(), name="shadow")
        self._stack.push_async_callback(self.background.stop, running)
        self._starting = ""

    async def _serve_metrics(self) -> None:
        address = parse_address(self._shadow.metrics_bind_address)
        if address is None:
            return
        application = metrics_application(self._metrics, guard=None)
        with listening("--metrics-bind-address", port=address.port, host=address.host):
            port = await self._stack.enter_async_context(serving(application, address))
        _log.info("metrics are served", port=port)

    async def _open_journal(self) -> Journal:
        settings = self._settings

        def waits(why: str) -> None:
            self._starting = f"the journal cannot be opened yet: {why}"

        journal = await self._stack.enter_async_context(
            opened(
                JournalSettings(
                    cluster=journal_name(settings.cluster),
                    data_dir=settings.data_dir,
                    remote=settings.nats_connection(),
                    size_bytes_max=settings.journal_bytes_max,
                    replicas=settings.nats_replicas,
                ),
                on_wait=waits,
            )
        )
        self._starting = "starting"
        if journal.server is not None:
            self.background.start(journal.server.raise_failure(), name="embedded NATS server")
        self._health.add_readiness("journal", lambda: journal.problem)
        return timed(journal.journal, self._metrics)
