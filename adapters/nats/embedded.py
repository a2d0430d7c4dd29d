"""The embedded NATS server: started with the controller, watched, brought back, stopped with it.

Nothing else to install and nothing to configure. It listens on loopback only, with a credential made at each start.
The port is kept across restarts, so that clients find it again. When it cannot be brought back, ``failed`` is set and
the program decides. How it is configured is the business of ``data_directory``.
"""

import asyncio
import contextlib
import shutil
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NoReturn, Self

import structlog

from adapters.journal.errors import DataDirectoryInUse, JournalUnavailable, ServerStopped, UnsuitableServer
from adapters.nats.connection import ConnectionSettings
from adapters.nats.data_directory import DataDirectory, new_password
from adapters.nats.server_process import ServerProcess, find_server, start_server

RESTARTS_MAX: Final = 10
"""So many restarts within the window are bad luck; one more is a server that cannot run."""

RESTART_WINDOW_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0
LOCK_SECONDS: Final = 5.0
"""How long the server of a killed controller may take to end."""

_BACKOFF_SECONDS_MIN: Final = 0.05
_BACKOFF_SECONDS_MAX: Final = 5.0
_ROOM_BYTES_MIN: Final = 64 * 1024 * 1024
"""With less free disk space a server that has failed to write is not restarted: it would fail again at once."""

_ROOM_POLL_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class EmbeddedServer:
    """A supervised server on a data directory. Use ``async with EmbeddedServer(path) as server``."""

    def __init__(
        self,
        data_dir: Path,
        *,
        restarts_max: int = RESTARTS_MAX,
        restart_window_seconds: float = RESTART_WINDOW_SECONDS,
        stop_seconds: float = STOP_SECONDS,
        lock_seconds: float = LOCK_SECONDS,
        room_bytes_min: int = _ROOM_BYTES_MIN,
    ) -> None:
        self._directory = DataDirectory(data_dir)
        self._restarts_max = restarts_max
        self._restart_window_seconds = restart_window_seconds
        self._stop_seconds = stop_seconds
        self._lock_seconds = lock_seconds
        self._room_bytes_min = room_bytes_min
        self._password = new_password()
        self._port: int | None = None
        self._process: ServerProcess | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._restarted_at: deque[float] = deque()
        self.restarts = 0
        """How often it has been brought back."""
        self.failed = asyncio.Event()
        """Set when it is down for good."""
        self.failure: ServerStopped | None = None
        """Why, once ``failed`` is set."""
        self.storage_failed = False
        """While it cannot write (the disk is full, as a rule). It can be read; appends wait."""

    @property
    def settings(self) -> ConnectionSettings:
        """How to connect. Valid while it runs, also after restarts."""
        assert self._port is not None, "start() first"
        return self._directory.settings(password=self._password, port=self._port)

    @property
    def pid(self) -> int | None:
        """Process id of the server; None while it is down."""
        return None if self._process is None or self._process.ended else self._process.pid

    async def start(self) -> None:
        """Start and wait until it listens.

        Raises ``DataDirectoryInUse``, ``UnsuitableServer``, ``JournalUnavailable`` (with the end of the server's log).
        """
        await asyncio.to_thread(self._directory.lock, timeout=self._lock_seconds)
        try:
            await self._start_process()
        except BaseException:
            self._directory.unlock()
            raise
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """Stop the server and give the directory up. Harmless when it does not run."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None
        if self._process is not None:
            await self._process.stop(timeout=self._stop_seconds)
            self._process = None
        self._directory.unlock()

    async def raise_failure(self) -> NoReturn:
        """Wait until the server is gone for good. Raises ``ServerStopped``, which says why."""
        await self.failed.wait()
        assert self.failure is not None
        raise self.failure

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _start_process(self) -> None:
        binary = find_server()
        self._directory.forget_half_made_streams()
        if self._port is not None:  # nothing needs to be written, which a full disk would not allow
            self._process, _ = await start_server(binary, self._directory, port=self._port)
            return
        self._directory.remove_ports_files()
        self._directory.configure(password=self._password, port=-1)
        self._process, self._port = await start_server(binary, self._directory, port=None)
        self._directory.configure(password=self._password, port=self._port)
        self._directory.publish(self.settings)

    async def _supervise(self) -> None:
        """Nobody waits for this task: however it ends by itself, ``failed`` says so."""
        try:
            await self._keep_running()
        except Exception as error:  # a data directory that is gone, a defect: the server is not watched any more
            _log.exception("the nats server cannot be watched any more")
            self._give_up(f"the embedded NATS server cannot be watched any more: {error}")

    async def _keep_running(self) -> None:
        """Bring the server back whenever it ends, until it has ended too often."""
        while True:
            reason = await self._trouble()
            while True:
                _log.error("nats server down", reason=reason, restarts=self.restarts)
                delay = self._restart_delay()
                if delay is None:
                    self._give_up(
                        f"the embedded NATS server ended {len(self._restarted_at)} times within "
                        f"{self._restart_window_seconds:g} s; the last time {reason}"
                    )
                    return
                await asyncio.sleep(delay)
                try:
                    await self._start_process()
                except (JournalUnavailable, UnsuitableServer) as error:
                    reason = str(error)
                else:
                    break
            self.restarts += 1
            self.storage_failed = False

    async def _trouble(self) -> str:
        """Wait until the server has ended, or can store nothing any more and has been stopped for that."""
        process = self._process
        assert process is not None
        ended = asyncio.create_task(process.wait())
        storage = asyncio.create_task(process.storage_failed.wait())
        try:
            await asyncio.wait({ended, storage}, return_when=asyncio.FIRST_COMPLETED)
            if process.storage_failed.is_set():
                self.storage_failed = True
                await self._wait_for_room(process)
                await process.stop(timeout=self._stop_seconds)
                return f"it could not write:\n{process.last_lines}"
            return f"it ended with status {ended.result()}:\n{process.last_lines}"
        finally:
            ended.cancel()
            storage.cancel()

    async def _wait_for_room(self, process: ServerProcess) -> None:
        """Leave the server to its readers until the disk has room again, or it ends."""
        path = self._directory.path
        _log.error("the disk of the journal cannot be written; waiting for room", path=str(path))
        while True:
            if process.ended or shutil.disk_usage(path).free >= self._room_bytes_min:
                return
            await asyncio.sleep(_ROOM_POLL_SECONDS)

    def _restart_delay(self) -> float | None:
        """Seconds to wait before the next restart, growing with the number of recent ones; None when that is enough."""
        now = asyncio.get_running_loop().time()
        while self._restarted_at and self._restarted_at[0] < now - self._restart_window_seconds:
            self._restarted_at.popleft()
        self._restarted_at.append(now)
        if len(self._restarted_at) > self._restarts_max:
            return None
        return min(_BACKOFF_SECONDS_MIN * 2.0 ** (len(self._restarted_at) - 1), _BACKOFF_SECONDS_MAX)

    def _give_up(self, why: str) -> None:
        self.failure = ServerStopped(why)
        self.failed.set()


@contextlib.asynccontextmanager
async def server_for_reading(data_dir: Path) -> AsyncIterator[ConnectionSettings]:
    """A server on an existing data directory, for tools: the running controller's, else one for the time being.

    Raises ``JournalMissing`` where there is no journal, ``DataDirectoryInUse`` if its owner cannot be reached.
    """
    directory = DataDirectory(data_dir)
    directory.require_journal()
    server = EmbeddedServer(data_dir, lock_seconds=0.0)
    try:
        await server.start()
    except DataDirectoryInUse:
        settings = directory.published()
        if settings is None:
            raise
        yield settings
        return
    try:
        yield server.settings
    finally:
        await server.stop()
