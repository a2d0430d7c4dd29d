"""``timeline --follow`` beside the server of a running controller: past, present, a new controller, and its ends."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.journal.port import Journal, Message
from adapters.nats.connection import ConnectionSettings, connect
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal
from lws_events import decisions, events
from projections.timeline import timeline
from tests.journal_builder import CLUSTER, SAMPLE, JournalBuilder
from tests.unit.cli.recreated_group import recreated_group

LINE_SECONDS_MAX: Final = 20.0
PROGRAM: Final = Path(sys.executable).parent / "lws-events"


class Follower:
    """The program, and what it prints as it prints it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(LINE_SECONDS_MAX):
            return (await self.process.stdout.readline()).decode().rstrip("\n")

    async def lines(self, count: int) -> list[str]:
        return [await self.line() for _ in range(count)]

    async def ended(self) -> int:
        async with asyncio.timeout(LINE_SECONDS_MAX):
            return await self.process.wait()

    async def remarks(self) -> str:
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()


@contextlib.asynccontextmanager
async def following(*arguments: str | Path) -> AsyncIterator[Follower]:
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        "timeline",
        "default/sample",
        "--follow",
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Follower(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def writing(settings: ConnectionSettings) -> AsyncIterator[Journal]:
    connection = await connect(settings, name="test")
    try:
        yield (await open_journal(connection, CLUSTER)).journal
    finally:
        await connection.close()


async def _append(journal: Journal, story: JournalBuilder, sequences: range) -> None:
    """These events of the story, and then the decisions by them."""
    told = [one for one in story.events if one.sequence in sequences]
    await journal.events.append([Message(one.subject, events.encode(one.envelope)) for one in told])
    decided = [one for one in story.decisions if one.decision.cause in sequences]
    if decided:
        await journal.decisions.append([Message(one.subject, decisions.encode(one.decision)) for one in decided])


def _whats(lines: Sequence[str]) -> list[str]:
    return sorted(json.loads(line)["what"] for line in lines)


def _expected(story: JournalBuilder, *, first: int = 0, last: int = 10_000) -> list[dict[str, Any]]:
    steps = [step for step in story.steps if step.event.sequence <= last]
    told = [entry for entry in timeline(steps, SAMPLE) if entry.sequence >= first]
    return [{"sequence": entry.sequence, "what": entry.what} for entry in told]


@pytest.fixture
def story() -> JournalBuilder:
    return recreated_group()


async def test_past_and_present_also_of_another_controller(story: JournalBuilder, tmp_path: Path) -> None:
    middle, late, end = 10, 16, len(story.events)
    past = _expected(story, last=middle)
    present = _expected(story, last=late)
    whole = _expected(story)
    async with EmbeddedServer(tmp_path) as server, writing(server.settings) as journal:
        await _append(journal, story, range(1, middle + 1))
        async with following("-o", "json", "--data-dir", tmp_path) as follower:
            lines = await follower.lines(len(past))
            assert _whats(lines) == sorted(one["what"] for one in past)
            await _append(journal, story, range(middle + 1, late + 1))
            lines += await follower.lines(len(present) - len(past))
            await server.stop()
            async with EmbeddedServer(tmp_path) as another, writing(another.settings) as same_journal:
                await _append(same_journal, story, range(late + 1, end + 1))
                lines += await follower.lines(len(whole) - len(present))
                assert _whats(lines) == sorted(one["what"] for one in whole)
                follower.process.send_signal(signal.SIGINT)
                assert await follower.ended() == 130
                remarks = await follower.remarks()
                assert "another controller owns the data directory now; reading goes on there" in remarks
                assert "interrupted" in remarks


@pytest.mark.parametrize("by_address", [False, True])
async def test_it_goes_on_from_a_sequence_for_a_while(
    story: JournalBuilder, tmp_path: Path, *, by_address: bool
) -> None:
    middle = 12
    async with EmbeddedServer(tmp_path) as server, writing(server.settings) as journal:
        await _append(journal, story, range(1, len(story.events) + 1))
        place: tuple[str | Path, ...] = ("--data-dir", tmp_path)
        if by_address:
            user, password = server.settings.user or "", server.settings.password or ""
            place = ("--nats-url", server.settings.url, "--nats-user", user, "--nats-password", password)
        async with following("--from-sequence", str(middle), "--for", "500ms", "-o", "json", *place) as follower:
            wanted = _expected(story, first=middle)
            assert _whats(await follower.lines(len(wanted))) == sorted(one["what"] for one in wanted)
            assert await follower.line() == ""
            assert await follower.ended() == 0


async def test_a_time_that_is_over_ends_it_and_people_read_lines(story: JournalBuilder, tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path) as server, writing(server.settings) as journal:
        await _append(journal, story, range(1, len(story.events) + 1))
        async with following("--until", "1s", "--only", "restarts", "--data-dir", tmp_path) as follower:
            assert "group sample-0 is recreated as a whole" in await follower.line()
            assert await follower.ended() == 0


async def test_nobody_is_kept_from_starting_where_no_controller_runs(story: JournalBuilder, tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path) as server, writing(server.settings) as journal:
        await _append(journal, story, range(1, 5))
    async with following("--data-dir", tmp_path) as follower:
        assert await follower.ended() == 3
        assert "no controller runs on data directory" in await follower.remarks()
