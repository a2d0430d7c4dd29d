"""Log lines: JSON for collectors, coloured text for people, always on standard error.

Everything in this program logs through structlog; lines of libraries that use the standard ``logging`` are taken in as
well and look the same. It decides nothing about what is logged.
"""

import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any, Final, Literal

import structlog

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_TRACED_FROM: Final = {"info": 20, "error": 40, "panic": 50}

_LIBRARY_LEVEL_MIN: Final = logging.WARNING
"""Libraries tell their routine at level info (each access of aiohttp, for example)."""


def configure_logs(
    *,
    level: str,
    format: Literal["json", "console"],  # noqa: A002 (as the flag is called)
    stack_traces: Literal["info", "error", "panic"] = "panic",
    time_as: str = "rfc3339nano",
) -> None:
    """Set up logging for this process; ``level`` is a key of ``LEVELS``. May be called again to change it.

    ``stack_traces``: from which level a line says where it comes from; ``panic`` is above all levels. ``time_as``: a
    time encoding of the reference's logging library (spec 10.4).
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _stamping(time_as),
        _tracing(_TRACED_FROM[stack_traces]),
        structlog.processors.StackInfoRenderer(additional_ignores=[__name__]),
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


def _stamping(time_as: str) -> structlog.typing.Processor:
    """Writes the time of a line in this encoding."""

    def now() -> float | int | str:
        nanoseconds = time.time_ns()
        at = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
        match time_as:
            case "epoch":
                return nanoseconds / 1e9
            case "millis":
                return nanoseconds / 1e6
            case "nano":
                return nanoseconds
            case "rfc3339":
                return at.strftime("%Y-%m-%dT%H:%M:%SZ")
            case "iso8601":
                return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
        return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def stamp(_logger: Any, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        line["timestamp"] = now()
        return line

    return stamp


def _tracing(level_min: int) -> structlog.typing.Processor:
    """Has a line of this level or above say where it comes from."""

    def trace(_logger: Any, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if LEVELS.get(line.get("level", ""), logging.CRITICAL) >= level_min:
            line.setdefault("stack_info", True)
        return line

    return trace


def _rendering(format: str) -> list[structlog.typing.Processor]:  # noqa: A002 (as the flag is called)
    if format == "json":
        return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(sort_keys=False)]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
