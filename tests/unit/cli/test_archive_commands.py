"""``lws-events journal archive|restore|check`` on an exported file: answers, JSON, exit codes; and their settings."""

import gzip
import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer import Typer
from typer.testing import CliRunner, Result

from adapters.cli import journal
from adapters.errors import explain
from adapters.journal.archive.errors import ArchiveDamaged, ArchiveUnavailable
from adapters.journal.audit.limits import AuditLimits
from adapters.journal.retention.limits import Limits
from adapters.settings.controller import Settings
from tests.journals.recording import FOLDER

FILE = FOLDER / "force_deleted_worker_recreates_its_group.jsonl.gz"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATA_DIR", "NATS_URL", "FILE", "CLUSTER"):
        monkeypatch.delenv(f"LWS_EVENTS_{name}", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def run(*arguments: str | Path) -> Result:
    program = Typer()
    program.add_typer(journal.app, name="journal")
    return CliRunner().invoke(program, ["journal", *(str(one) for one in arguments)])


def done(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_from_the_journal_to_the_archive_and_back(tmp_path: Path) -> None:
    place = tmp_path / "archive"
    first = done("archive", "--to", place, "--file", FILE)
    assert "events: 1-" in first
    assert "in 1 segments, hash " in first
    assert done("archive", "--to", place, "--file", FILE) == first
    told = json.loads(done("archive", "--to", place, "--file", FILE, "-o", "json"))
    restored = tmp_path / "restored.jsonl"
    assert "restored 87 events" in done("restore", "--from", place, restored)
    assert restored.read_bytes() == gzip.decompress(FILE.read_bytes())
    answer = json.loads(done("restore", "--from", place, restored, "--cluster", "golden", "-o", "json"))
    assert answer["events"] == 87
    checked = json.loads(done("check", "--archive", place, "--file", FILE, "-o", "json"))
    assert checked["events"]["hash"] == told["events"]["hash"]
    assert checked["events"]["compared"] == 87
    assert told["events"]["hash"] in done("check", "--file", FILE)


def test_a_check_ends_with_1_where_something_was_changed(tmp_path: Path) -> None:
    place, changed = tmp_path / "archive", tmp_path / "changed.jsonl"
    done("archive", "--to", place, "--file", FILE)
    changed.write_bytes(gzip.decompress(FILE.read_bytes()).replace(b'"phase":"Running"', b'"phase":"Pending"', 1))
    result = run("check", "--archive", place, "--file", changed)
    assert result.exit_code == 1
    assert "is not what was archived: one of the two was changed" in result.stdout
    assert run("check", "--file", changed).exit_code == 0, "nobody can know without an archive, or a hash of before"


def test_what_is_wrong_with_a_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    error = run("restore", "--from", tmp_path / "empty", tmp_path / "x").exception
    assert isinstance(error, ArchiveDamaged)
    assert "nothing is archived in" in str(error)
    assert isinstance(run("check", "--archive", tmp_path / "empty", "--file", FILE).exception, ArchiveDamaged)
    other = run("archive", "--to", "ftp://somewhere", "--file", FILE).exception
    assert isinstance(other, ArchiveUnavailable)
    explained = explain(other)
    assert explained is not None
    assert explained[0] == 1


def test_what_is_kept_is_set_like_everything_else() -> None:
    settings = Settings(journal_keep="48h", journal_keep_events=5, journal_archive="/a", snapshot_events=500)  # type: ignore[arg-type]
    keeping = settings.keeping()
    assert keeping.limits == Limits(age_ms=48 * 3_600_000, events=5)
    assert (keeping.archive_to, keeping.snapshot_events) == ("/a", 500)
    assert Settings().keeping().limits.keep_everything
    assert Settings().keeping().audit == AuditLimits(400 * 86_400_000, 1024**3)
    assert Settings(audit_keep="48h", audit_keep_bytes=9).keeping().audit == AuditLimits(48 * 3_600_000, 9)  # type: ignore[arg-type]
    assert Settings(audit_keep="0").keeping().audit is None  # type: ignore[arg-type]


def test_limits_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(ValidationError, match="must be at most half of journal-bytes-max"):
        Settings(journal_keep_bytes=10 * 1024**3)
    with pytest.raises(ValidationError, match="nothing is: give journal-keep as well"):
        Settings(journal_archive="/a")
    with pytest.raises(ValidationError):
        Settings(snapshot_events=1)
    with pytest.raises(ValidationError, match="audit_keep"):
        Settings(audit_keep="-1h")  # type: ignore[arg-type]
