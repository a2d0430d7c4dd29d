"""NATS servers that somebody else runs: TLS, tokens, and servers that cannot hold a journal."""

import asyncio
import contextlib
import datetime
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nats.aio.msg import Msg

from adapters.journal.errors import JournalFull, JournalUnavailable, UnsuitableServer
from adapters.journal.port import Message
from adapters.nats import streams, wire
from adapters.nats.connection import Connection, ConnectionSettings, connect
from adapters.nats.journal import open_journal
from adapters.nats.server_process import find_server
from tests.controlplane.api import eventually
from tests.controlplane.cluster import free_ports
from tests.controlplane.processes import Child

DEADLINE_SECONDS = 30.0


@asynccontextmanager
async def serving(directory: Path, configuration: str) -> AsyncIterator[int]:
    """A server with this configuration, on a port of its own choice."""
    path = directory / "server.conf"
    path.write_text(f'listen: "127.0.0.1:-1"\n{configuration}')
    process = await asyncio.create_subprocess_exec(
        str(find_server()), "--config", str(path), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            port = 0
            while b"Server is ready" not in (line := await process.stderr.readline()):
                assert line, "the server ended"
                if b"Listening for client connections" in line:
                    port = int(line.rsplit(b":", 1)[1])
        yield port
    finally:
        process.kill()
        await process.wait()


def make_certificate(directory: Path) -> None:
    """A certificate for loopback that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nats.test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


async def test_tls_with_client_certificate_and_token(tmp_path: Path) -> None:
    make_certificate(tmp_path)
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    configuration = f"""
jetstream {{ store_dir: "{tmp_path}/js" }}
authorization {{ token: "open sesame" }}
tls {{ cert_file: "{certificate}", key_file: "{key}", ca_file: "{certificate}", verify: true }}
"""
    async with serving(tmp_path, configuration) as port:
        settings = ConnectionSettings(
            url=f"tls://127.0.0.1:{port}",
            token="open sesame",
            tls_ca_file=certificate,
            tls_cert_file=certificate,
            tls_key_file=key,
        )
        connection = await connect(settings)
        try:
            opened = await open_journal(connection, "test")
            assert opened.created
            await opened.journal.events.append([Message("lws.events.test.1.n.s.pod.p", b"{}", "id")])
        finally:
            await connection.close()


async def test_tls_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    settings = ConnectionSettings(url="tls://127.0.0.1:9", tls_ca_file=tmp_path / "absent.crt")
    with pytest.raises(UnsuitableServer, match="TLS files"):
        await connect(settings, timeout=1.0)


async def test_a_server_without_jetstream_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "JETSTREAM_SECONDS", 0.3)
    async with serving(tmp_path, "") as port:
        connection = await connect(ConnectionSettings(url=f"nats://127.0.0.1:{port}"))
        try:
            with pytest.raises(UnsuitableServer, match="enable JetStream"):
                await open_journal(connection, "test")
        finally:
            await connection.close()


async def test_a_server_with_too_little_storage_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path, f'jetstream {{ store_dir: "{tmp_path}/js", max_file_store: 1MB }}') as port:
        connection = await connect(ConnectionSettings(url=f"nats://127.0.0.1:{port}"))
        try:
            with pytest.raises(JournalFull, match="smaller journal"):
                await open_journal(connection, "test")
            opened = await open_journal(connection, "test", size_bytes_max=400_000)
            assert (await opened.journal.events.info()).size_bytes_max == 400_000
        finally:
            await connection.close()


class _OldServer:
    server_version = (2, 11, 9)


async def test_a_server_that_is_too_old_is_refused() -> None:
    with pytest.raises(UnsuitableServer, match=r"2\.11\.9 is too old.*2\.12\.0.*--nats-url"):
        await streams.require_server(cast(Connection, _OldServer()))


async def test_a_server_that_lives_but_cannot_serve_is_left_for_another(tmp_path: Path) -> None:
    """As one that is cut off from the other servers of its cluster: it answers, but not what JetStream is asked."""
    (port,) = free_ports(1)
    other = Child(
        [str(find_server()), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(tmp_path)], log=tmp_path / "log"
    )
    async with serving(tmp_path, "") as useless:
        connection = await connect(ConnectionSettings(url=f"nats://127.0.0.1:{useless},nats://127.0.0.1:{port}"))
        other.start()

        async def served() -> bool:
            with contextlib.suppress(JournalUnavailable):
                return bool(await wire.api(connection, "INFO"))
            return False

        try:
            await eventually(served, what="the other server to be used")
        finally:
            await connection.close()
            other.kill()


async def test_a_request_that_is_cancelled_when_its_answer_comes_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client library forgets it, and whoever waits for the end of what was cancelled would wait for ever."""
    asked = asyncio.Event()

    async def answered_at_the_last_moment(*_: object, **__: object) -> Msg:
        asked.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return cast(Msg, object())

    async with serving(tmp_path, "") as port:
        connection = await connect(ConnectionSettings(url=f"nats://127.0.0.1:{port}"))
        try:
            monkeypatch.setattr(connection._client, "request", answered_at_the_last_moment)
            requesting = asyncio.create_task(connection.request("x", b""))
            await asked.wait()
            requesting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await requesting
        finally:
            await connection.close()
