"""The page of a journal, served while a block runs, and asked as a browser asks."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp

from adapters.journal.file import open_file
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Journal, Message
from adapters.observability.addresses import Address
from adapters.observability.serving import serving
from adapters.web.access import Access
from adapters.web.api import add_page_routes
from adapters.web.application import web_application
from adapters.web.page import Page, page_of_journal
from lws_events import decisions, events
from tests.journal_builder import CLUSTER, START_MS, JournalBuilder

ROOT = "/ui/api/v1"


class Asking:
    """A browser, as it were."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def get(self, path: str, *, status: int = 200, **query: Any) -> Any:
        async with self.session.get(ROOT + path, params={key: str(value) for key, value in query.items()}) as answer:
            found = await answer.json()
            assert answer.status == status, found
            return found


@contextlib.asynccontextmanager
async def asked(page: Page) -> AsyncIterator[Asking]:
    application = web_application(Access(None), loopback=True)
    add_page_routes(application, page)
    async with (
        serving(application, Address("127.0.0.1", 0)) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield Asking(session)


@contextlib.asynccontextmanager
async def asked_of_file(path: Path) -> AsyncIterator[Asking]:
    page = page_of_journal(open_file(path), source=path.name, in_loop=False, considerate=False, now_ms=None)
    async with asked(page) as asking:
        yield asking


@contextlib.asynccontextmanager
async def asked_of(journal: Journal, *, now_ms: Callable[[], int] | None = None) -> AsyncIterator[Asking]:
    page = page_of_journal(journal, source="memory", in_loop=True, considerate=False, now_ms=now_ms)
    async with asked(page) as asking:
        yield asking


async def stored(story: JournalBuilder) -> Journal:
    """A story as a journal in memory."""
    journal = MemoryJournal(CLUSTER, now_ns=START_MS * 1_000_000).journal
    await append(journal, story, after=0)
    return journal


async def append(journal: Journal, story: JournalBuilder, *, after: int, decided: bool = True) -> None:
    """What a story tells behind an event; without ``decided`` its events alone."""
    for event in story.events:
        if event.sequence > after:
            await journal.events.append([Message(event.subject, events.encode(event.envelope))])
    if decided:
        await decide(journal, story, after=after)


async def decide(journal: Journal, story: JournalBuilder, *, after: int) -> None:
    """The decisions about the events behind one."""
    for recorded in story.decisions:
        if recorded.decision.cause > after:
            await journal.decisions.append([Message(recorded.subject, decisions.encode(recorded.decision))])
