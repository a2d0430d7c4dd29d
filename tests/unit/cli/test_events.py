"""``lws-events events`` on an exported file: as lines and as CloudEvents, filters, places, and what cannot be meant."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from adapters.cli.main import app
from projections.lifecycle import encode
from tests.contract.lifecycle_stages import OTHER, expected, story
from tests.journal_builder import JournalBuilder
from tests.unit.cli.recreated_group import write
from tests.unit.lifecycle_events.facts import FACTS


@pytest.fixture(scope="module")
def told() -> JournalBuilder:
    journal = story()
    journal.lws()
    return journal


@pytest.fixture(scope="module")
def file(told: JournalBuilder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(told, tmp_path_factory.mktemp("journal") / "sample.jsonl.gz")


@pytest.fixture(scope="module")
def all_events(told: JournalBuilder) -> list[dict[str, Any]]:
    return [json.loads(encode(event)) for event in expected(told)]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["events", *(str(one) for one in arguments)])


def as_json(*arguments: str | Path) -> list[dict[str, Any]]:
    result = run(*arguments, "-o", "json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_all_events_one_on_each_line(file: Path, all_events: list[dict[str, Any]]) -> None:
    assert as_json("--file", file) == all_events


def test_lines_for_people_say_when_where_what_and_because_of_what(file: Path) -> None:
    result = run("--file", file, "--type", "group.recreation")
    assert result.stdout.splitlines()[0] == (
        "2026-01-01T00:00:01.000Z      #2  default/sample  group 0   group.recreation.started: group sample-0 is "
        "recreated as a whole, because of pod sample-0-1 (deleted): leader pod sample-0 is to be deleted"
        "  ← pod sample-0-1 is gone"
    )
    assert len(result.stdout.splitlines()) == 8


def test_of_a_set_or_a_group(file: Path, all_events: list[dict[str, Any]]) -> None:
    of_sample = [one for one in all_events if one["data"]["set"] == "sample"]
    assert as_json("default/sample", "--file", file) == of_sample
    assert as_json("sample", "--file", file) == of_sample
    of_group = [one for one in of_sample if one["data"].get("group") == "1"]
    assert as_json("default/sample/1", "--file", file) == of_group
    assert as_json("sample", "--group", "sample-1", "--file", file) == of_group
    assert as_json("--namespace", OTHER.namespace, "--file", file) == [
        one for one in all_events if one["data"]["namespace"] == OTHER.namespace
    ]


def test_from_a_place_on(file: Path, all_events: list[dict[str, Any]]) -> None:
    assert as_json("--after", all_events[6]["id"], "--file", file) == all_events[7:]
    later = [one for one in all_events if one["data"]["cause"]["sequence"] >= 11]
    assert as_json("--from", "11", "--file", file) == later
    assert as_json("--from", "now", "--file", file) == []
    assert as_json("--from", "2026-01-01T00:00:04Z", "--file", file) == later
    assert as_json("--from", "4s", "--file", file) == later  # before the last event, since a file is of the past


def test_the_schema_has_all_types_and_all_that_events_have(all_events: list[dict[str, Any]]) -> None:
    schema = json.loads(run("--schema").stdout)
    definitions = schema["$defs"]
    event, data = definitions["CloudEvent"], definitions["LifecycleData"]
    assert set(event["required"]) <= set.intersection(*(set(one) for one in all_events))
    assert set.union(*(set(one) for one in all_events)) == set(event["properties"])
    assert set.union(*(set(one["data"]) for one in all_events)) == set(data["properties"])
    kinds = {type(fact).__name__ for fact, _, _ in FACTS.values()}
    assert set(data["properties"]["fact"]["discriminator"]["mapping"]) == kinds
    assert kinds <= set(definitions)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("--type", "group.exploded"), 2, "there is no type 'group.exploded'"),
        (("--from", "yesterday"), 2, "'yesterday' is no place to begin"),
        (("--after", "70"), 2, "'70' is no id of an event"),
        (("--after", "e9-1-0"), 4, "event e9-1-0 is not in the journal"),
        (("--from", "1000"), 4, "event 1000 is still to come"),
        (("--for", "3s"), 2, "--for ends --follow"),
        (("--follow",), 2, "an exported file does not grow"),
        (("default/nobody",), 4, "default/nobody"),
        (("default/sample-0-1",), 2, "is a pod"),
    ],
)
def test_what_cannot_be_meant(file: Path, arguments: tuple[str, ...], exit_code: int, words: str) -> None:
    result = run(*arguments, "--file", file)
    assert result.exit_code == exit_code, result.output
    assert words in result.output
    assert "hint: " in result.output


def test_that_there_is_nothing_is_said_to_people_alone(file: Path) -> None:
    nothing = run("sample", "--group", "99", "--file", file)
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "nothing of what is asked for is recorded" in nothing.stderr
    quiet = run("sample", "--group", "99", "--file", file, "-o", "json")
    assert (quiet.exit_code, quiet.output) == (0, "")
