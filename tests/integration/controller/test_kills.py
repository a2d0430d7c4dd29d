"""Killed at any moment, the controller or its NATS server: the end is the same, and each group is recreated once."""

import asyncio
import os
import random
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from adapters.nats.data_directory import DataDirectory
from adapters.nats.server_process import find_server
from tests.controlplane.api import eventually
from tests.integration.controller.clusters import Cluster
from tests.integration.controller.conftest import MakeProgram
from tests.integration.controller.program import Program
from tests.integration.controller.published import all_published

_ALONE = ("--no-webhooks", "--no-leader-elect")
_VICTIMS = tuple(f"leaderworkerset-sample-{group}-{worker}" for group, worker in ((0, 1), (1, 3), (2, 2)))
_KILLS = 6


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_killed_at_random_points(cluster: Cluster, program: MakeProgram, seed: int) -> None:
    chance = random.Random(seed)
    sealing = ("--seal-events", "10", "--seal-interval", "1s")
    controller = program(*_ALONE, *sealing, "--lifecycle-events", kubeconfig=cluster.kubeconfig)
    cluster.apply()

    async def live_a_little(seconds_max: float) -> None:
        if not controller.child.running():
            controller.start()
        # Somewhere between the first line of Python and well after it has caught up.
        await asyncio.sleep(chance.uniform(0.3, seconds_max))
        await controller.kill()

    for _ in range(_KILLS):
        await live_a_little(2.5)
    controller.start()
    before = await cluster.complete()
    for victim in _VICTIMS:
        cluster.kill(victim)
        await live_a_little(1.5)
    for _ in range(_KILLS):
        await live_a_little(2.5)
    controller.start()
    after = await cluster.complete(without={*before.values()})
    assert sorted(after) == sorted(before)
    await controller.ready()
    await _each_leader_was_deleted_once(controller)
    await _each_event_was_published_once(controller)
    assert await controller.stop() == 0, controller.log
    await controller.verify()
    checked = await controller.ask("journal", "check")
    assert checked["sound"], checked
    assert checked["seals"]["count"] >= 3
    assert checked["seals"]["unsealed"]["decisions"] == 0
    assert checked["seals"]["unsealed"]["events"] < 5  # timers that have fired since


async def _each_event_was_published_once(controller: Program) -> None:
    server = DataDirectory(controller.data_dir).published()
    assert server is not None, "the embedded server runs"
    assert await all_published(server)


async def test_the_nats_server_is_killed_again_and_again(cluster: Cluster, program: MakeProgram) -> None:
    chance = random.Random(4)
    controller = program(*_ALONE, "--lifecycle-events", kubeconfig=cluster.kubeconfig)
    controller.start()
    await controller.ready()
    cluster.apply()
    for _ in range(3):
        await _kill_server(controller, after_seconds=chance.uniform(0, 0.4))
    before = await cluster.complete()
    for victim in _VICTIMS:
        cluster.kill(victim)
        await _kill_server(controller, after_seconds=chance.uniform(0, 0.4))
    await cluster.complete(without={*before.values()})  # every group had a victim
    await controller.ready()
    await _each_leader_was_deleted_once(controller)
    await _each_event_was_published_once(controller)
    assert await controller.stop() == 0, controller.log
    await controller.verify()


async def test_the_nats_server_is_killed_while_the_controller_starts(cluster: Cluster, program: MakeProgram) -> None:
    controller = program(*_ALONE, kubeconfig=cluster.kubeconfig)
    cluster.apply()
    controller.start()
    await controller.log_says("embedded NATS server runs")
    for _ in range(4):
        await _kill_server(controller, after_seconds=0)
    await cluster.complete()
    await controller.ready()
    assert await controller.stop() == 0, controller.log
    await controller.verify()


async def test_a_nats_server_that_cannot_be_brought_back_ends_the_controller(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    binary = tmp_path / "nats-server"
    shutil.copy(find_server(), binary)
    controller = program(*_ALONE, kubeconfig=cluster.kubeconfig, environment={"NATS_SERVER": str(binary)})
    controller.start()
    await controller.ready()
    binary.unlink()
    await _kill_server(controller, after_seconds=0)
    await controller.readyz_says("journal failed: not connected to the NATS server")
    assert await controller.ended() == 1
    [told] = [line for line in controller.log.splitlines() if "a part of the controller ended" in line]
    assert "the embedded NATS server ended" in told
    assert str(binary) in told


async def _kill_server(controller: Program, *, after_seconds: float) -> None:
    """SIGKILL the controller's NATS server, once it has one that was not killed before."""

    async def found() -> set[int]:
        return _children(controller.child.pid)

    pids = await eventually(found, what="a NATS server", interval_seconds=0.01)
    await asyncio.sleep(after_seconds)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)

    async def gone() -> bool:
        return not pids & await found()

    await eventually(gone, what="the NATS server to be gone", interval_seconds=0.01)


def _children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


async def _each_leader_was_deleted_once(controller: Program) -> None:
    recreations = await controller.ask("why", "default/leaderworkerset-sample", "--kind", "recreation")
    assert Counter(recreation["group"] for recreation in recreations) == {"0": 1, "1": 1, "2": 1}
    assert all(recreation["complete"] for recreation in recreations)
