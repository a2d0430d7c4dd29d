"""``timeline`` on an exported file: pods, stretches of time, kinds of entries, the page, and what cannot be meant."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from adapters.cli.main import app
from adapters.pages.assembling import embedded
from tests.journal_builder import START_MS
from tests.unit.cli.recreated_group import recreated_group, write


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(recreated_group(), tmp_path_factory.mktemp("journal") / "sample.jsonl.gz")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["timeline", *(str(one) for one in arguments)])


def entries(*arguments: str | Path) -> list[dict[str, Any]]:
    result = run(*arguments, "-o", "json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_a_pod_with_what_was_decided_about_its_group(file: Path) -> None:
    found = entries("default/sample-0-1", "--file", file)
    assert {entry["pod"] for entry in found} == {"", "sample-0-1"}
    assert {entry["group"] for entry in found} == {"0"}
    assert any("recreated as a whole" in entry["what"] for entry in found)
    assert entries("sample-0-1", "--file", file) == found
    assert run("sample-9-9", "--file", file).exit_code == 4


def test_kinds_are_chosen_by_words(file: Path) -> None:
    assert {one["kind"] for one in entries("sample", "--only", "restarts", "--file", file)} == {"restart"}
    both = entries("sample", "--only", "conditions, rollouts", "--file", file)
    assert {one["kind"] for one in both} == {"condition", "rollout", "change"}
    whole = entries("sample", "--file", file)
    assert [one for one in whole if one["kind"] in ("condition", "rollout", "change")] == both
    failures = entries("sample", "--only", "failures", "--file", file)
    assert any("OOMKilled" in one["what"] for one in failures)


def test_a_stretch_of_time_by_times_and_by_durations(file: Path) -> None:
    whole = entries("sample", "--file", file)
    last_ms = max(one["at_ms"] for one in whole)
    late = entries("sample", "--since", "2026-01-01T00:00:10Z", "--file", file)
    assert late == [one for one in whole if one["at_ms"] >= START_MS + 10_000] != whole
    assert entries("sample", "--since", "2026-01-01T00:00:10", "--file", file) == late
    seconds = (last_ms - START_MS) / 1000
    assert entries("sample", "--since", f"{seconds - 10}s", "--file", file) == late
    early = entries("sample", "--until", "2026-01-01T00:00:09.999Z", "--file", file)
    assert early + late == whole
    assert entries("sample", "--until", f"{seconds - 9.999:.3f}s", "--file", file) == early
    sequence = late[0]["sequence"]
    assert entries("sample", "--from-sequence", str(sequence), "--file", file) == late


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--only", "restarts,nonsense"), "--only does not know nonsense"),
        (("--only", ""), "--only does not know nothing"),
        (("--since", "yesterday"), "--since 'yesterday' is neither a time nor a duration"),
        (("--until", "-5m"), "--until '-5m' is no duration"),
        (("--for", "5m"), "--for ends --follow, which is not given"),
        (("--follow",), "an exported file does not grow"),
        (("--follow", "-o", "html"), "a page is made when what it shows is over"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(file: Path, arguments: tuple[str, ...], problem: str) -> None:
    result = run("sample", *arguments, "--file", file)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert "hint: " in result.stderr


def test_the_page_holds_the_entries_and_the_lives(file: Path) -> None:
    result = run("sample/0", "--since", "2026-01-01T00:00:10Z", "-o", "html", "--file", file)
    assert result.exit_code == 0
    assert result.stdout.startswith("<!doctype html>")
    assert "<title>default/sample, group 0 – timeline</title>" in result.stdout
    [block] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', result.stdout, re.DOTALL)
    data = json.loads(block)
    listed = entries("sample/0", "--since", "2026-01-01T00:00:10Z", "--file", file)
    assert [one["what"] for one in data["entries"]] == [one["what"] for one in listed]
    assert [lane["name"] for lane in data["pods"]] == ["sample-0", "sample-0-1"]
    assert data["from_ms"] == START_MS + 10_000
    assert not re.search(r"(?:src|href)=|url\(|@import|https?://", result.stdout)
    assert run("sample/0", "--since", "2026-01-01T00:00:10Z", "-o", "html", "--file", file).stdout == result.stdout


def test_data_can_end_no_block() -> None:
    hostile = {"a": "</script><!--<script>&amp;\u2028\u2029", "é": "ü"}
    text = embedded(hostile)
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == hostile
