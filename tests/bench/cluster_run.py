"""One measurement of one controller: a set is created, updated, and broken in every group at once, each to its end."""

import time
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from adapters.journal.transfer import export_journal
from adapters.nats.connection import connect
from adapters.nats.embedded import server_for_reading
from adapters.nats.journal import open_journal_for_reading
from tests.bench import controllers, mass_failure, rolling_update, workload
from tests.bench.controllers import Controller
from tests.bench.figures import ClusterRun, Creation
from tests.bench.observed import Observed
from tests.bench.plane import fresh_plane
from tests.controlplane import audit
from tests.controlplane.api import Json, leaderworkersets

SECONDS_MAX_PER_GROUP: Final = 3.0
SECONDS_MAX_LEAST: Final = 120.0
CLUSTER: Final = "default"


class Measured(NamedTuple):
    """A run still without its floor, and the StatefulSets to measure the floor with."""

    run: ClusterRun
    statefulsets: list[Json]

    def with_floor(self, floor_seconds: float) -> ClusterRun:
        """The run as it is reported."""
        creation = msgspec.structs.replace(
            self.run.creation,
            floor_seconds=floor_seconds,
            ratio_to_floor=self.run.creation.available_seconds / floor_seconds,
        )
        return msgspec.structs.replace(self.run, creation=creation)


def seconds_max(groups: int) -> float:
    """How long anything about so many groups may take before the bench gives up."""
    return max(SECONDS_MAX_LEAST, groups * SECONDS_MAX_PER_GROUP)


async def measure(controller: Controller, *, groups: int, size: int, journal_file: Path | None) -> Measured:
    """Run it on a fresh control plane. Its journal is exported to ``journal_file``; None: it has none.

    Raises ``ControllerEnded``, ``TimeoutError``.
    """
    async with fresh_plane() as plane:
        async with controllers.running(
            controller,
            plane.api,
            kubeconfig=plane.control_plane.kubeconfig,
            directory=plane.directory / "controller",
            probe=workload.manifest(plane.namespace, groups=groups, size=size, name="probe"),
        ) as running:
            observed = Observed(plane, controller, running)
            creation = await _create(observed, groups=groups, size=size)
            statefulsets = await workload.posted_statefulsets(plane.api, plane.namespace)
            update = await rolling_update.measure(observed, groups=groups, timeout_seconds=seconds_max(groups))
            figures, answers = await mass_failure.measure(observed, groups=groups)
        if journal_file is not None:
            await _export(running.data_dir, journal_file)
            figures = msgspec.structs.replace(figures, seen_to_sent=mass_failure.seen_to_sent(answers, journal_file))
    run = ClusterRun(
        controller=controller.name,
        groups=groups,
        size=size,
        creation=creation,
        rolling_update=update,
        mass_failure=figures,
    )
    return Measured(run, statefulsets)


async def _create(observed: Observed, *, groups: int, size: int) -> Creation:
    api, namespace = observed.plane.api, observed.plane.namespace
    before = observed.begin()
    began = time.monotonic()
    await api.create(leaderworkersets(namespace), workload.manifest(namespace, groups=groups, size=size))
    await workload.wait_until_available(api, namespace, groups=groups, timeout_seconds=seconds_max(groups))
    available_seconds = time.monotonic() - began
    await observed.silence()
    after, writes = observed.now(), observed.writes()
    return Creation(
        available_seconds=available_seconds,
        api_writes=len(writes),
        api_writes_per_group=len(writes) / groups,
        api_writes_by_kind=audit.by_kind(writes),
        startup_cpu_seconds=before.controller.cpu_seconds,
        controller=after.cost_since(before),
        nats=after.nats_cost_since(before),
    )


async def _export(data_dir: Path, path: Path) -> None:
    async with server_for_reading(data_dir) as settings:
        connection = await connect(settings, name="lws-events bench")
        try:
            await export_journal(await open_journal_for_reading(connection, CLUSTER), path)
        finally:
            await connection.close()
