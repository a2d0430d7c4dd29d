"""Lifecycle events of a real controller: a group fails, consumer and leader are killed, and nothing is lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from adapters.demo.sample import NAME
from adapters.nats.connection import ConnectionSettings, connect
from tests.controlplane.api import eventually
from tests.controlplane.cluster import free_ports
from tests.integration.consumers import OVER_HTTP, Consumer, consuming, python
from tests.integration.controller.clusters import Cluster
from tests.integration.controller.conftest import MakeProgram
from tests.integration.controller.program import Program
from tests.integration.controller.published import in_journal, on_nats
from tests.integration.test_nats_servers_of_others import serving

STARTED: Final = "io.lws-events.group.recreation.started.v1"
_SHORT_LEASE: Final = (
    *("--leader-elect-lease-duration", "3s", "--leader-elect-renew-deadline", "2s"),
    *("--leader-elect-retry-period", "500ms"),
)


class Replica:
    """A controller with its page, from which the documented consumer reads."""

    def __init__(self, program: MakeProgram, cluster: Cluster, bus: str, name: str, folder: Path) -> None:
        [port] = free_ports(1)
        self.program: Program = program(
            *("--no-webhooks", "--namespace", "default", "--nats-url", bus, *_SHORT_LEASE),
            *("--lifecycle-events", "--ui-bind-address", str(port)),
            kubeconfig=cluster.kubeconfig,
            name=name,
        )
        self._url = f"http://127.0.0.1:{port}/events?from=start"
        self._folder = folder
        self.program.start()

    @contextlib.asynccontextmanager
    async def consumed(self) -> AsyncIterator[Consumer]:
        async with consuming(*python(OVER_HTTP), folder=self._folder, EVENTS_URL=self._url) as consumer:
            yield consumer


async def _until(consumer: Consumer, words: str) -> list[str]:
    lines: list[str] = []
    while not lines or words not in lines[-1]:
        lines += await consumer.lines(1)
    return lines


@pytest.mark.timeout(120)
async def test_no_event_is_lost_or_doubled_when_consumer_and_leader_are_killed(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    seen: list[str] = []
    async with serving(tmp_path, f'jetstream {{ store_dir: "{tmp_path}/js", sync_interval: always }}') as port:
        bus = f"nats://127.0.0.1:{port}"
        first = Replica(program, cluster, bus, "first", tmp_path)
        await first.program.ready()
        second = Replica(program, cluster, bus, "second", tmp_path)
        cluster.apply()
        await cluster.complete()
        async with first.consumed() as consumer:
            cluster.kill(f"{NAME}-1-1")
            seen += await _until(consumer, f"{STARTED} group {NAME}-1")
        # It may have come farther than was looked at before it was killed: what was not looked at counts as not told.
        (tmp_path / "last-event-id").write_text(seen[-1].split()[0])
        group = cluster.group(2)
        await first.program.kill()
        cluster.kill(f"{NAME}-2-1")
        await cluster.complete(without=group.values())
        connection = await connect(ConnectionSettings(url=bus))
        try:
            async with second.consumed() as consumer:
                reading = asyncio.create_task(_read_on(consumer, seen))

                async def all_is_told() -> list[str]:
                    ids = await in_journal(connection)
                    told = [line.split()[0] for line in seen]
                    return ids if told == ids == await on_nats(connection) else []

                ids = await eventually(all_is_told, what="both ways to tell what the journal says")
                reading.cancel()
            assert len(set(ids)) == len(ids)
            restarted = [line.split()[3] for line in seen if f" {STARTED} group" in line]
            assert {f"{NAME}-1", f"{NAME}-2"} <= set(restarted)
            metrics = await second.program.metrics()
            assert metrics['lws_events_lifecycle_events_published_total{type="group.recreation.started"}'] >= 1
            assert metrics["lws_events_lifecycle_events_failing"] == 0
            assert await second.program.stop() == 0
        finally:
            await connection.close()


async def _read_on(consumer: Consumer, seen: list[str]) -> None:
    while True:
        seen += await consumer.lines(1)
