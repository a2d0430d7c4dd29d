"""A process of several parts, from its start to its end: the end of any part is the end of all.

Which parts there are, and how they are started, is the business of whoever runs it.
"""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from adapters.controller.background import Background
from adapters.controller.errors import in_words

_log = structlog.get_logger(__name__)

STOPPED: Final = 0
FAILED: Final = 1


async def run_until_ended(
    start: Coroutine[Any, Any, None], background: Background, *, stop: asyncio.Event, whole: str
) -> int:
    """Start, and run until ``stop`` is set (exit code 0) or a part ends (1). Raises what keeps it from starting.

    ``background`` has the parts; ``whole`` is what the process is called in the log.
    """
    background.start(stop.wait(), name="stop")
    starting = asyncio.create_task(start)
    ended = asyncio.create_task(background.ended())
    try:
        await asyncio.wait({starting, ended}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
        return _exit_code(await ended, whole=whole)
    finally:
        starting.cancel()
        ended.cancel()
        await asyncio.gather(starting, ended, return_exceptions=True)


def set_by_signals() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _exit_code(ended: asyncio.Task[object], *, whole: str) -> int:
    name = ended.get_name()
    if name == "stop":
        _log.info("stopping")
        return STOPPED
    error = None if ended.cancelled() else ended.exception()
    _log.error(f"a part of the {whole} ended, so all of it does", part=name, error=in_words(error))
    return FAILED
