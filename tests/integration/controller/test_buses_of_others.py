"""A journal on a NATS server that somebody else runs: credentials, TLS, and a server that is not there yet."""

from pathlib import Path

from adapters.nats.server_process import find_server
from tests.controlplane.certificates import make_authority, write_server_certificate
from tests.controlplane.cluster import free_ports
from tests.controlplane.processes import Child
from tests.integration.controller.clusters import Cluster
from tests.integration.controller.conftest import MakeProgram
from tests.integration.test_nats_servers_of_others import serving

_ALONE = ("--no-webhooks", "--no-leader-elect")


async def test_user_password_and_tls(cluster: Cluster, program: MakeProgram, tmp_path: Path) -> None:
    authority = make_authority()
    certificate, key = write_server_certificate(authority, tmp_path, hosts=("127.0.0.1",))
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    configuration = f"""
jetstream {{ store_dir: "{tmp_path}/js" }}
authorization {{ user: "lws", password: "secret" }}
tls {{ cert_file: "{certificate}", key_file: "{key}" }}
"""
    async with serving(tmp_path, configuration) as port:
        controller = program(
            *(*_ALONE, "--nats-url", f"tls://127.0.0.1:{port}"),
            *("--nats-user", "lws", "--nats-tls-ca", str(tmp_path / "ca.crt")),
            kubeconfig=cluster.kubeconfig,
            environment={"LWS_EVENTS_NATS_PASSWORD": "secret"},
        )
        controller.start()
        await controller.ready()
        cluster.apply()
        await cluster.complete()
        assert await controller.stop() == 0


async def test_credentials_that_are_refused_end_the_start(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    configuration = f'jetstream {{ store_dir: "{tmp_path}/js" }}\nauthorization {{ user: "lws", password: "secret" }}'
    async with serving(tmp_path, configuration) as port:
        controller = program(*_ALONE, "--nats-url", f"nats://127.0.0.1:{port}", kubeconfig=cluster.kubeconfig)
        controller.start()
        assert await controller.ended() == 3
        assert "refused our credentials" in controller.log


async def test_a_server_that_is_not_there_yet_is_waited_for(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    server = Child(
        [str(find_server()), "--addr", "127.0.0.1", "--port", str(port), "-js", "-sd", str(tmp_path / "js")],
        log=tmp_path / "nats.log",
    )
    controller = program(*_ALONE, "--nats-url", f"nats://127.0.0.1:{port}", kubeconfig=cluster.kubeconfig)
    controller.start()
    try:
        await controller.readyz_says("start failed: the journal cannot be opened yet: no NATS server answered")
        server.start()
        await controller.ready()
        cluster.apply()
        await cluster.complete()
        server.kill()
        await controller.readyz_says("journal failed: not connected to the NATS server")
        group = cluster.group(0)
        cluster.kill("leaderworkerset-sample-0-2")
        server.start()
        await cluster.complete(without=group.values())
        await controller.ready()
        assert await controller.stop() == 0
    finally:
        server.kill()
