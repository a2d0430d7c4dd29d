"""What waiting does not cure ends the start: one line that says what is wrong, a hint, and an exit code for scripts."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.certificates import make_authority, write_server_certificate
from tests.integration.controller.clusters import Cluster
from tests.integration.controller.conftest import MakeProgram
from tests.integration.controller.program import Program

_ALONE = ("--no-webhooks", "--no-leader-elect")


@pytest.fixture
def taken_port() -> Iterator[str]:
    """A port on all addresses that somebody else listens on."""
    with socket.create_server(("", 0)) as taken:
        yield str(taken.getsockname()[1])


async def _ends(program: Program, *, code: int) -> str:
    """Start it; returns what it says before it ends with this code."""
    program.start()
    assert await program.ended() == code, program.log
    assert "Traceback" not in program.log
    return program.log


@pytest.mark.parametrize("flag", ["--health-probe-bind-address", "--metrics-bind-address"])
async def test_a_port_that_is_taken(cluster: Cluster, program: MakeProgram, taken_port: str, flag: str) -> None:
    address = f"127.0.0.1:{taken_port}"
    said = await _ends(program(*_ALONE, flag, address, kubeconfig=cluster.kubeconfig), code=1)
    assert f"cannot listen on {address}: Address already in use" in said
    assert f"hint: choose another port with {flag}" in said


async def test_a_webhook_port_that_is_taken(
    cluster: Cluster, program: MakeProgram, tmp_path: Path, taken_port: str
) -> None:
    write_server_certificate(make_authority(), tmp_path, hosts=("127.0.0.1",))
    webhooks = ("--webhook-cert-dir", str(tmp_path), "--webhook-port", taken_port)
    said = await _ends(program("--no-leader-elect", *webhooks, kubeconfig=cluster.kubeconfig), code=1)
    assert "hint: choose another port with --webhook-port" in said


async def test_a_webhook_port_that_is_taken_when_the_certificate_is_there(
    cluster: Cluster, program: MakeProgram, taken_port: str
) -> None:
    webhooks = ("--webhook-port", taken_port, "--namespace", "default")
    said = await _ends(program("--no-leader-elect", *webhooks, kubeconfig=cluster.kubeconfig), code=1)
    assert f"cannot listen on *:{taken_port}" in said


async def test_a_certificate_directory_that_is_not_there(cluster: Cluster, program: MakeProgram) -> None:
    said = await _ends(program("--webhook-cert-dir", "/absent", kubeconfig=cluster.kubeconfig), code=1)
    assert "cannot read the webhook certificate" in said
    assert "put tls.crt and tls.key into /absent" in said


async def test_a_certificate_that_is_broken(cluster: Cluster, program: MakeProgram, tmp_path: Path) -> None:
    write_server_certificate(make_authority(), tmp_path, hosts=("127.0.0.1",))
    (tmp_path / "tls.crt").write_text("no certificate")
    said = await _ends(program("--webhook-cert-dir", str(tmp_path), kubeconfig=cluster.kubeconfig), code=1)
    assert "the certificate and its key cannot be used together" in said


async def test_a_kubeconfig_that_is_not_there(program: MakeProgram, tmp_path: Path) -> None:
    said = await _ends(program(*_ALONE, kubeconfig=tmp_path / "absent"), code=3)
    assert f"{tmp_path / 'absent'}" in said
    assert "hint: give --kubeconfig FILE" in said


@pytest.mark.parametrize("text", ["{", "apiVersion: v1\nkind: Config\n", "current-context: absent\n"])
async def test_a_kubeconfig_that_is_none(program: MakeProgram, tmp_path: Path, text: str) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    said = await _ends(program(*_ALONE, kubeconfig=tmp_path / "kubeconfig"), code=3)
    assert "hint: give --kubeconfig FILE" in said


async def test_no_credentials_at_all(program: MakeProgram, tmp_path: Path) -> None:
    said = await _ends(program(*_ALONE, environment={"HOME": str(tmp_path), "KUBECONFIG": ""}), code=3)
    assert "no API server to talk to" in said


async def test_a_data_directory_of_another_controller(cluster: Cluster, program: MakeProgram) -> None:
    first = program(*_ALONE, kubeconfig=cluster.kubeconfig)
    first.start()
    await first.ready()
    second = program(*_ALONE, "--data-dir", str(first.data_dir), kubeconfig=cluster.kubeconfig, name="second")
    said = await _ends(second, code=3)
    assert f"data directory {first.data_dir} is in use by another process (pid {first.child.pid})" in said
    assert "choose another --data-dir" in said
    await first.ready()
    assert await first.stop() == 0


async def test_a_data_directory_that_cannot_be_made(cluster: Cluster, program: MakeProgram, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wrong = tmp_path / "file" / "data"
    said = await _ends(program(*_ALONE, "--data-dir", str(wrong), kubeconfig=cluster.kubeconfig), code=1)
    assert "Not a directory" in said


async def test_no_nats_server_to_run(cluster: Cluster, program: MakeProgram) -> None:
    without = program(*_ALONE, kubeconfig=cluster.kubeconfig, environment={"NATS_SERVER": "/absent/nats-server"})
    assert "NATS_SERVER is /absent/nats-server" in await _ends(without, code=3)


async def test_a_namespace_that_does_not_exist_for_the_lease(cluster: Cluster, program: MakeProgram) -> None:
    said = await _ends(program("--no-webhooks", "--namespace", "absent", kubeconfig=cluster.kubeconfig), code=1)
    assert "leader election needs the namespace absent, which does not exist" in said
