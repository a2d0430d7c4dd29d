"""Questions about what a journal does not have: behind its end, before its beginning, or where nothing happened."""

import gzip
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from adapters.cli.main import app
from tests.journals.recording import FOLDER

FILE = FOLDER / "force_deleted_worker_recreates_its_group.jsonl.gz"
"""87 events about ``default/sample``."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA_DIR", "NATS_URL", "FILE", "CLUSTER"):
        monkeypatch.delenv(f"LWS_EVENTS_{name}", raising=False)


def run(*arguments: str, file: Path = FILE) -> Result:
    return CliRunner().invoke(app, [*arguments, "--file", str(file)])


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay", "sample", "--at", "99999"),
        ("replay", "sample", "--diff", "80..99999"),
        ("replay", "sample", "--step", "--from", "88"),
        ("why", "sample", "--at", "99999"),
        ("why-not", "sample", "--at", "99999"),
        ("what-if", "sample", "--at", "99999"),
        ("status", "--at", "99999"),
        ("status", "sample", "--at", "99999"),
    ],
    ids=" ".join,
)
def test_behind_its_end_it_says_where_that_is(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    assert "the journal ends at event 87" in done.stderr


def test_up_to_its_end_there_is_nothing_to_say() -> None:
    assert "the journal ends" not in run("replay", "sample", "--at", "87").stderr
    assert run("why-not", "sample").stderr == "no group of default/sample waits for anything: all are ready\n"


def test_before_anything_was_decided_the_first_decision_is_named_as_such() -> None:
    for early in ("1", "2020-01-01T00:00:00Z"):
        done = run("why", "sample", "--at", early)
        assert done.stdout.startswith("The decision about event ")
        assert "nothing was decided by then" in done.stderr
    assert run("why", "sample", "--at", "87").stderr == ""


def test_where_nothing_happened_that_is_said() -> None:
    assert "before its first event to event 5" in run("replay", "sample", "--diff", "0..5").stderr
    assert "nothing happened between these points" in run("replay", "sample", "--step", "--from", "88").stderr
    later = run("timeline", "sample", "--since", "2030-01-01")
    assert (later.exit_code, later.stdout) == (0, "")
    assert "--since, --until and --only" in later.stderr


def test_a_set_that_is_not_there_is_the_same_error_everywhere() -> None:
    for command in ("why", "why-not", "timeline", "audit", "replay", "status", "what-if"):
        done = run(command, "other")
        assert done.exit_code == 4, command
        assert "sets in" in done.stderr, command


def test_a_file_that_is_cut_off_says_where(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_bytes(gzip.decompress(FILE.read_bytes())[:5000])
    done = run("verify", file=path)
    assert done.exit_code == 1
    lines = path.read_bytes().count(b"\n")
    assert done.stderr.startswith(f"lws-events: {path} is cut off in line {lines + 1}\n")
