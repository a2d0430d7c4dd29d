"""What ``docs/shadow.md`` shows is what the program prints about a recorded journal (``recording``)."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Final

import pytest

from lws_events.differences import KINDS
from projections.shadow_report import MEANT
from tests.integration.shadow.recording import JOURNAL
from tests.integration.shadow.shadows import PROGRAM, asked

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = (ROOT / "docs" / "shadow.md").read_text()
SHOWN: Final = [
    block for block in re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE) if block.startswith("$ ")
]


def _without_chance(line: str) -> str:
    return " ".join(re.sub(r"[\d,]*\d", "N", line).split())


@pytest.mark.parametrize("block", SHOWN, ids=range(len(SHOWN)))
def test_the_page_shows_what_is_printed(block: str) -> None:
    command, *lines = block.splitlines()
    words = shlex.split(command.removeprefix("$ "))
    assert words[0] == "lws-events"
    arguments = [str(JOURNAL) if word == "shadow.jsonl.gz" else word for word in words[1:]]
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    printed = {_without_chance(line) for line in done.stdout.splitlines()}
    assert [line for line in lines if _without_chance(line) not in printed] == []


def test_both_outputs_are_shown() -> None:
    assert len(SHOWN) == 2


def test_the_counts_are_those_of_the_recorded_journal() -> None:
    report = asked("report", "--file", str(JOURNAL)).content
    assert {number: each["count"] for number, each in report["meant"].items()} == {"D1": 2, "D31": 3}
    assert (report["agreed"], report["commands"], report["unexplained"]) == (10, 15, 0)


def test_the_exit_code_of_the_strict_one() -> None:
    assert asked("report", "--file", str(JOURNAL), "--strict").code == 1


def test_every_kind_has_its_line() -> None:
    for kind in KINDS:
        assert f"| `{kind}` |" in PAGE


def test_numbers_of_what_is_meant_are_documented() -> None:
    compatibility = (ROOT / "docs" / "compatibility.md").read_text()
    missing = [number for number in MEANT if not re.search(rf"\b{number}\b", compatibility)]
    assert missing == []
