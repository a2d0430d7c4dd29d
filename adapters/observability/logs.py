"""Log lines: JSON for collectors, coloured text for people, always on standard error.

Everything in this program logs through structlog; lines of libraries that use the standard ``logging`` are taken in as
well and look the same. It decides nothing about what is logged.
"""

import logging
import sys
from typing import Final, Literal

import structlog

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_LIBRARY_LEVEL_MIN: Final = logging.WARNING
"""Libraries tell their routine at level info (each access of aiohttp, for example)."""


def configure_logs(*, level: str, format: Literal["json", "console"]) -> None:  # noqa: A002 (as the flag is called)
    """Set up logging for this process; ``level`` is a key of ``LEVELS``. May be called again to change it."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(format)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    for library in ("aiohttp", "asyncio", "kubernetes", "nats", "urllib3"):
        logging.getLogger(library).setLevel(max(LEVELS[level], _LIBRARY_LEVEL_MIN))


def configure_tool_logs() -> None:
    """For commands that answer on standard output: errors only, for what concerns the user is raised anyway."""
    configure_logs(level="error", format="console")


def _rendering(format: str) -> list[structlog.typing.Processor]:  # noqa: A002 (as the flag is called)
    if format == "json":
        return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(sort_keys=False)]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
