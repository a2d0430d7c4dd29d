"""The consumers of ``docs/lifecycle-events.md``, executed as they stand there: told all, killed, and told the rest."""

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.lifecycle_events.queries import PARAMETERS
from adapters.lifecycle_events.web import add_lifecycle_routes
from adapters.nats.connection import ConnectionSettings
from lws_events.machine import lifecycle
from lws_events.machine.state import ABSENT
from projections.lifecycle import TYPE_NAMES, encode, fields_of, type_name
from tests.contract.lifecycle_stages import Stage, expected, go_on, on_nats, story
from tests.controlplane.api import eventually
from tests.integration.consumers import ON_NATS, OVER_HTTP, PAGE, consuming, python
from tests.journal_builder import SAMPLE, JournalBuilder
from tests.natscli import nats_program
from tests.pages import blocks
from tests.unit.lifecycle_events.facts import FACTS

STREAM: Final = "LWS_LIFECYCLE_default"


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_nats(tmp_path / "nats") as stage:
        yield stage


@pytest.fixture
def told() -> JournalBuilder:
    return story()


@pytest_asyncio.fixture
async def published(stage: Stage, told: JournalBuilder) -> AsyncIterator[str]:
    """The story is on the bus, and what follows goes there too; the URL of the bus."""
    await stage.record(told)
    publishing = asyncio.create_task(stage.publisher().run())
    try:
        await stage.until_published(len(expected(told)))
        assert stage.connection is not None
        yield _url(stage.settings)
    finally:
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)


def _url(settings: ConnectionSettings) -> str:
    scheme, _, address = settings.url.partition("://")
    return f"{scheme}://{quote(settings.user or '')}:{quote(settings.password or '')}@{address}"


async def _more(stage: Stage, told: JournalBuilder) -> int:
    """The story goes on; how many events that makes."""
    before, count = told.sequence, len(expected(told))
    go_on(told, 2, SAMPLE)
    await stage.record(told, after=before)
    return len(expected(told)) - count


async def test_the_consumer_on_nats_is_killed_and_goes_on(
    stage: Stage, told: JournalBuilder, published: str, tmp_path: Path
) -> None:
    async with consuming(*python(ON_NATS), folder=tmp_path, NATS_URL=published) as consumer:
        lines = await consumer.lines(len(expected(told)))
        await _all_acknowledged(stage, "pager")
    more = await _more(stage, told)
    async with consuming(*python(ON_NATS), folder=tmp_path, NATS_URL=published) as consumer:
        lines += await consumer.lines(more)
    assert lines == [encode(event).decode() for event in expected(told)]


async def _all_acknowledged(stage: Stage, consumer: str) -> None:
    connection = stage.connection
    assert connection is not None

    async def acknowledged() -> bool:
        answer: dict[str, Any] = json.loads(
            (await connection.request(f"$JS.API.CONSUMER.INFO.{STREAM}.{consumer}", b"")).data
        )
        return bool(answer["num_ack_pending"] == 0)

    await eventually(acknowledged, what="the last acknowledgement", interval_seconds=0.02)


async def test_the_consumer_over_http_is_killed_and_goes_on(stage: Stage, told: JournalBuilder, tmp_path: Path) -> None:
    await stage.record(told)
    application = web.Application()
    add_lifecycle_routes(application, stage.journal)
    server = TestServer(application)
    await server.start_server()
    url = str(server.make_url("/events?from=start"))
    try:
        lines: list[str] = []
        for killed_after in (1, 7, len(expected(told)) - 8):
            async with consuming(*python(OVER_HTTP), folder=tmp_path, EVENTS_URL=url) as consumer:
                lines += await consumer.lines(killed_after)
            _undo(tmp_path / "last-event-id", lines)
        more = await _more(stage, told)
        async with consuming(*python(OVER_HTTP), folder=tmp_path, EVENTS_URL=url) as consumer:
            lines += await consumer.lines(more)
    finally:
        await server.close()
    assert lines == [f"{event.id} {event.type} {event.data.what}" for event in expected(told)]


def _undo(place: Path, lines: Sequence[str]) -> None:
    """It may have come farther than was looked at before it was killed; what was not looked at counts as not told."""
    assert place.exists()
    place.write_text(lines[-1].split()[0])


@pytest.mark.timeout(900)  # the program is built on first use
async def test_the_commands_of_nats_show_the_same(
    stage: Stage, told: JournalBuilder, published: str, tmp_path: Path
) -> None:
    program = str(nats_program())
    [block] = [block for block in blocks(PAGE.read_text(), "bash") if block.startswith("nats ")]
    subscribe, add, take = (shlex.split(line)[1:] for line in block.splitlines())
    events = [encode(event).decode() for event in expected(told)]
    of_groups = [line for line in events if '"type":"io.lws-events.group.' in line]
    async with consuming(program, *subscribe, folder=tmp_path, NATS_URL=published) as consumer:
        assert await consumer.lines(len(of_groups)) == of_groups
    async with consuming(program, *add, folder=tmp_path, NATS_URL=published) as consumer:
        await consumer.rest()
    taken: list[str] = []
    for _ in range(2):
        async with consuming(program, *take, folder=tmp_path, NATS_URL=published) as consumer:
            taken += await consumer.rest()
    assert [line for line in taken if line.startswith("{")] == events[:20]


def test_consumers_take_ten_lines() -> None:
    assert [len([line for line in code.splitlines() if line]) for code in (ON_NATS, OVER_HTTP)] == [10, 10]


def test_the_table_of_types_is_complete() -> None:
    kinds = {type_name(type(fact)): type(fact) for fact, _, _ in FACTS.values()}
    rows = re.findall(r"^\| `([a-z.]+)` \| ([^|]*)\| ((?:`[a-z_]+`(?:, )?)+) \|", PAGE.read_text(), re.MULTILINE)
    assert [name for name, _, _ in rows] == list(TYPE_NAMES)
    for name, subject, fields in rows:
        assert re.findall(r"`([a-z_]+)`", fields) == list(fields_of(kinds[name])), name
        assert bool(subject.strip()) == (FACTS[name][1] is not None), name


def test_the_page_names_all_parameters_and_all_states() -> None:
    page = PAGE.read_text()
    assert all(f"`{name}`" in page for name in PARAMETERS)
    states = [value for name, value in vars(lifecycle).items() if name.isupper() and isinstance(value, str)]
    assert all(f"`{state}`" in page for state in {*states, ABSENT})
