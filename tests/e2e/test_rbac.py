"""What ``deploy/manifests`` installs: both processes with their arguments, their configuration and their rights.

Everything else runs as administrator, so a right that is missing would be found by users. Here the processes have the
token of their ServiceAccount, on an API server that also wants rights to owners. The webhooks are reached through the
Service's name (which leads to loopback here), with the certificate that the webhook server itself keeps in the Secret.
Deliberately absent: containers; what the manifests say about them is left to the unit tests.
"""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import pytest
import pytest_asyncio
import yaml

from lws_events import names
from tests.controlplane.api import Api, ApiError, core, eventually, grouped
from tests.controlplane.cluster import ControlPlane, free_ports
from tests.controlplane.fixtures import create_namespace, remove_namespace
from tests.controlplane.installation import remove_webhooks
from tests.controlplane.kubelets import Kubelets
from tests.controlplane.processes import Child
from tests.e2e.features.sets import Sets, a_set, a_template

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="function")]

Json = dict[str, Any]

PROGRAM: Final = str(Path(sys.executable).with_name("lws-events"))
MANIFESTS: Final = Path(__file__).parents[2] / "deploy" / "manifests"
APPLIED: Final = ("service-account", "cluster-role", "roles", "webhook-secret", "webhooks")
ACCOUNT: Final = "lws-controller-manager"
LEASE: Final = "b8b2488c.x-k8s.io"
PLURALS: Final = {
    "ServiceAccount": "serviceaccounts",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Secret": "secrets",
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}


class Process(NamedTuple):
    """One of the two Deployments, as a process."""

    child: Child
    health_port: int
    metrics_port: int


class Installed(NamedTuple):
    """An installation: its namespace, its account's kubeconfig, and the processes by the names of their Deployments."""

    namespace: str
    kubeconfig: Path
    processes: dict[str, Process]


@pytest_asyncio.fixture
async def installed(control_plane: ControlPlane, api: Api, tmp_path: Path) -> AsyncIterator[Installed]:
    """The manifests in a namespace of their own, and the processes with nothing but their rights."""
    home = await create_namespace(api, prefix="lws-system")
    [webhook_port] = free_ports(1)
    applied = [path async for path in _apply(api, home, webhook_port=webhook_port)]
    kubeconfig = await _kubeconfig(control_plane, api, home, directory=tmp_path)
    processes = {
        name: _process(name, home, kubeconfig=kubeconfig, webhook_port=webhook_port, directory=tmp_path)
        for name in ("controller", "webhook-server")
    }
    try:
        for process in processes.values():
            process.child.start()
        await eventually(lambda: _answers(processes["webhook-server"], check="webhooks"), what="the webhooks")
        await eventually(lambda: _answers(processes["controller"], check="leader"), what="the controller to lead")
        yield Installed(home, kubeconfig, processes)
        for process in processes.values():
            assert process.child.stop(grace_seconds=20) == 0, process.child.log_tail()
    finally:
        for process in processes.values():
            process.child.kill()
        await remove_webhooks(api)
        for path in reversed(applied):
            await api.delete(path)
        await remove_namespace(api, home)


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
        refused = await _refused_requests(process)
        assert refused == [], f"{refused}\n{process.child.log_tail()}"


async def test_they_are_no_more_than_that(installed: Installed, control_plane: ControlPlane) -> None:
    """Which also shows that the other test does not run as somebody who may do anything."""
    token = yaml.safe_load(installed.kubeconfig.read_text())["users"][0]["user"]["token"]
    connection = control_plane.connection._replace(token=token)
    async with Api(connection) as account:
        await account.get(core("secrets", installed.namespace, "lws-webhook-server-cert"))
        for method, path in (
            ("GET", core("secrets", installed.namespace)),
            ("GET", core("secrets", "kube-system")),
            ("DELETE", "/api/v1/nodes/none"),
            ("POST", core("pods", "default")),
            ("DELETE", grouped("apps/v1", "statefulsets", "default", "none")),
            ("POST", grouped("leaderworkerset.x-k8s.io/v1", "leaderworkersets", "default")),
        ):
            with pytest.raises(ApiError) as refused:
                await account.call(method, path, {} if method == "POST" else None)
            assert refused.value.code == 403, f"{method} {path}"


async def _apply(api: Api, home: str, *, webhook_port: int) -> AsyncIterator[str]:
    """Apply the manifests with another namespace; yields the paths of what is cluster-wide."""
    for file in APPLIED:
        text = (MANIFESTS / f"{file}.yaml").read_text().replace("lws-system", home)
        for manifest in yaml.safe_load_all(text):
            for webhook in manifest.get("webhooks", ()):
                webhook["clientConfig"]["service"]["port"] = webhook_port
            group = manifest["apiVersion"]
            root = f"/apis/{group}" if "/" in group else f"/api/{group}"
            where = f"/namespaces/{home}" if manifest["metadata"].get("namespace") else ""
            path = f"{root}{where}/{PLURALS[manifest['kind']]}/{manifest['metadata']['name']}"
            await api.apply(path, manifest)
            if not where:
                yield path
    # There is no cluster network; the name in the certificate stays that of the Service.
    await api.create(
        core("services", home),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "lws-webhook-service"},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        },
    )


async def _kubeconfig(control_plane: ControlPlane, api: Api, home: str, *, directory: Path) -> Path:
    """The administrator's kubeconfig with a token of the account instead."""
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    issued = await api.call("POST", core("serviceaccounts", home, ACCOUNT) + "/token", request)
    content = yaml.safe_load(control_plane.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": issued["status"]["token"]}
    kubeconfig = directory / "account.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(content))
    return kubeconfig


def _process(name: str, home: str, *, kubeconfig: Path, webhook_port: int, directory: Path) -> Process:
    """The container of a Deployment, with paths, namespace and ports of this machine."""
    container = yaml.safe_load((MANIFESTS / f"{name}.yaml").read_text())["spec"]["template"]["spec"]["containers"][0]
    [(file_name, text)] = yaml.safe_load((MANIFESTS / "configuration.yaml").read_text())["data"].items()
    configuration = directory / file_name
    configuration.write_text(text.replace("/var/lib/lws-events", str(directory / "data")))
    health_port, metrics_port = free_ports(2)
    arguments = [argument.replace("/etc/lws-events", str(directory)) for argument in container["args"]]
    child = Child(
        [
            *(PROGRAM, *arguments, "--kubeconfig", str(kubeconfig), "--namespace", home),
            *("--webhook-host", "127.0.0.1", "--webhook-port", str(webhook_port)),
            *("--health-port", str(health_port), "--metrics-bind-address", f"127.0.0.1:{metrics_port}"),
            "--no-metrics-secure",
        ],
        log=directory / f"{name}.log",
    )
    return Process(child, health_port, metrics_port)


async def _answers(process: Process, *, check: str) -> bool:
    """Whether it is ready and has this check among its own; ``leader`` is there once the Lease is held."""
    assert process.child.running(), f"it has ended:\n{process.child.log_tail()}"
    url = f"http://127.0.0.1:{process.health_port}/readyz?verbose"
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200 and f"[+]{check} ok" in await answer.text()
    except aiohttp.ClientError:
        return False


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


async def _refused_requests(process: Process) -> list[str]:
    """The lines that count requests which the API server has forbidden."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{process.metrics_port}/metrics") as answer,
    ):
        lines = (await answer.text()).splitlines()
    requests = [line for line in lines if line.startswith("rest_client_requests_total{")]
    assert requests, "requests are counted"
    return [line for line in requests if 'code="403"' in line or 'code="401"' in line]
