"""Lifecycle events over HTTP, as server-sent events (``GET /events``).

Each client reads the journal by itself, no faster than it takes what it is sent: nothing is queued for it here beyond
what the connection holds, and one that takes nothing for a while is cut off. It comes back with the id of the last
event that it has seen, and goes on after it. Works from any replica, on a journal that grows and on one that does not.

Who may ask is the business of whoever serves the application.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from typing import Final, NamedTuple

import msgspec
import structlog
from aiohttp import web

from adapters.journal.errors import JournalError
from adapters.journal.port import Journal
from adapters.lifecycle_events.errors import PositionError, PositionGone
from adapters.lifecycle_events.queries import LAST_EVENT_ID, BadQuery, Query, parse_query
from adapters.lifecycle_events.reading import Batch, lifecycle_events
from projections.lifecycle import CloudEvent, encode

_log = structlog.get_logger(__name__)

PATH: Final = "/events"
_LOOK_SECONDS: Final = 1.0
"""How often it is asked whether the client is still there."""

_EVENTS_PER_WRITE: Final = 64

_REST_FACTOR: Final = 1.0
"""A client that reads a long past leaves half of the time to the controller in the same thread."""


class StreamLimits(NamedTuple):
    """How much is done for clients."""

    clients_max: int = 32
    """Each costs a reader of the journal."""
    heartbeat_seconds: float = 15.0
    """Below the minute after which proxies commonly drop a silent connection."""
    stalled_seconds_max: float = 30.0
    """A client that takes nothing for so long is cut off."""
    retry_ms: int = 2000
    """After which time a browser comes back."""


LIMITS: Final = StreamLimits()


def add_lifecycle_routes(
    application: web.Application, journal: Journal, *, grows: bool = True, limits: StreamLimits = LIMITS
) -> None:
    """Serve ``GET /events`` of a journal. ``grows``: False for a file, whose end is the end of the answer."""
    streams = _Streams(journal, grows=grows, limits=limits)
    application.router.add_get(PATH, streams.answer)
    application.on_shutdown.append(streams.close)


class _Streams:
    """The clients of one journal."""

    def __init__(self, journal: Journal, *, grows: bool, limits: StreamLimits) -> None:
        self._journal = journal
        self._grows = grows
        self._limits = limits
        self._clients = 0
        self._closing = asyncio.Event()

    async def close(self, _: web.Application) -> None:
        """End all answers."""
        self._closing.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One client, for as long as it stays."""
        if self._clients >= self._limits.clients_max:
            return _problem(
                503,
                f"{self._limits.clients_max} clients read events here already",
                "come back later, or ask another replica",
                headers={"Retry-After": "10"},
            )
        self._clients += 1
        try:
            query = parse_query(request.query, last_event_id=request.headers.get(LAST_EVENT_ID))
            return await self._answer(request, query)
        except BadQuery as error:
            return _problem(400, str(error), error.hint)
        except PositionError as error:
            return _problem(410 if isinstance(error, PositionGone) else 400, str(error), error.hint)
        except JournalError as error:
            return _problem(503, f"the journal cannot be read: {error}", "come back later")
        finally:
            self._clients -= 1

    async def _answer(self, request: web.Request, query: Query) -> web.StreamResponse:
        start = await query.start(self._journal, grows=self._grows)
        rest_factor = _REST_FACTOR if self._grows else 0.0
        reading = lifecycle_events(
            self._journal, start, wanted=query.wanted, follow=self._grows, rest_factor=rest_factor
        )
        async with contextlib.aclosing(reading):
            first: Batch | None = None
            if not self._grows:
                first = await _first_with_events(reading)
                if first is None and query.resumes:
                    return web.Response(status=204)  # tells a browser not to come back
            return await self._stream(request, reading, first)

    async def _stream(
        self, request: web.Request, reading: AsyncGenerator[Batch, None], first: Batch | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # a proxy is to hand on each event as it comes
            }
        )
        await response.prepare(request)
        try:
            await self._write(response, f"retry: {self._limits.retry_ms}\n\n".encode())
            if first is not None:
                await self._send(response, first.events)
            await self._relay(request, response, reading)
        except TimeoutError:
            _log.info("a client of /events took nothing and was cut off", client=request.remote)
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # it has left
        except JournalError as error:
            # The answer has begun; its end makes the client come back, and learn what is wrong.
            _log.warning("events cannot be read on for a client", error=str(error))
        return response

    async def _relay(
        self, request: web.Request, response: web.StreamResponse, reading: AsyncGenerator[Batch, None]
    ) -> None:
        loop = asyncio.get_running_loop()
        closing = asyncio.create_task(self._closing.wait())
        coming: asyncio.Task[Batch | None] | None = None
        written_at = loop.time()
        try:
            while not closing.done() and request.transport is not None and not request.transport.is_closing():
                if coming is None:
                    coming = asyncio.create_task(_next(reading))
                await asyncio.wait({coming, closing}, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    batch, coming = coming.result(), None
                    if batch is None:
                        return
                    if batch.events:
                        await self._send(response, batch.events)
                        written_at = loop.time()
                if loop.time() - written_at >= self._limits.heartbeat_seconds:
                    await self._write(response, b":\n\n")
                    written_at = loop.time()
        finally:
            for task in (closing, coming):
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

    async def _send(self, response: web.StreamResponse, events: Iterable[CloudEvent]) -> None:
        waiting = [_message(event) for event in events]
        for start in range(0, len(waiting), _EVENTS_PER_WRITE):
            await self._write(response, b"".join(waiting[start : start + _EVENTS_PER_WRITE]))

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        async with asyncio.timeout(self._limits.stalled_seconds_max):
            await response.write(data)


def _message(event: CloudEvent) -> bytes:
    """One server-sent event. JSON has no line ends of its own."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event.id.encode(), event.type.encode(), encode(event))


def _problem(status: int, message: str, hint: str, *, headers: dict[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode({"error": message, "hint": hint})
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


async def _next(reading: AsyncGenerator[Batch, None]) -> Batch | None:
    return await anext(reading, None)


async def _first_with_events(reading: AsyncGenerator[Batch, None]) -> Batch | None:
    async for batch in reading:
        if batch.events:
            return batch
    return None
