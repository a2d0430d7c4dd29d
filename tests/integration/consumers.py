"""The consumers of ``docs/lifecycle-events.md`` as programs of their own."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from tests.contract.lifecycle_stages import DEADLINE_SECONDS
from tests.pages import blocks

PAGE: Final = Path(__file__).parents[2] / "docs" / "lifecycle-events.md"
ON_NATS, OVER_HTTP = blocks(PAGE.read_text(), "python")


class Consumer:
    """A program that prints events, one on each line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def lines(self, count: int) -> list[str]:
        assert self._process.stdout is not None
        found: list[str] = []
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(found) < count:
                line = (await self._process.stdout.readline()).decode().strip()
                assert line or not self._process.stdout.at_eof(), f"it has ended after {found}"
                if line:
                    found.append(line)
        return found

    async def rest(self) -> list[str]:
        """What it prints until it ends by itself."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            output, errors = await self._process.communicate()
        assert self._process.returncode == 0, errors
        return [line for line in output.decode().splitlines() if line]

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def consuming(*words: str, folder: Path, **environment: str) -> AsyncIterator[Consumer]:
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    consumer = Consumer(process)
    try:
        yield consumer
    finally:
        await consumer.kill()


def python(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code
