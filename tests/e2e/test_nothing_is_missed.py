"""100 groups of 8, one worker force-deleted in each at once: every group is recreated, once, whatever else fails.

The reference loses about a third of these deletions (spec D1, report 998). The webhooks run as a process of their own,
as in production with several replicas, so that pods are replaced also while no controller is there to see it. All
scenarios run one after the other on one set: each begins with 100 complete groups and ends with 100 complete groups.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import pytest_asyncio

from tests.bench import workload
from tests.bench.plane import Plane, fresh_plane
from tests.controlplane import audit, proc
from tests.controlplane.api import ApiError, eventually, leaderworkersets
from tests.controlplane.certificates import make_authority, write_server_certificate
from tests.controlplane.cluster import free_ports
from tests.controlplane.installation import install_webhooks
from tests.controlplane.processes import Child
from tests.e2e.expiring_proxy import ExpiringProxy
from tests.e2e.watched_failure import WatchedFailure

PROGRAM: Final = str(Path(sys.executable).with_name("lws-events"))
GROUPS: Final = 100
SIZE: Final = 8
RECREATED_SECONDS_MAX: Final = 150.0
WATCHES: Final = 6
"""Sets, StatefulSets, pods, Services, revisions and nodes."""

pytestmark = [
    pytest.mark.controlplane,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]


class Arena:
    """The cluster with the set in it, the webhooks, and a controller that can be killed."""

    def __init__(self, plane: Plane, proxy: ExpiringProxy, directory: Path) -> None:
        self.plane = plane
        self.proxy = proxy
        self.data_dir = directory / "data"
        self.log = audit.AuditLog(plane.control_plane.audit_log)
        self._webhook_port, self._health_port = free_ports(2)
        self._cert_dir = directory / "certificates"
        self._cert_dir.mkdir()
        self._authority = make_authority()
        write_server_certificate(self._authority, self._cert_dir, hosts=("127.0.0.1", "localhost"))
        program = [
            PROGRAM,
            "run",
            "--kubeconfig",
            str(proxy.write_kubeconfig(directory / "kubeconfig")),
        ]
        quiet = ["--metrics-port", "0", "--no-leader-elect", "--log-level", "info"]
        self._webhooks = Child(
            [
                *program,
                *quiet,
                "--only-webhooks",
                *("--webhook-host", "127.0.0.1", "--webhook-port", str(self._webhook_port)),
                *("--webhook-cert-dir", str(self._cert_dir), "--health-port", "0"),
            ],
            log=directory / "webhooks.log",
        )
        self.controller = Child(
            [
                *program,
                *quiet,
                "--no-webhooks",
                *("--data-dir", str(self.data_dir), "--health-port", str(self._health_port)),
            ],
            log=directory / "controller.log",
        )

    async def start_webhooks(self) -> None:
        self._webhooks.start()
        url = f"https://127.0.0.1:{self._webhook_port}"
        await install_webhooks(self.plane.api, url=url, authority_pem=self._authority.pem)
        probe = workload.manifest(self.plane.namespace, groups=4, size=1)  # one of them is a quarter

        async def admits() -> bool:
            assert self._webhooks.running(), self._webhooks.log_tail()
            collection = leaderworkersets(self.plane.namespace)
            try:
                answer = await self.plane.api.call("POST", collection, probe, params={"dryRun": "All"})
            except ApiError:
                return False
            return "networkConfig" in answer["spec"]

        await eventually(admits, what=f"the webhooks to admit a set: {self._webhooks.log_tail()}")

    def stop_webhooks(self) -> None:
        self._webhooks.stop()

    async def start_controller(self) -> None:
        self.controller.start()

        async def ready() -> bool:
            assert self.controller.running(), self.controller.log_tail()
            with contextlib.suppress(aiohttp.ClientError):
                async with aiohttp.request("GET", f"http://127.0.0.1:{self._health_port}/readyz") as response:
                    return response.status == 200
            return False

        await eventually(ready, what=f"the controller to be ready: {self.controller.log_tail()}")

    async def delete_one_worker_each(self) -> None:
        await workload.fail_one_worker_each(self.plane.api, self.plane.namespace, groups=GROUPS)

    async def leader_deletions(self) -> list[str]:
        """Names of the leaders that the controller has deleted since the mark, one for each deletion that was accepted.

        A killed controller does not wait for answers: the API server has such a deletion on record without success.
        It counts where no other deletion of that leader was accepted.
        """
        writes = audit.writes_of(self.log.since_mark(), "lws-events/")
        accepted = [each.object_ref.name for each in audit.pod_deletions(writes, namespace=self.plane.namespace)]
        sent = {each.object_ref.name for each in writes if each.kind == "delete pods"}
        return sorted([*accepted, *(sent - set(accepted))])

    async def until_deleted(self, *, at_least: int) -> None:
        async def some() -> bool:
            return len(await self.leader_deletions()) >= at_least

        await eventually(some, what=f"{at_least} leader deletions", interval_seconds=0.02)

    def verify(self) -> dict[str, object]:
        """What ``verify`` says in another process, with another seed for hashes."""
        command = [PROGRAM, "verify", "--data-dir", str(self.data_dir), "-o", "json"]
        environment = {**os.environ, "PYTHONHASHSEED": "4711"}
        answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        found: dict[str, object] = json.loads(answer.stdout)
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arena(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Arena]:
    """A settled set of 100 groups of 8, its controller running."""
    async with fresh_plane() as plane, ExpiringProxy(plane.control_plane.connection) as proxy:
        built = Arena(plane, proxy, tmp_path_factory.mktemp("arena"))
        try:
            await built.start_webhooks()
            await built.start_controller()
            manifest = workload.manifest(plane.namespace, groups=GROUPS, size=SIZE)
            await plane.api.create(leaderworkersets(plane.namespace), manifest)
            await workload.wait_until_available(plane.api, plane.namespace, groups=GROUPS, timeout_seconds=180)
            yield built
        finally:
            built.controller.stop()
            built.stop_webhooks()


class Outcome(WatchedFailure):
    """What is asserted after every scenario.

    ``api_server_lives``: only then is its audit log complete, and only then do the cluster's own controllers see enough
    to keep incarnations apart: after a crash the StatefulSet controller may put a worker into a StatefulSet whose end
    it has not seen. That each group got exactly one new leader is asserted in any case.
    """

    def __init__(self, arena: Arena, *, api_server_lives: bool = True) -> None:
        super().__init__(arena.plane, log=arena.log, pods=GROUPS * SIZE)
        self._arena = arena
        self._api_server_lives = api_server_lives

    async def _check(self) -> None:
        plane = self._arena.plane
        await self._wait_until_recreated()
        missed = {group: uids for group, uids in self._watched.leaders.items() if len(uids) != 2}
        assert not missed, "groups that did not have exactly one new leader"
        assert not self._watched.overlaps or not self._api_server_lives
        after = await workload.pod_uids(plane.api, plane.namespace)
        kept = sorted(name for name, uid in after.items() if self._before.get(name) == uid)
        assert not kept, "pods that outlived their group"
        if self._api_server_lives:
            leaders = sorted(workload.leader(group) for group in range(GROUPS))
            assert await self._arena.leader_deletions() == leaders, "leader deletions"

    async def _wait_until_recreated(self) -> None:
        plane = self._arena.plane

        async def left_out() -> list[str]:
            now = await workload.pod_uids(plane.api, plane.namespace)
            leaders = [workload.leader(group) for group in range(GROUPS)]
            return [leader for leader in leaders if now.get(leader, "") in ("", self._before[leader])]

        async def recreated() -> bool:
            assert self._arena.controller.running(), self._arena.controller.log_tail()
            return not await left_out() and await workload.is_available(plane.api, plane.namespace, groups=GROUPS)

        try:
            await eventually(
                recreated,
                what="all groups to be recreated",
                timeout_seconds=RECREATED_SECONDS_MAX,
                interval_seconds=0.5,
            )
        except TimeoutError as error:
            raise AssertionError(f"not recreated, or not ready again: {await left_out()}") from error


async def test_every_group_is_recreated_once(arena: Arena) -> None:
    async with Outcome(arena):
        await arena.delete_one_worker_each()


async def test_when_the_controller_is_killed_in_the_middle(arena: Arena) -> None:
    async with Outcome(arena):
        await arena.delete_one_worker_each()
        await arena.until_deleted(at_least=20)
        arena.controller.kill()
        await arena.start_controller()


async def test_when_the_controller_is_down_while_it_happens(arena: Arena) -> None:
    async with Outcome(arena):
        arena.controller.stop()
        before = await workload.pod_uids(arena.plane.api, arena.plane.namespace)
        await arena.delete_one_worker_each()

        async def replaced() -> bool:
            now = await workload.pod_uids(arena.plane.api, arena.plane.namespace)
            victims = [workload.victim(group) for group in range(GROUPS)]
            return all(now.get(victim, before[victim]) != before[victim] for victim in victims)

        await eventually(replaced, what="the StatefulSets to put new workers into the old groups")
        await arena.start_controller()


async def test_when_the_nats_server_is_killed_in_the_middle(arena: Arena) -> None:
    async with Outcome(arena):
        await arena.delete_one_worker_each()
        await arena.until_deleted(at_least=20)
        server = proc.nats_child(arena.controller.pid)
        assert server is not None
        os.kill(server, 9)

        async def back() -> bool:
            return proc.nats_child(arena.controller.pid) not in (None, server)

        await eventually(back, what="the supervisor to bring the NATS server back")


async def test_when_the_watch_is_answered_by_410(arena: Arena) -> None:
    async with Outcome(arena):
        deleting = asyncio.create_task(arena.delete_one_worker_each())
        await arena.until_deleted(at_least=5)
        wanted = arena.proxy.expired + WATCHES
        arena.proxy.expire_watches()

        async def told() -> bool:
            return arena.proxy.expired >= wanted

        await eventually(told, what="the watches of all kinds to be told that they are too old")
        await deleting


async def test_when_the_api_server_is_killed_and_has_forgotten_the_past(arena: Arena) -> None:
    async with Outcome(arena, api_server_lives=False):
        await arena.delete_one_worker_each()
        await arena.until_deleted(at_least=5)
        await arena.plane.control_plane.expire_watches()


async def test_the_journal_of_all_this_verifies_without_a_difference(arena: Arena) -> None:
    found = await asyncio.to_thread(arena.verify)
    assert found["differences"] == 0
    assert isinstance(found["decisions"], int)
    assert found["decisions"] > 5 * GROUPS
