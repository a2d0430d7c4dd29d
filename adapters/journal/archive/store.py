"""Where an archive is kept: named blobs, and the two places that there are."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol, TypeVar

from adapters.journal.archive.errors import ArchiveUnavailable

_T = TypeVar("_T")


class BlobStore(Protocol):
    """Named blobs. A name has parts between slashes. ``tests/contract/test_archive_stores.py`` is the meaning."""

    async def put(self, name: str, data: bytes) -> None:
        """Store a blob, whole or not at all, in place of an earlier one. Raises ``ArchiveUnavailable``."""

    async def get(self, name: str) -> bytes:
        """A blob. Raises ``ArchiveUnavailable``, also where there is none."""

    async def names(self, prefix: str) -> list[str]:
        """Names that begin so, sorted. Raises ``ArchiveUnavailable``."""

    async def delete(self, name: str) -> None:
        """Forget a blob; none is fine. Raises ``ArchiveUnavailable``."""


@contextlib.asynccontextmanager
async def open_store(place: str) -> AsyncIterator[BlobStore]:
    """A directory, or ``s3://bucket/prefix``. Raises ``ArchiveUnavailable`` for what is neither."""
    scheme, separator, _ = place.partition("://")
    if not separator:
        yield DirectoryStore(Path(place))
    elif scheme == "s3":
        from adapters.journal.archive.s3 import opened

        async with opened(place, environment=os.environ) as store:
            yield store
    else:
        raise ArchiveUnavailable(f"{place}: an archive is a directory or s3://bucket/prefix, not {scheme}://")


class DirectoryStore:
    """Blobs as files of a directory, for their owner only: a journal holds environment variables of pods."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, name: str, data: bytes) -> None:
        """As of ``BlobStore``: on disk when it returns."""
        await self._do(name, lambda path: _write(path, data))

    async def get(self, name: str) -> bytes:
        """As of ``BlobStore``."""
        return await self._do(name, Path.read_bytes)

    async def names(self, prefix: str) -> list[str]:
        """As of ``BlobStore``."""
        return await self._do("", lambda root: _names(root, prefix))

    async def delete(self, name: str) -> None:
        """As of ``BlobStore``."""
        await self._do(name, lambda path: path.unlink(missing_ok=True))

    async def _do(self, name: str, action: Callable[[Path], _T]) -> _T:
        path = self._root / name
        try:
            return await asyncio.to_thread(action, path)
        except OSError as error:
            raise ArchiveUnavailable(f"{path}: {error.strerror or error}") from error


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # of its own name: somebody else may be storing the same, and then both are right
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:64]}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)  # a full disk is not to be filled with halves
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _names(root: Path, prefix: str) -> list[str]:
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in found if name.startswith(prefix) and not name.endswith(".part"))
