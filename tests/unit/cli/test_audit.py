"""``audit`` on exported files: filters, every output, hostile names, the running hash, the report."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from adapters.cli.audit_output import COLUMNS, write_csv
from adapters.cli.audit_report import markdown
from adapters.cli.main import app
from lws_events.decisions import GroupRecreationStarted
from projections.audit.report import SetReport
from projections.audit.rows import AuditRow
from tests.journal_builder import JournalBuilder
from tests.journals.recording import FOLDER
from tests.unit.cli.recreated_group import recreated_group, write

INCIDENT = Path(__file__).parents[3] / "docs" / "journals" / "incident-resolved.jsonl.gz"
JOURNALS = [*sorted(FOLDER.rglob("*.jsonl.gz")), INCIDENT]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(recreated_group(), tmp_path_factory.mktemp("journal") / "sample.jsonl.gz")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["audit", *(str(one) for one in arguments)])


def found(*arguments: str | Path) -> list[dict[str, Any]]:
    result = run(*arguments, "-o", "json")
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def test_all_outputs_have_the_same_rows(file: Path, tmp_path: Path) -> None:
    rows = found("--file", file)
    assert found("rows", "default/sample", "--file", file) == rows
    lines = run("--file", file, "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == rows
    read = list(csv.DictReader(io.StringIO(run("--file", file, "-o", "csv").stdout, newline="")))
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows] == read
    target = tmp_path / "audit.parquet"
    target.write_bytes(run("--file", file, "-o", "parquet").stdout_bytes)
    columns = parquet.read_table(target)
    assert columns.column_names == list(COLUMNS)
    assert [{**one, "at": None} for one in columns.to_pylist()] == [{**one, "at": None} for one in rows]
    assert [one["at"].timestamp() for one in columns.to_pylist()] == [one["at_ms"] / 1000 for one in rows]
    assert len(run("--file", file).stdout.splitlines()) == len(rows)


def test_rows_of_kinds_users_namespaces_and_times(file: Path) -> None:
    assert {row["kind"] for row in found("--kind", "restart, pod", "--file", file)} == {"restart", "pod"}
    assert found("-n", "elsewhere", "--file", file) == []
    assert found("--user", "nobody", "--file", file) == []
    late = found("sample", "--since", "2026-01-01T00:00:10Z", "--kind", "restart,command", "--file", file)
    whole = found("sample", "--kind", "restart,command", "--file", file)
    assert late == [row for row in whole if row["at"] >= "2026-01-01T00:00:10"] != whole
    assert found("--since", "1h", "--kind", "restart", "--file", file)


def test_what_cannot_be_meant(file: Path) -> None:
    assert run("--kind", "wishes", "--file", file).exit_code == 2
    assert "--kind does not know wishes" in run("--kind", "wishes", "--file", file).output
    assert run("--kind", ",", "--file", file).exit_code == 2
    assert run("default/other", "--file", file).exit_code == 4


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_recorded_journals_add_up(path: Path) -> None:
    rows = found("--file", path)
    result = run("report", "--file", path, "-o", "json")
    assert result.exit_code == 0, result.output
    reports = json.loads(result.stdout)
    assert sum(sum(one["restarts_by_reason"].values()) for one in reports) == len(
        [row for row in rows if row["kind"] == "restart"]
    )
    effects = sum(row["lost_ms"] for row in rows if row["kind"] == "effect")
    assert effects == sum(one["pod_ms_lost"] for one in reports) > 0
    commands = [row for row in rows if row["kind"] == "command"]
    assert commands
    assert {row["outcome"] for row in commands} <= {"succeeded", "failed", "none recorded"}


def test_the_incident_in_a_report() -> None:
    [report] = json.loads(run("report", "llama", "--file", INCIDENT, "-o", "json").stdout)
    assert report["restarts"] == 3
    assert report["restarts_by_reason"]["deleted (EvictionByEvictionAPI)"] == 2
    changes = {"releases@example.test": 1, "on-call@example.test": 1}
    assert (report["rollouts"], report["spec_changes_by_user"]) == (1, changes)
    text = run("report", "--file", INCIDENT, "-o", "markdown").stdout
    assert text.startswith("## default/llama\n\n| | |\n|---|---|\n| restarts of groups | 3 (")
    assert "pod-seconds" in run("report", "--file", INCIDENT).stdout


def test_cells_are_no_formulas() -> None:
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'=1", 'a"b,c\nd', "plain"]
    for text in hostile:
        row = AuditRow(at_ms=0, sequence=1, namespace="n", set="s", kind="change", what=text, user=text)
        file = io.StringIO(newline="")
        write_csv([row], file)
        [read] = csv.DictReader(io.StringIO(file.getvalue(), newline=""))
        assert read["user"] == (text if text[0] in "ap" else f"'{text}")
        assert read["sequence"] == "1"


def test_names_steer_no_terminal_and_mark_nothing_up(tmp_path: Path) -> None:
    journal = JournalBuilder()
    journal.spec_change("eve\x1b[31m\nroot")
    journal.lws()
    fact = GroupRecreationStarted(
        group="sample-0", leader="sample-0", leader_uid="l", failed_pod="p", failed_uid="u", failure="| <b> [x](y)"
    )
    journal.decided(facts=[fact])
    path = write(journal, tmp_path / "hostile.jsonl")
    printed = run("--file", path).stdout
    assert "\x1b" not in printed
    assert "eve\\x1b[31m\\nroot" in printed
    assert "1 × \\| &lt;b> \\[x\\](y)" in run("report", "--file", path, "-o", "markdown").stdout
    [title, *_] = markdown([SetReport(namespace="n", set="a\n# b", restarts_by_reason={}, spec_changes_by_user={})])
    assert "\n" not in title


def test_without_pyarrow_it_says_what_to_install(file: Path) -> None:
    code = "import sys; sys.modules['pyarrow'] = None; from adapters.cli.main import main; main()"
    arguments = [sys.executable, "-c", code, "audit", "--file", str(file), "-o", "parquet"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'lws-events[parquet]'" in done.stderr


def test_a_break_in_the_running_hash_is_shown(tmp_path: Path) -> None:
    journal = recreated_group()
    path, archive = write(journal, tmp_path / "sample.jsonl"), tmp_path / "archive"
    archived = CliRunner().invoke(app, ["journal", "archive", "--to", str(archive), "--file", str(path)])
    assert archived.exit_code == 0, archived.output
    sound = run("--file", path, "--archive", archive, "-o", "jsonl")
    assert sound.exit_code == 0, sound.output
    path.write_text(path.read_text().replace("OOMKilled", "Completed"))
    broken = run("--file", path, "--archive", archive, "-o", "jsonl")
    assert broken.exit_code == 1
    assert "the running hash is broken" in broken.stderr
    assert "is not what was archived" in broken.stderr
    assert len(broken.stdout.splitlines()) == len(sound.stdout.splitlines())


def test_help_teaches() -> None:
    assert "lws-events audit report" in run("--help").stdout
    assert "--archive" in run("rows", "--help").stdout


def test_an_audit_without_rows_says_so(file: Path) -> None:
    result = run("--file", file, "--since", "2999-01-01")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing of what is asked for is recorded" in result.stderr
    quiet = run("--file", file, "--since", "2999-01-01", "-o", "jsonl")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")


@pytest.mark.parametrize("question", [["why", "llama/0"], ["audit"]])
def test_arrows_are_written_in_any_locale(question: list[str]) -> None:
    """The locale of a service or of a remote shell often knows ASCII alone."""
    program = [sys.executable, "-c", "from adapters.cli.main import main; main()", *question, "--file", str(INCIDENT)]
    environment = os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(program, capture_output=True, env=environment, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "→" in done.stdout.decode() or "└" in done.stdout.decode()
