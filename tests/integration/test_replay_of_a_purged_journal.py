"""A journal without its first events is replayed from the snapshot in their place, on a server and as a file."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from adapters.cli import main
from adapters.journal.transfer import export_journal
from adapters.reading.reader import open_for_reading
from adapters.reading.source import JournalSource
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
        table = await asyncio.to_thread(_table, "--data-dir", tmp_path / "data")
    expected = msgspec.json.decode(msgspec.json.encode(scenario.state))
    assert live == expected
    assert await asyncio.to_thread(_walk, file=str(exported)) == expected
    await asyncio.to_thread(_require_known, exported)
    assert "default/sample" in table
    assert table == await asyncio.to_thread(_table, "--file", exported)


def _table(option: str, place: Path) -> str:
    """All sets: of a server only a few events are asked for."""
    return CliRunner().invoke(main.app, ["status", option, str(place)]).stdout


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


@pytest.fixture
def cut(tmp_path: Path, scenario: Scenario) -> Path:
    """A journal whose beginning was purged, exported."""

    async def make() -> None:
        async with opened(tmp_path / "data") as (_, _, journal):
            await purged(journal, scenario)
            await export_journal(journal, tmp_path / "cut.jsonl.gz")

    asyncio.run(make())
    return tmp_path / "cut.jsonl.gz"


def test_commands_say_what_is_missing_where_it_is_asked_for(cut: Path) -> None:
    begins = "the journal begins at #"

    def told(*arguments: str) -> str:
        result = CliRunner().invoke(main.app, [*arguments, "--file", str(cut)])
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stderr

    for asked in (
        ("timeline", "sample"),
        ("timeline", "sample", "--since", "2020-01-01T00:00:00Z"),
        ("timeline", "sample", "--from-sequence", "2"),
        ("why", "sample"),
        ("why-not", "sample-0-1"),
        ("replay", "sample", "--step"),
        ("replay", "sample", "--at", "2"),
        ("replay", "sample", "--diff", "2..40"),
        ("status", "sample", "--at", "2"),
    ):
        assert begins in told(*asked), asked
    for other in (
        ("timeline", "sample", "--from-sequence", "45"),
        ("why", "sample", "--last", "1"),
        ("replay", "sample"),
        ("status", "sample"),
    ):
        assert begins not in told(*other), other
    result = CliRunner().invoke(main.app, ["replay", "sample", "--at", "2", "-o", "json", "--file", str(cut)])
    assert json.loads(result.stdout)["journal_begins"]["sequence"] > 2


def test_the_status_knows_what_was_observed_before_the_beginning(cut: Path) -> None:
    result = CliRunner().invoke(main.app, ["status", "sample", "-o", "json", "--file", str(cut)])
    pods = [pod["name"] for pod in json.loads(result.stdout)["pods"]]
    assert pods == ["sample-0", "sample-0-1", "sample-0-2", "sample-1", "sample-1-1"]


def test_info_tells_of_the_purge_the_snapshots_and_the_audit(cut: Path) -> None:
    result = CliRunner().invoke(main.app, ["journal", "info", "--file", str(cut)])
    assert "was purged; if it was archived" in result.stdout
    assert "snapshots: of 1 set, through #" in result.stdout
    found = json.loads(CliRunner().invoke(main.app, ["journal", "info", "-o", "json", "--file", str(cut)]).stdout)
    assert found["is_purged"]
    assert found["begins"]["sequence"] == found["events"]["first_sequence"] > 10
    assert found["snapshots"]["newest"]["sequence"] <= found["ends"]["sequence"]
    assert found["snapshots"]["places"]
