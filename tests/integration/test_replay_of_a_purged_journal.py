"""A journal without its first events is replayed from the snapshot in their place, on a server and as a file."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from adapters.cli.options import JournalSource
from adapters.cli.reading import open_for_reading
from adapters.journal.transfer import export_journal
from adapters.replaying.opening import beginning_of, open_past
from lws_events.subjects import SetName
from projections.replay import END, Until
from tests.integration.test_journal_life import opened, purged
from tests.scenario import Scenario

SAMPLE = SetName("default", "sample")


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    for number in range(30):
        told.pod(f"sample-0-{1 + number % 2}", ready=bool(number % 3))
    return told


async def test_it_begins_with_the_snapshot_and_walks_both_ways(tmp_path: Path, scenario: Scenario) -> None:
    exported = tmp_path / "partial.jsonl.gz"
    async with opened(tmp_path / "data") as (_, _, journal):
        await purged(journal, scenario)
        await export_journal(journal, exported)
        live = await asyncio.to_thread(_walk, data_dir=str(tmp_path / "data"))
    expected = msgspec.json.decode(msgspec.json.encode(scenario.state))
    assert live == expected
    assert await asyncio.to_thread(_walk, file=str(exported)) == expected
    await asyncio.to_thread(_require_known, exported)


def _walk(**place: str) -> object:
    """The state in the end, after a walk back and forth."""
    with open_past("default/sample", **place) as past:
        begins = past.sequence
        assert begins > 0
        assert past.state is not None
        forwards = list(past)
        assert len(forwards) > 5
        back = past.go_to(Until(sequence=forwards[2].event.sequence))
        assert back == forwards[2]
        assert past.back() == forwards[1]
        past.rewind()
        assert past.sequence == begins
        past.go_to(END)
        return past.state


def _require_known(exported: Path) -> None:
    with open_for_reading(JournalSource(file=exported)) as reader:
        assert reader.wait(reader.journal.events.info()).first_sequence > 1
        assert beginning_of(reader, SAMPLE).unknown_before == 0
