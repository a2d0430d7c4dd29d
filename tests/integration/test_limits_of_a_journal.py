"""Limits by age, number and size on the embedded server: kept after each sweep, and what is left is read as before."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.cli.main import app
from adapters.controller.keeping import Keeping
from adapters.journal.archive.restoring import restore_file
from adapters.journal.archive.segments import Archiver
from adapters.journal.archive.store import DirectoryStore
from adapters.journal.index.writing import build_index
from adapters.journal.port import Journal
from adapters.journal.retention.limits import Limits
from adapters.journal.transfer import export_journal
from lws_events import decisions, events
from tests.integration.test_journal_life import append, opened, running, until_folded
from tests.scenario import Scenario
from tests.unit.test_snapshots import sweeper

_STEP = 10
_SECOND_MS = 1000


@pytest.fixture
def scenario() -> Scenario:
    """A second between two events; at the end a failure, and the group that comes back."""
    told = Scenario()
    told.run()
    for number in range(80):
        told.at_ms += _SECOND_MS
        told.pod(f"sample-0-{1 + number % 2}", ready=bool(number % 3))
    told.at_ms += _SECOND_MS
    told.pod_deleted("sample-1-2")
    told.at_ms += _SECOND_MS
    told.run_group(1, incarnation="again")
    return told


async def _require_kept(journal: Journal, limits: Limits, *, now_ms: int, began_ms: int) -> int:
    """At least what is asked for, and at most a quarter and what came since the sweep more; returns where it begins."""
    info = await journal.events.info()
    first_ms = (await _event(journal, info.first_sequence)).at_ms
    if limits.events is not None:
        assert min(limits.events, info.last_sequence) <= info.messages <= limits.events * 5 / 4 + 2 * _STEP
    if limits.age_ms is not None:
        age_ms = now_ms - first_ms
        assert min(limits.age_ms, now_ms - began_ms) <= age_ms <= limits.age_ms * 5 / 4 + 2 * _STEP * _SECOND_MS
    if limits.size_bytes is not None:
        mean = info.size_bytes / info.messages
        assert info.size_bytes <= limits.size_bytes * 5 / 4 + 2 * _STEP * mean
        assert info.first_sequence == 1 or info.size_bytes >= limits.size_bytes - _STEP * mean
    async for batch in journal.decisions.read(follow=False):
        causes = [decisions.decode(record.data).cause for record in batch]
        assert [cause for cause in causes if cause < info.first_sequence][1:] == []
        break
    return info.first_sequence


async def _event(journal: Journal, sequence: int) -> events.Envelope:
    batches = journal.events.read(from_sequence=sequence, to_sequence=sequence, follow=False)
    [record] = [record async for batch in batches for record in batch]
    return events.decode(record.data)


@pytest.mark.parametrize(
    "limits",
    [Limits(age_ms=20 * _SECOND_MS), Limits(events=20), Limits(size_bytes=12_000)],
    ids=["age", "number", "size"],
)
async def test_each_limit_is_kept_to_and_what_is_left_is_read_as_before(
    tmp_path: Path, scenario: Scenario, limits: Limits
) -> None:
    now_ms = began_ms = scenario.recorded[0][2].at_ms
    keeping = Keeping(limits=limits, archive_to=str(tmp_path / "archive"))
    partial, whole = tmp_path / "partial.jsonl.gz", tmp_path / "whole.jsonl.gz"
    async with opened(tmp_path / "data") as (_, _, journal):
        after = keeping.after_sweeps_of(journal, now_ms=lambda: now_ms)
        assert after is not None
        begins = [1]
        async with running(journal) as engine:
            taking = sweeper(engine, journal)
            for start in range(0, scenario.sequence, _STEP):
                end = min(start + _STEP, scenario.sequence)
                now_ms = scenario.recorded[end - 1][2].at_ms
                await append(journal, scenario, start=start, end=end)
                await until_folded(engine, journal)
                await taking.sweep()
                await after(taking)
                begins.append(await _require_kept(journal, limits, now_ms=now_ms, began_ms=began_ms))
        assert begins == sorted(begins)
        assert len(set(begins)) > 2
        last = await journal.events.last_sequence()
        await export_journal(journal, partial)
        store = DirectoryStore(tmp_path / "archive")
        await Archiver(journal, store).run()
        await restore_file(store, "test", whole)
    await asyncio.to_thread(_require_same_answers, tmp_path / "data", partial, whole, first=begins[-1], last=last)


def _require_same_answers(data_dir: Path, partial: Path, whole: Path, *, first: int, last: int) -> None:
    questions = (
        ("timeline", "default/sample", "--from-sequence", str(first + 1)),
        ("why", "default/sample/1"),
        ("why-not", "default/sample-1-2", "--at", str(last)),
        ("why-not", "default/sample/1", "--at", str(last)),
        ("audit", "report"),
    )
    expected = [_asked(*question, "--file", str(whole)) for question in questions]
    assert all(expected)
    assert [_asked(*question, "--data-dir", str(data_dir)) for question in questions] == expected
    assert [_asked(*question, "--file", str(partial)) for question in questions] == expected
    build_index(partial)
    assert [_asked(*question, "--file", str(partial)) for question in questions] == expected
    state = _asked("replay", "default/sample", "--file", str(whole))
    assert _asked("replay", "default/sample", "--file", str(partial)) == state


def _asked(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "-o", "json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout
