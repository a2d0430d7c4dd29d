"""``lws-events events --follow`` beside the server of a running controller, and ``lws-events ui FILE`` to its end."""

import asyncio
import json
import sys
import urllib.request
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.nats.connection import connect
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal
from projections.lifecycle import encode
from tests.contract.lifecycle_stages import DEADLINE_SECONDS, Stage, expected, go_on, story
from tests.integration.consumers import consuming
from tests.journal_builder import CLUSTER, SAMPLE, JournalBuilder
from tests.unit.cli.recreated_group import write

PROGRAM: Final = str(Path(sys.executable).parent / "lws-events")


def _as_json(told: JournalBuilder) -> list[dict[str, Any]]:
    return [json.loads(encode(event)) for event in expected(told)]


@pytest.mark.parametrize("place", ["start", "now"])
async def test_past_and_present_also_of_another_controller(tmp_path: Path, place: str) -> None:
    told = story(recreations=3)
    lines: list[str] = []
    words = (PROGRAM, "events", "--follow", "--from", place, "-o", "json", "--data-dir", str(tmp_path))
    async with EmbeddedServer(tmp_path) as server:
        connection = await connect(server.settings)
        stage = Stage((await open_journal(connection, CLUSTER)).journal, connection)
        await stage.record(told)
        past = _as_json(told)
        async with consuming(*words, folder=tmp_path) as consumer:
            skipped = 0 if place == "start" else len(past)
            if place == "start":
                lines += await consumer.lines(len(past))
            else:
                await _follows(stage)
            await _go_on(stage, told)
            lines += await consumer.lines(len(_as_json(told)) - skipped - len(lines))
            await connection.close()
            await server.stop()
            async with EmbeddedServer(tmp_path) as another:
                connection = await connect(another.settings)
                stage = Stage((await open_journal(connection, CLUSTER)).journal, connection)
                await _go_on(stage, told)
                lines += await consumer.lines(len(_as_json(told)) - skipped - len(lines))
                await connection.close()
            assert [json.loads(line) for line in lines] == _as_json(told)[skipped:]


async def _go_on(stage: Stage, told: JournalBuilder) -> None:
    before = told.sequence
    go_on(told, 1, SAMPLE)
    await stage.record(told, after=before)


async def _follows(stage: Stage) -> None:
    """Somebody reads decisions, so that "now" has passed."""
    assert stage.connection is not None
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            subject = f"$JS.API.CONSUMER.NAMES.LWS_DECISIONS_{CLUSTER}"
            answer = json.loads((await stage.connection.request(subject, b"")).data)
            if answer.get("consumers"):
                return
            await asyncio.sleep(0.02)


async def test_a_file_is_served_to_its_end(tmp_path: Path) -> None:
    told = story(recreations=3)
    file = write(told, tmp_path / "journal.jsonl")
    async with consuming(PROGRAM, "ui", str(file), folder=tmp_path) as consumer:
        [page] = await consumer.lines(1)
        url = page.removesuffix("/ui") + "/events?from=start"

        def answered() -> str:
            with urllib.request.urlopen(url, timeout=DEADLINE_SECONDS) as answer:
                return str(answer.read().decode())

        text = await asyncio.to_thread(answered)
    data = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
    assert data == _as_json(told)
