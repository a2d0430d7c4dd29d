"""A shadow beside our own controller on the real control plane: nothing differs, and not one request of it writes.

Beside a controller without a rule it finds what that one does not do, and nothing else. The shadow has the rights of
its manifests; the audit log, which has every write, is the judge of what it sent.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio

from tests.controlplane.api import Api, core, eventually
from tests.controlplane.audit import AuditLog, writes_of
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.fixtures import create_namespace, remove_namespace
from tests.controlplane.installation import remove_webhooks
from tests.controlplane.kubelets import Kubelets
from tests.e2e.controller import USER_AGENT as CONTROLLER_AGENT
from tests.e2e.controller import Controller
from tests.e2e.features.sets import Sets, a_set, a_template, is_ready
from tests.e2e.played_reference import PlayedReference
from tests.e2e.shadows import ACCOUNT, USER_AGENT, a_shadow
from tests.integration.shadow.shadows import Shadow, mutated

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(300)]

GROUPS: Final = 4
AVAILABLE: Final = {"Progressing": "False", "Available": "True"}
ROLLING: Final = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxUnavailable": 2}}


class Plane(NamedTuple):
    """Where a test happens."""

    control_plane: ControlPlane
    sets: Sets
    home: str
    """The namespace of the shadow's account."""
    directory: Path

    def shadow(self) -> AbstractAsyncContextManager[Shadow]:
        """A shadow with the rights of its manifests, started."""
        return a_shadow(self.control_plane, self.sets.api, self.home, self.directory)


@pytest_asyncio.fixture
async def plane(
    control_plane: ControlPlane, api: Api, kubelets: Kubelets, namespace: str, tmp_path: Path
) -> AsyncIterator[Plane]:
    """Kubelets, a namespace for sets and one for the shadow."""
    del kubelets  # they only have to be there
    home = await create_namespace(api, prefix="shadow")
    yield Plane(control_plane, Sets(api, namespace), home, tmp_path)
    await remove_namespace(api, home)


@pytest_asyncio.fixture
async def controller(control_plane: ControlPlane, api: Api, tmp_path: Path) -> AsyncIterator[Controller]:
    """Our controller, with its webhooks."""
    made = Controller(api, kubeconfig=control_plane.kubeconfig, directory=tmp_path / "controller")
    try:
        await made.start()
        await made.register_webhooks()
        yield made
    finally:
        await remove_webhooks(api)
        await made.kill()


@pytest_asyncio.fixture
async def hooks(control_plane: ControlPlane, api: Api, tmp_path: Path) -> AsyncIterator[Controller]:
    """Nothing but the webhooks, as a reference that is played needs them."""
    made = Controller(
        api, kubeconfig=control_plane.kubeconfig, directory=tmp_path / "hooks", arguments=("--only-webhooks",)
    )
    try:
        await made.start()
        await made.register_webhooks()
        yield made
    finally:
        await remove_webhooks(api)
        await made.kill()


async def test_beside_ourselves_nothing_differs_and_nothing_is_written(plane: Plane, controller: Controller) -> None:
    assert controller.running()
    audit = AuditLog(plane.control_plane.audit_log)
    audit.mark()
    async with plane.shadow() as shadow:
        await _live(plane.sets, shadow)
        await shadow.at_rest()
        report = await asyncio.to_thread(shadow.report, "--strict")
        assert report.content["differences"] == [], shadow.log
        assert report.code == 0
        compared = report.content["compared"]
        for kind in ("ApplyLeaderStatefulSet", "CreateWorkerStatefulSet", "DeleteLeaderPod", "UpdateSetStatus"):
            assert compared[kind]["agreed"] >= 1, kind
        await _only_reads(shadow)
        await shadow.stop()
    written = audit.since_mark()
    assert [each for each in written if each.user.username.endswith(f":{ACCOUNT}")] == []
    assert [each for each in written if USER_AGENT in each.user_agent] == []
    assert len(writes_of(written, CONTROLLER_AGENT)) > 20, "the log has the writes of whoever is in charge"


async def _only_reads(shadow: Shadow) -> None:
    """As the shadow itself counts: GET alone, and nothing that it may not."""
    numbers = await shadow.metrics()
    requests = [name for name in numbers if name.startswith("rest_client_requests_total")]
    assert requests
    assert all('method="GET"' in name for name in requests), requests
    assert not [name for name in requests if 'code="403"' in name or 'code="401"' in name], requests


async def _live(sets: Sets, shadow: Shadow) -> None:
    """Creation, mass failure, rolling update, scaling, deletion; the shadow is away for a while."""
    await asyncio.gather(
        sets.create(a_set("shared", replicas=GROUPS, size=3, rolloutStrategy=ROLLING)),
        sets.create(a_set("unique", replicas=2, networkConfig={"subdomainPolicy": "UniquePerReplica"})),
        sets.create(a_set("patient", replicas=2, startupPolicy="LeaderReady")),
    )
    await sets.available("shared", "unique", "patient")
    await _fail_all(sets, "shared", workers=[f"shared-{index}-1" for index in range(GROUPS)])

    change = {"leaderWorkerTemplate": {"workerTemplate": a_template("example.test/main:2")}}
    await sets.change("shared", change)
    await eventually(lambda: _is_rolling(sets, "shared"), what="the update to be under way")
    await shadow.kill()
    await sets.available("shared")
    await _fail_all(sets, "unique", workers=["unique-1-1"])
    await shadow.start()

    await sets.scale("shared", GROUPS + 2)
    await sets.available("shared")
    await sets.scale("shared", 1)
    await sets.available("shared")
    await sets.api.delete(f"/apis/leaderworkerset.x-k8s.io/v1/namespaces/{sets.namespace}/leaderworkersets/patient")
    await sets.when("patient", what="its pods to go", holds=lambda pods: not pods)


async def _fail_all(sets: Sets, name: str, *, workers: list[str]) -> None:
    """Delete workers without grace, all at once, and wait until their groups are others."""
    before = await sets.uids(name)
    await asyncio.gather(*(sets.api.delete(core("pods", sets.namespace, pod), grace_seconds=0) for pod in workers))
    leaders = [pod.rpartition("-")[0] for pod in workers]
    await sets.when(
        name,
        what=f"the groups {leaders} to be recreated",
        holds=lambda pods: all(
            leader in pods and pods[leader]["metadata"]["uid"] != before[leader] for leader in leaders
        ),
    )
    await sets.available(name)


async def _is_rolling(sets: Sets, name: str) -> bool:
    partition: int = (await sets.statefulset(name))["spec"]["updateStrategy"]["rollingUpdate"].get("partition", 0)
    return 0 < partition < GROUPS


async def test_beside_a_controller_that_sees_no_deletions(plane: Plane) -> None:
    sets = plane.sets
    controller = mutated(plane.directory, "sees-no-deletions", kubeconfig=plane.control_plane.kubeconfig)
    try:
        controller.start()
        async with plane.shadow() as shadow:
            await sets.create(_complete("llama", replicas=3))
            await sets.available("llama")
            before = await sets.uids("llama")
            for worker in ("llama-0-1", "llama-2-1"):
                await sets.api.delete(core("pods", sets.namespace, worker), grace_seconds=0)
            report = await shadow.found(2)
            found = sorted((each["kind"], each["target"], each["known"]) for each in report["differences"])
            assert found == [("missing", "pod/llama-0", "D1"), ("missing", "pod/llama-2", "D1")]
            assert "D1 (2)" in report["verdict"]
            assert {each["rule"] for each in report["differences"]} == {"restart"}
            assert report["rules"]["restart"]["says"].startswith("restartPolicy RecreateGroupOnPodRestart")
            after = await sets.uids("llama")
            assert {pod for pod in before if before[pod] == after[pod]} >= {"llama-0", "llama-1", "llama-2"}
    finally:
        controller.kill()


async def test_beside_a_reference_that_loses_deletions_writes_too_much_and_is_late(
    plane: Plane, kubelets: Kubelets, hooks: Controller
) -> None:
    assert hooks.running()
    sets, played = plane.sets, PlayedReference(plane.sets)
    async with plane.shadow() as shadow:
        await sets.create(_complete("llama", replicas=2))
        key = await played.record("llama")
        await played.apply("llama", key=key)
        await played.run_groups("llama")
        await played.put_status("llama", conditions=AVAILABLE)
        await shadow.at_rest()
        assert (await asyncio.to_thread(shadow.report)).content["differences"] == []

        # A deletion is lost, a failure counts for nothing, a Service is too many, and there are two revisions of a key.
        await sets.api.delete(core("pods", sets.namespace, "llama-0-1"), grace_seconds=0)
        await kubelets.kill_out_of_memory(sets.namespace, "llama-1-1")
        await sets.api.create(core("services", sets.namespace), await _surplus_service(sets))
        await played.record("llama", number=2)
        # A third group gets its workers late: its leader runs, and then for a while nothing happens.
        await sets.scale("llama", 3)
        await played.apply("llama", key=key)
        await sets.when(
            "llama", what="a third leader", holds=lambda pods: "llama-2" in pods and is_ready(pods["llama-2"])
        )
        await played.put_status("llama", ready=2, updated=2, conditions={"Progressing": "True", "Available": "False"})
        await shadow.found(5)
        await played.run_groups("llama")
        await played.put_status("llama", conditions=AVAILABLE)
        report = await shadow.found(6)
        page = await asyncio.to_thread(shadow.page)
    found = {(each["kind"], each["target"]): each for each in report["differences"]}
    [revision] = [target for kind, target in found if kind == "extra" and target != "service/surplus"]
    deleted = [place for place in found if place[0] == "missing" and place[1].startswith("revision/llama-")]
    assert {place: (each["rule"], each["known"]) for place, each in found.items() if place not in deleted} == {
        ("missing", "pod/llama-0"): ("restart", "D1"),
        ("missing", "pod/llama-1"): ("restart", ""),
        ("extra", "service/surplus"): ("services", ""),
        ("extra", revision): ("versions", "D12"),
        ("missing", "statefulset/llama-2"): ("workers", ""),
        ("order", "statefulset/llama-2"): ("workers", ""),
    }
    assert {found[place]["known"] for place in deleted} <= {"D12"}
    assert all(each["because"] for each in report["differences"])
    assert "3 differences that nobody has explained (rules restart, services, workers)" in report["verdict"]
    for line in (
        "| restart | 2 | 1 | restartPolicy RecreateGroupOnPodRestart: the failure of one pod ends its whole group |",
        "nobody did recreate group 1 — pod llama-1-1: container main restarted (exit code 137, OOMKilled) [rule",
        "somebody created Service surplus, we would not — the set does not ask for it [rule services]",
        "nobody did create worker StatefulSet llama-2 — pod llama-2 is",
        "a revision of this key is there already (D12: one revision for one template: no duplicates, and none is kept)",
        "## Done late",
        "statefulset/llama-2: done after all,",
    ):
        assert line in page, page


async def _surplus_service(sets: Sets) -> dict[str, Any]:
    lws = await sets.get("llama")
    owner = {"apiVersion": lws["apiVersion"], "kind": lws["kind"], "name": "llama", "uid": lws["metadata"]["uid"]}
    metadata = {
        "name": "surplus",
        "labels": {"leaderworkerset.sigs.k8s.io/name": "llama"},
        "ownerReferences": [{**owner, "controller": True}],
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"clusterIP": "None"}}


def _complete(name: str, *, replicas: int) -> dict[str, object]:
    """A set that needs no defaults from admission, which nobody serves here."""
    return a_set(
        name,
        replicas=replicas,
        template={"restartPolicy": "RecreateGroupOnPodRestart"},
        networkConfig={"subdomainPolicy": "Shared"},
        rolloutStrategy=ROLLING | {"rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": 0, "partition": 0}},
    )
