"""The connections of the client: fenced to the last moment, and noticed when they are dead.

``may_send`` is asked when a connection is open and the request is about to be written to it: between a decision to send
and that moment a process may have been stopped for long, with its own copy of the world. Dead connections are noticed
by the kernel's probes, as client-go notices them by pings of HTTP/2; a watch that nobody answers would else stand for
minutes.
"""

import socket
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

import aiohttp

from adapters.kubernetes.errors import NotLeading

may_send: ContextVar[Callable[[], bool] | None] = ContextVar("may_send", default=None)
"""Of the request that the present task makes. None: whenever it is ready."""

_PROBE_AFTER_SECONDS: Final = 15
_PROBE_EVERY_SECONDS: Final = 5
_PROBES: Final = 3
_UNACKNOWLEDGED_MS_MAX: Final = 30_000
"""Dead within half a minute, whether something is under way or not; client-go takes 45 s."""


class _FencedRequest(aiohttp.ClientRequest):
    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        self._require()
        return await super().send(conn)

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        """Head and body go out together, in a task of their own, which may come much later than ``send``."""
        try:
            self._require()
        except NotLeading as error:
            if conn.protocol is not None:
                conn.protocol.set_exception(error)  # whoever waits for the answer gets it
            return
        await super().write_bytes(writer, conn, content_length)

    def _require(self) -> None:
        permitted = may_send.get()
        if permitted is not None and not permitted():
            raise NotLeading(f"{self.method} {self.url.path}: not sent, because somebody else may lead by now")


def new_session(*, keep_alive_seconds: float) -> aiohttp.ClientSession:
    """A session without a limit of connections."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=keep_alive_seconds, socket_factory=probed_socket),
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=2**20,
        request_class=_FencedRequest,
    )


def probed_socket(address: Any) -> socket.socket:
    """A socket for an address of ``getaddrinfo`` on which the kernel looks after dead peers."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _PROBE_AFTER_SECONDS),
        ("TCP_KEEPINTVL", _PROBE_EVERY_SECONDS),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", _UNACKNOWLEDGED_MS_MAX),
    ):
        option = getattr(socket, name, None)  # not on every system
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
