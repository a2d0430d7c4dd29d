"""The Python example of docs/replay.md is run, and prints what the page shows below it."""

import contextlib
import io
from pathlib import Path

import pytest

from tests.pages import blocks

ROOT = Path(__file__).parents[2]


def test_the_example_prints_what_the_page_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "replay.md").read_text()
    [example], [shown] = blocks(page, "python"), blocks(page, "text")
    monkeypatch.chdir(ROOT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "docs/replay.md", "exec"), {})
    assert printed.getvalue() == shown
