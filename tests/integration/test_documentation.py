"""What the documentation shows is what the program does: commands run, output looks like it, flags and files exist.

Blocks marked ``console`` are run, line by line, on the journal that the demo leaves; the lines below a command are
compared with what it prints, with numbers, times and ids left out. Commands in ``sh`` blocks need a cluster: of these
only the flags and the files are checked.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import typer.main
import yaml

from adapters.cli import main
from adapters.cli.settings import Settings
from adapters.demo.sample import SAMPLE
from tests.pages import LEFT_OUT, blocks, missing

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted(
    path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")) if path.name != "ARCHITECTURE.md"
)
NOT_COMPARED: Final = ("–", "Two replicas of one Deployment", "Aggregated roles for users: none")
"""Rows of the comparison that are neither the same nor better nor absent, but otherwise."""
PAGE_NAMES: Final = [path.name for path in PAGES]


class Shown(NamedTuple):
    """A command of a ``console`` block and the lines that the page shows below it."""

    command: str
    lines: list[str]


def _shown(page: Path) -> list[Shown]:
    shown: list[Shown] = []
    for line in "".join(blocks(page.read_text(), "console")).splitlines():
        if line.startswith("$ "):
            shown.append(Shown(line[2:].replace(".venv/bin/", ""), []))
        elif line != LEFT_OUT:
            shown[-1].lines.append(line)
    return shown


class Demo:
    """A folder in which the demo has been played once; commands of the pages run in it, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder)}
        self.story = self.run("lws-events demo --data-dir demo")

    def run(self, command: str) -> str:
        """What a command prints; it must succeed. ``export`` lasts."""
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self.environment[name] = value
            return ""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("documentation"))


def test_the_readme_shows_what_the_demo_prints(demo: Demo) -> None:
    [story] = [block for block in blocks((ROOT / "README.md").read_text(), "text") if block.startswith("1. ")]
    assert missing(story.splitlines(), printed=demo.story) == []


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_commands_print_what_the_page_shows(demo: Demo, name: str) -> None:
    [page] = [path for path in PAGES if path.name == name]
    for folder in demo.folder.iterdir():
        if folder.name != "demo":  # of another page
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    (demo.folder / "docs").mkdir()
    for example in ("incident.jsonl.gz", "changed.yaml"):
        shutil.copy(ROOT / "docs" / example, demo.folder / "docs")
    for shown in _shown(page):
        output = demo.story if shown.command == "lws-events demo --data-dir demo" else demo.run(shown.command)
        assert missing(shown.lines, printed=output) == [], f"$ {shown.command}\n{output}"


def test_pages_have_commands_to_run() -> None:
    assert len(_shown(ROOT / "README.md")) >= 8
    assert len(_shown(ROOT / "docs" / "journal.md")) >= 3


def _commands_for_a_cluster() -> list[list[str]]:
    """The calls of the program in ``sh`` blocks, as words after its name."""
    lines = [line for page in PAGES for block in blocks(page.read_text(), "sh") for line in block.splitlines()]
    return [shlex.split(line.split("lws-events ", 1)[1], comments=True) for line in lines if "lws-events " in line]


def test_flags_that_need_a_cluster_exist() -> None:
    commands = [words for words in _commands_for_a_cluster() if not words[0].startswith((".", "-"))]
    assert commands
    for words in commands:
        found: Any = typer.main.get_command(main.app)
        rest = list(words)
        while rest and hasattr(found, "commands") and rest[0] in found.commands:
            found = found.commands[rest.pop(0)]
        known = {name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)}
        flags = {word.split("=")[0] for word in rest if word.startswith("-")}
        assert flags <= known, f"lws-events {' '.join(words)}: unknown {sorted(flags - known)}"


def test_the_table_of_settings_is_complete() -> None:
    table = {name for name in re.findall(r"`--([a-z-]+)`", (ROOT / "README.md").read_text()) if name != "config"}
    settings = {name.replace("_", "-") for name in Settings.model_fields}
    switches = {"no-leader-elect", "no-webhooks", "no-manage-certificates"}
    assert settings | switches <= table


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_links_lead_somewhere(name: str) -> None:
    [page] = [path for path in PAGES if path.name == name]
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), f"{name} links to {target}"


def test_the_comparison_is_complete_and_every_row_has_its_proof_or_its_reason() -> None:
    page = (ROOT / "docs" / "compatibility.md").read_text()
    assert set(re.findall(r"\bD[0-9]+\b", page)) == {f"D{number}" for number in range(1, 66)}
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) > 100
    for behaviour, here, tests in rows:
        if (behaviour, here, tests) == ("Behaviour of the reference", "Here", "Tests"):
            continue
        assert here.startswith(("same", "better", "not supported: ")) or behaviour in NOT_COMPARED, behaviour
        assert tests.startswith("`") or here.startswith(("same: ", "not supported: ")), behaviour
        for name in re.findall(r"`([^`]+)`", tests):
            assert (ROOT / "tests" / name.removeprefix("tests/")).exists(), f"{behaviour}: {name}"


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_targets_of_make_exist(name: str) -> None:
    [page] = [path for path in PAGES if path.name == name]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", page.read_text()))
    named |= set(re.findall(r"^make ([a-z-]+)", "\n".join(blocks(page.read_text(), "sh")), re.MULTILINE))
    assert named <= targets


def test_the_sample_is_that_of_the_demo() -> None:
    sample = yaml.safe_load((ROOT / "docs" / "sample.yaml").read_text())
    assert sample["spec"] == SAMPLE["spec"]
    assert sample["metadata"]["name"] == SAMPLE["metadata"]["name"]
