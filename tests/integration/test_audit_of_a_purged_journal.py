"""Audit of a journal that was purged, on the embedded server: the same rows and sums as of all of it.

The whole is what its archive has. What is not kept any more is said.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.cli.audit_reading import begin_reading
from adapters.controller.keeping import Keeping
from adapters.journal.archive.restoring import restore_file
from adapters.journal.archive.segments import Archiver
from adapters.journal.archive.store import DirectoryStore
from adapters.journal.audit.limits import AuditLimits
from adapters.journal.port import Journal
from adapters.journal.retention.limits import Limits
from adapters.journal.transfer import export_journal, import_journal, restorable
from adapters.nats.connection import connect
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal
from adapters.reading.reader import open_for_reading
from adapters.reading.source import JournalSource
from lws_events.subjects import SetName
from projections.audit.report import report
from projections.audit.rows import Asked, AuditRow
from tests.integration.test_journal_life import append, opened, running, until_folded
from tests.scenario import Scenario
from tests.unit.test_snapshots import sweeper

SAMPLE = SetName("default", "sample")


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    for number in range(60):
        told.at_ms += 1000
        told.pod(f"sample-0-{1 + number % 2}", ready=bool(number % 3))
    return told


async def kept(journal: Journal, scenario: Scenario, keeping: Keeping) -> None:
    """Play the story within limits."""
    after = keeping.after_sweeps_of(journal, now_ms=lambda: scenario.at_ms)
    assert after is not None
    async with running(journal) as engine:
        taking = sweeper(engine, journal)
        for start in range(0, scenario.sequence, 15):
            await append(journal, scenario, start=start, end=start + 15)
            await until_folded(engine, journal)
            await taking.sweep()
            await after(taking)


def rows_of(source: JournalSource, *, of_one: bool = False, asked: Asked | None = None) -> list[AuditRow]:
    with open_for_reading(source) as reader:
        name = reader.find_set("sample", namespace=None) if of_one else None
        return list(begin_reading(reader).rows(name, asked or Asked()))


def _sources(tmp_path: Path) -> Iterator[JournalSource]:
    yield JournalSource(data_dir=tmp_path / "data")
    yield JournalSource(file=tmp_path / "exported.jsonl.gz")
    yield JournalSource(data_dir=tmp_path / "imported")


async def test_it_is_the_audit_of_the_whole_journal_wherever_it_is_read(tmp_path: Path, scenario: Scenario) -> None:
    keeping = Keeping(limits=Limits(events=20), archive_to=str(tmp_path / "archive"))
    exported = tmp_path / "exported.jsonl.gz"
    async with opened(tmp_path / "data") as (_, _, journal):
        await kept(journal, scenario, keeping)
        assert (await journal.events.info()).first_sequence > 40
        store = DirectoryStore(tmp_path / "archive")
        await Archiver(journal, store).run()
        await restore_file(store, "test", tmp_path / "whole.jsonl.gz")
        await export_journal(journal, exported)
    before = restorable(exported).before
    async with EmbeddedServer(tmp_path / "imported") as server:
        connection = await connect(server.settings)
        first_event, first_decision = before["events"] + 1, before["decisions"] + 1
        target = await open_journal(connection, "test", first_event=first_event, first_decision=first_decision)
        await import_journal(exported, target.journal)
        await connection.close()

    expected = await asyncio.to_thread(rows_of, JournalSource(file=tmp_path / "whole.jsonl.gz"))
    assert len(expected) > 50
    for source in _sources(tmp_path):
        found = await asyncio.to_thread(rows_of, source)
        assert found == expected, source
        assert report(found) == report(expected)
        assert await asyncio.to_thread(rows_of, source, of_one=True) == expected
        later = Asked(since_ms=scenario.at_ms - 20_000, kinds=("capacity",))
        whole = await asyncio.to_thread(rows_of, JournalSource(file=tmp_path / "whole.jsonl.gz"), asked=later)
        assert await asyncio.to_thread(rows_of, source, asked=later) == whole


@pytest.mark.parametrize("audit", [None, AuditLimits(size_bytes=1), AuditLimits(age_ms=15_000)])
async def test_what_is_not_kept_is_said_and_the_rest_is_the_same(
    tmp_path: Path, scenario: Scenario, audit: AuditLimits | None, capsys: pytest.CaptureFixture[str]
) -> None:
    keeping = Keeping(limits=Limits(events=20), archive_to=str(tmp_path / "archive"), audit=audit)
    async with opened(tmp_path / "data") as (_, _, journal):
        await kept(journal, scenario, keeping)
        store = DirectoryStore(tmp_path / "archive")
        await Archiver(journal, store).run()
        await restore_file(store, "test", tmp_path / "whole.jsonl.gz")
    found = await asyncio.to_thread(rows_of, JournalSource(data_dir=tmp_path / "data"))
    assert "audit is complete from 2023-11-14T22:1" in (told := capsys.readouterr().err)
    assert "what sets and pods were then is known, not how they came to be it" in told
    since_ms = min(row.at_ms for row in found) + 1
    asked = Asked(since_ms=since_ms, kinds=("capacity", "pod", "change", "restart"))
    whole = await asyncio.to_thread(rows_of, JournalSource(file=tmp_path / "whole.jsonl.gz"), asked=asked)
    assert await asyncio.to_thread(rows_of, JournalSource(data_dir=tmp_path / "data"), asked=asked) == whole
    assert sum(row.lost_ms or 0 for row in whole) > 0
