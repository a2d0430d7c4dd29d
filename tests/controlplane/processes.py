"""A child process that cannot outlive the tests.

The kernel is asked to kill the child when its parent dies, so that an aborted or killed test run leaves no API server
behind; an ordinary end is a polite signal first. Output goes to a log file that failure messages quote.
"""

import ctypes
import os
import signal
import subprocess
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LOG_TAIL_BYTES: Final = 4000


class Child:
    """One program with its arguments; it can be started, stopped, killed and started again."""

    def __init__(self, command: list[str], *, log: Path, environment: dict[str, str] | None = None) -> None:
        """Remember the command; ``environment`` is added to this process's own."""
        self._command = command
        self._log = log
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The program's file name."""
        return Path(self._command[0]).name

    @property
    def pid(self) -> int:
        """The process id of the running child; an assertion fails when it does not run."""
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    def start(self) -> None:
        """Start the program, appending to its log; it must not be running."""
        assert not self.running(), f"{self.name} is running already"
        parent = os.getpid()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509 - no other way to set it; it takes no lock
            )

    def running(self) -> bool:
        """Whether the program has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self, *, grace_seconds: float = 5) -> int | None:
        """Ask the program to end, and kill it if it does not within the grace time.

        Returns its exit code; ``None`` where it was not running, or had to be killed.
        """
        if self._process is None:
            return None
        self._process.terminate()
        try:
            code = self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        self._process = None
        return code

    def kill(self) -> None:
        """End the program at once, as a crash would."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def log_tail(self) -> str:
        """The end of the program's output, for failure messages."""
        if not self._log.exists():
            return "(no output)"
        return self._log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")


def _die_with(parent: int) -> None:
    """In the child, before the program starts: arrange to be killed when the parent ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # The parent died before the request took effect.
        os._exit(1)
