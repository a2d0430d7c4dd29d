"""What ``deploy/manifests`` installs: both processes with their arguments, their configuration and their rights.

Everything else runs as administrator, so a right that is missing would be found by users. Here the processes have the
token of their ServiceAccount, on an API server that also wants rights to owners.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from lws_events import names
from tests.controlplane.api import Api, ApiError, core, eventually, grouped
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.kubelets import Kubelets
from tests.e2e.deployed import CONTROLLER, LEASE, WEBHOOK_SERVER, Installed, Process, installation, token_of
from tests.e2e.features.sets import Sets, a_set, a_template

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="function")]


@pytest_asyncio.fixture
async def installed(control_plane: ControlPlane, api: Api, tmp_path: Path) -> AsyncIterator[Installed]:
    async with installation(control_plane, api, tmp_path) as found:
        yield found


async def test_the_rights_of_the_manifests_suffice(
    installed: Installed, api: Api, namespace: str, kubelets: Kubelets
) -> None:
    sets = Sets(api, namespace)
    await eventually(lambda: _defaulted(sets), what="the hooks to be asked, with the certificate of the Secret")

    # A Service for each group has a pod as its owner.
    await sets.create(a_set("llama", replicas=2, size=2, networkConfig={"subdomainPolicy": "UniquePerReplica"}))
    await sets.available("llama")
    before = await sets.uids("llama", group=1)
    await api.delete(core("pods", namespace, "llama-1-1"), grace_seconds=0)
    await sets.when(
        "llama",
        what="group 1 to be recreated",
        holds=lambda pods: (
            before.keys() <= pods.keys() and all(pods[n]["metadata"]["uid"] != before[n] for n in before)
        ),
    )
    await sets.available("llama")
    assert await sets.notes("llama", reason="RecreateGroup"), "the rights to Events"

    await sets.change("llama", {"leaderWorkerTemplate": {"workerTemplate": a_template("example.test/main:2")}})
    await eventually(lambda: _has_one_revision(sets, number=2), what="the old revision to be deleted")
    await sets.available("llama")

    await _keep_a_group(sets)

    lease = await api.get(grouped("coordination.k8s.io/v1", "leases", installed.namespace, LEASE))
    assert lease["spec"]["holderIdentity"]
    for process in installed.processes.values():
        refused = await _refused_requests(process, token=installed.processes[CONTROLLER].token)
        assert refused == [], f"{refused}\n{process.child.log_tail()}"


async def test_they_are_no_more_than_that(installed: Installed, control_plane: ControlPlane) -> None:
    """Which also shows that the other test does not run as somebody who may do anything."""
    certificate = core("secrets", installed.namespace, "lws-webhook-server-cert")
    authority = core("configmaps", installed.namespace, "lws-admission-requests-authority")
    sets = grouped("leaderworkerset.x-k8s.io/v1", "leaderworkersets", "default")
    nobody: tuple[tuple[str, str], ...] = (
        ("GET", core("secrets", installed.namespace)),
        ("GET", core("secrets", "kube-system")),
        ("GET", core("configmaps", installed.namespace)),
        ("DELETE", "/api/v1/nodes/none"),
        ("POST", core("pods", "default")),
        ("DELETE", grouped("apps/v1", "statefulsets", "default", "none")),
        ("POST", sets),
    )
    refused = {
        CONTROLLER: (*nobody, ("GET", certificate)),
        WEBHOOK_SERVER: (
            *nobody,
            ("PUT", authority),
            ("GET", sets),
            ("GET", core("pods", "default")),
            ("DELETE", core("pods", "a", "b")),
        ),
    }
    for name, requests in refused.items():
        async with Api(control_plane.connection._replace(token=installed.processes[name].token)) as account:
            if name == WEBHOOK_SERVER:
                await account.get(certificate)
            for method, path in requests:
                with pytest.raises(ApiError) as answer:
                    await account.call(method, path, {} if method in ("POST", "PUT") else None)
                assert answer.value.code == 403, f"{name}: {method} {path}"


@pytest.mark.catalogue("E17")
async def test_the_metrics_endpoint_knows_who_may_read(installed: Installed, api: Api) -> None:
    """E17, with a token from the TokenRequest API; and the refusals of spec 10.6."""
    reader = await token_of(api, installed.namespace, account=CONTROLLER)
    stranger = await token_of(api, installed.namespace, account="default")
    for name, process in installed.processes.items():
        status, text = await _metrics(process, token=reader)
        assert status == 200
        assert "controller_runtime_webhook_requests_total" in text
        assert "controller-runtime.metrics\tServing metrics server" in process.child.log_tail(), name
        assert await _metrics(process, token=stranger) == (
            403,
            f"Authorization denied for user system:serviceaccount:{installed.namespace}:default\n",
        )
        assert await _metrics(process, token="made-up") == (401, "Unauthorized\n")
        assert await _metrics(process, token="") == (401, "Unauthorized\n")
    served = (await _metrics(installed.processes[WEBHOOK_SERVER], token=reader))[1]
    assert 'controller_runtime_webhook_requests_total{code="200",webhook="/mutate--v1-pod"}' in served


async def _defaulted(sets: Sets) -> bool:
    """Whether a set that is created now passes the hooks; the API server takes them up with a delay."""
    manifest = a_set("probe")
    path = f"/apis/leaderworkerset.x-k8s.io/v1/namespaces/{sets.namespace}/leaderworkersets"
    try:
        created = await sets.api.call("POST", path, manifest, params={"dryRun": "All"})
    except ApiError:
        return False
    return "networkConfig" in created["spec"]


async def _keep_a_group(sets: Sets) -> None:
    """A group of a set with a limit fails twice: its leader gets the mark."""
    await sets.create(a_set("kept", size=2, annotations={names.RESTART_LIMIT: "1"}))
    await sets.available("kept")
    before = await sets.uids("kept")
    path = core("pods", sets.namespace, "kept-0-1")
    await sets.api.delete(path, grace_seconds=0)
    await sets.when(
        "kept",
        what="the group to be recreated",
        holds=lambda pods: pods.keys() == before.keys() and pods["kept-0"]["metadata"]["uid"] != before["kept-0"],
    )
    await sets.available("kept")
    await sets.api.delete(path, grace_seconds=0)
    await sets.when(
        "kept",
        what="its leader to be marked",
        holds=lambda pods: names.KEPT_FOR_DEBUGGING in pods["kept-0"]["metadata"]["labels"],
    )


async def _has_one_revision(sets: Sets, *, number: int) -> bool:
    return [int(revision["revision"]) for revision in await sets.revisions("llama")] == [number]


async def _metrics(process: Process, *, token: str) -> tuple[int, str]:
    """Status and text; the certificate is made at each start, so nobody can verify it."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"https://127.0.0.1:{process.metrics_port}/metrics", headers=headers, ssl=False) as answer,
    ):
        return answer.status, await answer.text()


async def _refused_requests(process: Process, *, token: str) -> list[str]:
    """The lines that count requests which the API server has forbidden."""
    status, text = await _metrics(process, token=token)
    assert status == 200, text
    requests = [line for line in text.splitlines() if line.startswith("rest_client_requests_total{")]
    assert requests, "requests are counted"
    return [line for line in requests if 'code="403"' in line or 'code="401"' in line]
