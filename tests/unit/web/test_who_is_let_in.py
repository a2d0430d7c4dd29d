"""The web server lets in who knows the token, from loopback's own names, to read; and says so in every answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from adapters.observability.addresses import Address
from adapters.observability.serving import serving
from adapters.web.access import COOKIE, Access, TokenFile
from adapters.web.addresses import is_own_host, page_address
from adapters.web.application import web_application
from adapters.web.errors import WebError

TOKEN: Final = "correct-horse-battery-staple"
LOOPBACK: Final = Address("127.0.0.1", 0)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return TokenFile(path)


@contextlib.asynccontextmanager
async def _served(access: Access, **settings: Any) -> AsyncIterator[aiohttp.ClientSession]:
    application = web_application(access, **({"loopback": True} | settings))
    async with (
        serving(application, LOOPBACK) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield session


async def test_every_answer_forbids_what_the_page_does_not_need(tokens: TokenFile) -> None:
    async with _served(Access(tokens)) as session:
        for path in ("/ui", "/ui/login", "/ui/static/login.css", "/nothing", "/ui/api/v1/sets"):
            async with session.get(path, allow_redirects=False) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert "frame-ancestors 'none'" in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["Cache-Control"] in ("no-store", "private, no-cache")


async def test_without_the_token_there_is_the_login_and_nothing_else(tokens: TokenFile) -> None:
    async with _served(Access(tokens)) as session:
        async with session.get("/ui") as answer:
            assert answer.url.path == "/ui/login"
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            async with session.get("/ui/static/page.css", headers=headers) as answer:
                assert answer.status == 401
                assert "token" in (await answer.json())["error"]
        async with session.get("/ui", headers={"Authorization": f"Bearer {TOKEN}"}, allow_redirects=False) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("by_address", [True, False])
async def test_a_login_sets_a_cookie_that_scripts_and_other_sites_cannot_use(
    tokens: TokenFile, by_address: bool
) -> None:
    async with _served(Access(tokens)) as session:
        if by_address:
            answering = session.get(f"/ui?token={TOKEN}&x=1", allow_redirects=False)
        else:
            answering = session.post("/ui/login", data={"token": TOKEN}, allow_redirects=False)
        async with answering as answer:
            assert answer.status == 303
            assert answer.headers["Location"] == ("/ui?x=1" if by_address else "/ui")
            cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            assert TOKEN not in cookie
        value = cookie.split(";")[0].removeprefix(f"{COOKIE}=")
        async with session.get("/ui", cookies={COOKIE: value}, allow_redirects=False) as answer:
            assert answer.status == 200
        async with session.get("/ui", cookies={COOKIE: value[:-1] + "!"}, allow_redirects=False) as answer:
            assert answer.status == 303


async def test_a_login_by_address_leads_to_the_page_and_nowhere_else(tokens: TokenFile) -> None:
    async with serving(web_application(Access(tokens), loopback=True), LOOPBACK) as port:
        for path in ("//evil.example/ui", "/ui//evil.example", "/ui/api/v1/sets", "/ui/login"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            ask = f"GET {path}?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            writer.write(ask.encode())
            answer = (await reader.read()).decode()
            writer.close()
            await writer.wait_closed()
            assert "Location: //" not in answer
            assert "evil.example" not in answer.partition("\r\n\r\n")[0]
            assert "Set-Cookie" not in answer


async def test_a_wrong_token_is_told_and_sets_nothing(tokens: TokenFile) -> None:
    async with _served(Access(tokens)) as session:
        async with session.post("/ui/login", data={"token": "guess"}) as answer:
            assert answer.url.query_string == "failed"
            assert "failed shown" in await answer.text()
        async with session.get("/ui?token=guess") as answer:
            assert answer.url.path == "/ui/login"
        assert not list(session.cookie_jar)


async def test_nothing_can_be_written(tokens: TokenFile) -> None:
    async with _served(Access(None)) as session:
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            async with session.request(method, "/ui") as answer:
                assert answer.status == 405
                assert answer.headers["Allow"] == "GET, HEAD"
        async with session.head("/ui") as answer:
            assert answer.status == 200
        async with session.post("/ui/login", data={"token": "x" * 10_000}) as answer:
            assert answer.status == 413


async def test_names_of_other_sites_are_refused_on_loopback_even_with_the_token(tokens: TokenFile) -> None:
    async with _served(Access(tokens)) as session:
        headers = {"Authorization": f"Bearer {TOKEN}", "Host": "evil.example:8082"}
        async with session.get("/ui", headers=headers) as answer:
            assert answer.status == 403
    async with _served(Access(tokens), loopback=False) as session, session.get("/ui", headers=headers) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "path", ["/ui/static/..%2fpage.html", "/ui/static/../application.py", "/ui/static/%2e%2e/%2e%2e/etc/passwd"]
)
async def test_no_path_leads_out_of_the_files_of_the_page(path: str) -> None:
    async with serving(web_application(Access(None), loopback=True), LOOPBACK) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
    assert answer.startswith("HTTP/1.1 404")
    assert "there is no" in answer


def test_the_token_is_read_again_when_it_was_rotated_and_kept_when_the_file_is_gone(tmp_path: Path) -> None:
    now = [0.0]
    path = tmp_path / "token"
    path.write_text("the-first-token-of-all")
    access = Access(TokenFile(path, monotonic=lambda: now[0]))
    first = access.cookie
    (tmp_path / "next").write_text("the-second-token-of-all")
    (tmp_path / "next").replace(path)
    assert access.is_token("the-first-token-of-all"), "asked too often it would cost a system call each time"
    now[0] += 2
    assert access.is_token("the-second-token-of-all")
    assert not access.admits(cookie=first)
    path.unlink()
    now[0] += 2
    assert access.is_token("the-second-token-of-all")
    path.write_text("short")
    now[0] += 2
    assert access.is_token("the-second-token-of-all")


@pytest.mark.parametrize("content", [None, "", "short\n"])
def test_a_token_that_is_none_is_refused_at_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(WebError, match="token file") as refused:
        TokenFile(path)
    assert "openssl" in refused.value.hint


def test_a_port_alone_is_one_of_loopback() -> None:
    assert page_address("8082") == Address("127.0.0.1", 8082)
    assert page_address(":8082") == Address("", 8082)
    assert page_address("[::1]:8082") == Address("::1", 8082)
    assert page_address("0") is None
    with pytest.raises(ValueError, match="8082"):
        page_address("localhost")


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost:8082", True),
        ("127.0.0.1", True),
        ("[::1]:8082", True),
        ("127.9.9.9:1", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example:80", False),
        ("10.0.0.1", False),
        ("", False),
        ("[", False),
    ],
)
def test_names_of_loopback_are_known(host: str, own: bool) -> None:
    assert is_own_host(host) is own
