"""Where heavy questions are answered: one thread, a short queue, and a rest after every few milliseconds of work.

A controller's decisions run in the main thread. What a browser asks must not take the interpreter from them for long,
so one question is worked on at a time, in small pieces, and whoever comes when many wait is told to come later.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

from adapters.journal.errors import JournalError
from adapters.journal.port import Journal
from adapters.reading.reader import JournalReader
from adapters.web.bridging import IO_SECONDS_MAX, bridged
from adapters.web.errors import Busy

_WAITING_MAX: Final = 16
_CLOSE_SECONDS: Final = 2.0
_WORK_SECONDS: Final = 0.004
"""Below the interval after which the interpreter itself gives another thread a turn."""

_T = TypeVar("_T")


class Rest(Protocol):
    """Called in every loop over a journal."""

    def __call__(self) -> None:
        """Let others work, if it is time."""


class Resting:
    """Rests as long as it has worked. With ``share`` 0 it never rests: for a process that does nothing else."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._since = time.monotonic()
        self._ends = False

    def end(self) -> None:
        """Let whoever works stop at once: with ``Busy``."""
        self._ends = True

    def __call__(self) -> None:
        if self._ends:
            raise Busy("the server stops", hint="ask again when it is back")
        worked = time.monotonic() - self._since
        if worked < _WORK_SECONDS:
            return
        if self._share:
            time.sleep(min(worked, 2 * _WORK_SECONDS) * self._share)
        self._since = time.monotonic()


class Desk:
    """Answers one question after the other about one journal."""

    def __init__(self, journal: Journal, *, in_loop: bool, considerate: bool) -> None:
        """``in_loop``: the journal belongs to the loop that this is made in, as a connection does; else to none, as a
        file. ``considerate``: somebody else's work in this process comes first."""
        self.journal = journal
        self.rest = Resting(1.0 if considerate else 0.0)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="web page")
        self._loop = asyncio.get_running_loop()
        self._read = bridged(journal, self._loop) if in_loop else journal
        self._runner: asyncio.Runner | None = None
        self._waiting = 0

    async def ask(self, question: Callable[[JournalReader], _T]) -> _T:
        """The answer, found in the desk's thread. Raises ``Busy``, and whatever the question raises."""
        if self._waiting >= _WAITING_MAX:
            raise Busy("many questions are being answered already", hint="ask again in a few seconds")
        self._waiting += 1
        try:
            return await self._loop.run_in_executor(self._pool, self._answer, question)
        except TimeoutError as error:
            raise Busy(
                f"the journal has not answered for {IO_SECONDS_MAX:.0f} s", hint="is its server well?"
            ) from error
        except JournalError as error:
            raise Busy(f"the journal cannot be read: {error}", hint="is its server running?") from error
        finally:
            self._waiting -= 1

    def _answer(self, question: Callable[[JournalReader], _T]) -> _T:
        if self._runner is None:
            self._runner = asyncio.Runner()
        reader = JournalReader(self._read, self._runner)
        try:
            return question(reader)
        finally:
            reader.close()

    async def close(self) -> None:
        """End the thread. A question that is being answered is broken off, while the journal's loop still runs."""
        self.rest.end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._loop.run_in_executor(self._pool, self._end)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _end(self) -> None:
        if self._runner is not None:
            self._runner.close()
