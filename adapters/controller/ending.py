"""How a process of several parts ends: what is logged, and with which exit code."""

import asyncio
from typing import Final

import structlog

from adapters.controller.errors import in_words

_log = structlog.get_logger(__name__)

STOPPED: Final = 0
FAILED: Final = 1


def exit_code(ended: asyncio.Task[object], *, whole: str) -> int:
    """Of a process, ``whole``, of which a part has ended: the part ``stop`` is the wish to stop."""
    name = ended.get_name()
    if name == "stop":
        _log.info("stopping")
        return STOPPED
    error = None if ended.cancelled() else ended.exception()
    _log.error(f"a part of the {whole} ended, so all of it does", part=name, error=in_words(error))
    return FAILED
