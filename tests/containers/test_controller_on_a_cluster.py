"""The controller on a JetStream cluster that loses servers: every acknowledged fact once, in order, and work goes on.

The controller runs in this process with leader election, against a simulated Kubernetes cluster. While servers are
lost, another writer appends numbered facts, and pods are killed, so that there is something to decide. All scenarios
run one after the other on one cluster of servers: each ends with all of them in service.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import pytest_asyncio

from adapters.controller.process import run_controller
from adapters.journal.errors import JournalError
from adapters.journal.port import Journal, Message
from adapters.nats import wire
from adapters.nats.connection import Connection, ConnectionSettings, connect
from adapters.nats.journal import open_journal_for_reading
from adapters.nats.stream import NatsEventStream
from adapters.nats.stream_names import StreamNames
from adapters.settings.controller import Settings
from lws_events import decisions, events
from lws_events.fleet import Fleet
from projections.journal import RecordedDecision, RecordedEvent
from projections.verify import verify
from tests.containers.jetstream import SERVERS, JetStreamCluster, running_cluster
from tests.controlplane.api import eventually
from tests.controlplane.cluster import free_ports
from tests.integration.controller.clusters import Cluster
from tests.integration.controller.clusters import running_cluster as running_kubernetes

pytestmark = [
    pytest.mark.containers,
    pytest.mark.timeout(400),
    pytest.mark.asyncio(loop_scope="module"),
]

NAMES: Final = StreamNames.of("default")
_STREAMS: Final = (NAMES.events, NAMES.decisions, NAMES.timers)
_RECOVERED_SECONDS_MAX: Final = 150.0
"""Seconds suffice; servers that share two cores with much else may need several rounds of an election."""
_SUBJECT: Final = f"{NAMES.events_root}.0.default.another.request.numbered"


class Numbered:
    """Appends numbered facts as a controller does: the same id again until the append is acknowledged."""

    def __init__(self, connection: Connection) -> None:
        self.acknowledged = 0
        self._stream = NatsEventStream(connection, NAMES)

    async def run(self) -> None:
        while True:
            fact = events.SpecChangeRequested(user="test", operation="UPDATE", uid="u", generation=self.acknowledged)
            data = events.encode(events.Envelope(at_ms=self.acknowledged, fact=fact))
            message = Message(_SUBJECT, data, f"numbered-{self.acknowledged}")
            with contextlib.suppress(JournalError):
                await self._stream.append([message])
                self.acknowledged += 1
            await asyncio.sleep(0.01)

    async def goes_on(self, *, by: int = 20) -> None:
        """Wait until so many more are acknowledged."""
        wanted = self.acknowledged + by

        async def reached() -> bool:
            return self.acknowledged >= wanted

        await eventually(reached, what=f"{by} more facts to be acknowledged", interval_seconds=0.02)


class Stage:
    """Servers, controller, cluster, and the writer beside them."""

    def __init__(self, servers: JetStreamCluster, kubernetes: Cluster, connection: Connection, health: int) -> None:
        self.servers = servers
        self.kubernetes = kubernetes
        self.connection = connection
        self.numbered = Numbered(connection)
        self._health = health
        self._next_group = 0

    async def readyz(self) -> str:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with aiohttp.request("GET", f"http://127.0.0.1:{self._health}/readyz") as answer:
                return await answer.text()
        return ""

    async def ready(self) -> None:
        async def answered() -> bool:
            return await self.readyz() == "ok"

        await eventually(answered, what="the controller to be ready")

    def break_a_group(self) -> dict[str, str]:
        """Kill a worker; returns the pods that must be replaced."""
        self._next_group = (self._next_group + 1) % 3
        self.kubernetes.kill(f"leaderworkerset-sample-{self._next_group}-1")
        return self.kubernetes.group(self._next_group)

    async def leader_of(self, stream: str) -> str:
        async def elected() -> str | None:
            with contextlib.suppress(JournalError):
                found = await wire.api(self.connection, f"STREAM.INFO.{stream}")
                leader: str | None = found["cluster"].get("leader")
                return leader
            return None

        return await eventually(elected, what=f"a leader of {stream}")

    async def let_lead(self, server: str) -> None:
        """Move the lead of EVENTS to a server."""
        wanted = {"placement": {"preferred": server}}

        async def leads() -> bool:
            if await self.leader_of(NAMES.events) == server:
                return True
            with contextlib.suppress(JournalError):
                await wire.api(self.connection, f"STREAM.LEADER.STEPDOWN.{NAMES.events}", wanted)
            return False

        await eventually(leads, what=f"{server} to lead {NAMES.events}", interval_seconds=1)

    async def server_of_the_controller(self) -> str:
        """Which server delivers to the controller: the one that keeps its consumer's connection."""
        for name in SERVERS:
            if await asyncio.to_thread(self.servers.serves, name, client="lws-events"):
                return name
        raise AssertionError("the controller is connected to no server")

    async def all_current(self) -> None:
        """Wait until every server has everything, so that the next one may be lost."""

        async def current() -> bool:
            with contextlib.suppress(JournalError):
                for stream in _STREAMS:
                    replicas = (await wire.api(self.connection, f"STREAM.INFO.{stream}"))["cluster"].get("replicas", [])
                    if len(replicas) != len(SERVERS) - 1:
                        return False
                    if not all(each["current"] and not each.get("offline") for each in replicas):
                        return False
                return True
            return False

        await eventually(current, what="all replicas to be current", timeout_seconds=90)

    async def works(self, broken: dict[str, str]) -> None:
        """The group that was broken is recreated, and the writer goes on."""
        try:
            await self.kubernetes.complete(without=broken.values(), timeout_seconds=_RECOVERED_SECONDS_MAX)
            await self.numbered.goes_on()
            await self.ready()
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{await asyncio.to_thread(self.servers.log_tails)}") from error


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(image: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Everything runs, and the sample's groups are complete."""
    directory: Path = tmp_path_factory.mktemp("stage")
    (health,) = free_ports(1)
    with running_cluster(image) as servers:
        async with running_kubernetes(directory) as kubernetes:
            connection = await connect(ConnectionSettings(url=servers.url), name="tests", timeout=30)
            settings = Settings(
                kubeconfig=kubernetes.kubeconfig,
                namespace="default",
                nats_url=servers.url,
                nats_replicas=3,
                journal_bytes_max=64 * 1024**2,
                webhooks=False,
                health_probe_bind_address=f"127.0.0.1:{health}",
                metrics_bind_address="0",
            )
            stop = asyncio.Event()
            controller = asyncio.create_task(run_controller(settings, stop=stop))
            built = Stage(servers, kubernetes, connection, health)
            kubernetes.apply()
            completing = asyncio.ensure_future(kubernetes.complete())
            await asyncio.wait({controller, completing}, return_when=asyncio.FIRST_COMPLETED)
            assert not controller.done(), f"the controller has ended: {controller!r}"
            await completing
            await built.all_current()
            writing = asyncio.create_task(built.numbered.run())
            try:
                yield built
                stop.set()
                assert await asyncio.wait_for(controller, 40) == 0
            finally:
                writing.cancel()
                controller.cancel()
                await asyncio.gather(writing, controller, return_exceptions=True)
                await connection.close()


@pytest.mark.parametrize("stream", [NAMES.events, NAMES.decisions])
async def test_the_server_that_leads_a_stream_is_killed(stage: Stage, stream: str) -> None:
    leader = await stage.leader_of(stream)
    broken = stage.break_a_group()
    await asyncio.to_thread(stage.servers.kill, leader)
    await stage.works(broken)
    await asyncio.to_thread(stage.servers.start, leader)
    await stage.all_current()


async def test_two_of_three_are_gone_and_come_back(stage: Stage) -> None:
    lost = SERVERS[1:]
    for name in lost:
        await asyncio.to_thread(stage.servers.kill, name)
    broken = stage.break_a_group()
    before = stage.kubernetes.pods()

    async def said() -> bool:
        return "the journal" in await stage.readyz() or "not connected" in await stage.readyz()

    await eventually(said, what="/readyz to say that the journal is away")
    leader = next(name for name in broken if name.count("-") == 2)
    assert stage.kubernetes.pods()[leader] == before[leader], "nothing may be done that is not recorded"
    for name in lost:
        await asyncio.to_thread(stage.servers.start, name)
    await stage.works(broken)
    await stage.all_current()


async def test_the_server_that_leads_and_serves_the_controller_is_cut_off_from_the_others(stage: Stage) -> None:
    served_by = await stage.server_of_the_controller()
    await stage.let_lead(served_by)
    broken = stage.break_a_group()
    await asyncio.to_thread(stage.servers.cut_off, served_by)
    await stage.works(broken)
    await asyncio.to_thread(stage.servers.join, served_by)
    await stage.all_current()


async def test_all_servers_are_restarted_one_after_the_other(stage: Stage) -> None:
    for name in SERVERS:
        broken = stage.break_a_group()
        await asyncio.to_thread(stage.servers.stop, name)
        await asyncio.to_thread(stage.servers.start, name)
        await stage.works(broken)
        await stage.all_current()


async def test_after_all_this_every_acknowledged_fact_is_there_once_and_in_order(stage: Stage) -> None:
    acknowledged = stage.numbered.acknowledged
    journal = await open_journal_for_reading(stage.connection, "default")
    recorded = [
        RecordedEvent(record.sequence, record.subject, events.decode(record.data))
        for record in await _all_of(journal, "events")
    ]
    decided = [
        RecordedDecision(record.sequence, record.subject, decisions.decode(record.data))
        for record in await _all_of(journal, "decisions")
    ]
    numbers = [each.envelope.at_ms for each in recorded if each.subject == _SUBJECT]
    assert len(numbers) >= acknowledged > 100
    assert numbers == list(range(len(numbers)))
    verification = verify(recorded, decided, Fleet())
    assert verification.differences == 0, verification
    assert verification.decisions > 7
    said = await asyncio.to_thread(stage.servers.log_tails, lines=100_000)
    assert "critical write error" not in said, "a server has given its copy of a stream up"


async def _all_of(journal: Journal, stream: str) -> list[Any]:
    found = []
    async with contextlib.aclosing(getattr(journal, stream).read(follow=False)) as batches:
        async for batch in batches:
            found.extend(batch)
    return found
