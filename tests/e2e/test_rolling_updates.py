"""Rolling updates on the real control plane, with real StatefulSets: pods are replaced within the budgets, no others.

Pods of the image ``held`` never start, of the image ``half`` those of group 1 do not, so that a test can act in the
middle of a rollout. The steps are read from the journal, what users lose from the pods themselves.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
import pytest_asyncio

from lws_events import names
from lws_events.decisions import LeaderReplacementStarted, RolloutBlocked, RolloutStepped
from tests.controlplane import nodes
from tests.controlplane.api import Api, Json, eventually
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.fixtures import create_namespace, remove_namespace
from tests.controlplane.installation import remove_webhooks
from tests.controlplane.kubelets import Kubelets
from tests.controlplane.pod_status import Pod
from tests.e2e.controller import Controller
from tests.e2e.features.sets import GROUP_INDEX, Sets, a_set, a_template, conditions_of, is_ready

NAME: Final = "rolled"
SIZE: Final = 2
POLL_SECONDS: Final = 0.05

pytestmark = [
    pytest.mark.controlplane,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(control_plane: ControlPlane) -> AsyncIterator[Api]:
    async with control_plane.api() as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kubelets(control_plane: ControlPlane) -> AsyncIterator[Kubelets]:
    """Nodes on which pods take a moment to start."""
    async with Kubelets(control_plane.connection, nodes.racks(2, nodes_per_rack=2), start_seconds=0.2) as running:
        await running.hold_starts(_never_starts)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def controller(
    control_plane: ControlPlane, api: Api, kubelets: Kubelets, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Controller]:
    directory = tmp_path_factory.mktemp("controller")
    running = Controller(api, kubeconfig=control_plane.kubeconfig, directory=directory)
    try:
        await running.start()
        await running.register_webhooks()
        yield running
        await running.verify()
    finally:
        await running.kill()
        await remove_webhooks(api)


class Rolled:
    """One set, and what becomes of it."""

    def __init__(self, api: Api, controller: Controller, namespace: str) -> None:
        self.sets = Sets(api, namespace)
        self.controller = controller
        self.namespace = namespace

    async def create(self, replicas: int, **rolling: int) -> None:
        strategy = {"type": "RollingUpdate", "rollingUpdateConfiguration": rolling}
        await self.sets.create(a_set(NAME, replicas=replicas, size=SIZE, rolloutStrategy=strategy))
        await self.available()

    async def available(self) -> Json:
        """Once the status is right and the surge is gone."""
        [lws] = await self.sets.available(NAME)
        return lws

    async def template(self, name: str, **spec: Any) -> None:
        template = {"workerTemplate": a_template(image(name))}
        await self.sets.change(NAME, {"leaderWorkerTemplate": template, **spec})

    async def roll(self, **rolling: int) -> None:
        await self.sets.change(NAME, {"rolloutStrategy": {"rollingUpdateConfiguration": rolling}})

    async def partition(self) -> int:
        found = await self.sets.statefulset(NAME)
        partition: int = found["spec"]["updateStrategy"]["rollingUpdate"]["partition"]
        return partition

    async def reaches(self, partition: int) -> None:
        async def reached() -> bool:
            return await self.partition() == partition

        await eventually(reached, what=f"partition {partition}", interval_seconds=POLL_SECONDS)

    async def steps(self) -> list[tuple[int, int]]:
        """Each partition and number of replicas that was decided."""
        return [(fact.partition, fact.replicas) for fact in await self.facts(RolloutStepped)]

    async def facts(self, kind: type) -> list[Any]:
        return [fact for _, fact in await self.controller.decided(self.namespace) if isinstance(fact, kind)]

    async def images(self) -> list[str]:
        """The images of all pods, leaders first, by group."""
        pods = await self.sets.pods(NAME)
        return [pods[name]["spec"]["containers"][0]["image"].rpartition(":")[2] for name in sorted(pods)]

    async def ready_groups(self) -> int:
        groups: dict[str, int] = {}
        for pod in (await self.sets.pods(NAME)).values():
            index = pod["metadata"]["labels"][GROUP_INDEX]
            groups[index] = groups.get(index, 0) + is_ready(pod)
        return sum(ready >= SIZE for ready in groups.values())

    @asynccontextmanager
    async def watching_the_floor(self) -> AsyncIterator[list[int]]:
        """Looks at the ready groups again and again; gives all that it saw."""
        seen: list[int] = []

        async def look() -> None:
            while True:
                seen.append(await self.ready_groups())
                await asyncio.sleep(POLL_SECONDS)

        looking = asyncio.create_task(look())
        try:
            yield seen
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


def image(name: str) -> str:
    return f"example.test/main:{name}"


@pytest_asyncio.fixture(loop_scope="session")
async def rolled(api: Api, controller: Controller) -> AsyncIterator[Rolled]:
    assert controller.running(), "an earlier test has left the controller stopped"
    namespace = await create_namespace(api)
    yield Rolled(api, controller, namespace)
    await remove_namespace(api, namespace)


async def test_one_group_at_a_time(rolled: Rolled) -> None:
    await rolled.create(4, maxUnavailable=1)
    before = await rolled.sets.uids(NAME)
    async with rolled.watching_the_floor() as ready:
        await rolled.template("B")
        await rolled.available()
    assert await rolled.steps() == [(4, 4), (3, 4), (2, 4), (1, 4), (0, 4)]
    assert min(ready) >= 3
    after = await rolled.sets.uids(NAME)
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values()), "every pod is a new one"
    assert set(await rolled.images()) == {"B"}
    notes = [note for _, _, note in await rolled.sets.notes(NAME) if note.startswith("Updating")]
    assert notes == [f"Updating replica {index}" for index in (3, 2, 1, 0)]
    assert len(await rolled.sets.revisions(NAME)) == 1


async def test_surge_groups_come_and_go(rolled: Rolled) -> None:
    await rolled.create(4, maxUnavailable=2, maxSurge=2)
    async with rolled.watching_the_floor() as ready:
        await rolled.template("B")
        await rolled.available()
    steps = await rolled.steps()
    assert steps[:2] == [(4, 6), (2, 6)]
    assert steps[-1] == (0, 4)
    assert min(ready) >= 2
    assert set(await rolled.images()) == {"B"}
    assert len(await rolled.images()) == 4 * SIZE


async def test_a_canary_is_let_go_by_its_partition(rolled: Rolled) -> None:
    await rolled.create(4, maxUnavailable=1, partition=3)
    before = await rolled.sets.uids(NAME)
    await rolled.template("B")

    async def canary() -> bool:
        lws = await rolled.sets.get(NAME)
        status = lws["status"]
        return status.get("updatedReplicas") == 1 and conditions_of(lws).get("Available") == "True"

    await eventually(canary, what="the canary to be available")
    assert await rolled.images() == ["1"] * 6 + ["B"] * 2
    kept = {name: uid for name, uid in before.items() if not name.startswith(f"{NAME}-3")}
    assert (await rolled.sets.uids(NAME)).items() >= kept.items()
    assert len(await rolled.sets.revisions(NAME)) == 2, "the old groups still need theirs"
    await rolled.roll(partition=0)
    await rolled.available()
    assert set(await rolled.images()) == {"B"}


async def test_a_template_that_never_starts_is_taken_back(rolled: Rolled) -> None:
    """Trace 5.13, D24: the broken leader is the whole budget of the StatefulSet controller, which does nothing."""
    await rolled.create(3, maxUnavailable=1)
    before = await rolled.sets.uids(NAME)
    await rolled.template("held")
    await rolled.reaches(2)
    await rolled.sets.when(
        NAME,
        what="the held leader",
        holds=lambda pods: _image_of(pods, f"{NAME}-2") == image("held"),
    )
    await rolled.template("1")
    await rolled.available()
    kept = {name: uid for name, uid in before.items() if not name.startswith(f"{NAME}-2")}
    assert (await rolled.sets.uids(NAME)).items() >= kept.items(), "groups that were never touched stay"
    assert [fact.group for fact in await rolled.facts(LeaderReplacementStarted)] == [f"{NAME}-2"]
    assert await rolled.facts(RolloutBlocked) == []
    assert not await rolled.sets.notes(NAME, reason="RecreateGroup"), "no pod has failed"


async def test_a_revert_replaces_what_the_template_broke(rolled: Rolled) -> None:
    """Trace 5.13, D9: without the annotation group 1 would use up the budget for ever."""
    annotations = {names.REPLACE_BROKEN_GROUPS_FIRST: "true"}
    await rolled.sets.create(a_set(NAME, replicas=3, size=SIZE, annotations=annotations))
    await rolled.available()
    await rolled.template("half")
    await rolled.reaches(1)
    await rolled.sets.when(
        NAME,
        what="the leader that does not start",
        holds=lambda pods: _image_of(pods, f"{NAME}-1") == image("half"),
    )
    await rolled.template("1")
    await rolled.available()
    assert [fact.group for fact in await rolled.facts(LeaderReplacementStarted)] == [f"{NAME}-1"]
    assert set(await rolled.images()) == {"1"}
    [note] = [note for _, _, note in await rolled.sets.notes(NAME, reason="ReplaceBrokenLeader")]
    assert note.startswith(f"Deleted leader pod {NAME}-1, which is not ready, because it was broken before")


async def test_a_second_template_in_the_middle_of_the_first(rolled: Rolled) -> None:
    await rolled.create(3, maxUnavailable=1, maxSurge=1)
    await rolled.template("held")
    await rolled.reaches(2)
    async with rolled.watching_the_floor() as ready:
        await rolled.template("C")
        await rolled.available()
    assert set(await rolled.images()) == {"C"}
    steps = await rolled.steps()
    assert steps[:3] == [(3, 4), (2, 4), (3, 4)]
    assert steps[-1] == (0, 3)
    assert min(ready) >= 2
    assert len(await rolled.sets.revisions(NAME)) == 1


async def test_fewer_groups_in_the_middle_of_a_rollout(rolled: Rolled) -> None:
    await rolled.create(5, maxUnavailable=1)
    await rolled.template("held")
    await rolled.reaches(4)
    await rolled.sets.scale(NAME, 3)
    await rolled.reaches(2)
    await rolled.template("B")
    await rolled.available()
    assert await rolled.images() == ["B"] * 3 * SIZE
    assert (await rolled.steps())[:4] == [(5, 5), (4, 5), (3, 3), (2, 3)]


async def test_a_controller_that_is_killed_goes_on_where_it_was(rolled: Rolled) -> None:
    await rolled.create(5, maxUnavailable=1)
    async with rolled.watching_the_floor() as ready:
        await rolled.template("B")
        for partition in (4, 2):
            await rolled.reaches(partition)
            await rolled.controller.kill()
            await rolled.controller.start()
        await rolled.available()
    assert await rolled.steps() == [(5, 5), (4, 5), (3, 5), (2, 5), (1, 5), (0, 5)], "no step twice, none left out"
    assert min(ready) >= 4
    assert set(await rolled.images()) == {"B"}


def _never_starts(pod: Pod) -> bool:
    started = pod.spec.containers[0].image
    return started == image("held") or (started == image("half") and pod.metadata.labels.get(GROUP_INDEX) == "1")


def _image_of(pods: dict[str, Json], name: str) -> str:
    found: str = pods[name]["spec"]["containers"][0]["image"] if name in pods else ""
    return found
