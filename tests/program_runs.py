"""The program run as a person runs it, to its end: what it printed, and with which exit code."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

PROGRAM: Final = str(Path(sys.executable).with_name("lws-events"))


class Ran(NamedTuple):
    """What the program printed, and its exit code."""

    code: int
    out: str
    remarks: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The lines of ``-o json``."""
        return [json.loads(line) for line in self.out.splitlines()]


async def started(*arguments: str) -> asyncio.subprocess.Process:
    """Start it; the caller ends it."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(PROGRAM, *arguments, stdin=pipe, stdout=pipe, stderr=pipe)


async def ended(process: asyncio.subprocess.Process, *, seconds_max: float, text: str = "") -> Ran:
    """Give it ``text`` on standard input and wait for its end. Raises ``TimeoutError``; it does not outlive this."""
    try:
        async with asyncio.timeout(seconds_max):
            out, remarks = await process.communicate(text.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode or 0, out.decode(), remarks.decode())
