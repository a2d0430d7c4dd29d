"""Taking in what webhook servers send: over TLS, from those alone whom the API server lets, bounded in every respect.

It is beside the controller's work and never in its way: a few bodies at a time, each within a size and a time; what
cannot be stored now is answered with 503, and the sender tries again. The identity of each request makes that safe.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from aiohttp import web

from adapters.admission_requests.wire import AUDIENCE, BODY_BYTES_MAX, PATH, UnreadableRequests, decode
from adapters.journal.errors import JournalError
from adapters.kubernetes.pace import Clock
from adapters.observability.access import Guard, Reviews, guarding
from lws_events.admission import AdmissionRequest

Record = Callable[[Sequence[AdmissionRequest]], Awaitable[None]]

_log = structlog.get_logger(__name__)

AT_ONCE_MAX: Final = 4
"""Bodies that are taken in side by side: bounds the memory, and what the journal is asked."""
BODY_SECONDS_MAX: Final = 5.0
RECORD_SECONDS_MAX: Final = 5.0
"""Below the ten seconds after which a sender tries again."""


def guard_of_endpoint(reviews: Reviews, *, clock: Clock) -> Guard:
    """Who may send: whoever has a token for us, and may ``post`` to the path."""
    return Guard(reviews, clock=clock, audience=AUDIENCE)


def requests_application(record: Record, *, is_open: Callable[[], bool], guard: Guard) -> web.Application:
    """What is served. ``is_open``: whether there is a journal; ``record`` stores, as ``Recorder.record``."""
    under_way = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal under_way
        if under_way >= AT_ONCE_MAX or not is_open():
            return _later("too much is under way" if is_open() else "the journal is not open yet")
        under_way += 1
        try:
            return await _taken(request, record)
        finally:
            under_way -= 1

    application = web.Application(middlewares=[guarding(guard)], client_max_size=BODY_BYTES_MAX)
    application.router.add_post(PATH, answer)
    return application


async def _taken(request: web.Request, record: Record) -> web.Response:
    if request.content_type != "application/json":
        return _text(415, f"Content-Type {request.content_type}, expected application/json")
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return _text(413, f"the body is larger than {BODY_BYTES_MAX} bytes")
    except TimeoutError:
        return _text(408, f"the body did not arrive within {BODY_SECONDS_MAX:g} s")
    try:
        requests = decode(body)
    except UnreadableRequests as error:
        _log.warning("what was sent as requests of users is refused", error=str(error))
        return _text(400, str(error))
    try:
        async with asyncio.timeout(RECORD_SECONDS_MAX):
            await record(requests)
    except (JournalError, TimeoutError) as error:
        return _later(f"the journal does not take it now: {error or 'it takes too long'}")
    return _text(200, f"recorded {len(requests)}")


def _later(why: str) -> web.Response:
    return web.Response(status=503, text=f"{why}\n", headers={"Retry-After": "1"})


def _text(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
