"""The HTTPS server for admission reviews (spec 10.1, 10.5).

Every request gets a clean answer: on a known path a review, on any other 404. Bodies are bounded in size and in time,
silent connections are closed, and an error of ours is a refusal with code 500 inside a review, not a traceback. The
decisions are pure functions of ``lws_events.admission``; this module only carries bytes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, Self

import msgspec
import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from adapters.webhooks.relay import RequestRelay
from adapters.webhooks.tls import LiveCertificate
from lws_events.admission import PATHS, RECORD, Surroundings, respond
from lws_events.admission.lookup import Object
from lws_events.admission.review import depends_on_live_claims, namespaced_name, permitted, refusal

JSON: Final = "application/json"

SurroundingsOf = Callable[[str, str], Surroundings]
"""What is known around a set, by namespace and name. Must be quick and must not wait."""

LiveClaimsOf = Callable[[str, str], Awaitable[tuple[Object, ...] | None]]
"""Claim templates of a set's live leader StatefulSet (see ``live_claims``). May wait, but not for long."""

_log = structlog.get_logger(__name__)


class RequestMetrics(Protocol):
    """Where answered requests are counted."""

    def observe(self, path: str, code: int, seconds: float) -> None:
        """One request to a known path was answered with this HTTP status; a denial inside a review is a 200."""


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one client may cost."""

    body_bytes_max: int = 7 * 1024 * 1024
    """An update carries two objects of at most 1.5 MiB each, as JSON."""
    body_seconds_max: float = 5.0
    """Below the 10 s that the API server waits, so that it gets our answer and not its own timeout."""
    silence_seconds_max: float = 10.0
    """From the connection to the first complete request, the TLS handshake included."""
    keepalive_seconds: float = 90.0
    """The API server keeps connections open between reviews."""
    linger_seconds: float = 1.0
    """How long the rest of a refused body is read and thrown away, so that the client gets to see the refusal."""
    shutdown_seconds_max: float = 5.0
    """How long requests under way may take when the server ends."""


class AdmissionServer:
    """Serves the admission paths. An async context manager; ``ready`` is true while it listens (D61)."""

    def __init__(
        self,
        certificate: LiveCertificate,
        *,
        host: str = "",
        port: int = 9443,
        surroundings_of: SurroundingsOf | None = None,
        live_claims: LiveClaimsOf | None = None,
        requests: RequestRelay | None = None,
        metrics: RequestMetrics | None = None,
        limits: ServerLimits | None = None,
    ) -> None:
        """``host`` empty listens on all addresses; ``port`` 0 takes a free one, see ``port`` once it listens."""
        self._certificate = certificate
        self._host = host
        self._wanted_port = port
        self._surroundings_of = surroundings_of or _nothing_known
        self._live_claims = live_claims
        self._requests = requests
        self._metrics = metrics
        self._limits = limits or ServerLimits()
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self._silent: set[RequestHandler] = set()

    @property
    def ready(self) -> bool:
        """Whether connections are accepted."""
        return self._listener is not None and self._listener.is_serving()

    @property
    def port(self) -> int:
        """The port in use; 0 while there is none."""
        return self._listener.sockets[0].getsockname()[1] if self._listener and self._listener.sockets else 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen.

        Raises:
            CertificateError: no certificate has been loaded.
            OSError: the address cannot be listened on.
        """
        app = web.Application()
        for path in (*PATHS, RECORD):
            app.router.add_route("*", path, self._handle)
        runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=self._limits.keepalive_seconds,
            lingering_time=self._limits.linger_seconds,
            shutdown_timeout=self._limits.shutdown_seconds_max,
        )
        await runner.setup()
        self._runner = runner
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._connected,
                self._host or None,
                self._wanted_port,
                ssl=self._certificate.context(),
                ssl_handshake_timeout=self._limits.silence_seconds_max,
                ssl_shutdown_timeout=self._limits.shutdown_seconds_max,
            )
        except BaseException:
            await self.stop()
            raise
        _log.info("the webhook server listens", host=self._host, port=self.port)

    async def stop(self) -> None:
        """Stop listening, let requests under way end, close what is left."""
        listener, self._listener = self._listener, None
        runner, self._runner = self._runner, None
        if listener is not None:
            listener.close()
        if runner is not None:
            await runner.cleanup()

    def _connected(self) -> RequestHandler:
        """The protocol of a new connection, which is closed if it does not speak in time."""
        assert self._runner is not None
        assert self._runner.server is not None
        handler = self._runner.server()

        def close_if_silent() -> None:
            if handler in self._silent:
                self._silent.discard(handler)
                handler.force_close()

        self._silent.add(handler)
        asyncio.get_running_loop().call_later(self._limits.silence_seconds_max, close_if_silent)
        return handler

    async def _handle(self, request: web.Request) -> web.Response:
        started = time.monotonic()
        self._silent.discard(request.protocol)
        try:
            review = await self._review(request)
        except Exception:  # the last line of defence: the API server must hear a refusal, not a broken connection
            _log.exception("a review could not be answered", path=request.path)
            review = refusal(500, "internal error of the webhook server, see its log")
        if request.path == RECORD:
            review = permitted(review)  # whatever is wrong with it, or with us: it is not ours to refuse
        response = web.Response(body=msgspec.json.encode(review), content_type=JSON)
        if not request.content.at_eof():
            response.force_close()  # an unread body would be taken for the next request
        if self._metrics is not None:
            self._metrics.observe(request.path, response.status, time.monotonic() - started)
        return response

    async def _review(self, request: web.Request) -> Object:
        try:
            async with asyncio.timeout(self._limits.body_seconds_max):
                body = await self._body(request)
        except TimeoutError:
            return refusal(408, f"the request body did not arrive within {self._limits.body_seconds_max:g} s")
        if body is None:
            return refusal(413, f"request entity is too large; limit is {self._limits.body_bytes_max} bytes")
        if not body:
            return refusal(400, "request body is empty")
        if request.content_type != JSON:
            return refusal(400, f"contentType={request.content_type}, expected {JSON}")
        try:
            return await self._answer(request.path, msgspec.json.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return refusal(400, f"the request body is not JSON: {error}")
        except RecursionError:
            return refusal(400, "the request body is nested too deeply")

    async def _body(self, request: web.Request) -> bytes | None:
        """The whole body, or None for one that is too large."""
        if (request.content_length or 0) > self._limits.body_bytes_max:
            return None
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > self._limits.body_bytes_max:
                return None
        return bytes(body)

    async def _answer(self, path: str, review: object) -> Object:
        surroundings = self._surroundings_of(*namespaced_name(review))
        if self._live_claims is not None and depends_on_live_claims(path, review):
            claims = await self._live_claims(*namespaced_name(review))
            surroundings = msgspec.structs.replace(surroundings, leader_claim_templates=claims)
        answer = respond(path, review, surroundings=surroundings)
        if answer.asked is not None and self._requests is not None:
            self._requests.offer(answer.asked)
        return answer.review


def _nothing_known(_namespace: str, _name: str) -> Surroundings:
    return Surroundings()
