"""Metrics over TLS, for whoever the API server lets read them; TLS settings, by real handshakes (spec 10.3, 10.6)."""

import asyncio
import json
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from adapters.kubernetes.pace import Clock, SystemClock
from adapters.observability.access import ACCESS_REVIEWS, ALLOWED_SECONDS, REFUSED_SECONDS, TOKEN_REVIEWS, Guard
from adapters.observability.addresses import Address
from adapters.observability.metrics import Metrics
from adapters.observability.serving import metrics_application, metrics_certificate, serving
from adapters.webhooks.cipher_suites import tls_settings
from adapters.webhooks.tls import LiveCertificate, TlsSettings
from tests.integration.webhooks import client as webhooks
from tests.unit.scripted_api import ScriptedApi, refuse
from tests.unit.virtual_clocks import TurnedClock

LOOPBACK = Address("127.0.0.1", 0)


class Api:
    """Knows two tokens: one that may read metrics, and one that may not."""

    def __init__(self, script: ScriptedApi) -> None:
        script.always("POST", TOKEN_REVIEWS, self._token)
        script.always("POST", ACCESS_REVIEWS, self._access)
        self.script = script

    async def _token(self, request: web.Request) -> web.StreamResponse:
        token = json.loads(await request.read())["spec"]["token"]
        if token not in ("reader", "stranger"):
            return web.json_response({"status": {"error": "invalid bearer token"}}, status=201)
        user = {"username": f"u:{token}", "uid": "7", "groups": ["g"], "extra": {"k": ["v"]}}
        return web.json_response({"status": {"authenticated": True, "user": user}}, status=201)

    async def _access(self, request: web.Request) -> web.StreamResponse:
        spec = json.loads(await request.read())["spec"]
        assert (spec["uid"], spec["groups"], spec["extra"]) == ("7", ["g"], {"k": ["v"]})
        assert spec["nonResourceAttributes"]["verb"] == "get"
        return web.json_response({"status": {"allowed": spec["user"] == "u:reader"}}, status=201)

    def asked(self) -> int:
        return len(self.script.asked)


@asynccontextmanager
async def _guarded(clock: Clock | None = None, directory: Path = Path("/absent")) -> AsyncIterator[tuple[Api, int]]:
    async with ScriptedApi() as script, script.client() as client:
        live, files = await metrics_certificate(directory, tls=TlsSettings(), namespace="lws-system")
        assert (files is None) is (directory == Path("/absent"))
        application = metrics_application(Metrics(), guard=Guard(client, clock=clock or SystemClock()))
        async with serving(application, LOOPBACK, tls=live.context()) as port:
            yield Api(script), port


async def _get(port: int, token: str | None, path: str = "/metrics", **headers: str) -> tuple[int, str]:
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connector = aiohttp.TCPConnector(ssl=_unverified())
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"https://127.0.0.1:{port}{path}", headers=headers) as response,
    ):
        return response.status, (await response.text()).rstrip("\n")


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize(
    ("token", "path", "expected"),
    [
        (None, "/metrics", (401, "Unauthorized")),
        ("made-up", "/metrics", (401, "Unauthorized")),
        ("", "/metrics", (401, "Unauthorized")),
        ("stranger", "/metrics", (403, "Authorization denied for user u:stranger")),
        ("stranger", "/other", (403, "Authorization denied for user u:stranger")),
        ("reader", "/other", (404, "404: Not Found")),
        (None, "/other", (401, "Unauthorized")),
    ],
)
async def test_who_is_refused(token: str | None, path: str, expected: tuple[int, str]) -> None:
    """The table of spec 10.6, but for a token that is refused, which there is answered with 500."""
    async with _guarded() as (_, port):
        assert await _get(port, token, path) == expected


async def test_who_is_let_in() -> None:
    async with _guarded() as (_, port):
        status, text = await _get(port, "reader")
        assert status == 200
        assert "# TYPE lws_events_decisions_total counter" in text
        assert (await _get(port, None, Authorization="Basic cmVhZGVyOg=="))[0] == 401


async def test_answers_hold_for_a_while() -> None:
    clock = TurnedClock()
    async with _guarded(clock) as (api, port):
        for _ in range(3):
            assert (await _get(port, "reader"))[0] == 200
            assert (await _get(port, "made-up"))[0] == 401
        assert api.asked() == 3  # two about the reader, one about the other
        clock.now += REFUSED_SECONDS
        await _get(port, "made-up")
        await _get(port, "reader")
        assert api.asked() == 4
        clock.now += ALLOWED_SECONDS - REFUSED_SECONDS
        await _get(port, "reader")
        assert api.asked() == 6


async def test_an_api_server_that_does_not_answer_lets_nobody_in_and_is_asked_again() -> None:
    async with _guarded() as (api, port):
        api.script.script("POST", TOKEN_REVIEWS, refuse(503, "ServiceUnavailable"))
        assert await _get(port, "reader") == (500, "Authentication failed")
        api.script.script("POST", ACCESS_REVIEWS, refuse(403, "Forbidden"))
        assert await _get(port, "reader") == (500, "Authentication failed")
        assert (await _get(port, "reader"))[0] == 200


async def test_made_up_tokens_do_not_flood_the_api_server() -> None:
    async with ScriptedApi() as script, script.client() as client:
        hold, under_way, most = asyncio.Event(), 0, 0

        async def slow(_: web.Request) -> web.StreamResponse:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await hold.wait()
            under_way -= 1
            return web.json_response({"status": {}}, status=201)

        script.always("POST", TOKEN_REVIEWS, slow)
        guard = Guard(client, clock=SystemClock())
        asking = [
            asyncio.create_task(guard.verdict(f"Bearer t{number}", method="GET", path="/metrics"))
            for number in range(100)
        ]
        turned_away, _ = await asyncio.wait(asking, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result().status for task in turned_away} == {503}
        hold.set()
        statuses = sorted({verdict.status for verdict in await asyncio.gather(*asking)})
        assert statuses == [401, 503]
        assert most <= 4


async def test_a_certificate_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "tls.crt").write_bytes(webhooks.PAIR.certificate)
    (tmp_path / "tls.key").write_bytes(webhooks.PAIR.key)
    async with _guarded(directory=tmp_path) as (_, port):
        connector = aiohttp.TCPConnector(ssl=webhooks.trusting())
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"https://localhost:{port}/metrics") as response,
        ):
            assert response.status == 401


def _speaking(version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    context = _unverified()
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


async def _shakes_hands(port: int, context: ssl.SSLContext) -> Any:
    """The cipher agreed upon, None where there is no agreement."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except (ssl.SSLError, ConnectionError):
        return None
    cipher = writer.get_extra_info("cipher")[0]
    writer.close()
    return cipher


RSA_128 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
OLD = "TLS_RSA_WITH_AES_128_CBC_SHA"


@pytest.mark.parametrize("server", ["webhooks", "metrics"])
@pytest.mark.parametrize(
    ("minimum", "suites", "version", "ciphers", "agreed"),
    [
        ("", [], ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", None),
        ("", [], ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("", [], ssl.TLSVersion.TLSv1_3, "ALL", "TLS_AES_256_GCM_SHA384"),
        ("VersionTLS12", [], ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        ("VersionTLS13", [], ssl.TLSVersion.TLSv1_2, "ALL:@SECLEVEL=0", None),
        ("VersionTLS13", [], ssl.TLSVersion.TLSv1_3, "ALL", "TLS_AES_256_GCM_SHA384"),
        ("", [RSA_128], ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("", [RSA_128], ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES256-GCM-SHA384", None),
        ("", [RSA_128], ssl.TLSVersion.TLSv1_3, "ALL", "TLS_AES_256_GCM_SHA384"),
        ("VersionTLS12", [OLD], ssl.TLSVersion.TLSv1_2, "AES128-SHA", "AES128-SHA"),
        ("", ["TLS_AES_128_GCM_SHA256"], ssl.TLSVersion.TLSv1_2, "ALL:@SECLEVEL=0", None),
    ],
)
async def test_versions_and_cipher_suites(
    *, server: str, minimum: str, suites: list[str], version: ssl.TLSVersion, ciphers: str, agreed: str | None
) -> None:
    settings = tls_settings(minimum_version=minimum, suites=suites)
    context = _speaking(version, ciphers)
    if server == "webhooks":
        live = LiveCertificate(settings)
        live.use(webhooks.PAIR)
        async with webhooks.serving(live) as hooks:
            assert await _shakes_hands(hooks.port, context) == agreed
    else:
        live, _ = await metrics_certificate(Path("/absent"), tls=settings, namespace="lws-system")
        async with serving(metrics_application(Metrics()), LOOPBACK, tls=live.context()) as port:
            assert await _shakes_hands(port, context) == agreed


def test_suites_of_the_list_that_openssl_has_not_are_refused() -> None:
    with pytest.raises(ValueError, match="Cipher suite TLS_RSA_WITH_RC4_128_SHA not supported or doesn't exist"):
        tls_settings(minimum_version="", suites=["TLS_RSA_WITH_RC4_128_SHA"])
