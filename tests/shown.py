"""Pages that show what commands print about recorded journals: read, checked and written anew (``make docs``).

Journals do not change, so neither does what is printed about them: such a page is right if writing it anew changes
nothing. In its ``console`` blocks a command is followed by all that it prints on standard output; a line ``…`` stands
for what is left out between the lines before it, which are the first, and those behind it, which are the last. A
``text`` block behind one of ``python`` is what that example prints.

Pages on which the demo is played are not of this kind (``integration/test_documentation``): it differs from run to run.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from tests.pages import LEFT_OUT, blocks

ROOT: Final = Path(__file__).parents[1]
DEMO: Final = "lws-events demo "
_BLOCK: Final = re.compile(r"^```(?P<language>console|python)\n(?P<content>.*?)^```\n", re.DOTALL | re.MULTILINE)
_TEXT: Final = re.compile(r"\s*^```text\n(?P<content>.*?)^```\n", re.DOTALL | re.MULTILINE)


class Shown(NamedTuple):
    """A command of a ``console`` block and the lines that the page shows below it."""

    command: str
    lines: list[str]


def recorded_pages() -> list[Path]:
    """All pages of this kind."""
    pages = (path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))
    named = zip(sorted((ROOT / "docs").glob("*.md")), pages, strict=True)
    return [path for path, text in named if blocks(text, "console") and f"$ {DEMO}" not in text]


class Folder:
    """A folder of a reader: what is in ``docs`` is there, nothing else. Commands are run in it one after the other."""

    def __init__(self, folder: Path) -> None:
        (folder / "docs").mkdir()
        for path in sorted((ROOT / "docs").iterdir()):
            if path.suffix in {".yaml", ".py"}:
                shutil.copy(path, folder / "docs")
        shutil.copytree(ROOT / "docs" / "journals", folder / "docs" / "journals")
        self._folder = folder
        self._environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder)}

    def run(self, command: str) -> str:
        """What a command prints; it must succeed. ``export`` lasts. Raises ``AssertionError``."""
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self._environment[name] = value
            return ""
        return self._printed(["bash", "-o", "pipefail", "-c", command], command)

    def run_python(self, code: str) -> str:
        """What an example prints. Raises ``AssertionError``."""
        return self._printed([sys.executable, "-c", code], "the example in Python")

    def _printed(self, words: list[str], what: str) -> str:
        done = subprocess.run(
            words, cwd=self._folder, env=self._environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, f"{what}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def commands_of(block: str) -> list[Shown]:
    """What a ``console`` block shows."""
    shown: list[Shown] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            shown.append(Shown(line.removeprefix("$ "), []))
        else:
            assert shown, f"a block begins with its first command, not with {line!r}"
            shown[-1].lines.append(line)
    return shown


def excerpt(printed: list[str], *, like: list[str]) -> list[str]:
    """As many lines from both ends as are shown now; all of them where nothing is left out."""
    if LEFT_OUT not in like:
        return printed
    first = like.index(LEFT_OUT)
    last = len(like) - first - 1
    assert LEFT_OUT not in like[first + 1 :], "one omission for each command: what is in the middle is found with grep"
    if len(printed) <= first + last:
        return printed
    return [*printed[:first], LEFT_OUT, *printed[len(printed) - last :]]


def rewritten(text: str, folder: Folder) -> str:
    """A page with what its commands print now. Raises ``AssertionError`` where one of them fails."""
    parts, end = [], 0
    for found in _BLOCK.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        parts.append(found.group())
        if found["language"] == "python":
            below = _TEXT.match(text, end)
            if below is not None:
                parts.append(text[end : below.start("content")])
                parts.append(folder.run_python(found["content"]))
                parts.append(text[below.end("content") : below.end()])
                end = below.end()
            continue
        lines = []
        for shown in commands_of(found["content"]):
            lines.append(f"$ {shown.command}")
            lines += excerpt(folder.run(shown.command).splitlines(), like=shown.lines)
        parts[-1] = "".join(f"{line}\n" for line in ("```console", *lines, "```"))
    return "".join((*parts, text[end:]))


def written_anew(page: Path) -> str:
    """What a page ought to be, in a folder of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        return rewritten(page.read_text(), Folder(Path(scratch)))


def main() -> None:
    """Write all pages anew, or those that are named."""
    named = [Path(argument).resolve() for argument in sys.argv[1:]]
    for page in named or recorded_pages():
        text = written_anew(page)
        if text != page.read_text():
            page.write_text(text)
            print(f"{page.name} is written anew")


if __name__ == "__main__":
    main()
