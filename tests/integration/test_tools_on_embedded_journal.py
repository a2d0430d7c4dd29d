"""The commands on a real JetStream journal: import into a data directory, ask it, export it again."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.cli.main import app
from tests.unit.cli.recreated_group import recreated_group, write


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def _records(path: Path) -> list[tuple[str, int, str, str]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:-1]]
    return sorted((line["stream"], line["sequence"], line["subject"], json.dumps(line["data"])) for line in lines)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(recreated_group(), tmp_path_factory.mktemp("export") / "sample.jsonl")


def test_import_ask_and_export_again(file: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    imported = json.loads(run("journal", "import", file, "--data-dir", data_dir, "-o", "json"))
    assert imported["events"] == len(recreated_group().events)
    here = ("--data-dir", data_dir)
    for command in (("verify",), ("timeline", "sample"), ("why", "sample"), ("replay", "sample", "--at", "12")):
        assert run(*command, *here, "-o", "json") == run(*command, "--file", file, "-o", "json")
    table = run("status", *here)  # of which a server is asked for the few events that it needs
    assert "sample" in table
    assert table == run("status", "--file", file)
    again = tmp_path / "again.jsonl"
    assert "exported" in run("journal", "export", again, *here)
    assert _records(again) == _records(file)


def test_a_second_import_is_refused_and_another_cluster_is_not_found(file: Path, tmp_path: Path) -> None:
    run("journal", "import", file, "--data-dir", tmp_path)
    twice = CliRunner().invoke(app, ["journal", "import", str(file), "--data-dir", str(tmp_path)])
    assert twice.exit_code == 1
    assert "not empty" in twice.stderr
    other = CliRunner().invoke(app, ["verify", "--data-dir", str(tmp_path), "--cluster", "prod"])
    assert other.exit_code == 4
    assert "clusters with a journal: default" in other.stderr
