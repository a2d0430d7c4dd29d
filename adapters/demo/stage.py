"""The stage of the demo: everything as in production, but for the cluster behind the API.

The controller is composed by ``adapters.controller.process``, talks HTTP to the simulated cluster and keeps its journal
on an embedded NATS server. What the demo shows is read from that journal.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from adapters.controller.process import run_controller
from adapters.demo import sample
from adapters.errors import PlainError
from adapters.journal.errors import JournalError, JournalMissing
from adapters.journal.port import Journal
from adapters.kubernetes import resources
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.credentials import FixedCredentials
from adapters.nats.connection import ConnectionSettings, connect
from adapters.nats.data_directory import DataDirectory
from adapters.nats.journal import open_journal_for_reading
from adapters.settings.controller import Settings
from adapters.simulation import Simulation, SimulationSettings, racks
from adapters.simulation.http import ClusterServer
from adapters.simulation.set_admission import set_admission
from lws_events import events
from lws_events.subjects import SetName
from projections.journal import RecordedEvent
from projections.status import SetRow, Status

CLUSTER: Final = "demo"
SET: Final = SetName(sample.NAMESPACE, sample.NAME)

_START_SECONDS: Final = 20.0
_ENDED: Final = "the controller ended; the last lines of its log are above"
_RACKS: Final = 4


class DemoFailed(PlainError):  # noqa: N818 (the name says what happened)
    """The demo cannot go on; its journal is kept."""


class Stage:
    """The running demo: the user's side of the cluster, and the set as the journal knows it."""

    def __init__(self, client: ApiClient, journal: Journal, controller: asyncio.Task[int]) -> None:
        self._client = client
        self._journal = journal
        self._controller = controller
        self._status = Status()
        self._changed = asyncio.Event()

    async def apply_sample(self) -> None:
        """What ``kubectl apply`` would do."""
        body = msgspec.json.encode(sample.SAMPLE)
        await self._client.create(resources.LEADER_WORKER_SETS, sample.NAMESPACE, body, field_manager="demo")

    async def kill(self, pod: str) -> None:
        """Delete a pod at once, as ``kubectl delete --force --grace-period=0`` does: it leaves no trace in the API."""
        options = msgspec.json.encode({"gracePeriodSeconds": 0})
        await self._client.request(
            "DELETE", f"/api/v1/namespaces/{sample.NAMESPACE}/pods/{pod}", query={}, body=options
        )

    async def follow(self) -> None:
        """Fold the journal, for ever."""
        async with contextlib.aclosing(self._journal.events.read(follow=True)) as batches:
            async for batch in batches:
                for record in batch:
                    self._status.add(RecordedEvent(record.sequence, record.subject, events.decode(record.data)))
                self._changed.set()

    async def until(
        self, condition: Callable[[SetRow], bool], *, show: Callable[[SetRow], None], seconds_max: float
    ) -> SetRow:
        """Show each change until the condition holds. Raises ``DemoFailed``."""
        deadline = asyncio.get_running_loop().time() + seconds_max
        while True:
            self._changed.clear()
            row = self._status.row(SET)
            if row is not None:
                show(row)
                if condition(row):
                    return row
            await self._next_change(deadline)

    async def _next_change(self, deadline: float) -> None:
        change = asyncio.ensure_future(self._changed.wait())
        left = deadline - asyncio.get_running_loop().time()
        try:
            await asyncio.wait({change, self._controller}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            change.cancel()
        if self._controller.done():
            raise DemoFailed(_ENDED)
        if not self._changed.is_set():
            raise DemoFailed("the cluster did not get there in time")


class _DemoSettings(Settings):
    """Settings that neither the environment nor a file changes: the demo is the same everywhere."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (as the base class passes them)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the program says, and nothing else."""
        return (init_settings,)


@contextlib.asynccontextmanager
async def set_up(data_dir: Path) -> AsyncIterator[Stage]:
    """Cluster, controller and journal, ready for the first act; all of it has ended afterwards.

    Raises ``DemoFailed`` where ``data_dir`` holds a journal already.
    """
    if DataDirectory(data_dir).store.exists():
        raise DemoFailed(
            f"{data_dir} holds a journal already, and the demo begins with an empty one",
            hint="give another --data-dir, or none",
        )
    simulation = Simulation(
        nodes=racks(_RACKS, nodes_per_rack=4),
        admission=set_admission,
        settings=SimulationSettings(epoch=datetime.now(UTC)),
    )
    async with contextlib.AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(ClusterServer(simulation))
        kubeconfig = cluster.write_kubeconfig(data_dir / "kubeconfig")
        controller = await stack.enter_async_context(_controller(kubeconfig, data_dir))
        journal = await _journal(data_dir, controller, stack)
        client = await stack.enter_async_context(ApiClient(FixedCredentials(cluster.url), component="demo"))
        stage = Stage(client, journal, controller)
        following = asyncio.create_task(stage.follow())
        try:
            yield stage
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


@contextlib.asynccontextmanager
async def _controller(kubeconfig: Path, data_dir: Path) -> AsyncIterator[asyncio.Task[int]]:
    """The controller as ``lws-events run`` composes it; admission happens inside the simulated API server."""
    settings = _DemoSettings(
        kubeconfig=kubeconfig,
        cluster=CLUSTER,
        data_dir=data_dir,
        webhooks=False,
        leader_elect=False,
        health_probe_bind_address="0",
        metrics_bind_address="0",
    )
    stop = asyncio.Event()
    running = asyncio.create_task(run_controller(settings, stop=stop))
    try:
        yield running
    finally:
        stop.set()
        await running


async def _journal(data_dir: Path, controller: asyncio.Task[int], stack: contextlib.AsyncExitStack) -> Journal:
    """The controller's journal, once it is open. Raises what kept the controller from starting."""
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if controller.done():
            controller.result()
            raise DemoFailed(_ENDED)
        attempt = contextlib.AsyncExitStack()
        try:
            connection = await connect(_published(data_dir), name=CLUSTER)
            attempt.push_async_callback(connection.close)
            journal = await open_journal_for_reading(connection, CLUSTER)
        except JournalError:
            await attempt.aclose()
            await asyncio.sleep(0.05)
        else:
            await stack.enter_async_context(attempt)
            return journal
    raise DemoFailed(f"the journal did not open within {_START_SECONDS:g} s")


def _published(data_dir: Path) -> ConnectionSettings:
    """How to reach the controller's server; it is never started here, for then the controller could not start it."""
    settings = DataDirectory(data_dir).published()
    if settings is None:
        raise JournalMissing("the controller's server does not run yet")
    return settings
