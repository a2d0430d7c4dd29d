"""Admission as one of many replicas, and certificates of our own making."""

import ssl
from pathlib import Path
from typing import Any

import aiohttp

from tests.controlplane.api import eventually
from tests.controlplane.certificates import make_authority, write_server_certificate
from tests.controlplane.cluster import free_ports
from tests.integration.controller.clusters import Cluster
from tests.integration.controller.conftest import MakeProgram

_REVIEW: dict[str, Any] = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "u1",
        "operation": "CREATE",
        "namespace": "default",
        "name": "leaderworkerset-sample-1",
        "userInfo": {"username": "jane"},
        "object": {
            "apiVersion": "leaderworkerset.x-k8s.io/v1",
            "kind": "LeaderWorkerSet",
            "metadata": {"name": "leaderworkerset-sample-1", "namespace": "default", "uid": "s1", "generation": 1},
            "spec": {
                "replicas": 1,
                "startupPolicy": "LeaderCreated",
                "rolloutStrategy": {
                    "type": "RollingUpdate",
                    "rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": 0, "partition": 0},
                },
                "networkConfig": {"subdomainPolicy": "Shared"},
                "leaderWorkerTemplate": {
                    "size": 2,
                    "restartPolicy": "RecreateGroupOnPodRestart",
                    "workerTemplate": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
                },
            },
        },
    },
}
_VALIDATE = "/validate-leaderworkerset-x-k8s-io-v1-leaderworkerset"


async def _ask(port: int) -> Any:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"https://127.0.0.1:{port}{_VALIDATE}", json=_REVIEW, ssl=context) as response,
    ):
        return (await response.json())["response"]


async def test_admission_alone_needs_neither_cluster_nor_journal(program: MakeProgram, tmp_path: Path) -> None:
    write_server_certificate(make_authority(), tmp_path, hosts=("127.0.0.1",))
    (port,) = free_ports(1)
    replica = program("--only-webhooks", "--webhook-cert-dir", str(tmp_path), "--webhook-port", str(port))
    replica.start()
    await replica.ready()
    numbers = await replica.metrics()
    assert numbers[f'controller_runtime_webhook_requests_total{{code="200",webhook="{_VALIDATE}"}}'] == 0
    assert (await _ask(port))["allowed"] is True
    numbers = await replica.metrics()
    assert numbers[f'controller_runtime_webhook_requests_total{{code="200",webhook="{_VALIDATE}"}}'] == 1
    assert not replica.data_dir.exists(), "a journal that nobody reads"
    assert await replica.stop() == 0


async def test_certificates_of_our_own_are_served_before_the_configurations_exist(
    cluster: Cluster, program: MakeProgram
) -> None:
    """They are waited for, and readiness says what is missing."""
    (port,) = free_ports(1)
    controller = program(
        "--no-leader-elect", "--webhook-port", str(port), "--namespace", "default", kubeconfig=cluster.kubeconfig
    )
    controller.start()
    said = await controller.readyz_says("webhooks failed: not found: mutatingwebhookconfigurations/")
    assert "validatingwebhookconfigurations/" in said
    assert "run with --no-webhooks" in said
    assert (await _ask(port))["allowed"] is True
    cluster.apply()
    await cluster.complete()
    assert controller.log.count("webhooks cannot be asked yet") == 1
    assert await controller.stop() == 0


async def test_a_change_is_kept_in_the_journal_and_siblings_are_warned_of(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    write_server_certificate(make_authority(), tmp_path, hosts=("127.0.0.1",))
    (port,) = free_ports(1)
    webhooks = ("--webhook-cert-dir", str(tmp_path), "--webhook-port", str(port))
    controller = program("--no-leader-elect", *webhooks, kubeconfig=cluster.kubeconfig)
    controller.start()
    await controller.ready()
    cluster.apply()
    await cluster.complete()
    answer = await _ask(port)
    assert answer["allowed"] is True
    expected = "metadata.name: objects of leaderworkerset-sample-1 and of the existing leaderworkerset-sample may get"
    assert any(warning.startswith(expected) for warning in answer["warnings"])

    async def recorded() -> bool:
        return (await controller.metrics()).get('lws_events_events_total{kind="SpecChangeRequested"}') == 1

    await eventually(recorded, what="the change in the journal")
    assert await controller.stop() == 0
    await controller.verify()


async def test_admission_goes_on_while_the_journal_cannot_be_reached(program: MakeProgram, tmp_path: Path) -> None:
    write_server_certificate(make_authority(), tmp_path, hosts=("127.0.0.1",))
    port, nobody = free_ports(2)
    webhooks = ("--only-webhooks", "--webhook-cert-dir", str(tmp_path), "--webhook-port", str(port))
    replica = program(*webhooks, "--nats-url", f"nats://127.0.0.1:{nobody}")
    replica.start()
    await replica.log_says("the webhook server listens")
    assert (await _ask(port))["allowed"] is True
    await replica.readyz_says("start failed: the journal cannot be opened yet: no NATS server answered")
    assert await replica.stop() == 0
