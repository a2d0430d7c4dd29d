"""Sending what users asked for to the controller, which keeps it. Called by a relay, in the background.

The controller is known by the authority that it has written into a ConfigMap; after its restart that is another one,
which is fetched when the certificate is not trusted any more. The token is read each time: the kubelet renews the file.
"""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import aiohttp

from adapters.admission_requests.authority import PublishedAuthority
from adapters.admission_requests.wire import PATH, in_bodies
from adapters.webhooks.errors import RequestsRefused, WebhookError
from lws_events.admission import AdmissionRequest

TOKEN_FILE: Final = Path("/var/run/secrets/lws-events/token")

_SECONDS_MAX: Final = 8.0
_CONNECT_SECONDS_MAX: Final = 3.0
_REFUSED_FOR_GOOD: Final = frozenset({400, 413, 415})
"""Not 401 or 403: rights may be given later, and are taken away for a moment where the API server is away."""
_ANSWER_CHARACTERS_MAX: Final = 300


class NotTakenError(WebhookError):
    """The controller has not taken requests, and may take them later."""


class Sender:
    """An async context manager; ``deliver`` is what ``RequestRelay`` wants."""

    def __init__(self, url: str, *, authority: PublishedAuthority, token_file: Path = TOKEN_FILE) -> None:
        """``url``: scheme, host and port of the controller's endpoint."""
        self._url = url.rstrip("/") + PATH
        self._authority = authority
        self._token_file = token_file
        self._session: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=_SECONDS_MAX, connect=_CONNECT_SECONDS_MAX)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def deliver(self, requests: Sequence[AdmissionRequest]) -> None:
        """Send them. Raises ``RequestsRefused``, ``NotTakenError``, ``KubernetesError``."""
        for body in in_bodies(requests):
            await self._send(body)

    async def _send(self, body: bytes) -> None:
        assert self._session is not None, "enter the sender first"
        headers = {"Authorization": f"Bearer {await self._token()}", "Content-Type": "application/json"}
        tls = self._tls = self._tls or await self._trusting()
        try:
            async with self._session.post(self._url, data=body, headers=headers, ssl=tls) as answer:
                text = (await answer.text())[:_ANSWER_CHARACTERS_MAX].strip()
                status = answer.status
        except aiohttp.ClientSSLError as error:
            self._tls = None
            raise NotTakenError(f"the controller at {self._url} shows another certificate: {error}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotTakenError(f"the controller at {self._url} cannot be reached: {error!r}") from error
        if status in _REFUSED_FOR_GOOD:
            raise RequestsRefused(f"the controller answered {status}: {text}")
        if status != 200:
            raise NotTakenError(f"the controller at {self._url} answered {status}: {text}")

    async def _token(self) -> str:
        try:
            return (await asyncio.to_thread(self._token_file.read_text)).strip()
        except OSError as error:
            raise NotTakenError(f"the token file cannot be read: {error}") from error

    async def _trusting(self) -> ssl.SSLContext:
        pem = await self._authority.read()
        if not pem:
            raise NotTakenError("the controller has not written its authority down yet")
        try:
            return ssl.create_default_context(cadata=pem)
        except ssl.SSLError as error:
            raise NotTakenError(f"the authority of the controller cannot be read: {error}") from error
