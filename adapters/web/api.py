"""The routes of the page's JSON API, ``/ui/api/v1/…`` (docs/ui.md): from a request to a question, and back."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from adapters.errors import PlainError
from adapters.reading.moments import parse_at
from adapters.web import answers
from adapters.web.changes import Told
from adapters.web.errors import QuestionRefused
from adapters.web.page import Page
from lws_events.subjects import SetName
from projections.replay import Until

ROOT: Final = "/ui/api/v1"
_SET: Final = ROOT + "/sets/{namespace}/{name}"
_ENTRIES_MAX: Final = 5_000
_SEQUENCE_MAX: Final = 2**53
_HEARTBEAT_SECONDS: Final = 15.0
_COMPRESSED_FROM_BYTES: Final = 16 * 1024

Question = Callable[[Page, web.Request], Awaitable[Any]]


def add_page_routes(application: web.Application, page: Page) -> None:
    """Everything that the page asks. The page ends with the application."""

    async def close(_: web.Application) -> None:
        await page.close()

    def answering(question: Question) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            try:
                found = await question(page, request)
            except PlainError as error:
                raise QuestionRefused(str(error), hint=error.hint) from error
            body = msgspec.json.encode(found)
            response = web.Response(
                body=body, content_type="application/json", zlib_executor_size=_COMPRESSED_FROM_BYTES
            )
            if len(body) >= _COMPRESSED_FROM_BYTES:
                response.enable_compression()
            return response

        return handler

    async def changes(request: web.Request) -> web.StreamResponse:
        return await _stream(page, request)

    async def end(_: web.Application) -> None:
        page.changes.end()

    application.on_shutdown.append(end)
    application.on_cleanup.append(close)
    application.router.add_get(f"{ROOT}/changes", changes, allow_head=False)  # it would never end
    for path, question in _QUESTIONS.items():
        application.router.add_get(path, answering(question))


async def _sets(page: Page, _: web.Request) -> Any:
    return await answers.sets(page)


async def _set(page: Page, request: web.Request) -> Any:
    return await answers.one_set(page, _name(request), _at(request))


async def _group(page: Page, request: web.Request) -> Any:
    return await answers.one_group(page, _name(request), request.match_info["group"], _at(request))


async def _why(page: Page, request: web.Request) -> Any:
    return await answers.why(page, _name(request), request.query.get("group"), _at(request))


async def _why_not(page: Page, request: web.Request) -> Any:
    pod = request.query.get("pod")
    if pod is not None:
        return await answers.verdicts_of(page, _name(request), pod, _at(request))
    return await answers.why_not(page, _name(request), request.query.get("group"), _at(request))


async def _timeline(page: Page, request: web.Request) -> Any:
    return await answers.timeline(
        page,
        _name(request),
        group=request.query.get("group"),
        until=_number(request, "until", default=None),
        after=_number(request, "after", default=0) or 0,
        entries_max=min(_number(request, "limit", default=2_000) or 1, _ENTRIES_MAX),
    )


async def _state(page: Page, request: web.Request) -> Any:
    return await answers.state(page, _name(request), _at(request))


async def _positions(page: Page, _: web.Request) -> Any:
    return await answers.positions(page, None)


async def _positions_of_set(page: Page, request: web.Request) -> Any:
    return await answers.positions(page, _name(request))


_QUESTIONS: Final[dict[str, Question]] = {
    f"{ROOT}/positions": _positions,
    f"{ROOT}/sets": _sets,
    _SET: _set,
    f"{_SET}/groups/{{group}}": _group,
    f"{_SET}/why": _why,
    f"{_SET}/why-not": _why_not,
    f"{_SET}/timeline": _timeline,
    f"{_SET}/state": _state,
    f"{_SET}/positions": _positions_of_set,
}


async def _stream(page: Page, request: web.Request) -> web.StreamResponse:
    """Server-sent events: which sets have changed. The first message comes at once, so that a page knows it is up."""
    async with page.changes.listening() as queue:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            await response.write(b"retry: 2000\n" + _event(Told(0, None)))
            while True:
                try:
                    async with asyncio.timeout(_HEARTBEAT_SECONDS):
                        told = await queue.get()
                except TimeoutError:
                    await response.write(b": still here\n\n")
                else:
                    if told.ends:
                        break
                    await response.write(_event(told))
        return response


def _event(told: Told) -> bytes:
    data = msgspec.json.encode({"sequence": told.sequence, "sets": told.sets, "trouble": told.trouble})
    return b"event: changed\ndata: " + data + b"\n\n"


def _name(request: web.Request) -> SetName:
    return SetName(request.match_info["namespace"], request.match_info["name"])


def _at(request: web.Request) -> Until | None:
    text = request.query.get("at")
    return None if text is None else parse_at(text, option="at")


def _number(request: web.Request, key: str, *, default: int | None) -> int | None:
    text = request.query.get(key)
    if text is None:
        return default
    if not text.isdecimal() or len(text) > 16 or int(text) > _SEQUENCE_MAX:
        raise QuestionRefused(f"{key} must be a sequence, not {text[:40]!r}", hint=f"for example {key}=1234")
    return int(text)
