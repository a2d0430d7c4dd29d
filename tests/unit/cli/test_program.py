"""The program as a process: version, help, usage errors, pipes."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.cli.main import main
from tests.unit.cli.recreated_group import recreated_group, write

_HEAVY = (
    "aiohttp",
    "cryptography",
    "kubernetes",
    "msgspec",
    "nats",
    "prometheus_client",
    "structlog",
    "yaml",
)


def run(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from adapters.cli.main import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def test_version() -> None:
    result = run("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("lws-events 0.")


@pytest.mark.parametrize("command", [[], ["run"], ["verify"], ["journal"], ["journal", "export"], ["crd"]])
def test_help_teaches_and_imports_nothing_heavy(command: list[str]) -> None:
    script = (
        "import sys\nfrom adapters.cli.main import app\n"
        f"try: app({[*command, '--help']!r}, prog_name='lws-events')\n"
        f"finally: print([name for name in {_HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0
    assert result.stderr.strip() == "[]"
    assert "Usage: lws-events" in result.stdout
    if command not in (["journal"], ["crd"]):
        assert "  lws-events " in result.stdout  # an example


def test_help_is_quick(record_property: Callable[[str, object], None]) -> None:
    """The time is reported, not asserted: a busy machine is no defect."""
    began = time.monotonic()
    assert run("--help").returncode == 0
    record_property("help_seconds", round(time.monotonic() - began, 3))


@pytest.mark.parametrize("arguments", [["verfy"], ["verify", "--fil", "x"], ["timeline"], ["verify", "-o", "xml"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Usage: " in result.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    journal = recreated_group()
    for index in range(2000):
        journal.pod("sample-0-1", uid="worker-new", worker=True, phase="Running", waiting=f"reason {index}")
    file = write(journal, tmp_path / "long.jsonl")
    command = [
        sys.executable,
        "-c",
        "from adapters.cli.main import main; main()",
        "timeline",
        "sample",
        "--file",
        str(file),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "LeaderWorkerSet sample was created" in process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
        assert process.wait(timeout=60) == 0
    assert complaint == ""


@pytest.mark.parametrize("command", ["generate", "check"])
def test_outside_a_clone_crd_says_where_it_works(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("adapters.kubernetes.crd.OPENAPI_FILE", tmp_path / "nothing.json")
    monkeypatch.setattr("sys.argv", ["lws-events", "crd", command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "in a clone of the project" in capsys.readouterr().err
