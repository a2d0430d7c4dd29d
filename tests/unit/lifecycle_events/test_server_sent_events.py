"""``GET /events``: what is sent, where it begins, who is refused, who is cut off, and how it ends."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.journal.errors import JournalUnavailable
from adapters.journal.file import open_file
from adapters.journal.port import Journal
from adapters.lifecycle_events.web import LIMITS, StreamLimits, add_lifecycle_routes
from adapters.web.access import Access, TokenFile
from adapters.web.application import web_application
from projections.lifecycle import CloudEvent, encode
from tests.contract.lifecycle_stages import Stage, expected, go_on, in_memory, story
from tests.journal_builder import SAMPLE, JournalBuilder
from tests.unit.cli.recreated_group import write

SECONDS_MAX = 20.0
FIRST_SEEN = "e1-2-0"


class Sent(NamedTuple):
    """One server-sent event."""

    id: str
    event: str
    data: dict[str, Any]


class Served:
    """A server, and what asks it."""

    def __init__(self, server: TestServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self._session = session

    @contextlib.asynccontextmanager
    async def asked(self, query: str = "", **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._session.get(self.server.make_url(f"/events{query}"), headers=headers) as response:
            yield response


@contextlib.asynccontextmanager
async def served(journal: Journal, *, grows: bool = True, limits: StreamLimits = LIMITS) -> AsyncIterator[Served]:
    application = web.Application()
    add_lifecycle_routes(application, journal, grows=grows, limits=limits)
    async with serving(application) as page:
        yield page


@contextlib.asynccontextmanager
async def serving(application: web.Application) -> AsyncIterator[Served]:
    server = TestServer(application)
    await server.start_server(shutdown_timeout=5.0)
    try:
        async with aiohttp.ClientSession() as session:
            yield Served(server, session)
    finally:
        await server.close()


async def block(response: aiohttp.ClientResponse) -> str:
    """Up to the next empty line; empty at the end of the answer."""
    lines: list[str] = []
    async with asyncio.timeout(SECONDS_MAX):
        while line := (await response.content.readline()).decode():
            if line == "\n":
                return "".join(lines)
            lines.append(line)
    assert not lines, "an event was cut off"
    return ""


async def take(response: aiohttp.ClientResponse, count: int | None = None) -> list[Sent]:
    """So many events, or all until the answer ends."""
    found: list[Sent] = []
    while count is None or len(found) < count:
        text = await block(response)
        if not text:
            break
        fields = dict(line.split(": ", 1) for line in text.splitlines() if line != ":")
        if "id" in fields:
            found.append(Sent(fields["id"], fields["event"], json.loads(fields["data"])))
    return found


def as_sent(events: list[CloudEvent]) -> list[Sent]:
    return [Sent(event.id, event.type, json.loads(encode(event))) for event in events]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with in_memory(Path()) as stage:
        yield stage


@pytest.fixture
async def told(stage: Stage) -> JournalBuilder:
    told = story()
    await stage.record(told)
    return told


async def test_past_and_present_are_sent_as_they_are_read(stage: Stage, told: JournalBuilder) -> None:
    past = as_sent(expected(told))
    async with served(stage.journal) as page, page.asked("?from=start") as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        assert await block(response) == "retry: 2000\n"
        assert await take(response, len(past)) == past
        before = told.sequence
        go_on(told, 1, SAMPLE)
        await stage.record(told, after=before)
        assert await take(response, 5) == as_sent(expected(told))[len(past) :]


async def test_without_a_place_only_what_comes_is_sent(stage: Stage, told: JournalBuilder) -> None:
    count = len(expected(told))
    async with served(stage.journal) as page, page.asked() as response:
        assert await block(response) == "retry: 2000\n"
        before = told.sequence
        go_on(told, 1, SAMPLE)
        await stage.record(told, after=before)
        assert await take(response, 5) == as_sent(expected(told))[count:]


@pytest.mark.parametrize("query", ["?after=e1-10-2", "?from=11", "?from=2026-01-01T00:00:04Z"])
async def test_it_begins_where_it_is_told_to(stage: Stage, told: JournalBuilder, query: str) -> None:
    rest = [event for event in expected(told) if event.data.cause.sequence > 10]
    async with served(stage.journal) as page, page.asked(query) as response:
        assert await take(response, len(rest)) == as_sent(rest)


async def test_a_browser_comes_back_with_the_last_id(stage: Stage, told: JournalBuilder) -> None:
    events = as_sent(expected(told))
    seen: list[Sent] = []
    async with served(stage.journal) as page:
        while len(seen) < len(events):
            last = {"Last-Event-ID": seen[-1].id} if seen else {}
            async with page.asked("?from=start", **last) as response:
                seen += await take(response, min(3, len(events) - len(seen)))
    assert seen == events


async def test_filters(stage: Stage, told: JournalBuilder) -> None:
    async with served(stage.journal) as page:
        async with page.asked("?from=start&set=team-a/llama.70b&type=group.recreation.started") as response:
            [one, another] = await take(response, 2)
            assert {one.data["data"]["set"], another.data["data"]["set"]} == {"llama.70b"}
        asked = "?from=start&namespace=default&group=1&type=io.lws-events.condition.changed.v1,group.changed"
        async with page.asked(asked) as response:
            found = await take(response, 6)
            assert {(one.event, one.data["subject"]) for one in found} == {
                ("io.lws-events.group.changed.v1", "sample-1")
            }


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("?grup=1", 400, "unknown parameter 'grup'"),
        ("?type=group.exploded", 400, "there is no type 'group.exploded'"),
        ("?from=yesterday", 400, "'yesterday' is no place to begin"),
        ("?from=²", 400, "'²' is no place to begin"),
        ("?from=" + "9" * 5000, 400, "is no place to begin"),
        ("?after=70", 400, "'70' is no id of an event"),
        ("?after=e1-999-0", 400, "still to come"),
        ("?after=e9-2-0", 400, "not in the journal"),
        ("?from=999", 400, "still to come"),
        ("?set=a/b&namespace=c", 400, "the set is in namespace a, not in c"),
    ],
)
async def test_what_cannot_be_meant_is_refused_in_words(
    stage: Stage, told: JournalBuilder, query: str, status: int, words: str
) -> None:
    async with served(stage.journal) as page, page.asked(query) as response:
        answer = await response.json()
        assert (response.status, response.content_type) == (status, "application/json")
        assert words in answer["error"]
        assert answer["hint"]


@pytest.mark.parametrize(
    "query", ["?from=9999-12-31T23:59:59-14:00", "?from=0001-01-01T00:00:00%2B14:00&set=none", "?namespace=*&set=>"]
)
async def test_what_never_was_is_waited_for(stage: Stage, told: JournalBuilder, query: str) -> None:
    limits = LIMITS._replace(heartbeat_seconds=0.0)
    async with served(stage.journal, limits=limits) as page, page.asked(query) as response:
        assert await block(response) == "retry: 2000\n"
        assert await block(response) == ":\n"


async def test_what_was_purged_is_gone(stage: Stage, told: JournalBuilder) -> None:
    await stage.journal.events.purge(before=11)
    await stage.journal.decisions.purge(before=10)
    async with served(stage.journal) as page:
        for query, headers in (("?from=5", {}), ("", {"Last-Event-ID": FIRST_SEEN})):
            async with page.asked(query, **headers) as response:
                assert response.status == 410
                assert "purged" in (await response.json())["error"]


async def test_a_journal_that_does_not_grow_is_served_to_its_end(told: JournalBuilder, tmp_path: Path) -> None:
    journal = open_file(write(told, tmp_path / "journal.jsonl"))
    events = as_sent(expected(told))
    async with served(journal, grows=False) as page:
        async with page.asked("?from=start") as response:
            assert await take(response) == events
        async with page.asked("", **{"Last-Event-ID": events[-1].id}) as response:
            assert response.status == 204  # a browser does not come back
        async with page.asked("?type=leader") as response:
            assert (response.status, await take(response)) == (200, [])


async def test_only_so_many_clients_are_served_at_a_time(stage: Stage, told: JournalBuilder) -> None:
    async with served(stage.journal, limits=LIMITS._replace(clients_max=1)) as page:
        async with page.asked("?from=start") as first:
            await take(first, 1)
            async with page.asked("?from=start") as second:
                assert second.status == 503
                assert second.headers["Retry-After"] == "10"
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                async with page.asked("?from=start") as third:
                    if third.status == 200:
                        break
                await asyncio.sleep(0.05)


async def test_a_silent_stream_has_heartbeats(stage: Stage, told: JournalBuilder) -> None:
    limits = LIMITS._replace(heartbeat_seconds=0.0)
    async with served(stage.journal, limits=limits) as page, page.asked() as response:
        assert await block(response) == "retry: 2000\n"
        assert await block(response) == ":\n"


async def test_a_client_that_takes_nothing_is_cut_off(stage: Stage) -> None:
    told = story(recreations=2000)  # more than the buffers of a connection hold
    await stage.record(told)
    limits = LIMITS._replace(stalled_seconds_max=0.3, clients_max=1)
    async with served(stage.journal, limits=limits) as page:
        reader, writer = await asyncio.open_connection("127.0.0.1", page.server.port, limit=1024)
        writer.write(b"GET /events?from=start HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await writer.drain()
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                async with page.asked() as other:
                    if other.status == 200:  # its place is free
                        break
                await asyncio.sleep(0.05)
        writer.close()


async def test_answers_end_when_the_server_does(stage: Stage, told: JournalBuilder) -> None:
    async with asyncio.timeout(SECONDS_MAX), aiohttp.ClientSession() as session:
        async with served(stage.journal) as page:
            response = await session.get(page.server.make_url("/events?from=start"))
            assert len(await take(response, 3)) == 3
        await take(response)
        assert response.content.at_eof()


async def test_a_journal_that_cannot_be_read_is_told_of(stage: Stage) -> None:
    class Away:
        def __getattr__(self, name: str) -> Any:
            async def away(*_: object, **__: object) -> None:
                raise JournalUnavailable("the server is away")

            return away

    journal = Journal("default", Away(), Away())
    async with served(journal) as page, page.asked() as response:
        assert response.status == 503
        assert "the server is away" in (await response.json())["error"]


async def test_beside_the_page_a_token_is_asked_for(stage: Stage, told: JournalBuilder, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a token of some length")
    application = web_application(Access(TokenFile(token)), loopback=False)
    add_lifecycle_routes(application, stage.journal)
    async with serving(application) as page:
        async with page.asked("?from=start") as response:
            assert response.status == 401
        async with page.asked("?from=start", Authorization="Bearer a token of some length") as response:
            assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert await take(response, 1) == as_sent(expected(told)[:1])
        async with page.asked("?frm=start", Authorization="Bearer a token of some length") as response:
            assert (response.status, (await response.json())["hint"][:9]) == (400, "known are")
