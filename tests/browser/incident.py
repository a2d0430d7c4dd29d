"""Records the journal of an incident, of which the documentation's pictures are made.

``python -m tests.browser.incident FILE`` plays it on the simulated cluster with the real controller, in about
a minute: a set of six groups starts, a worker is killed for memory, and again, so that its group waits before it is
recreated; a new image is rolled out, and meanwhile a worker is force-deleted in another group.
"""

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from adapters.journal.transfer import export_journal
from adapters.nats.connection import connect
from adapters.nats.embedded import server_for_reading
from adapters.nats.journal import open_journal_for_reading
from adapters.simulation import Simulation, SimulationSettings, racks
from adapters.simulation.http import ClusterServer
from adapters.simulation.kubelets import KubeletSettings
from adapters.simulation.set_admission import set_admission
from tests.journals.recording import CLUSTER, RACK, Story

SET: Final = "llama"
_BACK_OFF: Final = {"lws-events.io/restart-backoff": "6s", "lws-events.io/restart-stable-after": "2m"}
_SLOW: Final = KubeletSettings(start=(1.5, 4.0), ready=(1.0, 3.5), stop=(0.8, 2.5))


async def _play(story: Story) -> None:
    two_at_once = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxUnavailable": 2}}
    group = {"size": 4}
    story.apply(SET, annotations=_BACK_OFF, replicas=6, leaderWorkerTemplate=group, rolloutStrategy=two_at_once)
    await story.until_available(SET)
    leader = story.uid(f"{SET}-3")
    story.simulation.kubelets.kill_for_memory(f"{SET}-3-2")
    await story.until_recreated(SET, f"{SET}-3", was=leader)
    leader = story.uid(f"{SET}-3")
    story.simulation.kubelets.kill_for_memory(f"{SET}-3-2")  # too small for what it was given: once more, and it waits
    await story.until_recreated(SET, f"{SET}-3", was=leader)
    containers = [{"name": "main", "image": "example.test/main:2"}]
    story.change(SET, {"leaderWorkerTemplate": {"workerTemplate": {"spec": {"containers": containers}}}})
    leader = story.uid(f"{SET}-5")
    await story.until(lambda: story.uid(f"{SET}-5") not in ("", leader), what="the rollout to begin")
    leader = story.uid(f"{SET}-1")
    story.force_delete(f"{SET}-1-1")
    await story.until_recreated(SET, f"{SET}-1", was=leader)


async def record(path: Path) -> None:
    """Play it and export its journal."""
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch)
        settings = SimulationSettings(epoch=datetime.now(UTC), kubelet=_SLOW)
        simulation = Simulation(nodes=racks(4, nodes_per_rack=8, key=RACK), admission=set_admission, settings=settings)
        async with ClusterServer(simulation) as server:
            story = Story(simulation, server.write_kubeconfig(data_dir / "kubeconfig"), data_dir)
            await story.start_controller()
            try:
                await _play(story)
            finally:
                await story.stop_controller()
        async with server_for_reading(data_dir) as connection_settings:
            connection = await connect(connection_settings, name="recording")
            try:
                await export_journal(await open_journal_for_reading(connection, CLUSTER), path)
            finally:
                await connection.close()


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1])))
