"""``lws-events journal info`` and ``journal seal``: what a journal is, for people and for programs, wherever it is."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from adapters.cli.main import app
from adapters.journal.inspecting import inspect
from adapters.journal.retention.limits import Limits
from adapters.journal.retention.stated import state_limits, stated_limits
from adapters.journal.transfer import export_journal
from tests.tampering import grow, replace, sealed


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def answer(*arguments: str | Path) -> Any:
    result = run(*arguments, "-o", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    memory = await sealed((6, 6))
    await grow(memory, 2)
    await export_journal(memory.journal, tmp_path / "sealed.jsonl.gz")
    return tmp_path / "sealed.jsonl.gz"


def test_a_file_tells_of_its_seals_and_its_index(file: Path) -> None:
    found = answer("journal", "info", "--file", file)
    assert (found["seals"]["count"], found["seals"]["newest"]["events"], found["seals"]["problem"]) == (2, 13, "")
    assert (found["begins"]["sequence"], found["ends"]) == (1, {"sequence": 15, "at_ms": 15})
    assert (found["is_purged"], found["index"], found["keeps"], found["snapshots"]) == (False, None, None, None)
    run("journal", "index", file)
    assert answer("journal", "info", "--file", file)["index"]["used"]
    shown = run("journal", "info", "--file", file).stdout.splitlines()
    assert shown[0] == "cluster test, epoch e1"
    assert "seals: 2, the newest of 2023-11-14T22:15:20.000Z, through event 13 and decision 6" in shown
    assert any(line.startswith("index: ") and line.endswith(" bytes") for line in shown)


def test_the_newest_seal_is_printed_to_be_noted(file: Path) -> None:
    found = answer("journal", "seal", "--file", file)
    assert (found["cluster"], found["number"], found["events"], found["decisions"]) == ("test", 2, 13, 6)
    first, hashed = run("journal", "seal", "--file", file).stdout.splitlines()
    assert first == "seal 2 of 2023-11-14T22:15:20.000Z, through event 13 and decision 6"
    assert hashed == found["hash"]
    checked = answer("journal", "check", "--seal", hashed[:12], "--file", file)
    assert (checked["sound"], checked["seals"]["noted"]["number"]) == (True, 2)
    assert checked["seals"]["unsealed"] == {"events": 2, "decisions": 1}
    assert run("journal", "check", "--seal", hashed[:6], "--file", file).exit_code == 1


def test_an_archive_is_told_of_without_a_journal(file: Path, tmp_path: Path) -> None:
    place = tmp_path / "archive"
    answer("journal", "archive", "--to", place, "--file", file)
    found = answer("journal", "info", "--archive", place)
    assert (found["cluster"], found["events"]["last"], found["decisions"]["last"], found["seals"]["last"]) == (
        "test",
        15,
        7,
        2,
    )
    shown = run("journal", "info", "--archive", place).stdout
    assert shown.startswith(f"archive {place} of cluster test\nevents: 1-15 in 1 segment, hash ")
    assert run("journal", "info", "--archive", tmp_path / "none").exit_code == 1


async def test_limits_of_the_last_leader_are_known_with_how_full_they_are() -> None:
    memory = await sealed((6,))
    assert (await inspect(memory.journal)).keeps is None
    await state_limits(memory.snapshots, Limits())
    assert (await inspect(memory.journal)).keeps == ()
    limits = Limits(age_ms=10_000, events=14, size_bytes=10_000)
    for _ in range(2):
        await state_limits(memory.snapshots, limits)
    assert await stated_limits(memory.snapshots) == limits
    assert await memory.snapshots.last_sequence() == 2, "what is written already is not written again"
    found = await inspect(memory.journal, now_ms=5_000)
    told = {one.limit: (one.at_least, one.used) for one in found.keeps or ()}
    assert told["age_seconds"] == (10.0, 5.0)
    assert told["events"] == (14, 7)
    assert told["bytes"][0] == 10_000


async def test_a_seal_that_cannot_be_read_is_told_of() -> None:
    memory = await sealed((6,))
    (last,) = memory.seals.records
    replace(memory.seals, [type(last)(last.sequence, last.subject, b"{", last.at_ns)])
    found = await inspect(memory.journal)
    assert (found.seals, found.newest_seal) == (1, None)
    assert "a seal cannot be read" in found.seals_problem
