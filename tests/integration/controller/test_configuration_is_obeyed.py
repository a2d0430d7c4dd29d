"""What the configuration file says is what the running program does (spec 10.3)."""

import json
import ssl
import time
from pathlib import Path
from typing import Any

from adapters.simulation import kinds
from tests.controlplane.api import eventually
from tests.controlplane.certificates import make_authority, write_server_certificate
from tests.controlplane.cluster import free_ports
from tests.integration.controller.clusters import Cluster
from tests.integration.controller.conftest import MakeProgram
from tests.integration.test_who_may_read_metrics import _shakes_hands, _speaking

_PLAIN = ("--no-webhooks", "--no-leader-elect")


def _file(directory: Path, text: str) -> tuple[str, str]:
    path = directory / "controller_manager_config.yaml"
    path.write_text(text)
    return "--config", str(path)


def _lease(cluster: Cluster) -> dict[str, Any]:
    spec: dict[str, Any] = cluster.simulation.api.get(kinds.LEASES, "mine", namespace="elsewhere")["spec"]
    return spec


async def test_the_lease(cluster: Cluster, program: MakeProgram, tmp_path: Path) -> None:
    """Its name, its namespace (D60) and how long it holds."""
    text = """
        leaderElection:
          {leaseDuration: 4s, renewDeadline: 3s, retryPeriod: 200ms, resourceName: mine, resourceNamespace: elsewhere}
    """
    cluster.simulation.api.create(kinds.NAMESPACES, {"metadata": {"name": "elsewhere"}})
    arguments = ("--no-webhooks", "--namespace", "default", *_file(tmp_path, text))
    controller = program(*arguments, kubeconfig=cluster.kubeconfig)
    controller.start()
    await controller.ready()

    async def led() -> bool:
        return (await controller.metrics()).get('leader_election_master_status{name="mine"}') == 1

    await eventually(led, what="the Lease to be held")
    lease = _lease(cluster)
    assert lease["leaseDurationSeconds"] == 4
    first = lease["renewTime"]

    async def renewed() -> bool:
        return bool(_lease(cluster)["renewTime"] != first)

    await eventually(renewed, what="it to be renewed", timeout_seconds=3)
    assert await controller.stop() == 0


async def test_tls_of_webhooks_and_metrics(cluster: Cluster, program: MakeProgram, tmp_path: Path) -> None:
    write_server_certificate(make_authority(), tmp_path, hosts=("127.0.0.1",))
    webhooks, metrics = free_ports(2)
    text = f"""
        webhook: {{port: {webhooks}, host: 127.0.0.1, certDir: {tmp_path}}}
        internalCertManagement: {{enable: false}}
        tls: {{minVersion: VersionTLS13}}
        metrics: {{bindAddress: "127.0.0.1:{metrics}"}}
    """
    controller = program("--no-leader-elect", *_file(tmp_path, text), kubeconfig=cluster.kubeconfig, plain=False)
    controller.start()
    await controller.ready()
    for port in (webhooks, metrics):
        assert await _shakes_hands(port, _speaking(ssl.TLSVersion.TLSv1_2)) is None
        assert await _shakes_hands(port, _speaking(ssl.TLSVersion.TLSv1_3)) == "TLS_AES_256_GCM_SHA384"
    assert await controller.stop() == 0


async def test_requests_are_limited(cluster: Cluster, program: MakeProgram, tmp_path: Path) -> None:
    arguments = (*_PLAIN, *_file(tmp_path, "clientConnection: {qps: 5, burst: 1}"))
    controller = program(*arguments, kubeconfig=cluster.kubeconfig)
    began = time.monotonic()
    controller.start()

    async def asked() -> float:
        numbers = await controller.metrics()
        requests = sum(value for name, value in numbers.items() if name.startswith("rest_client_requests_total"))
        return requests if requests > 8 else 0  # a listing and a watch of each kind

    requests = await eventually(asked, what="the cluster to be listed and watched")
    elapsed = time.monotonic() - began
    assert (requests - 1) / 5 <= elapsed
    assert await controller.stop() == 0


async def test_what_is_in_force_is_logged(cluster: Cluster, program: MakeProgram, tmp_path: Path) -> None:
    text = "webhook: {port: 1443}\nhealth: {readinessEndpointName: /ready}\nlwsEvents: {logFormat: json}\n"
    arguments = (*_PLAIN, *_file(tmp_path, text), "--kube-api-qps=7", "--readiness-endpoint-name=/readyz")
    controller = program(*arguments, kubeconfig=cluster.kubeconfig)
    controller.start()
    await controller.ready()
    assert await controller.stop() == 0
    line = json.loads(controller.log.splitlines()[0])
    assert line["event"] == "Successfully loaded configuration"
    assert line["file"] == str(tmp_path / "controller_manager_config.yaml")
    for shown in ("port: 1443", "qps: 7.0", "readinessEndpointName: /readyz", "logFormat: json"):
        assert shown in line["config"]
