"""Records a golden journal: the real controller against a simulated cluster, through one short story.

``python -m tests.journals.recording NAME`` plays the story ``NAME`` and writes ``NAME.jsonl.gz`` beside this file. It
refuses to write over a journal: those that are here were recorded by a release and are never rewritten. A new story, or
a new version of the machine, gets a new file.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from adapters.cli.settings import Settings
from adapters.controller.process import run_controller
from adapters.journal.transfer import export_journal
from adapters.nats.connection import connect
from adapters.nats.embedded import server_for_reading
from adapters.nats.journal import open_journal_for_reading
from adapters.simulation import Simulation, SimulationSettings, kinds, racks
from adapters.simulation.http import ClusterServer, ServerSettings
from adapters.simulation.set_admission import set_admission

FOLDER: Final = Path(__file__).parent
TOPOLOGY: Final = "leaderworkerset.sigs.k8s.io/exclusive-topology"
RACK: Final = "topology.kubernetes.io/rack"
NAMESPACE: Final = "default"
CLUSTER: Final = "golden"

_SPEED: Final = 4.0
_WAIT_SECONDS_MAX: Final = 60.0


class Story:
    """The cluster in which a story happens, with the controller running when it begins."""

    def __init__(self, simulation: Simulation, kubeconfig: Path, data_dir: Path) -> None:
        self.simulation = simulation
        self._kubeconfig = kubeconfig
        self._data_dir = data_dir
        self._running: asyncio.Task[int] | None = None
        self._stop = asyncio.Event()

    async def start_controller(self) -> None:
        settings = Settings(
            kubeconfig=self._kubeconfig,
            cluster=CLUSTER,
            data_dir=self._data_dir,
            webhooks=False,
            leader_elect=False,
            health_probe_bind_address="0",
            metrics_bind_address="0",
        )
        self._stop = asyncio.Event()
        self._running = asyncio.create_task(run_controller(settings, stop=self._stop))

    async def stop_controller(self) -> None:
        if self._running is not None:
            self._stop.set()
            await self._running
            self._running = None

    def apply(self, name: str, *, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        """Create a set; its template is a single container."""
        template = {"spec": {"containers": [{"name": "main", "image": "example.test/main:1"}]}}
        group = {"size": 3, "workerTemplate": template} | spec.pop("leaderWorkerTemplate", {})
        manifest = {
            "apiVersion": "leaderworkerset.x-k8s.io/v1",
            "kind": "LeaderWorkerSet",
            "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations or {}},
            "spec": {"replicas": 2, "leaderWorkerTemplate": group} | spec,
        }
        self.simulation.api.create(kinds.LEADERWORKERSETS, manifest, namespace=NAMESPACE)

    def change(self, name: str, spec: dict[str, Any]) -> None:
        """Merge a change into a set's spec."""
        self.simulation.api.patch(kinds.LEADERWORKERSETS, name, {"spec": spec}, type_="merge", namespace=NAMESPACE)

    def force_delete(self, pod: str) -> None:
        self.simulation.api.delete(kinds.PODS, pod, namespace=NAMESPACE, grace_seconds=0)

    def uid(self, pod: str) -> str:
        found = self.simulation.api.find(kinds.PODS, pod, namespace=NAMESPACE)
        return found["metadata"]["uid"] if found is not None else ""

    def pods(self) -> list[str]:
        return sorted(pod["metadata"]["name"] for pod in self.simulation.api.select(kinds.PODS, namespace=NAMESPACE))

    async def until(self, condition: Callable[[], bool], *, what: str) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS_MAX
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited for {what}; pods are {self.pods()}")
            await asyncio.sleep(0.02)

    async def until_available(self, name: str) -> None:
        """The set's status says that all of its present spec is there."""

        def available() -> bool:
            found = self.simulation.api.get(kinds.LEADERWORKERSETS, name, namespace=NAMESPACE)
            status, generation = found.get("status", {}), found["metadata"]["generation"]
            conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
            ready = status.get("readyReplicas", 0) == found["spec"]["replicas"]
            settled = status.get("replicas", 0) == status.get("updatedReplicas", 0) == found["spec"]["replicas"]
            current = status.get("observedGeneration") == generation
            return ready and settled and current and conditions.get("Available") == "True"

        await self.until(available, what=f"{name} to be Available")

    async def until_recreated(self, name: str, leader: str, *, was: str) -> None:
        await self.until(lambda: self.uid(leader) not in ("", was), what=f"{leader} to be replaced")
        await self.until_available(name)


async def force_deleted_worker_recreates_its_group(story: Story) -> None:
    story.apply("sample")
    await story.until_available("sample")
    leader = story.uid("sample-1")
    story.force_delete("sample-1-2")
    await story.until_recreated("sample", "sample-1", was=leader)


async def two_failures_in_one_group_are_one_recreation(story: Story) -> None:
    story.apply("sample")
    await story.until_available("sample")
    leader = story.uid("sample-0")
    story.simulation.kubelets.kill_for_memory("sample-0-1")
    story.force_delete("sample-0-2")
    await story.until_recreated("sample", "sample-0", was=leader)


async def worker_deleted_while_the_controller_was_down(story: Story) -> None:
    story.apply("sample")
    await story.until_available("sample")
    leader, worker = story.uid("sample-1"), story.uid("sample-1-1")
    await story.stop_controller()
    story.force_delete("sample-1-1")
    await story.until(lambda: story.uid("sample-1-1") not in ("", worker), what="the worker to be replaced")
    await story.start_controller()
    await story.until_recreated("sample", "sample-1", was=leader)


async def fifth_group_waits_for_a_rack_of_its_own(story: Story) -> None:
    story.apply("racked", annotations={TOPOLOGY: RACK}, replicas=5)
    await story.until(lambda: len(story.pods()) == 4 * 3 + 1, what="four groups and a waiting leader")
    story.change("racked", {"replicas": 4})
    await story.until_available("racked")


async def workers_wait_for_a_ready_leader(story: Story) -> None:
    story.apply("patient", startupPolicy="LeaderReady")
    await story.until_available("patient")


async def set_is_scaled_and_deleted(story: Story) -> None:
    story.apply("elastic", replicas=3)
    await story.until_available("elastic")
    for replicas in (5, 2, 0, 3):
        story.change("elastic", {"replicas": replicas})
        await story.until_available("elastic")
    story.simulation.api.delete(kinds.LEADERWORKERSETS, "elastic", namespace=NAMESPACE)
    await story.until(lambda: not story.pods(), what="everything to be collected")


async def changed_template_is_rolled_out_and_old_revisions_go(story: Story) -> None:
    story.apply("changing")
    await story.until_available("changing")
    containers = [{"name": "main", "image": "example.test/main:2"}]
    story.change("changing", {"leaderWorkerTemplate": {"workerTemplate": {"spec": {"containers": containers}}}})
    await story.until_available("changing")
    await story.until(
        lambda: sum(revision["metadata"]["name"].startswith("changing-") for revision in _own_revisions(story)) == 1,
        what="the old revision to be deleted",
    )


async def policy_none_leaves_a_failure_alone(story: Story) -> None:
    story.apply("alone", leaderWorkerTemplate={"restartPolicy": "None"})
    await story.until_available("alone")
    worker = story.uid("alone-0-1")
    story.force_delete("alone-0-1")
    await story.until(lambda: story.uid("alone-0-1") not in ("", worker), what="that one pod to be replaced")
    await story.until_available("alone")


STORIES: Final[dict[str, Callable[[Story], Awaitable[None]]]] = {
    story.__name__: story
    for story in (
        force_deleted_worker_recreates_its_group,
        two_failures_in_one_group_are_one_recreation,
        worker_deleted_while_the_controller_was_down,
        fifth_group_waits_for_a_rack_of_its_own,
        workers_wait_for_a_ready_leader,
        set_is_scaled_and_deleted,
        changed_template_is_rolled_out_and_old_revisions_go,
        policy_none_leaves_a_failure_alone,
    )
}


async def record(name: str, path: Path) -> None:
    """Play a story and export its journal. Raises ``TimeoutError`` where it does not come to its end."""
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch)
        async with _staged(data_dir) as story:
            await STORIES[name](story)
        async with server_for_reading(data_dir) as settings:
            connection = await connect(settings, name="recording")
            try:
                await export_journal(await open_journal_for_reading(connection, CLUSTER), path)
            finally:
                await connection.close()


@contextlib.asynccontextmanager
async def _staged(data_dir: Path) -> AsyncIterator[Story]:
    simulation = Simulation(
        nodes=racks(4, nodes_per_rack=4, key=RACK),
        admission=set_admission,
        settings=SimulationSettings(epoch=datetime.now(UTC)),
    )
    async with ClusterServer(simulation, settings=ServerSettings(speed=_SPEED)) as server:
        story = Story(simulation, server.write_kubeconfig(data_dir / "kubeconfig"), data_dir)
        await story.start_controller()
        try:
            yield story
        finally:
            await story.stop_controller()


def _own_revisions(story: Story) -> list[dict[str, Any]]:
    revisions = story.simulation.api.select(kinds.REVISIONS, namespace=NAMESPACE)
    return [
        revision
        for revision in revisions
        if any(owner["kind"] == "LeaderWorkerSet" for owner in revision["metadata"].get("ownerReferences", []))
    ]


def main() -> None:
    """Record the stories named on the command line."""
    names = sys.argv[1:]
    unknown = [name for name in names if name not in STORIES]
    if unknown or not names:
        raise SystemExit(f"name one or more of: {', '.join(STORIES)}")
    for name in names:
        path = FOLDER / f"{name}.jsonl.gz"
        if path.exists():
            raise SystemExit(f"{path.name} is there: a golden journal is never rewritten")
        asyncio.run(record(name, path))
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
