"""The directory of an embedded server: who owns it, its credential, its configuration, how others find the server.

    <data dir>/nats/lock              held (flock) by the controller and inherited by its server
    <data dir>/nats/server.conf       0600: holds the generated credential
    <data dir>/nats/connection.json   0600: url and credential of the server that is running
    <data dir>/nats/jetstream/        the streams

It starts no process.
"""

import fcntl
import os
import secrets
import time
from pathlib import Path
from typing import Final

import msgspec

from adapters.journal.errors import DataDirectoryInUse, JournalMissing
from adapters.nats.connection import ConnectionSettings

PAYLOAD_BYTES_MAX: Final = 8 * 1024 * 1024
"""Above the largest object of the Kubernetes API (about 1.5 MB) with room to spare; the most that NATS advises."""

_USER: Final = "lws-events"
_LOCK_POLL_SECONDS: Final = 0.05
_STORE_BYTES_MAX: Final = 1 << 50
"""Limits belong to the streams. By default the server refuses a stream of more than three quarters of the free disk."""


class _Published(msgspec.Struct):
    url: str
    user: str
    password: str
    pid: int


class DataDirectory:
    """One data directory. Making the object touches nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path / "nats"
        self._lock_descriptor: int | None = None

    @property
    def configuration_file(self) -> Path:
        """What the server is started with."""
        return self.path / "server.conf"

    @property
    def store(self) -> Path:
        """Where JetStream keeps the streams."""
        return self.path / "jetstream"

    @property
    def lock_descriptor(self) -> int:
        """To be inherited by the server, so that the directory stays owned for as long as either lives."""
        assert self._lock_descriptor is not None, "lock() first"
        return self._lock_descriptor

    def lock(self, *, timeout: float) -> None:
        """Own the directory, waiting for a server that is just ending. Raises ``DataDirectoryInUse``. Blocks."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise DataDirectoryInUse(self._owner()) from None
            time.sleep(_LOCK_POLL_SECONDS)
        self._lock_descriptor = descriptor
        (self.path / "connection.json").unlink(missing_ok=True)

    def unlock(self) -> None:
        """Give the directory up. Harmless when it is not owned."""
        if self._lock_descriptor is not None:
            (self.path / "connection.json").unlink(missing_ok=True)
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def configure(self, *, password: str, port: int) -> None:
        """Write the server's configuration. Port -1 lets the server choose one."""
        _write_private(
            self.configuration_file,
            f"""# Written at every start; changes are lost.
listen: "127.0.0.1:{port}"
ports_file_dir: {msgspec.json.encode(str(self.path)).decode()}
max_payload: {PAYLOAD_BYTES_MAX}
jetstream {{
  store_dir: {msgspec.json.encode(str(self.store)).decode()}
  max_file_store: {_STORE_BYTES_MAX}
  sync_interval: always
}}
authorization {{
  user: "{_USER}"
  password: "{password}"
}}
""",
        )

    def settings(self, *, password: str, port: int) -> ConnectionSettings:
        """How to reach the server."""
        return ConnectionSettings(url=f"nats://127.0.0.1:{port}", user=_USER, password=password)

    def publish(self, settings: ConnectionSettings) -> None:
        """Leave word for tools of the same user how to reach the running server."""
        published = _Published(settings.url, settings.user or "", settings.password or "", os.getpid())
        _write_private(self.path / "connection.json", msgspec.json.encode(published).decode())

    def published(self) -> ConnectionSettings | None:
        """What ``publish`` left; None without a running server."""
        try:
            found = msgspec.json.decode((self.path / "connection.json").read_bytes(), type=_Published)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return ConnectionSettings(url=found.url, user=found.user, password=found.password)

    def require_journal(self) -> None:
        """Raise ``JournalMissing`` where no embedded server has ever kept a journal."""
        if not self.store.is_dir():
            raise JournalMissing(f"{self.path.parent} holds no journal; is it the --data-dir of a controller?")

    def streams(self) -> list[str]:
        """Names of the streams that are stored here, sorted; no server is needed."""
        return sorted(path.name for path in self.store.glob("jetstream/*/streams/*") if path.is_dir())

    def ports_file(self, pid: int) -> Path | None:
        """The file in which the server with this pid tells its ports, once it listens."""
        return next(self.path.glob(f"*_{pid}.ports"), None)

    def remove_ports_files(self) -> None:
        """Servers that were killed leave theirs behind."""
        for path in self.path.glob("*.ports"):
            path.unlink(missing_ok=True)

    def forget_half_made_streams(self) -> None:
        """To be called before the server starts: clear the way for streams whose making was never acknowledged.

        A server that is killed while it makes a stream leaves a description without a checksum. It skips such a stream
        at every start, and when the stream is made again in its place never writes the checksum: what is stored then
        would be out of sight after the next start. Without a description the server makes the stream properly, and
        takes in what messages there are.
        """
        for description in self.store.glob("jetstream/*/streams/*/meta.inf"):
            if not description.with_name("meta.sum").exists():
                description.unlink()

    def _owner(self) -> str:
        text = f"data directory {self.path.parent} is in use by another process"
        try:
            found = msgspec.json.decode((self.path / "connection.json").read_bytes(), type=_Published)
        except (OSError, msgspec.DecodeError):
            return f"{text}; stop it, or choose another --data-dir"
        return f"{text} (pid {found.pid}); stop it, or choose another --data-dir"


def new_password() -> str:
    """A fresh credential, of characters that need no quoting."""
    return secrets.token_urlsafe(32)


def _write_private(path: Path, text: str) -> None:
    """Replace the file in one step; readable by its owner only from the first byte on."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)
