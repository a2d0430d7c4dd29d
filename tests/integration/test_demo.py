"""The demo as people run it: piped, on terminals of any size, interrupted, twice, and where nothing can be written."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Final

import pytest

from adapters.demo.sample import GROUPS, NAME, SIZE

PROGRAM: Final = str(Path(sys.executable).with_name("lws-events"))
_SECONDS_MAX: Final = 30
"""What the demo promises."""

_MISLEADING: Final = {"LWS_EVENTS_NATS_URL": "nats://127.0.0.1:9", "LWS_EVENTS_ONLY_WEBHOOKS": "true"}
_ROW: Final = re.compile(rf"^{NAME}-(\d+)(?:-(\d+))? +1/1 +Running +0 +\d+s *$")


def demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAM, "demo", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | _MISLEADING,
    )


def rows(lines: list[str]) -> list[tuple[str, str]]:
    """Group and worker of each row of ready pods, in order."""
    found = [match.groups(default="") for line in lines if (match := _ROW.match(line))]
    return [(group, worker) for group, worker in found]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], float]:
    """Data directory, lines and seconds of a demo that was piped into a file."""
    data_dir = tmp_path_factory.mktemp("demo") / "new" / "data"
    began = time.monotonic()
    result = demo("--data-dir", str(data_dir))
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    return data_dir, result.stdout.splitlines(), time.monotonic() - began


def test_the_sample_is_shown_twice_complete(played: tuple[Path, list[str], float]) -> None:
    _, lines, _ = played
    pods = [(str(group), str(worker or "")) for group in range(GROUPS) for worker in range(SIZE)]
    assert rows(lines) == pods * 2
    headers = [line.split() for line in lines if line.startswith("NAME ")]
    assert headers == [["NAME", "READY", "STATUS", "RESTARTS", "AGE"]] * 2


def test_the_group_is_recreated_as_a_unit_and_the_reason_is_told(played: tuple[Path, list[str], float]) -> None:
    _, lines, _ = played
    group = ", ".join(f"{NAME}-1{suffix}" for suffix in ("", "-1", "-2", "-3"))
    assert f"Recreated as a unit: {group}. The other 8 pods were not touched." in lines
    chain = lines[lines.index("5. Why was it recreated?") :]
    told = "\n".join(chain)
    for link in (
        rf"Group 1 was recreated, because of pod {NAME}-1-2: somebody deleted it, not .* \(\d+\.\d+ s\)",
        r"rule: restartPolicy RecreateGroupOnPodRestart: the failure of one pod ends its whole group",
        rf"pod {NAME}-1-2 is gone, it was on node rack-",
        r"decided by version .*: group 1 is recreated as a whole \(deleted\)",
        rf"delete leader pod {NAME}-1 \(uid",
        "the API server accepted the deletion",
        rf"new leader pod {NAME}-1 was created",
        "group 1 is ready: all 4 pods are",
    ):
        assert re.search(link, told), link


def test_the_journal_is_verified_and_stays_to_be_asked(played: tuple[Path, list[str], float]) -> None:
    data_dir, lines, _ = played
    assert any(re.fullmatch(r"\d+ events, \d+ decisions, 0 differences", line) for line in lines)
    shown = [line.split() for line in lines if line.startswith("  lws-events status")]
    assert len(shown) == 1
    answer = subprocess.run([PROGRAM, *shown[0][1:]], capture_output=True, text=True, check=True, timeout=60)
    assert NAME in answer.stdout
    assert str(data_dir) in shown[0]


def test_it_is_over_in_half_a_minute(played: tuple[Path, list[str], float]) -> None:
    assert played[2] < _SECONDS_MAX


def test_a_directory_with_a_journal_is_left_alone(played: tuple[Path, list[str], float]) -> None:
    data_dir, _, _ = played
    result = demo("--data-dir", str(data_dir))
    assert result.returncode == 1
    assert f"{data_dir} holds a journal already" in result.stderr
    assert "hint: give another --data-dir, or none" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = demo("--data-dir", str(tmp_path / "file" / "data"))
    assert result.returncode == 1
    assert "Not a directory" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("columns", "lines"), [(120, 50), (80, 24), (50, 12), (20, 5)])
def test_on_a_terminal_of_any_size(tmp_path: Path, columns: int, lines: int) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [PROGRAM, "demo", "--data-dir", str(tmp_path)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment | {"TERM": "xterm-256color"},
    )
    os.close(theirs)
    output = b""
    try:
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end was closed: it has ended
                break
            if not piece:
                break
            output += piece
        assert process.wait(60) == 0, output.decode()
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode())
    assert re.search(r"0\s+differences", plain)
    names = {"".join(line.split()[:1]) for line in plain.splitlines()}
    if columns >= 50:
        assert f"{NAME}-2-3" in names, "no name may be cut off"
    if columns == 80:
        assert max(map(len, re.sub(r"\r\n|\r", "\n", plain).splitlines()[:-12])) <= columns


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _runs(pid: str) -> bool:
    return Path("/proc", pid).exists()


async def test_an_interrupt_leaves_nothing_running(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "demo", "--data-dir", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # A job that was started in the background of a shell hands on that it ignores interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            while b"3 pods" not in (line := await process.stdout.readline()):
                assert line, "it ended"
            children = _children(process.pid)
            assert children, "a NATS server runs"
            process.send_signal(signal.SIGINT)
            said = await process.stderr.read()
            assert await process.wait() == 130, said.decode()
        assert b"Traceback" not in said
        assert not any(map(_runs, children))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
