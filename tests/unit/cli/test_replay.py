"""``lws-events replay`` as a debugger: options, output for people and programs, and the conversation on a terminal."""

import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from adapters.cli.main import app
from adapters.cli.replay import parse_break
from adapters.cli.stepping import Stepping
from adapters.journal.file_format import JournalFileWriter, read_file, read_header
from adapters.reading.moments import parse_at
from adapters.replaying.opening import open_past

FOLDER = Path(__file__).parents[2] / "journals"
FILE = FOLDER / "force_deleted_worker_recreates_its_group.jsonl.gz"
RESTART = 48
"""Sequence of the event by which the group of the journal is recreated."""


def run(*arguments: str | int) -> Result:
    return CliRunner().invoke(app, ["replay", "default/sample", "--file", str(FILE), *map(str, arguments)])


def test_a_breakpoint_shows_the_step_with_its_rule_and_what_it_changed() -> None:
    result = run("--break-on", "restart")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"#{RESTART} ")
    assert lines[0].endswith("pod sample-1-2 is gone")
    assert "    rule     restartPolicy RecreateGroupOnPodRestart: the failure of one pod ends its whole group" in lines
    assert '    changed  groups.sample-1.lifecycle: "Ready" → "Recreating"' in lines


def test_steps_for_programs() -> None:
    steps = json.loads(run("--step", "--from", 40, "--to", RESTART, "-o", "json").stdout)
    assert [step["event"]["sequence"] for step in steps] == list(range(40, RESTART + 1))
    last = steps[-1]
    assert last["decision"]["cause"] == RESTART
    assert len(last["rules"]["facts"]) == len(last["decision"]["facts"])
    assert len(last["rules"]["commands"]) == len(last["decision"]["commands"])
    all_matching = json.loads(run("--step", "--break-on", "group=1,decision", "-o", "json").stdout)
    assert RESTART in [step["event"]["sequence"] for step in all_matching]
    assert all(step["decision"] for step in all_matching)
    only = json.loads(run("--break-on", "decision", "--from", RESTART, "-o", "json").stdout)
    assert only == last


def test_two_points_are_compared() -> None:
    answer = json.loads(run("--diff", f"{RESTART - 1}..{RESTART}", "-o", "json").stdout)
    assert (answer["before"]["sequence"], answer["after"]["sequence"]) == (RESTART - 1, RESTART)
    assert {"path": "groups.sample-1.lifecycle", "before": "Ready", "after": "Recreating"} in answer["changes"]
    begin, end = answer["before"]["at"], answer["after"]["at"]
    lines = run("--diff", f"{begin}..{end}").stdout.splitlines()
    assert 'groups.sample-1.lifecycle: "Ready" → "Recreating"' in lines


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--break-on", "restart,pod=other"], 4, "never happens"),
        (["--break-on", "restart", "--to", "47"], 4, "never happens"),
        (["--break-on", "restrat"], 2, "did you mean restart?"),
        (["--diff", "12"], 2, "does not name two points"),
        (["--diff", "1..now"], 2, "--diff 'now' is neither a sequence nor a time"),
        (["--diff", "1..2", "--step"], 2, "names both points itself"),
        (["--from", "3"], 2, "add --step"),
        (["--step", "--from", "soon"], 2, "--from 'soon' is neither"),
        (["--step", "--at", "3", "--to", "3"], 2, "the same point"),
    ],
)
def test_what_cannot_be_meant(arguments: list[str], code: int, message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert message in result.stderr


def test_a_journal_that_begins_in_the_middle_says_that_the_past_is_unknown(tmp_path: Path) -> None:
    part = tmp_path / "part.jsonl"
    with JournalFileWriter(part, cluster=read_header(FILE).cluster, epoch=read_header(FILE).epoch) as writer:
        for line in read_file(FILE):
            if line.stream == "decisions" or line.record.sequence >= 40:
                writer.add(line.stream, line.record)
    result = CliRunner().invoke(app, ["replay", "default/sample", "--file", str(part), "-o", "json"])
    assert result.exit_code == 0, result.output
    assert "begins at event 40 and has no snapshot: what was before is unknown" in result.stderr
    assert json.loads(result.stdout)["sequence"] > 40


def conversation(*lines: str, breakpoint_: str | None = None, start: str | None = None) -> str:
    """What a person sees who types these lines."""
    typed: Iterator[str] = iter(lines)

    def read(prompt: str) -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    screen = Console(file=io.StringIO(), width=200, highlight=False, soft_wrap=True)
    with open_past("default/sample", file=FILE) as past:
        wanted = None if breakpoint_ is None else parse_break(breakpoint_)
        stepping = Stepping(past, screen, point=parse_at, read=read, breakpoint_=wanted)
        stepping.run(None if start is None else parse_at(start))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def shown(text: str) -> list[int]:
    """Sequences of the steps shown."""
    return [int(line[1:].split()[0]) for line in text.splitlines() if line.startswith("#")]


def test_a_conversation_walks_in_both_directions() -> None:
    assert shown(conversation("n", "", "p", "p", start="40")) == [40, 41, 42, 41, 40]
    assert shown(conversation("g 50", "p", "g 3")) == [2, 50, 49, 3]
    assert shown(conversation("b restart", "c", "n", "r")) == [2, RESTART, RESTART + 1, RESTART]
    assert shown(conversation("p", breakpoint_="restart")) == [RESTART, RESTART - 1]


def test_a_conversation_tells_where_it_stands_and_what_is_there() -> None:
    assert "the beginning, before all events" in conversation("p")
    assert "the end, behind event" in conversation("e", "n")
    assert "the end, behind event" in conversation("c", "c", breakpoint_="restart")
    assert "the beginning, before all events" in conversation("c", "r")
    told = conversation(f"g {RESTART}", "s groups.sample-1.lifecycle", "s groups.nobody", f"d {RESTART - 1}")
    assert "Recreating" in told
    assert "the state has no 'groups.nobody' (before 'nobody' there is: sample-0, sample-1" in told
    assert f"from event {RESTART - 1} to event {RESTART}" in told
    assert "there is no breakpoint" in conversation("b")
    assert "stops at restart" in conversation("b restart", "b")
    assert "did you mean restart?" in conversation("b restrat")
    assert "neither a sequence nor a time" in conversation("g soon")
    assert "go to a sequence or time" in conversation("?")
    assert conversation("q", "n") == conversation()


def test_on_a_terminal_it_asks_what_to_do() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from adapters.cli.main import main; main()", "replay", "default/sample"]
    program = subprocess.Popen(
        [*command, "--file", str(FILE), "--step", "--break-on", "restart"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "dumb", "COLUMNS": "200"},
    )
    try:
        os.close(theirs)
        seen = b""
        deadline = time.monotonic() + 60
        while b"replay> " not in seen:
            ready, _, _ = select.select([ours], [], [], max(deadline - time.monotonic(), 0))
            assert ready, seen
            seen += os.read(ours, 4096)
        os.write(ours, b"q\n")
        assert program.wait(timeout=60) == 0
    finally:
        program.kill()
        program.wait()
        os.close(ours)
    assert f"#{RESTART} ".encode() in seen
