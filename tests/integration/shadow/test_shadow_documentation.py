"""``docs/shadow.md`` knows all kinds and numbers, and its recorded journal has what the page tells of.

That the page shows what is printed is tested with the other pages (``test_documentation``).
"""

import re
from pathlib import Path
from typing import Final

from lws_events.differences import KINDS
from projections.shadow_report import MEANT
from tests.integration.shadow.shadows import asked

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = (ROOT / "docs" / "shadow.md").read_text()
JOURNAL: Final = ROOT / "docs" / "journals" / "shadow.jsonl.gz"


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
