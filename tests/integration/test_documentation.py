"""What the documentation shows is what the program does: commands run, output looks like it, flags and files exist.

Blocks marked ``console`` are run, line by line. On recorded journals (``tests/shown.py``) what is printed is exactly
what the page shows. On the journal that the demo leaves, the lines below a command are compared with what it prints,
with numbers, times and ids left out. Commands in ``sh`` blocks need a cluster: only their flags and files are checked.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main
import yaml

from adapters.cli import main
from adapters.demo.sample import SAMPLE
from adapters.settings.controller import Settings
from tests.pages import LEFT_OUT, blocks, missing
from tests.shown import commands_of, recorded_pages, written_anew

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted(
    path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")) if path.name != "ARCHITECTURE.md"
)
NOT_COMPARED: Final = ("–", "Two replicas of one Deployment", "Aggregated roles for users: none")
"""Rows of the comparison that are neither the same nor better nor absent, but otherwise."""
PAGE_NAMES: Final = [path.name for path in PAGES]
RECORDED: Final = recorded_pages()
PLAYED: Final = [path for path in PAGES if path not in RECORDED and blocks(path.read_text(), "console")]


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


@pytest.mark.parametrize("page", PLAYED, ids=lambda page: page.name)
def test_commands_print_what_the_page_shows(demo: Demo, page: Path) -> None:
    for folder in demo.folder.iterdir():
        if folder.name != "demo":  # of another page
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    for block in blocks(page.read_text(), "console"):
        for shown in commands_of(block):
            command = shown.command.replace(".venv/bin/", "")
            output = demo.story if command == "lws-events demo --data-dir demo" else demo.run(command)
            lines = [line for line in shown.lines if line != LEFT_OUT]
            assert missing(lines, printed=output) == [], f"$ {command}\n{output}"


@pytest.mark.parametrize("page", RECORDED, ids=lambda page: page.name)
def test_a_page_shows_exactly_what_is_printed_about_recorded_journals(page: Path) -> None:
    assert page.read_text() == written_anew(page), f"{page.name} is stale: make docs"


def test_pages_have_commands_to_run() -> None:
    assert {"README.md", "journal.md"} <= {page.name for page in PLAYED}
    assert {"why.md", "timeline.md", "audit.md", "replay.md", "verify.md", "what-if.md"} <= {p.name for p in RECORDED}


def test_the_guide_takes_five_commands_and_its_alert_is_about_metrics_that_there_are() -> None:
    page = (ROOT / "docs" / "incident-in-five-commands.md").read_text()
    shown = [one.command for block in blocks(page, "console") for one in commands_of(block)]
    assert [command.split()[1] for command in shown if command.startswith("lws-events ")] == [
        *("why-not", "timeline", "why", "audit", "what-if")
    ]
    assert len(shown) == 6, "and one line that says which journal"
    [alert] = yaml.safe_load("".join(blocks(page, "yaml")))
    named = set(re.findall(r"lws_events_\w+", f"{alert['expr']} {page}"))
    assert named
    table = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in sorted(named) if f"| `{name}` |" not in table] == []


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
