"""The controller as a process: wiring, signals, the order of starting and stopping, exit codes.

Started from the outside in (health first, so that a probe learns what is missing; then the journal, the cluster,
webhooks, election) and stopped the other way round. The end of any part is the end of the process: whoever supervises
it starts a clean one, and the journal knows where it was.
"""

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Final

import structlog

from adapters.controller.background import Background
from adapters.controller.journals import OpenJournal, opened
from adapters.controller.leading import Leader
from adapters.controller.serving import WebhookSettings, recorder, serving_admission
from adapters.journal.group_commit import GroupCommit
from adapters.kubernetes import credentials
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.election import LEASE_NAME, Election
from adapters.kubernetes.pace import SystemClock
from adapters.observability.health import Health, metrics_application, serving
from adapters.observability.metrics import ApiMeter, Metrics

if TYPE_CHECKING:
    from adapters.cli.settings import Settings

_log = structlog.get_logger(__name__)

STOPPED: Final = 0
FAILED: Final = 1


async def run_controller(settings: "Settings", *, stop: asyncio.Event) -> int:
    """Run until ``stop`` is set (exit code 0) or a part ends (1). Raises what keeps it from starting."""
    async with contextlib.AsyncExitStack() as stack:
        process = _Process(settings, stack)
        process.background.start(stop.wait(), name="stop")
        await process.start()
        return _exit_code(await process.background.ended())


async def run_until_signalled(settings: "Settings") -> int:
    """``run_controller``, stopped gracefully by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await run_controller(settings, stop=stop)


class _Process:
    """The parts of a running controller, and what they share. Everything it starts ends with ``stack``."""

    def __init__(self, settings: "Settings", stack: contextlib.AsyncExitStack) -> None:
        self.background = Background()
        self._settings = settings
        self._stack = stack
        self._metrics = Metrics()
        self._health = Health()
        self._starting = "starting"

    async def start(self) -> None:
        """Start everything that the settings ask for."""
        settings = self._settings
        self._health.add_readiness("start", lambda: self._starting)
        if settings.health_port:
            application = self._health.application()
            await self._stack.enter_async_context(serving(application, port=settings.health_port))
        if settings.metrics_port:
            application = metrics_application(self._metrics)
            await self._stack.enter_async_context(serving(application, port=settings.metrics_port))
        self._stack.push_async_callback(self.background.stop)
        journal = writer = None
        if not settings.only_webhooks or settings.nats_url is not None:
            journal, writer = await self._open_journal()
        access = await credentials.load(str(settings.kubeconfig) if settings.kubeconfig else None)
        meter = ApiMeter(self._metrics, host=access.server)
        client = await self._stack.enter_async_context(ApiClient(access, meter=meter))
        if settings.webhooks:
            await self._serve_admission(client, writer)
        if not settings.only_webhooks:
            assert journal is not None
            assert writer is not None
            leader = Leader(journal.journal, writer, client, metrics=self._metrics)
            task = self.background.start(self._lead(leader, client), name="leader")
            self._stack.push_async_callback(self.background.stop, task)
        self._starting = ""

    async def _open_journal(self) -> tuple[OpenJournal, GroupCommit]:
        settings = self._settings
        journal = await self._stack.enter_async_context(
            opened(
                cluster=settings.cluster,
                data_dir=settings.data_dir,
                remote=settings.nats_connection(),
                size_bytes_max=settings.journal_bytes_max,
                replicas=settings.nats_replicas,
            )
        )
        if journal.server is not None:
            self.background.start(journal.server.failed.wait(), name="embedded NATS server")
        writer = await self._stack.enter_async_context(GroupCommit(journal.journal.events))
        return journal, writer

    async def _serve_admission(self, client: ApiClient, writer: GroupCommit | None) -> None:
        settings = self._settings
        webhooks = WebhookSettings(
            host=settings.webhook_host,
            port=settings.webhook_port,
            certificate_directory=settings.certificate_directory,
            namespace=settings.namespace,
            service=settings.webhook_service_name,
            secret=settings.webhook_secret_name,
        )
        record = recorder(writer, cluster=settings.cluster, clock=SystemClock()) if writer is not None else None
        server = await self._stack.enter_async_context(
            serving_admission(webhooks, client=client, record=record, metrics=self._metrics, background=self.background)
        )
        problem = "the webhook server does not listen"
        self._health.add_readiness("webhooks", lambda: "" if server.ready else problem)

    async def _lead(self, leader: Leader, client: ApiClient) -> None:
        """Lead, once elected, until the Lease is lost."""
        if not self._settings.leader_elect:
            self._health.add_readiness("leader", lambda: leader.problem)
            await leader.run()
            return
        election = Election(client, clock=SystemClock(), namespace=self._settings.namespace)
        self._metrics.leads(LEASE_NAME, leads=False)
        await election.acquire()
        self._metrics.leads(LEASE_NAME, leads=True)
        self._health.add_readiness("leader", lambda: leader.problem)
        leading = asyncio.create_task(leader.run())
        keeping = asyncio.create_task(election.keep())
        try:
            ended, _ = await asyncio.wait({leading, keeping}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            # The Lease is kept until nothing is under way any more.
            leading.cancel()
            await asyncio.gather(leading, return_exceptions=True)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            self._metrics.leads(LEASE_NAME, leads=False)
            await election.release()


def _exit_code(ended: asyncio.Task[object]) -> int:
    name = ended.get_name()
    if name == "stop":
        _log.info("stopping")
        return STOPPED
    error = None if ended.cancelled() else ended.exception()
    _log.error("a part of the controller ended, so all of it does", part=name, error=str(error or "it returned"))
    return FAILED
