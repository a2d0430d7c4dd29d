"""``verify --against``: another release, in a process of its own, decides the same, or it is found where it does not.

The other releases are copies of the present tree with a rule switched off, and the machine of version 1 from the
history of this repository.
"""

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

from adapters.cli.main import app
from tests.journals.test_golden_journals import CHANGED_ON_PURPOSE

ROOT: Final = Path(__file__).parents[2]
JOURNALS: Final = ROOT / "tests" / "journals"
RECREATION: Final = JOURNALS / "force_deleted_worker_recreates_its_group.jsonl.gz"
ROLLOUT: Final = JOURNALS / "changed_template_is_rolled_out_and_old_revisions_go.jsonl.gz"
VERSION_1: Final = "0384f23"
"""The last commit of machine version 1."""


def run(journal: Path, against: Path | str, *options: str) -> Result:
    arguments = ["verify", "--file", str(journal), "--against", str(against), *options]
    return CliRunner().invoke(app, arguments)


def answer(journal: Path, against: Path) -> Any:
    result = run(journal, against, "-o", "json")
    assert result.exit_code in (0, 1), result.output
    return json.loads(result.stdout)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the present release."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lws_events", tmp_path / "release" / "lws_events", ignore=ignored)
    return tmp_path / "release"


def switch_off(tree: Path, rule: str) -> None:
    """Let a rule of the copy decide nothing."""
    module = tree / "lws_events" / "machine" / "decide.py"
    text = module.read_text()
    assert f"{rule}(" in text
    module.write_text(f'{text}\n\ndef {rule}(*_: object, **__: object) -> str:\n    return ""\n')


def test_the_same_release_decides_the_same(tree: Path) -> None:
    result = run(RECREATION, tree)
    assert result.exit_code == 0, result.output
    assert "0 differences in 0 sets" in result.stdout
    found = answer(RECREATION, tree)
    assert found["there"]["path"] == str(tree / "lws_events" / "__init__.py")
    assert found["parted"] == []


@pytest.mark.parametrize(
    ("rule", "journal", "kind"),
    [
        ("decide_restart", RECREATION, "GroupRecreationStarted"),
        ("decide_workers", RECREATION, "CreateWorkerStatefulSet"),
        ("decide_status", RECREATION, "UpdateSetStatus"),
        ("decide_shared_service", RECREATION, "CreateService"),
        ("decide_terminations", RECREATION, "SetTimer"),
        ("decide_truncation", ROLLOUT, "DeleteControllerRevision"),
    ],
)
def test_a_machine_without_a_rule_is_found(tree: Path, rule: str, journal: Path, kind: str) -> None:
    """The first difference is the first decision in which the missing rule had a part."""
    switch_off(tree, rule)
    result = run(journal, tree, "-o", "json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    (parted,) = found["parted"]
    assert 0 < parted["differences"] == found["differences"]
    assert kind in json.dumps(parted["here"])
    assert kind not in json.dumps(parted["there"])
    assert parted["event"]["sequence"] == parted["here"]["cause"]
    if rule == "decide_restart":
        assert parted["state_before"]["groups"]["sample-1"]["lifecycle"] == "Ready"


def test_people_see_both_sides_in_words_and_the_group(tree: Path) -> None:
    switch_off(tree, "decide_restart")
    lines = run(RECREATION, tree).stdout.splitlines()
    assert any(
        line.startswith("default/sample: ") and "first at event 48: pod sample-1-2 is gone" in line for line in lines
    )
    assert any(line.startswith("here      decided  group sample-1 is recreated as a whole") for line in lines)
    assert "group 1 before:" in lines


def test_version_1_parts_where_the_golden_journals_say_so(tmp_path: Path) -> None:
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", VERSION_1, "lws_events"], capture_output=True, check=False
    )
    if packed.returncode != 0:  # a clone without history: then the present release stands for an old one
        shutil.copytree(ROOT / "lws_events", tmp_path / "lws_events")
        switch_off(tmp_path, "decide_terminations")
        assert answer(RECREATION, tmp_path)["differences"] > 0
        return
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(tmp_path, filter="data")
    for journal in sorted(JOURNALS.glob("*.jsonl.gz")):
        found = answer(journal, tmp_path)
        assert found["there"]["machine"] == "1"
        assert (found["differences"] > 0) == (journal.name.removesuffix(".jsonl.gz") in CHANGED_ON_PURPOSE)


def test_a_release_may_be_a_wheel_or_an_interpreter(tree: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "lws_events-0.0.1-py3-none-any.whl"
    pack(tree, wheel)
    assert run(RECREATION, wheel).exit_code == 0
    assert run(RECREATION, sys.executable).exit_code == 0
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (environment / "bin" / "python").chmod(0o755)
    assert run(RECREATION, environment).exit_code == 0


def pack(tree: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in sorted((tree / "lws_events").rglob("*.*")):
            archive.write(path, path.relative_to(tree))
        about = "lws_events-0.0.1.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: lws-events\nVersion: 0.0.1\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


def test_a_version_is_got_by_pip_once(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = tmp_path / "offered"
    offered.mkdir()
    switch_off(tree, "decide_restart")
    pack(tree, offered / "lws_events-0.0.1-py3-none-any.whl")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(offered))
    assert run(RECREATION, "v0.0.1").exit_code == 1
    shutil.rmtree(offered)
    assert run(RECREATION, "0.0.1").exit_code == 1
    result = run(RECREATION, "0.0.2")
    assert result.exit_code == 3
    assert "pip cannot get lws-events 0.0.2" in result.stderr
    assert "PIP_FIND_LINKS" in result.stderr


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("raise ImportError('half of it')", "the other release cannot be imported: ImportError: half of it"),
        ("import os; os._exit(7)", "the other release ended (7)"),
    ],
)
def test_a_release_that_does_not_run_is_an_error_of_its_own(tree: Path, broken: str, message: str) -> None:
    (tree / "lws_events" / "__init__.py").write_text(f"{broken}\n")
    result = run(RECREATION, tree)
    assert result.exit_code == 3
    assert message in result.stderr


def test_what_another_release_does_not_know_is_passed_over_and_told(tree: Path) -> None:
    """An event that it would not have recorded, and a part of decisions; the rest it follows."""
    for module, kind in (("events.py", "PodDeleted"), ("decisions.py", "GroupChanged")):
        path = tree / "lws_events" / module
        path.write_text(path.read_text().replace(f'tag="{kind}"', f'tag="Other{kind}"'))
    result = run(RECREATION, tree)
    assert result.exit_code == 1, result.output
    assert "not known there, and passed over: GroupChanged (" in result.stderr
    assert "first at event" in result.stdout
    found = answer(RECREATION, tree)
    assert list(found["unknown_there"]) == ["GroupChanged", "PodDeleted"]
    assert found["decisions_there"] > found["decisions_here"] / 2


def test_a_release_that_cannot_take_the_journal_in_is_an_error(tree: Path) -> None:
    module = tree / "lws_events" / "machine" / "fold.py"
    module.write_text(module.read_text().replace("def fold(", "def fold(no_such_argument: int, ", 1))
    result = run(RECREATION, tree)
    assert result.exit_code == 3
    assert "the other release cannot follow this journal: event 2 cannot be taken in: TypeError" in result.stderr


@pytest.mark.parametrize(
    ("where", "message"),
    [("nowhere/at/all", "there is no such path, and it is no version"), (str(JOURNALS), "that is no release")],
)
def test_what_is_no_release(where: str, message: str) -> None:
    result = run(RECREATION, where)
    assert result.exit_code == 3
    assert message in result.stderr
