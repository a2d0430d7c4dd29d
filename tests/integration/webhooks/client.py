"""A client of the webhook server: verified TLS, raw bytes, and waiting with a deadline."""

import asyncio
import json
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp

from adapters.webhooks.certificates import ServerIdentity, make_authority, make_server_certificate
from adapters.webhooks.server import AdmissionServer
from adapters.webhooks.tls import KeyPair, LiveCertificate

IDENTITY = ServerIdentity(dns_names=("localhost",), ip_addresses=("127.0.0.1",))
NOW = datetime.now(UTC)
AUTHORITY = make_authority(now=NOW)
PAIR = make_server_certificate(AUTHORITY, IDENTITY, now=NOW)
OTHER_PAIR = make_server_certificate(AUTHORITY, IDENTITY, now=NOW)


def live(pair: KeyPair = PAIR) -> LiveCertificate:
    certificate = LiveCertificate()
    certificate.use(pair)
    return certificate


def trusting(authority: KeyPair = AUTHORITY, maximum: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    if maximum is not None:
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # else the client itself would refuse
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = maximum
    return context


@asynccontextmanager
async def serving(certificate: LiveCertificate | None = None, **options: Any) -> AsyncIterator[AdmissionServer]:
    async with AdmissionServer(certificate or live(), host="127.0.0.1", port=0, **options) as server:
        yield server


@asynccontextmanager
async def session(context: ssl.SSLContext | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=context or trusting())
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=20)) as opened:
        yield opened


async def posted(
    client: aiohttp.ClientSession, server: AdmissionServer, path: str, body: Any, **headers: str
) -> dict[str, Any]:
    """The answered review of a POST; ``body`` is JSON or, as bytes, sent as it is."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = f"https://127.0.0.1:{server.port}{path}"
    async with client.post(url, data=data, headers={"Content-Type": "application/json", **headers}) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        result: dict[str, Any] = await answer.json()
        return result


async def shown_certificate(
    server: AdmissionServer, *, authority: KeyPair = AUTHORITY, name: str | None = None
) -> bytes:
    """The certificate (DER) that a new connection is shown; without ``name`` the client names no server."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=trusting(authority), server_hostname=name or "127.0.0.1"
    )
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert isinstance(certificate, bytes)
        return certificate
    finally:
        writer.close()
        await writer.wait_closed()
        assert reader.at_eof()


def der(pair: KeyPair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate.decode())


async def eventually(condition: Callable[[], Awaitable[bool]], *, seconds_max: float = 10.0) -> None:
    deadline = time.monotonic() + seconds_max
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


class KeptConnection:
    """One connection, over which requests are sent by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, server: AdmissionServer) -> "KeptConnection":
        return cls(*await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting()))

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        data = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        self._writer.write(head.encode() + data)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answer.partition("content-length:")[2].partition("\r\n")[0])
        result: dict[str, Any] = json.loads(await self._reader.readexactly(length))
        return result

    def close(self) -> None:
        self._writer.close()
