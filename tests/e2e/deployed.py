"""What ``deploy/manifests`` installs, on this machine: both processes with their arguments, configuration and rights.

The processes have the tokens of their ServiceAccounts. The webhooks are reached through the Service's name (which leads
to loopback here), with the certificate that the webhook server itself keeps in the Secret; the controller by the
webhook server through a port of this machine, with a token made for it. Deliberately absent: containers.
"""

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import yaml

from tests.controlplane.api import Api, core, eventually
from tests.controlplane.cluster import ControlPlane, free_ports
from tests.controlplane.fixtures import create_namespace, remove_namespace
from tests.controlplane.installation import remove_webhooks
from tests.controlplane.processes import Child

Json = dict[str, Any]

PROGRAM: Final = str(Path(sys.executable).with_name("manager"))
MANIFESTS: Final = Path(__file__).parents[2] / "deploy" / "manifests"
COMPONENT: Final = MANIFESTS.parent / "components" / "record-deletions" / "webhooks.yaml"
RECORDING: Final = "lws-recording-webhook-configuration"
AUDIENCE: Final = "lws-events"
APPLIED: Final = (
    *("service-account", "cluster-role", "roles", "certificate-roles", "metrics-roles", "admission-requests"),
    *("webhook-secret", "webhooks"),
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
    "ConfigMap": "configmaps",
    "Service": "services",
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}


class Process(NamedTuple):
    """One of the two Deployments, as a process, with a token of its account, which has the Deployment's name."""

    child: Child
    token: str
    health_port: int
    metrics_port: int
    data_dir: Path
    """Of the controller."""


class Installed(NamedTuple):
    """An installation: its namespace, and the processes by the names of their Deployments."""

    namespace: str
    processes: dict[str, Process]


class _Ports(NamedTuple):
    """Of this machine, where in a cluster Services would be."""

    webhooks: int
    requests: int


@contextlib.asynccontextmanager
async def installation(control_plane: ControlPlane, api: Api, tmp_path: Path) -> AsyncIterator[Installed]:
    """The manifests in a namespace of their own, and the processes with nothing but their rights."""
    home = await create_namespace(api, prefix="lws-system")
    ports = _Ports(*free_ports(2))
    applied = [path async for path in _apply(api, home, webhook_port=ports.webhooks)]
    processes = {}
    for name in FILES:
        (tmp_path / name).mkdir()
        token = await token_of(api, home, account=name)
        kubeconfig = _kubeconfig(control_plane, token=token, directory=tmp_path / name)
        (tmp_path / name / "token").write_text(await token_of(api, home, account=name, audience=AUDIENCE))
        processes[name] = _process(
            name, home, kubeconfig=kubeconfig, token=token, ports=ports, directory=tmp_path / name
        )
    try:
        for process in processes.values():
            process.child.start()
        await eventually(lambda: answers(processes[WEBHOOK_SERVER], check="webhooks"), what="the webhooks")
        await eventually(lambda: answers(processes[CONTROLLER], check="leader"), what="the controller to lead")
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


async def _apply(api: Api, home: str, *, webhook_port: int) -> AsyncIterator[str]:
    """Apply the manifests with another namespace; yields the paths of what is cluster-wide."""
    for file in APPLIED:
        text = (MANIFESTS / f"{file}.yaml").read_text().replace("lws-system", home)
        for manifest in yaml.safe_load_all(text):
            if manifest["metadata"]["name"] == RECORDING:
                manifest["webhooks"] += _recorded_of_pods(home)
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


def _recorded_of_pods(home: str) -> list[Json]:
    """What the component adds."""
    text = COMPONENT.read_text().replace("lws-system", home)
    webhooks: list[Json] = yaml.safe_load(text)["webhooks"]
    return webhooks


async def token_of(api: Api, home: str, *, account: str, audience: str = "") -> str:
    """A token of an account, as the TokenRequest API makes them: for the API server, or for somebody else."""
    path = core("serviceaccounts", home, account)
    await eventually(lambda: api.find(path), what=f"the account {account}")
    spec = {"expirationSeconds": 3600, "audiences": [audience] if audience else []}
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
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


def _process(name: str, home: str, *, kubeconfig: Path, token: str, ports: _Ports, directory: Path) -> Process:
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
    here = {
        f"/{file_name}": str(configuration),
        "https://lws-admission-requests-service.lws-system.svc:9444": f"https://127.0.0.1:{ports.requests}",
        "=:9444": f"=127.0.0.1:{ports.requests}",
    }
    arguments = list(pod["containers"][0]["args"])
    for there, replacement in here.items():
        arguments = [one.replace(there, replacement) for one in arguments]
    child = Child(
        [
            *(PROGRAM, *arguments, "--kubeconfig", str(kubeconfig), "--namespace", home),
            *("--webhook-host", "127.0.0.1", "--webhook-port", str(ports.webhooks)),
            *("--admission-requests-token-file", str(directory / "token")),
            *("--health-probe-bind-address", f"127.0.0.1:{health_port}"),
            *("--metrics-bind-address", f"127.0.0.1:{metrics_port}"),
        ],
        log=directory / "log",
    )
    return Process(child, token, health_port, metrics_port, directory / "data")


async def answers(process: Process, *, check: str) -> bool:
    """Whether it is ready and has this check among its own; ``leader`` is there once the Lease is held."""
    assert process.child.running(), f"it has ended:\n{process.child.log_tail()}"
    url = f"http://127.0.0.1:{process.health_port}/readyz?verbose"
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200 and f"[+]{check} ok" in await answer.text()
    except aiohttp.ClientError:
        return False
