"""Times on the command line: ``2026-01-01T12:00:00Z``, or a duration such as ``2h`` that counts back from now."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from adapters.errors import WrongUsage
from adapters.settings.go_durations import duration_seconds

if TYPE_CHECKING:
    from projections.replay import Until


def is_duration(text: str) -> bool:
    """Whether a text is a duration."""
    try:
        duration_seconds(text)
    except ValueError:
        return False
    return True


def moment_ms(text: str, option: str, *, now_ms: int) -> int:
    """Milliseconds since the Unix epoch of a time (UTC without an offset), or of a duration before ``now_ms``.

    Raises ``WrongUsage``.
    """
    if is_duration(text):
        return now_ms - seconds_ms(text, option)
    return _time_ms(
        text,
        f"{option} {text!r} is neither a time nor a duration",
        hint="write a time such as 2026-01-01T12:00:00Z, or a duration such as 2h, 30m or 1h30m",
    )


def parse_at(text: str | None, *, option: str = "--at") -> "Until":
    """A sequence or a time. Raises ``WrongUsage`` for anything else."""
    from projections.replay import Until

    if text is None:
        return Until()
    if text.isdecimal():
        return Until(sequence=int(text))
    problem = f"{option} {text!r} is neither a sequence nor a time"
    hint = "write a number such as 1234, or a time such as 2026-01-01T12:00:00.250Z"
    return Until(at_ms=_time_ms(text, problem, hint=hint))


def seconds_ms(text: str, option: str) -> int:
    """Milliseconds of a duration. Raises ``WrongUsage`` for anything else, and for a negative one."""
    try:
        seconds = duration_seconds(text)
    except ValueError:
        seconds = -1.0
    if seconds < 0:
        raise WrongUsage(f"{option} {text!r} is no duration", hint="write for example 30s, 10m or 1h30m")
    return int(seconds * 1000)


def _time_ms(text: str, problem: str, *, hint: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(problem, hint=hint) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
