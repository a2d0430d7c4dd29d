"""The controller as a process: wiring, signals, the order of starting and stopping, exit codes.

Started from the outside in (health first, so that a probe learns what is missing; then admission, which needs nobody;
then the journal, election, and the sets) and stopped the other way round. What cannot be reached is waited for, and
readiness says what that is; what waiting does not cure ends the start with an error. Later the end of any part is the
end of the process: whoever supervises it starts a clean one, and the journal knows where it was.
"""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from adapters.controller.background import Background
from adapters.controller.candidacy import Candidacy
from adapters.controller.ending import run_until_ended, set_by_signals
from adapters.controller.journals import JournalSettings, OpenJournal, opened
from adapters.controller.leading import Leader
from adapters.controller.operating import serve_metrics, serve_probes
from adapters.controller.publishing import lifecycle_publisher
from adapters.controller.reach import Reach
from adapters.controller.recording import Recorder
from adapters.controller.requests import Process, relay_of_requests, serve_requests
from adapters.controller.serving import WebhookSettings, serving_admission
from adapters.controller.showing import show_page
from adapters.journal.group_commit import GroupCommit
from adapters.journal.port import Journal
from adapters.journal.snapshots.last_known import LastStates
from adapters.kubernetes import credentials
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.election import Election, ElectionSettings, new_identity
from adapters.kubernetes.pace import SystemClock
from adapters.kubernetes.rate import RequestRate
from adapters.lifecycle_events.publisher import LifecyclePublisher
from adapters.observability.health import Health
from adapters.observability.metrics import ApiMeter, Metrics
from adapters.observability.timed_journal import timed
from adapters.webhooks.relay import RequestRelay
from adapters.webhooks.server import SurroundingsOf
from lws_events.admission import Surroundings
from lws_events.fleet import Fleet
from lws_events.gang import configured

if TYPE_CHECKING:
    from adapters.settings.controller import Settings

_REQUESTS_SECONDS: Final = 2.0
"""What is spent at the end on recording who asked for what; the last few reviews are not worth more."""


async def run_controller(settings: "Settings", *, stop: asyncio.Event, election: ElectionSettings | None = None) -> int:
    """Run until ``stop`` is set (exit code 0) or a part ends (1). Raises what keeps it from starting."""
    async with contextlib.AsyncExitStack() as stack:
        process = _Process(settings, stack, election=election)
        return await run_until_ended(process.start(), process.background, stop=stop, whole="controller")


async def run_until_signalled(settings: "Settings") -> int:
    """``run_controller``, stopped gracefully by SIGTERM or SIGINT."""
    return await run_controller(settings, stop=set_by_signals())


class _Process:
    """The parts of a running controller, and what they share. Everything it starts ends with ``stack``."""

    def __init__(
        self, settings: "Settings", stack: contextlib.AsyncExitStack, *, election: ElectionSettings | None
    ) -> None:
        self.background = Background()
        self._settings = settings
        self._stack = stack
        self._election = election
        self._metrics = Metrics()
        self._health = Health()
        self._starting = "starting"
        self._leading: Leader | None = None
        self._publisher: LifecyclePublisher | None = None
        self._surroundings_of: SurroundingsOf = lambda _namespace, _name: Surroundings()
        self._recorder = Recorder(cluster=settings.cluster, clock=SystemClock())

    async def start(self) -> None:
        """Start everything that the settings ask for, waiting for what cannot be reached."""
        settings = self._settings
        self._health.add_readiness("start", lambda: self._starting)
        await serve_probes(settings, self._health, stack=self._stack)
        self._stack.push_async_callback(self.background.stop)
        client, aside = await self._clients()
        await serve_metrics(settings, self._metrics, reviews=aside, background=self.background, stack=self._stack)
        requests = await self._requests(aside)
        if settings.webhooks:
            await self._serve_admission(client, requests)
        if settings.keeps_journal:
            journal = await self._open_journal()
            await show_page(
                settings,
                journal,
                fleet=self._known_sets,
                metrics=self._metrics,
                background=self.background,
                stack=self._stack,
            )
            if requests is not None:
                self._stack.push_async_callback(requests.drained, seconds_max=_REQUESTS_SECONDS)
            if not settings.only_webhooks:
                assert client is not None
                assert aside is not None
                leading = self.background.start(self._lead(journal, client, aside), name="leader")
                self._stack.push_async_callback(self.background.stop, leading)
        self._starting = ""

    async def _clients(self) -> tuple[ApiClient | None, ApiClient | None]:
        """The client for the work, and one aside from its limits: a Lease must not wait behind a thousand writes.

        None where nothing here talks to the API server.
        """
        settings = self._settings
        works = not settings.only_webhooks or settings.certificate_directory is None
        works = works or (bool(settings.admission_requests_url) and not settings.keeps_journal)
        if not works and (settings.metrics is None or not settings.metrics_secure):
            return None, None
        access = await credentials.load(str(settings.kubeconfig) if settings.kubeconfig else None)
        meter = ApiMeter(self._metrics, host=urlsplit(access.server).netloc)
        reach = Reach(meter)
        aside = await self._stack.enter_async_context(ApiClient(access, meter=reach))
        if not works:
            return None, aside
        self._health.add_readiness("api-server", lambda: reach.problem)
        rate = RequestRate(qps=settings.kube_api_qps, burst=settings.kube_api_burst)
        return await self._stack.enter_async_context(ApiClient(access, meter=reach, rate=rate)), aside

    async def _requests(self, api: ApiClient | None) -> RequestRelay | None:
        """What passes on who asked for what; and the place where the controller takes that in from others."""
        process = Process(self._metrics, self._health, self.background, self._stack)
        if api is not None:
            await serve_requests(self._settings, self._recorder, api=api, process=process)
        return await relay_of_requests(self._settings, self._recorder, api=api, process=process)

    async def _open_journal(self) -> Journal:
        settings = self._settings

        def waits(why: str) -> None:
            self._starting = f"the journal cannot be opened yet: {why}"

        journal = await self._stack.enter_async_context(
            opened(
                JournalSettings(
                    cluster=settings.cluster,
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
        measured = timed(journal.journal, self._metrics)
        self._publisher = lifecycle_publisher(settings, measured, journal.connection, self._metrics)
        writer = await self._stack.enter_async_context(GroupCommit(measured.events))
        self._recorder.open(writer, LastStates(measured))
        self._health.add_readiness("journal", lambda: _journal_problem(journal, writer))
        return measured

    async def _serve_admission(self, client: ApiClient | None, requests: RequestRelay | None) -> None:
        settings = self._settings
        webhooks = WebhookSettings(
            host=settings.webhook_host,
            port=settings.webhook_port,
            certificate_directory=settings.certificate_directory,
            namespace=settings.namespace,
            service=settings.webhook_service_name,
            secret=settings.webhook_secret_name,
            tls=settings.tls(),
        )
        admission = await self._stack.enter_async_context(
            serving_admission(
                webhooks,
                client=client,
                surroundings_of=self._surroundings,
                requests=requests,
                metrics=self._metrics,
                background=self.background,
            )
        )
        self._health.add_readiness("webhooks", lambda: admission.problem)

    def _surroundings(self, namespace: str, name: str) -> Surroundings:
        """What is known of the journal; a process without one knows nothing, and warns of less."""
        settings = self._settings
        return msgspec.structs.replace(
            self._surroundings_of(namespace, name),
            gang_provider=settings.gang_provider or None,
            gang_match_scheduler_name=settings.gang_match_scheduler_name,
        )

    def _known_sets(self) -> Fleet | None:
        """What the latest of the leaders of this process knows, leading or standing by."""
        return self._leading.engine.fleet if self._leading is not None else None

    def _gang_problem(self) -> str:
        """Why PodGroups cannot be followed, by the latest of the leaders of this process."""
        return self._leading.observer.gang_problem if self._leading is not None else ""

    async def _lead(self, journal: Journal, client: ApiClient, aside: ApiClient) -> None:
        """Lead, while elected where there is an election."""

        def new_leader(may_write: Callable[[], bool] = lambda: True) -> Leader:
            leader = Leader(
                journal,
                client,
                metrics=self._metrics,
                may_write=may_write,
                gang=gang,
                capture_logs=self._settings.log_capture(),
                keeping=self._settings.keeping(),
                life=self._metrics.journal_life(),
                publisher=self._publisher,
            )
            self._metrics.watch_sets(lambda: leader.engine.fleet.aggregates)
            self._leading = leader
            return leader

        gang = configured(self._settings.gang_provider, match_scheduler_name=self._settings.gang_match_scheduler_name)
        if gang is not None:
            # Told, but no reason to be unready: what needs no gang scheduler, admission above all, goes on.
            self._health.add_note("gang-scheduling", self._gang_problem)
            self._metrics.gang_scheduling(self._gang_problem)
        if not self._settings.leader_elect:
            leader = new_leader()
            self._surroundings_of = leader.surroundings
            self._health.add_readiness("leader", lambda: leader.problem)
            await leader.run()
            return
        election = self._election or self._settings.election()
        identity, lease = new_identity(), self._settings.leader_elect_resource_name
        candidacy = Candidacy(
            journal,
            new_election=lambda: Election(
                aside,
                clock=SystemClock(),
                namespace=self._settings.lease_namespace,
                name=lease,
                identity=identity,
                settings=election,
            ),
            new_leader=new_leader,
            clock=SystemClock(),
            # An embedded server has no other clients: to step down would help nobody.
            patience_seconds=None if self._settings.nats_url is None else election.renew_deadline_seconds,
            on_leads=partial(self._metrics.leads, lease),
        )
        self._surroundings_of = candidacy.surroundings
        self._health.add_readiness("leader", lambda: candidacy.problem)
        await candidacy.run()


def _journal_problem(journal: OpenJournal, writer: GroupCommit) -> str:
    if journal.problem or writer.trouble is None:
        return journal.problem
    return f"the journal does not take what is published: {writer.trouble}"
