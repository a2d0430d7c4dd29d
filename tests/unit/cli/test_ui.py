"""``lws-events ui`` refuses what it cannot mean; what it serves is tested with the page."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.cli import main, ui
from tests.unit.cli.recreated_group import recreated_group, write


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write(recreated_group(), tmp_path / "journal.jsonl.gz")


@pytest.mark.parametrize("address", [":8082", "0.0.0.0:8082", "10.0.0.1:80", "0", "somewhere"])
def test_it_serves_this_machine_alone(journal: Path, address: str) -> None:
    result = CliRunner().invoke(main.app, ["ui", str(journal), "--bind-address", address])
    assert result.exit_code == 2
    assert "--bind-address" in result.output
    assert "loopback" in result.output


def test_a_file_is_named_once(journal: Path, tmp_path: Path) -> None:
    other = write(recreated_group(), tmp_path / "other.jsonl.gz")
    result = CliRunner().invoke(main.app, ["ui", str(journal), "--file", str(other)])
    assert result.exit_code == 2
    assert "name different journals" in result.output


def test_a_file_that_is_no_journal_is_said(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl.gz").write_bytes(b"no journal")
    result = CliRunner().invoke(main.app, ["ui", str(tmp_path / "none.jsonl.gz")])
    assert result.exit_code == 1
    assert "none.jsonl.gz" in result.output


def test_a_large_file_without_an_index_is_slow_and_one_with_an_index_is_not(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not ui._is_slow(journal)
    monkeypatch.setattr(ui, "_LARGE_BYTES", 1)
    assert ui._is_slow(journal)
    assert CliRunner().invoke(main.app, ["journal", "index", str(journal)]).exit_code == 0
    assert not ui._is_slow(journal)
