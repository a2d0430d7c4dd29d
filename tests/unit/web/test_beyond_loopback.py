"""Beyond loopback a controller serves the page over TLS alone, with a token, under whatever name it is reached by."""

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from adapters.controller.background import Background
from adapters.controller.errors import CannotListen
from adapters.controller.showing import show_page
from adapters.journal.memory import MemoryJournal
from adapters.observability.addresses import Address
from adapters.observability.metrics import Metrics
from adapters.settings.controller import Settings
from adapters.web.errors import WebError
from tests.controlplane.cluster import free_ports

TOKEN: Final = "a-token-of-enough-characters"


class Elsewhere(Address):
    """Loopback, as tests want it, which takes itself for more."""

    @property
    def is_loopback(self) -> bool:
        return False


class Reached(Settings):
    """Settings of a controller whose page is served beyond loopback."""

    @property
    def ui(self) -> Address | None:
        address = super().ui
        return None if address is None else Elsewhere(*address)


def _settings(folder: Path, port: int, **changes: Any) -> Reached:
    token = folder / "token"
    token.write_text(TOKEN)
    given: dict[str, Any] = {"ui_bind_address": f"127.0.0.1:{port}", "ui_token_file": token, "metrics_cert_dir": folder}
    return Reached(nats_url="nats://127.0.0.1:1", **(given | changes))


@pytest.mark.parametrize("only_webhooks", [False, True])
async def test_it_is_served_over_tls_with_the_token(tmp_path: Path, only_webhooks: bool) -> None:
    [port] = free_ports(1)
    settings = _settings(tmp_path, port, only_webhooks=only_webhooks)
    async with contextlib.AsyncExitStack() as stack:
        background = Background()
        stack.push_async_callback(background.stop)
        journal = MemoryJournal().journal
        metrics = Metrics()
        await show_page(settings, journal, fleet=lambda: None, metrics=metrics, background=background, stack=stack)
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE  # of its own making
        session = await stack.enter_async_context(aiohttp.ClientSession(f"https://127.0.0.1:{port}"))
        async with session.get("/ui/api/v1/sets", ssl=trusting) as answer:
            assert answer.status == 401
        headers = {"Authorization": f"Bearer {TOKEN}", "Host": "ui.example.org"}
        async with session.get("/ui", ssl=trusting, headers=headers) as answer:
            assert answer.status == 200
        async with session.get("/ui/api/v1/sets", ssl=trusting, headers=headers) as answer:
            assert answer.status == (200 if only_webhooks else 503), "an engine that does not run knows nothing yet"
        login = session.post("/ui/login", data={"token": TOKEN}, ssl=trusting, allow_redirects=False)
        async with login as answer:
            assert "Secure" in answer.headers["Set-Cookie"]
        assert b'lws_events_page_requests_total{code="401"} 1.0' in metrics.text()
        assert b'lws_events_page_requests_total{code="303"} 1.0' in metrics.text()
        with pytest.raises(aiohttp.ClientError):
            async with session.get(f"http://127.0.0.1:{port}/ui"):
                pass


async def test_a_token_that_cannot_be_read_and_a_port_that_is_taken_are_errors_of_the_start(tmp_path: Path) -> None:
    [port] = free_ports(1)
    journal = MemoryJournal().journal
    async with contextlib.AsyncExitStack() as stack:
        settings = _settings(tmp_path, port, ui_token_file=tmp_path / "nowhere")
        with pytest.raises(WebError, match="cannot be read"):
            await show_page(
                settings, journal, fleet=lambda: None, metrics=Metrics(), background=Background(), stack=stack
            )
        taken = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
        async with taken:
            with pytest.raises(CannotListen) as refused:
                await show_page(
                    Settings(ui_bind_address=str(port)), journal, fleet=lambda: None, metrics=Metrics(),
                    background=Background(), stack=stack,
                )  # fmt: skip
        assert "--ui-bind-address" in refused.value.hint
