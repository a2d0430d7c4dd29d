"""Browsers are told which sets have changed, and told again once decisions must be there; nothing runs unheard."""

import asyncio
from typing import Any, Final

import msgspec
import pytest

from adapters.journal.errors import JournalUnavailable
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Journal, Message
from adapters.web.changes import LISTENERS_MAX, Changes, Told
from adapters.web.errors import Busy
from lws_events import events
from lws_events.subjects import SetName
from tests.journal_builder import CLUSTER, JournalBuilder
from tests.unit.web.serving_page import ROOT, append, asked_of

SECONDS_MAX: Final = 10.0


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.web.changes._LOOK_SECONDS", 0.02)


async def _next(queue: "asyncio.Queue[Told]") -> Told:
    async with asyncio.timeout(SECONDS_MAX):
        return await queue.get()


async def _told_of(queue: "asyncio.Queue[Told]", name: str) -> Told:
    while name not in ((told := await _next(queue)).sets or ()):
        pass
    return told


def _story() -> tuple[MemoryJournal, JournalBuilder]:
    story = JournalBuilder()
    story.lws()
    return MemoryJournal(CLUSTER), story


async def test_a_change_is_told_with_its_set_and_once_more_when_it_must_have_settled() -> None:
    memory, story = _story()
    await append(memory.journal, story, after=0)
    changes = Changes(memory.journal, grows=True)
    async with changes.listening() as queue:
        assert (await _next(queue)).sets is None, "at first anything may have changed"
        story.about(SetName("default", "other")).lws()
        await append(memory.journal, story, after=2)
        first = await _told_of(queue, "default/other")
        assert first.sequence == 3
        again = await _told_of(queue, "default/other")
        assert again.sequence == 3


async def test_what_a_slow_listener_has_not_taken_becomes_one_message() -> None:
    memory, story = _story()
    await append(memory.journal, story, after=0)
    changes = Changes(memory.journal, grows=True)
    async with changes.listening() as slow, changes.listening() as quick:
        assert (await _next(quick)).sets is None
        story.about(SetName("default", "other")).lws()
        await append(memory.journal, story, after=2)
        await _told_of(quick, "default/other")
        assert slow.qsize() == 1
        assert (await _next(slow)).sets is None, "the first message said that anything may have changed"


async def test_nothing_looks_at_the_journal_while_nobody_listens() -> None:
    memory, _ = _story()
    changes = Changes(memory.journal, grows=True)
    async with changes.listening() as queue:
        await _next(queue)
        assert [task for task in asyncio.all_tasks() if task.get_name() == "changes for the web page"]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "changes for the web page"]


async def test_a_journal_that_is_away_is_told_and_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, story = _story()
    await append(memory.journal, story, after=0)
    away = [False]
    last_sequence = memory.events.last_sequence

    async def asked() -> int:
        if away[0]:
            raise JournalUnavailable("nobody is there")
        return await last_sequence()

    monkeypatch.setattr(memory.events, "last_sequence", asked)
    changes = Changes(memory.journal, grows=True)
    async with changes.listening() as queue:
        await _next(queue)
        away[0] = True
        while not (told := await _next(queue)).trouble:
            pass
        assert (told.sets, told.trouble) == (None, "nobody is there")
        away[0] = False
        story.about(SetName("default", "other")).lws()
        await append(memory.journal, story, after=2)
        assert not (await _told_of(queue, "default/other")).trouble


async def test_only_so_many_may_listen() -> None:
    memory, _ = _story()
    changes = Changes(memory.journal, grows=False)
    async with asyncio.timeout(SECONDS_MAX):
        stack = [changes.listening() for _ in range(LISTENERS_MAX)]
        for one in stack:
            await one.__aenter__()
        with pytest.raises(Busy, match="browsers"):
            await changes.listening().__aenter__()
        for one in stack:
            await one.__aexit__(None, None, None)


async def _lines(journal: Journal) -> list[str]:
    async with asked_of(journal, now_ms=lambda: 0) as asking, asking.session.get(f"{ROOT}/changes") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        async with asyncio.timeout(SECONDS_MAX):
            return [(await answer.content.readline()).decode().rstrip() for _ in range(4)]


async def test_they_are_server_sent_events_and_the_first_comes_at_once() -> None:
    memory, story = _story()
    await append(memory.journal, story, after=0)
    retry, event, data, end = await _lines(memory.journal)
    assert (retry, event, end) == ("retry: 2000", "event: changed", "")
    told: dict[str, Any] = msgspec.json.decode(data.removeprefix("data: "))
    assert told == {"sequence": 0, "sets": None, "trouble": ""}


async def test_of_too_many_events_it_is_told_that_anything_may_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.web.changes._READ_MAX", 3)
    memory, story = _story()
    await append(memory.journal, story, after=0)
    changes = Changes(memory.journal, grows=True)
    async with changes.listening() as queue:
        await _next(queue)
        fact = events.encode(story.events[-1].envelope)
        await memory.events.append([Message(story.events[-1].subject, fact) for _ in range(9)])
        assert (await _next(queue)).sets is None


async def test_a_stream_without_a_body_is_not_begun() -> None:
    memory, _ = _story()
    async with asked_of(memory.journal, now_ms=lambda: 0) as asking, asking.session.head(f"{ROOT}/changes") as answer:
        assert answer.status == 405
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
