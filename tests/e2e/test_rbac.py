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

PROGRAM: Final = str(Path(sys.executable).with_name("manager"))
MANIFESTS: Final = Path(__file__).parents[2] / "deploy" / "manifests"
APPLIED: Final = (
    *("service-account", "cluster-role", "roles", "certificate-roles", "metrics-roles", "webhook-secret", "webhooks"),
)
CONTROLLER: Final = "lws-controller-manager"
WEBHOOK_SERVER: Final = "lws-webhook-server"
FILES: Final = {CONTROLLER: "controller", WEBHOOK_SERVER: "webhook-server"}
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
    """One of the two Deployments, as a process, with a token of its account, which has the Deployment's name."""

    child: Child
    token: str
    health_port: int
    metrics_port: int


class Installed(NamedTuple):
    """An installation: its namespace, and the processes by the names of their Deployments."""

    namespace: str
    processes: dict[str, Process]


@pytest_asyncio.fixture
async def installed(control_plane: ControlPlane, api: Api, tmp_path: Path) -> AsyncIterator[Installed]:
    """The manifests in a namespace of their own, and the processes with nothing but their rights."""
    home = await create_namespace(api, prefix="lws-system")
    [webhook_port] = free_ports(1)
    applied = [path async for path in _apply(api, home, webhook_port=webhook_port)]
    processes = {}
    for name in FILES:
        (tmp_path / name).mkdir()
        token = await _token(api, home, account=name)
        kubeconfig = _kubeconfig(control_plane, token=token, directory=tmp_path / name)
        processes[name] = _process(
            name, home, kubeconfig=kubeconfig, token=token, webhook_port=webhook_port, directory=tmp_path / name
        )
    try:
        for process in processes.values():
            process.child.start()
        await eventually(lambda: _answers(processes[WEBHOOK_SERVER], check="webhooks"), what="the webhooks")
        await eventually(lambda: _answers(processes[CONTROLLER], check="leader"), what="the controller to lead")
        yield Installed(home, processes)
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
        refused = await _refused_requests(process, token=installed.processes[CONTROLLER].token)
        assert refused == [], f"{refused}\n{process.child.log_tail()}"


async def test_they_are_no_more_than_that(installed: Installed, control_plane: ControlPlane) -> None:
    """Which also shows that the other test does not run as somebody who may do anything."""
    certificate = core("secrets", installed.namespace, "lws-webhook-server-cert")
    sets = grouped("leaderworkerset.x-k8s.io/v1", "leaderworkersets", "default")
    nobody: tuple[tuple[str, str], ...] = (
        ("GET", core("secrets", installed.namespace)),
        ("GET", core("secrets", "kube-system")),
        ("DELETE", "/api/v1/nodes/none"),
        ("POST", core("pods", "default")),
        ("DELETE", grouped("apps/v1", "statefulsets", "default", "none")),
        ("POST", sets),
    )
    refused = {
        CONTROLLER: (*nobody, ("GET", certificate)),
        WEBHOOK_SERVER: (*nobody, ("GET", sets), ("GET", core("pods", "default")), ("DELETE", core("pods", "a", "b"))),
    }
    for name, requests in refused.items():
        async with Api(control_plane.connection._replace(token=installed.processes[name].token)) as account:
            if name == WEBHOOK_SERVER:
                await account.get(certificate)
            for method, path in requests:
                with pytest.raises(ApiError) as answer:
                    await account.call(method, path, {} if method == "POST" else None)
                assert answer.value.code == 403, f"{name}: {method} {path}"


@pytest.mark.catalogue("E17")
async def test_the_metrics_endpoint_knows_who_may_read(installed: Installed, api: Api) -> None:
    """E17, with a token from the TokenRequest API; and the refusals of spec 10.6."""
    reader = await _token(api, installed.namespace, account=CONTROLLER)
    stranger = await _token(api, installed.namespace, account="default")
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


async def _token(api: Api, home: str, *, account: str) -> str:
    """A token of an account, as the TokenRequest API makes them."""
    path = core("serviceaccounts", home, account)
    await eventually(lambda: api.find(path), what=f"the account {account}")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    issued = await api.call("POST", path + "/token", request)
    token: str = issued["status"]["token"]
    return token


def _kubeconfig(control_plane: ControlPlane, *, token: str, directory: Path) -> Path:
    """The administrator's kubeconfig with this token instead."""
    content = yaml.safe_load(control_plane.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": token}
    kubeconfig = directory / "account.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(content))
    return kubeconfig


def _process(name: str, home: str, *, kubeconfig: Path, token: str, webhook_port: int, directory: Path) -> Process:
    """The container of a Deployment, with paths, namespace and ports of this machine."""
    deployment = next(iter(yaml.safe_load_all((MANIFESTS / f"{FILES[name]}.yaml").read_text())))
    assert deployment["metadata"]["name"] == name
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == name
    [(file_name, text)] = yaml.safe_load((MANIFESTS / "configuration.yaml").read_text())["data"].items()
    configuration = directory / file_name
    configuration.write_text(text.replace("/var/lib/lws-events", str(directory / "data")))
    health_port, metrics_port = free_ports(2)
    assert pod["containers"][0]["command"] == ["/manager"]
    arguments = [one.replace(f"/{file_name}", str(configuration)) for one in pod["containers"][0]["args"]]
    child = Child(
        [
            *(PROGRAM, *arguments, "--kubeconfig", str(kubeconfig), "--namespace", home),
            *("--webhook-host", "127.0.0.1", "--webhook-port", str(webhook_port)),
            *("--health-probe-bind-address", f"127.0.0.1:{health_port}"),
            *("--metrics-bind-address", f"127.0.0.1:{metrics_port}"),
        ],
        log=directory / "log",
    )
    return Process(child, token, health_port, metrics_port)


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
