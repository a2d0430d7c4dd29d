"""Two controllers on one journal: one leads, the other waits, and nobody who leads no longer writes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
import structlog

from adapters.controller.process import run_controller
from adapters.journal.archive.checking import check_journal
from adapters.kubernetes.election import ElectionSettings
from adapters.nats.connection import ConnectionSettings, connect
from adapters.nats.journal import open_journal_for_reading
from adapters.settings.controller import Settings
from adapters.simulation import kinds, objects
from tests.controlplane.api import eventually
from tests.e2e.tcp_proxy import TcpProxy
from tests.integration.controller.clusters import Cluster
from tests.integration.controller.conftest import MakeProgram
from tests.integration.test_nats_servers_of_others import serving

_LEASE: Final = "b8b2488c.x-k8s.io"
_SHORT: Final = ElectionSettings(lease_seconds=2, renew_deadline_seconds=1.2, retry_seconds=0.2)


@pytest_asyncio.fixture
async def bus(tmp_path: Path) -> AsyncIterator[str]:
    """URL of a NATS server that all share."""
    async with serving(tmp_path, f'jetstream {{ store_dir: "{tmp_path}/js", sync_interval: always }}') as port:
        yield f"nats://127.0.0.1:{port}"


class Candidate:
    """A controller in this process, with a short lease."""

    def __init__(self, cluster: Cluster, bus: str, *, elected: bool = True) -> None:
        settings = Settings(
            kubeconfig=cluster.kubeconfig,
            namespace="default",
            nats_url=bus,
            webhooks=False,
            leader_elect=elected,
            health_probe_bind_address="0",
            metrics_bind_address="0",
        )
        self._stop = asyncio.Event()
        self.task = asyncio.create_task(run_controller(settings, stop=self._stop, election=_SHORT))

    async def stop(self) -> int:
        self._stop.set()
        return await asyncio.wait_for(self.task, 30)


@contextlib.asynccontextmanager
async def candidate(cluster: Cluster, bus: str, *, elected: bool = True) -> AsyncIterator[Candidate]:
    """A candidate that has ended after the block."""
    running = Candidate(cluster, bus, elected=elected)
    try:
        yield running
    finally:
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)


def _holder(cluster: Cluster) -> str:
    lease = cluster.simulation.api.find(kinds.LEASES, _LEASE, namespace="default")
    return str(objects.spec(lease).get("holderIdentity") or "") if lease else ""


async def _held(cluster: Cluster, *, not_by: str = "") -> str:
    async def holder() -> str:
        now = _holder(cluster)
        return now if now != not_by else ""

    return await eventually(holder, what="a holder of the lease", interval_seconds=0.05)


async def test_the_second_waits_and_takes_over_at_once_after_a_graceful_stop(cluster: Cluster, bus: str) -> None:
    async with candidate(cluster, bus) as first:
        one = await _held(cluster)
        async with candidate(cluster, bus) as second:
            cluster.apply()
            await cluster.complete()
            assert _holder(cluster) == one
            assert not second.task.done()
            assert await first.stop() == 0
            assert await _held(cluster, not_by=one) != one
            group = cluster.group(1)
            cluster.kill("leaderworkerset-sample-1-1")
            await cluster.complete(without=group.values())
            assert await second.stop() == 0


async def test_a_lost_lease_ends_the_controller_without_further_writes(cluster: Cluster, bus: str) -> None:
    async with candidate(cluster, bus) as leader:
        await _held(cluster)
        cluster.apply()
        await cluster.complete()
        assert cluster.server is not None
        cluster.server.faults.fail(times=10_000, methods=("DELETE",), kind=kinds.PODS)
        cluster.kill("leaderworkerset-sample-1-1")
        requests = cluster.server.requests

        async def tried() -> bool:
            return requests.get(("DELETE", "pods"), 0) > 0

        await eventually(tried, what="a command that is under way, and is tried again and again")
        stolen = {"spec": {"holderIdentity": "somebody-else", "leaseDurationSeconds": 3600}}
        cluster.simulation.api.patch(kinds.LEASES, _LEASE, stolen, type_="merge", namespace="default")
        with structlog.testing.capture_logs() as logs:
            assert await asyncio.wait_for(leader.task, 5) == 1
        assert any("somebody else holds it" in str(line.get("error")) for line in logs)
        assert _holder(cluster) == "somebody-else"
        assert "leaderworkerset-sample-1" in cluster.pods(), "the command that was under way was not carried out"


async def test_two_that_both_believe_to_lead_are_told_apart_by_the_journal(cluster: Cluster, bus: str) -> None:
    async with candidate(cluster, bus, elected=False) as first:
        cluster.apply()
        await cluster.complete()
        with structlog.testing.capture_logs() as logs:
            async with candidate(cluster, bus, elected=False) as second:
                group = cluster.group(1)

                async def both_follow() -> bool:
                    return [line["event"] for line in logs].count("synced") == 1

                await eventually(both_follow, what="the second to be up to date")
                cluster.kill("leaderworkerset-sample-1-1")
                await asyncio.wait({first.task, second.task}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
                loser, winner = (first, second) if first.task.done() else (second, first)
                assert loser.task.result() == 1
                assert any("another controller decides about the sets of this journal" in str(line) for line in logs)
                await cluster.complete(without=group.values())
                assert await winner.stop() == 0


@pytest.mark.timeout(120)
async def test_the_second_takes_over_when_the_first_is_killed(cluster: Cluster, program: MakeProgram, bus: str) -> None:
    first = program("--no-webhooks", "--namespace", "default", "--nats-url", bus, kubeconfig=cluster.kubeconfig)
    first.start()
    await first.ready()
    one = await _held(cluster)
    cluster.apply()
    await cluster.complete()
    async with candidate(cluster, bus) as second:
        group = cluster.group(2)
        await first.kill()
        cluster.kill("leaderworkerset-sample-2-3")
        assert await _held(cluster, not_by=one) != one
        await cluster.complete(without=group.values())
        assert await second.stop() == 0
    await _require_sealed_by_both(bus)


async def _require_sealed_by_both(bus: str) -> None:
    """The second has gone on from the seals of the first, which was killed."""
    connection = await connect(ConnectionSettings(url=bus))
    try:
        found = await check_journal(await open_journal_for_reading(connection))
    finally:
        await connection.close()
    assert found.is_sound, found
    assert found.seals.count > 1
    assert found.seals.unsealed["events"] < 5  # timers that have fired since


async def test_one_that_cannot_reach_nats_steps_down_and_stands_by_until_it_can(cluster: Cluster, bus: str) -> None:
    async with TcpProxy(int(bus.rsplit(":", 1)[1])) as way, candidate(cluster, f"nats://127.0.0.1:{way.port}") as first:
        one = await _held(cluster)
        cluster.apply()
        await cluster.complete()
        way.fall_silent()

        async def given_back() -> bool:
            return _holder(cluster) == ""

        await eventually(given_back, what="the Lease to be given back", interval_seconds=0.05)
        async with candidate(cluster, bus) as second:
            two = await _held(cluster)
            assert two != one
            group = cluster.group(1)
            cluster.kill("leaderworkerset-sample-1-1")
            await cluster.complete(without=group.values())
            way.restore()
            assert await second.stop() == 0
        assert await _held(cluster, not_by=two) == one
        group = cluster.group(2)
        cluster.kill("leaderworkerset-sample-2-1")
        await cluster.complete(without=group.values())
        assert await first.stop() == 0
