"""Where heavy questions are answered: one thread, a short queue, and a rest after every few milliseconds of work.

A controller's decisions run in the main thread. What a browser asks must not take the interpreter from them for long,
so one question is worked on at a time, in small pieces, and whoever comes when many wait is told to come later.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar

from adapters.cli.reading import JournalReader, Runs
from adapters.journal.errors import JournalError
from adapters.journal.port import Journal
from adapters.web.errors import Busy

_WAITING_MAX: Final = 16
_IO_SECONDS_MAX: Final = 30.0
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

    def __call__(self) -> None:
        worked = time.monotonic() - self._since
        if worked < _WORK_SECONDS:
            return
        if self._share:
            time.sleep(min(worked, 2 * _WORK_SECONDS) * self._share)
        self._since = time.monotonic()


class _InLoop:
    """Coroutines of a journal whose connection belongs to a loop of another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run(self, coro: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coro, self._loop).result(timeout=_IO_SECONDS_MAX)


class Desk:
    """Answers one question after the other about one journal."""

    def __init__(self, journal: Journal, *, in_loop: bool, considerate: bool) -> None:
        """``in_loop``: the journal is read in the loop that this is made in, as a connection must be; else in the
        desk's own thread, as a file should be. ``considerate``: somebody else's work in this process comes first."""
        self.journal = journal
        self.rest: Rest = Resting(1.0 if considerate else 0.0)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="web page")
        self._loop = asyncio.get_running_loop()
        self._runner: Runs | None = _InLoop(self._loop) if in_loop else None
        self._own: asyncio.Runner | None = None
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
                f"the journal has not answered for {_IO_SECONDS_MAX:.0f} s", hint="is its server well?"
            ) from error
        except JournalError as error:
            raise Busy(f"the journal cannot be read: {error}", hint="is its server running?") from error
        finally:
            self._waiting -= 1

    def _answer(self, question: Callable[[JournalReader], _T]) -> _T:
        if self._runner is None:
            self._runner = self._own = asyncio.Runner()
        reader = JournalReader(self.journal, self._runner)
        try:
            return question(reader)
        finally:
            reader.close()

    async def close(self) -> None:
        """End the thread; a question that is being answered is not waited for."""
        if self._own is not None:
            self._pool.submit(self._own.close)
        self._pool.shutdown(wait=False, cancel_futures=False)
