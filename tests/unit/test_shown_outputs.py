"""Pages that show what is printed are written anew exactly: excerpts keep their length, stale lines go."""

from pathlib import Path

import pytest

from tests.shown import Folder, commands_of, excerpt, recorded_pages, rewritten

PAGE = """\
Before.

```console
$ export WORD=seven
$ for each in one two three $WORD; do echo $each; done
stale
…
stale
$ echo whole
```

```python
print("by Python")
```

```text
stale
```

```text
$ not run
```
"""


def test_a_page_is_written_anew(tmp_path: Path) -> None:
    text = rewritten(PAGE, Folder(tmp_path))
    expected = PAGE.replace("stale\n…\nstale\n", "one\n…\nseven\n").replace("echo whole\n", "echo whole\nwhole\n")
    assert text == expected.replace("```text\nstale\n", "```text\nby Python\n")


def test_nothing_is_left_out_where_all_is_shown() -> None:
    assert excerpt(["a", "b"], like=["x", "…", "y"]) == ["a", "b"]
    assert excerpt(["a", "b", "c"], like=["x", "…"]) == ["a", "…"]
    assert excerpt(["a", "b", "c"], like=["…", "x"]) == ["…", "c"]
    assert excerpt(["a", "b", "c"], like=[]) == ["a", "b", "c"]
    with pytest.raises(AssertionError, match="one omission"):
        excerpt(["a"], like=["…", "x", "…"])


def test_a_command_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"(?s)exit code 3.*sorry"):
        rewritten("```console\n$ echo sorry >&2; exit 3\n```\n", Folder(tmp_path))
    with pytest.raises(AssertionError, match="begins with its first command"):
        commands_of("no command\n")


def test_pages_of_the_demo_are_not_among_them() -> None:
    names = {page.name for page in recorded_pages()}
    assert "incident-in-five-commands.md" in names
    assert "journal.md" not in names
