"""Every command that reads a journal, on an exported file: answers, JSON, exit codes."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from adapters.cli.main import app
from lws_events import subjects
from lws_events.decisions import ConditionChanged
from lws_events.events import ObjectNotRecorded, Owner, PodDeleted
from lws_events.subjects import SetName
from tests.journal_builder import START_MS, JournalBuilder
from tests.unit.cli.recreated_group import recreated_group, write


@pytest.fixture(scope="module")
def journal() -> JournalBuilder:
    return recreated_group()


@pytest.fixture(scope="module")
def file(journal: JournalBuilder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(journal, tmp_path_factory.mktemp("journal") / "sample.jsonl.gz")


@pytest.fixture(scope="module")
def failure(journal: JournalBuilder) -> int:
    """Sequence of the event that ends the first incarnation of the group."""
    return next(event.sequence for event in journal.events if isinstance(event.envelope.fact, PodDeleted))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATA_DIR", "NATS_URL", "FILE", "CLUSTER"):
        monkeypatch.delenv(f"LWS_EVENTS_{name}", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], env=environment)


def answer(*arguments: str | Path) -> Any:
    result = run(*arguments, "-o", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_verify_recomputes_every_decision(file: Path, journal: JournalBuilder) -> None:
    result = run("verify", "--file", file)
    assert result.exit_code == 0
    assert result.stdout.strip() == f"{len(journal.events)} events, {len(journal.decisions)} decisions, 0 differences"
    found = answer("verify", "--file", file)
    assert (found["events"], found["differences"], found["first"]) == (len(journal.events), 0, None)


def test_verify_shows_the_first_difference_and_exits_with_1(tmp_path: Path) -> None:
    tampered = recreated_group()
    recorded = tampered.decisions[2]
    facts = (ConditionChanged(condition="Available", status="True"),)
    wrong = msgspec.structs.replace(recorded.decision, facts=facts)
    tampered.decisions[2] = recorded._replace(decision=wrong)
    file = write(tampered, tmp_path / "tampered.jsonl")
    result = run("verify", "--file", file)
    assert result.exit_code == 1
    assert f"First difference, at event {wrong.cause}" in result.stdout
    assert "facts[0].condition" in result.stdout
    result = run("verify", "--file", file, "-o", "json")
    assert result.exit_code == 1
    first = json.loads(result.stdout)["first"]
    assert (first["kind"], first["cause"], first["event"]["sequence"]) == ("changed", wrong.cause, wrong.cause)
    assert first["recorded"] != first["recomputed"]


def test_verify_notices_a_removed_decision(tmp_path: Path) -> None:
    tampered = recreated_group()
    removed = tampered.decisions.pop(3)
    result = run("verify", "--file", write(tampered, tmp_path / "j.jsonl"), "-o", "json")
    assert result.exit_code == 1
    first = json.loads(result.stdout)["first"]
    assert (first["kind"], first["cause"]) == ("missing", removed.decision.cause)


def test_timeline_of_a_group(file: Path) -> None:
    entries = answer("timeline", "default/sample", "--group", "0", "--file", file)
    assert {entry["group"] for entry in entries} == {"0"}
    assert any("OOMKilled" in entry["what"] for entry in entries)
    lines = run("timeline", "sample", "-g", "sample-0", "--file", file).stdout.splitlines()
    assert len(lines) == len(entries)
    assert "group sample-0 is recreated as a whole" in "\n".join(lines)


def test_why_gives_the_causal_chain(file: Path) -> None:
    (chain,) = answer("why", "default/sample", "--kind", "recreation", "--file", file)
    assert chain["complete"] is True
    assert chain["elapsed_ms"] == 740
    assert "OOMKilled" in chain["links"][0]["what"]
    assert answer("why", "sample/0", "--file", file) == [chain]
    assert answer("why", "default/sample-0-1", "--file", file) == [chain]
    text = run("why", "default/sample/0", "--file", file).stdout
    assert text.startswith("Group 0 was recreated, because of pod sample-0-1: the kernel killed container main")
    assert "rule: restartPolicy RecreateGroupOnPodRestart: the failure of one pod ends its whole group" in text


def test_replay_at_a_sequence_and_at_a_time(file: Path, failure: int) -> None:
    assert answer("replay", "sample", "--at", "1", "--file", file)["state"] is None
    before = answer("replay", "sample", "--at", str(failure - 1), "--file", file)
    assert "worker-old" in json.dumps(before["state"])
    at_that_time = answer("replay", "sample", "--at", "2026-01-01T00:00:29.999Z", "--file", file)
    assert at_that_time == before
    now = answer("replay", "default/sample", "--file", file)
    assert "worker-old" not in json.dumps(now["state"]["groups"]["sample-0"]["workers"])
    table = run("replay", "default/sample", "--file", file)
    assert "groups:" in table.stdout
    assert f"after event {now['sequence']}" in table.stderr


def test_replay_step_by_step(file: Path, journal: JournalBuilder, failure: int) -> None:
    steps = answer("replay", "sample", "--step", "--file", file)
    assert [step["event"]["sequence"] for step in steps] == [event.sequence for event in journal.events[1:]]
    decided = [step["decision"]["cause"] for step in steps if step["decision"]]
    assert decided == [recorded.decision.cause for recorded in journal.decisions]
    changed = [change["path"] for step in steps for change in step["changes"]]
    assert "groups.sample-0.lifecycle" in changed
    text = run("replay", "sample", "--step", "--at", str(failure), "--file", file).stdout
    assert "decided  group sample-0 is recreated as a whole" in text
    assert "changed  groups.sample-0" in text


def test_status_as_kubectl_prints_it(file: Path, failure: int) -> None:
    lines = run("status", "default/sample", "--file", file).stdout.splitlines()
    assert lines[0].split() == ["NAME", "READY", "DESIRED", "UP-TO-DATE", "AGE", "CONDITIONS"]
    assert [line.split()[:4] for line in lines[-2:]] == [
        ["sample-0", "1/1", "Running", "0"],
        ["sample-0-1", "1/1", "Running", "0"],
    ]
    (row,) = answer("status", "--file", file)
    assert row["name"] == "default/sample"
    assert len(answer("status", "sample", "--at", str(failure), "--file", file)["pods"]) == 1


def test_journal_info(file: Path, journal: JournalBuilder) -> None:
    found = answer("journal", "info", "--file", file)
    assert (found["cluster"], found["epoch"], found["sets"]) == ("default", "e1", ["default/sample"])
    assert found["events"]["last_sequence"] == len(journal.events)
    assert "sets: default/sample" in run("journal", "info", "--file", file).stdout


@pytest.mark.parametrize("command", ["timeline", "why", "replay", "status"])
def test_an_unknown_set_is_answered_with_those_there_are(command: str, file: Path) -> None:
    result = run(command, "default/simple", "--file", file)
    assert result.exit_code == 4
    assert "no LeaderWorkerSet default/simple" in result.stderr
    assert "sets in this journal: default/sample" in result.stderr
    assert result.stdout == ""


def test_a_name_alone_is_found_in_its_namespace(tmp_path: Path) -> None:
    journal = JournalBuilder(SetName("team-a", "sample"))
    journal.lws()
    journal.about(SetName("team-b", "sample")).lws()
    journal.about(SetName("team-b", "only")).lws()
    file = write(journal, tmp_path / "j.jsonl")
    assert answer("replay", "only", "--file", file)["set_name"] == "team-b/only"
    assert answer("replay", "sample", "-n", "team-b", "--file", file)["set_name"] == "team-b/sample"
    ambiguous = run("replay", "sample", "--file", file)
    assert ambiguous.exit_code == 4
    assert "team-a/sample, team-b/only, team-b/sample" in ambiguous.stderr


def test_a_group_of_which_nothing_is_recorded(file: Path) -> None:
    result = run("timeline", "sample", "--group", "7", "--file", file)
    assert result.exit_code == 4
    assert "group 7" in result.stderr
    assert answer("timeline", "sample", "--group", "7", "--file", file) == []


@pytest.mark.parametrize("at", ["yesterday", "12:00", "-5"])
def test_a_moment_that_is_none(at: str, file: Path) -> None:
    result = run("replay", "sample", f"--at={at}", "--file", file)
    assert result.exit_code == 2
    assert "neither a sequence nor a time" in result.stderr


def test_a_damaged_file_is_named_with_its_line(file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl"
    write(recreated_group(), cut)
    cut.write_text("".join(cut.read_text().splitlines(keepends=True)[:-1]))
    result = run("verify", "--file", cut)
    assert result.exit_code == 1
    assert "cut off" in result.stderr


def test_a_body_that_cannot_be_read_is_named(tmp_path: Path, failure: int) -> None:
    path = write(recreated_group(), tmp_path / "j.jsonl")
    path.write_text(path.read_text().replace("PodDeleted", "PodVanished"))
    result = run("verify", "--file", path)
    assert result.exit_code == 1
    assert f"event {failure} on lws.events.default." in result.stderr


def test_two_places_contradict_each_other(file: Path, tmp_path: Path) -> None:
    result = run("verify", "--file", file, "--data-dir", tmp_path)
    assert result.exit_code == 2
    assert "--data-dir and --file" in result.stderr
    both = run("verify", LWS_EVENTS_FILE=str(file), LWS_EVENTS_NATS_URL="nats://127.0.0.1:1")
    assert both.exit_code == 2
    assert "LWS_EVENTS_NATS_URL and LWS_EVENTS_FILE" in both.stderr


def test_the_environment_names_the_journal_and_a_flag_beats_it(file: Path) -> None:
    assert run("verify", LWS_EVENTS_FILE=str(file)).exit_code == 0
    assert run("verify", "--file", file, LWS_EVENTS_NATS_URL="nats://127.0.0.1:1").exit_code == 0


def test_no_journal_and_no_server() -> None:
    missing = run("verify")
    assert missing.exit_code == 4
    assert "holds no journal" in missing.stderr
    assert "hint: point at a journal" in missing.stderr
    unreachable = run("verify", "--nats-url", "nats://127.0.0.1:1")
    assert unreachable.exit_code == 3
    assert "no NATS server answered at nats://127.0.0.1:1" in unreachable.stderr


def test_an_import_needs_somewhere_to_go(file: Path) -> None:
    result = run("journal", "import", file, "--file", file)
    assert result.exit_code == 2
    assert "--data-dir or --nats-url" in result.stderr


def test_an_import_does_not_rename_the_cluster(file: Path, tmp_path: Path) -> None:
    result = run("journal", "import", file, "--data-dir", tmp_path, "--cluster", "another")
    assert result.exit_code == 2
    assert "leave out --cluster another" in result.stderr
    assert not list(tmp_path.glob("nats"))


def test_an_export_that_cannot_be_written_names_the_file(file: Path, tmp_path: Path) -> None:
    result = run("journal", "export", tmp_path / "absent" / "x.jsonl", "--file", file)
    assert result.exit_code == 1
    assert f"{tmp_path}/absent/x.jsonl: No such file or directory" in result.stderr


def test_times_are_those_of_the_events(file: Path) -> None:
    entries = answer("timeline", "sample", "--file", file)
    assert entries[0]["at_ms"] == START_MS
    assert entries[0]["at"] == "2026-01-01T00:00:00.000Z"


def test_why_and_timeline_tell_what_was_left_alone(tmp_path: Path) -> None:
    journal = recreated_group()
    journal.pod("sample-7", uid="forged", phase="Running", owner=Owner("ReplicaSet", "web", "r"))
    problem = "it is nested more than 200 levels deep"
    lost = ObjectNotRecorded(uid="r", resource_version="9", kind="revision", problem=problem)
    journal.fact(subjects.UNRECORDED, "revision/sample-x-1", lost)
    exported = write(journal, tmp_path / "journal.jsonl")
    left_alone = "Pod sample-7 is left alone, because it is controlled by ReplicaSet web"
    for group in ((), ("--group", "7")):
        assert left_alone in run("why", "default/sample", *group, "--file", exported).stdout
        assert left_alone in run("timeline", "default/sample", *group, "--file", exported).stdout
    assert left_alone not in run("why", "default/sample", "--group", "0", "--file", exported).stdout
    told = run("timeline", "default/sample", "--file", exported).stdout
    assert f"revision sample-x-1 (version 9) could not be recorded: {problem}" in told
