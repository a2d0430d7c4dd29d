"""``why`` and ``why-not`` as programs: what may be named, what is refused, the documented JSON, logs, the index."""

import json
import re
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from typer.testing import CliRunner, Result

from adapters.cli.main import app
from adapters.journal import file as journal_file
from adapters.journal.index.writing import build_index
from lws_events import subjects
from lws_events.commands import DeleteLeaderPod
from lws_events.events import LogCaptured
from lws_events.subjects import SetName
from projections.why.causes import CATEGORIES
from projections.why.model import DECISION, KINDS, Cause, Chain, Link, Log
from projections.why.verdict import Verdict
from projections.why.waits import Waiting
from tests.journal_builder import JournalBuilder
from tests.unit.cli.recreated_group import recreated_group, write

PAGE: Final = (Path(__file__).parents[3] / "docs" / "why.md").read_text()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATA_DIR", "NATS_URL", "FILE", "CLUSTER"):
        monkeypatch.delenv(f"LWS_EVENTS_{name}", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(recreated_group(), tmp_path_factory.mktemp("journal") / "sample.jsonl")


@pytest.fixture(scope="module")
def two_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, and a set of another namespace whose name begins alike."""
    journal = recreated_group().about(SetName("other", "sample-0"))
    journal.lws(uid="another")
    journal.running("sample-0-5", uid="leader-of-another")
    return write(journal, tmp_path_factory.mktemp("journals") / "two.jsonl")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def answer(*arguments: str | Path) -> Any:
    result = run(*arguments, "-o", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    "subject",
    [
        ("default/sample/0",),
        ("sample/0",),
        ("sample/sample-0",),
        ("default/sample", "--group", "0"),
        ("sample", "-g", "sample-0"),
        ("default/sample-0-1",),
        ("sample-0",),
    ],
)
def test_a_group_or_a_pod_may_be_named_in_many_ways(subject: tuple[str, ...], file: Path) -> None:
    [chain] = answer("why", *subject, "--file", file)
    assert (chain["kind"], chain["group"]) == ("recreation", "0")


def test_a_pod_is_that_of_the_set_that_has_it(two_sets: Path) -> None:
    [chain] = answer("why", "sample-0-1", "--file", two_sets)
    assert chain["failed_pod"] == "sample-0-1"
    found = answer("why-not", "other/sample-0-5", "--file", two_sets)
    assert (found["verdicts"], [one["group"] for one in found["waiting"]]) == ([], ["5"])
    assert run("why", "other/sample-0-1", "--file", two_sets).exit_code == 4


def test_a_sequence_says_which_set_is_meant_and_a_time_does_not(two_sets: Path) -> None:
    [decision] = answer("why", "--at", "7", "--file", two_sets)
    assert decision["kind"] == DECISION
    result = run("why", "--at", "2026-01-01T00:00:30Z", "--file", two_sets)
    assert result.exit_code == 2
    assert "default/sample, other/sample-0" in result.stderr
    [same] = answer("why", "default/sample", "--at", "2026-01-01T00:00:30Z", "--file", two_sets)
    assert "the decision about event" in same["what"]


def test_what_cannot_be_meant_is_refused(file: Path) -> None:
    nothing = run("why", "--file", file)
    assert (nothing.exit_code, "name a set, SET/GROUP or POD" in nothing.stderr) == (2, True)
    unknown = run("why", "default/sample-9-9", "--file", file)
    assert (unknown.exit_code, "sets in this journal: default/sample" in unknown.stderr) == (4, True)
    assert run("why", "sample", "--at", "yesterday", "--file", file).exit_code == 2
    assert run("why", "sample", "--kind", "sorrow", "--file", file).exit_code == 2


def test_nothing_to_tell_is_said(file: Path) -> None:
    result = run("why", "sample/7", "--file", file)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "group 7 of default/sample" in result.stderr


def test_for_people_a_group_that_waits(file: Path) -> None:
    text = run("why-not", "sample/0", "--at", "5", "--file", file).stdout
    assert text.startswith("Group 0 is Absent and waits for\n")
    text = run("why-not", "default/sample-0-1", "--file", file).stdout
    assert "    decided  group sample-0 is recreated as a whole" in text


def _with_log() -> JournalBuilder:
    journal = recreated_group()
    command = next(
        issued
        for recorded in journal.decisions
        for issued in recorded.decision.commands
        if isinstance(issued.command, DeleteLeaderPod)
    )
    log = LogCaptured(
        pod_uid="worker-old", command_id=command.id, container="main", reference="a/b", bytes=4, lines=1, previous=True
    )
    told = JournalBuilder(begin=False)
    told.decisions = journal.decisions
    deletion = next(e.sequence for e in journal.events if getattr(e.envelope.fact, "command_id", "") == command.id)
    event = journal.events[deletion - 1]
    subject = subjects.event_subject("default", journal.set_name, subjects.LOG, "sample-0-1")
    captured = event._replace(subject=subject, envelope=msgspec.structs.replace(event.envelope, fact=log))
    told.events = [*journal.events[: deletion - 1], captured, *journal.events[deletion:]]
    told.epoch = journal.epoch
    return told


def test_a_file_has_the_fact_of_a_log_and_not_its_text(tmp_path: Path) -> None:
    file = write(_with_log(), tmp_path / "log.jsonl")
    [chain] = answer("why", "sample/0", "--logs", "--file", file)
    [log] = chain["logs"]
    assert (log["pod"], log["container"], log["reference"], log["text"]) == ("sample-0-1", "main", "a/b", None)
    text = run("why", "sample/0", "--file", file).stdout
    assert "all of the log of container main of pod sample-0-1 before its restart was kept (1 lines, 4 bytes)" in text
    assert "the log a/b is not kept any more, or not with this journal" in text


def test_with_an_index_nothing_of_other_sets_is_read(
    two_sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "indexed.jsonl"
    file.write_bytes(two_sets.read_bytes())
    expected = answer("why", "default/sample", "--file", file)
    build_index(file)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the whole file was read")

    monkeypatch.setattr(journal_file, "read_file", refuse)
    assert answer("why", "default/sample", "--file", file) == expected
    assert answer("why-not", "default/sample-0-1", "--file", file)["verdicts"]
    assert answer("why", "default/sample", "--at", "12", "--file", file)


def _documented(table: str) -> set[str]:
    rows = re.search(rf"^\| {table} \|.*?\n\n", PAGE, re.DOTALL | re.MULTILINE)
    assert rows is not None
    return {name for row in rows[0].strip().splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_the_shape_is_the_documented_one(file: Path) -> None:
    [chain] = answer("why", "sample/0", "--file", file)
    assert set(chain) == _documented("Chain") == {*Chain.__struct_fields__, "began", "elapsed_ms"}
    for struct in (Cause, Link, Log, Verdict, Waiting):
        assert {name for name in struct.__struct_fields__ if f"`{name}`" not in PAGE} == set()
    assert {kind for kind in KINDS if f"| `{kind}` |" not in PAGE} == set()
    assert {category for category in CATEGORIES if f"`{category}`" not in PAGE} == set()
    waiting = answer("why-not", "sample/0", "--file", file)["waiting"][0]
    assert set(waiting) == {*Waiting.__struct_fields__, "for_ms"}
