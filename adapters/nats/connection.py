"""A connection to NATS that is never given up.

Gaps of nats-py that this module closes: a request under way when the connection breaks waits for its whole time limit
(here it fails at once); a connection that is refused once during a reconnect is closed for good (here it is opened
again); errors that no callback takes are printed and forgotten (here they are logged, and the last one is named to the
caller); a server that is cut off from its cluster is never left (here it is). It knows nothing of JetStream.
"""

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from adapters.journal.errors import JournalUnavailable, MessageRefused, UnsuitableServer
from adapters.nats.connection_settings import ConnectionSettings
from adapters.nats.tls import tls_context

__all__ = ["REQUEST_SECONDS", "Connection", "ConnectionSettings", "connect"]

REQUEST_SECONDS: Final = 5.0
"""How long an answer may take: an fsync on a busy disk is far below, an election in a cluster about two seconds."""

_RECONNECT_SECONDS: Final = 0.1
_REOPEN_SECONDS_MAX: Final = 5.0
_PING_SECONDS: Final = 2
_PINGS_UNANSWERED_MAX: Final = 2
"""A server behind a dead connection is left within some six seconds for another one; half a minute is usual."""
_UNACKNOWLEDGED_MS_MAX: Final = 6_000
_UNSERVED_SECONDS_MAX: Final = 6.0
"""After so long without a useful answer another server is tried: longer than a request, and than an election."""
_PENDING_BYTES: Final = 64 * 1024 * 1024
"""What may wait in the client while the socket is busy: more than the largest batch (1,000 facts)."""

_log = structlog.get_logger(__name__)


class Connection:
    """One client. Make it with ``connect``."""

    def __init__(self, settings: ConnectionSettings, *, name: str) -> None:
        self._settings = settings
        self._name = name
        self._client = Client()
        self._closing = False
        self._last_error: Exception | None = None
        self._requests: set[asyncio.Task[Msg]] = set()
        self._reopening: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._refused = asyncio.Event()
        self._unserved_since: float | None = None
        self._connected_at = 0.0
        self.on_lost: set[Callable[[], None]] = set()
        """Called whenever the connection breaks; what was under way may be lost."""

    @property
    def is_connected(self) -> bool:
        """Whether a server can be reached right now, as far as is known."""
        return self._client.is_connected

    @property
    def server_version(self) -> tuple[int, int, int]:
        """Version of the server that we are connected to."""
        version = self._client.connected_server_version
        return (version.major, version.minor, version.patch)

    @property
    def is_clustered(self) -> bool:
        """Whether the server is one of several."""
        return bool(self._client._server_info.get("cluster"))

    @property
    def payload_bytes_max(self) -> int:
        """Largest message that the server takes."""
        return self._client.max_payload

    async def open(self, *, timeout: float) -> None:
        """Connect, or raise ``JournalUnavailable`` (nobody there) or ``UnsuitableServer`` (we are refused)."""
        opening = asyncio.create_task(self._connect())
        refused = asyncio.create_task(self._refused.wait())
        try:
            await asyncio.wait({opening, refused}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                opening.result()
                return
        except (OSError, nats_errors.Error) as error:
            self._last_error = self._last_error or error
        finally:
            refused.cancel()
            opening.cancel()
        await self.close()
        if self._refused.is_set():
            raise UnsuitableServer(
                f"NATS at {self._settings.place} refused our credentials; check user, password, token or .creds file"
            ) from self._last_error
        raise JournalUnavailable(
            f"no NATS server answered at {self._settings.place}: {self._last_error!r}"
        ) from self._last_error

    async def close(self) -> None:
        """Close for good. Requests under way fail."""
        self._closing = True
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
        try:
            await self._client.close()
        except asyncio.CancelledError:
            # nats-py waits for a future that it cancels itself when the connection breaks just then.
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
        except (nats_errors.Error, OSError) as error:
            _log.debug("nats connection was not closed in good order", error=repr(error))
        finally:
            self._fail_requests()

    async def request(
        self, subject: str, data: bytes, *, headers: dict[str, str] | None = None, timeout: float = REQUEST_SECONDS
    ) -> Msg:
        """One request, one answer. Raises ``JournalUnavailable``: without an answer nothing is known."""
        self.require()
        sent_at = asyncio.get_running_loop().time()
        current = asyncio.current_task()
        assert current is not None, "only tasks make requests"
        cancelled_before = current.cancelling()
        task = asyncio.ensure_future(self._client.request(subject, data, timeout=timeout, headers=headers))
        self._requests.add(task)
        answer: Msg | None = None
        try:
            answer = await task
            if current.cancelling() > cancelled_before:
                # nats-py waits with wait_for, which forgets that it was cancelled where the answer comes just then.
                raise asyncio.CancelledError
            return answer
        except asyncio.CancelledError:
            if current.cancelling():
                raise
            raise JournalUnavailable(f"the connection to NATS broke while waiting for {subject}") from None
        except nats_errors.MaxPayloadError as error:
            raise self._too_large(data) from error
        except (nats_errors.Error, OSError) as error:
            raise JournalUnavailable(f"no answer from NATS on {subject}: {error!r}") from error
        finally:
            task.cancel()
            self._requests.discard(task)
            if answer is None:
                self._not_served(since=sent_at)

    def served(self, *, served: bool) -> None:
        """What the caller makes of an answer: of use, or only that the server cannot serve right now."""
        if served:
            self._unserved_since = None
        else:
            self._not_served(since=asyncio.get_running_loop().time())

    async def publish(
        self, subject: str, data: bytes = b"", *, headers: dict[str, str] | None = None, reply: str = ""
    ) -> None:
        """Send without an answer. Raises ``JournalUnavailable`` if there is no connection."""
        self.require()
        try:
            await self._client.publish(subject, data, reply=reply, headers=headers)
        except nats_errors.MaxPayloadError as error:
            raise self._too_large(data) from error
        except (nats_errors.Error, OSError) as error:
            raise JournalUnavailable(f"cannot send to NATS: {error!r}") from error

    async def subscribe(self, subject: str, callback: Callable[[Msg], Awaitable[None]]) -> Subscription:
        """Messages of a subject. The client's own queue is unbounded: use flow control or small answers only."""
        self.require()
        try:
            return await self._client.subscribe(subject, cb=callback, pending_msgs_limit=0, pending_bytes_limit=0)
        except (nats_errors.Error, OSError) as error:
            raise JournalUnavailable(f"cannot subscribe to {subject}: {error!r}") from error

    def new_inbox(self) -> str:
        """A subject that nobody else uses."""
        return self._client.new_inbox()

    async def wait_connected(self) -> None:
        """Give a connection that broke a moment to come back. Raises ``JournalUnavailable`` if it does not."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._connected.wait()
        except TimeoutError:
            self.require()

    def require(self) -> None:
        """Raise ``JournalUnavailable`` unless connected: nats-py would queue what is sent and send it much later."""
        if not self._client.is_connected:
            raise JournalUnavailable(f"not connected to NATS at {self._settings.place}: {self._last_error!r}")

    def _too_large(self, data: bytes) -> MessageRefused:
        return MessageRefused(f"{len(data)} bytes are more than the server takes ({self.payload_bytes_max})")

    def _not_served(self, *, since: float) -> None:
        """Leave a server that has not served for too long, where there are others."""
        now = asyncio.get_running_loop().time()
        since = max(since, self._connected_at)  # what was asked of the server before says nothing about this one
        self._unserved_since = min(since, now if self._unserved_since is None else self._unserved_since)
        if now - self._unserved_since < _UNSERVED_SECONDS_MAX:
            return
        self._unserved_since, self._connected_at = None, now
        if self._client.is_connected and len(self._client.servers) > 1 and not self._closing:
            url = self._client.connected_url
            _log.warning("the NATS server does not serve; another one is tried", server=url.netloc if url else None)
            if self._stream_writer is not None:
                self._stream_writer.transport.abort()  # a close would wait for what the other side may never take

    @property
    def _stream_writer(self) -> asyncio.StreamWriter | None:
        return getattr(self._client._transport, "_io_writer", None)

    async def _connect(self) -> None:
        settings = self._settings
        self._client = Client()
        servers = settings.url.split(",")
        await self._client.connect(
            # Any of them first; later the one that was left comes last.
            servers=random.sample(servers, len(servers)),
            dont_randomize=True,
            name=self._name,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_connected,
            closed_cb=self._on_closed,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_SECONDS,  # type: ignore[arg-type]  # annotated int, used as float
            ping_interval=_PING_SECONDS,
            max_outstanding_pings=_PINGS_UNANSWERED_MAX,
            pending_size=_PENDING_BYTES,
            user=settings.user,
            password=settings.password,
            token=settings.token,
            user_credentials=str(settings.credentials_file or "") or None,
            tls=tls_context(
                settings.tls_ca_file, settings.tls_cert_file, settings.tls_key_file, wanted="tls://" in settings.url
            ),
        )
        await self._on_connected()

    async def _on_connected(self) -> None:
        self._last_error = None
        self._unserved_since, self._connected_at = None, asyncio.get_running_loop().time()
        opened = self._stream_writer.get_extra_info("socket") if self._stream_writer is not None else None
        if opened is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            # Closing a dead connection waits until the kernel gives up what was sent last: by default a quarter hour.
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS_MAX)
        self._connected.set()

    async def _on_error(self, error: Exception) -> None:
        if repr(error) != repr(self._last_error):  # a server that is down refuses ten times a second
            _log.warning("nats connection", error=repr(error))
        self._last_error = error
        if isinstance(error, nats_errors.AuthorizationError) or "authorization" in str(error).lower():
            self._refused.set()

    async def _on_disconnected(self) -> None:
        self._connected.clear()
        self._fail_requests()
        for callback in list(self.on_lost):
            callback()

    async def _on_closed(self) -> None:
        await self._on_disconnected()
        if not self._closing and (self._reopening is None or self._reopening.done()):
            self._reopening = asyncio.create_task(self._reopen())

    async def _reopen(self) -> None:
        delay = _RECONNECT_SECONDS
        while not self._closing:
            try:
                async with asyncio.timeout(REQUEST_SECONDS):
                    await self._connect()
                return
            except (TimeoutError, OSError, nats_errors.Error) as error:
                await self._on_error(error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _REOPEN_SECONDS_MAX)

    def _fail_requests(self) -> None:
        for task in list(self._requests):
            task.cancel()


async def connect(settings: ConnectionSettings, *, name: str = "lws-events", timeout: float = 10.0) -> Connection:
    """An open connection that stays open: it reconnects until ``close``.

    Raises ``JournalUnavailable`` when no server answers in time, ``UnsuitableServer`` when it refuses us.
    """
    connection = Connection(settings, name=name)
    await connection.open(timeout=timeout)
    return connection
