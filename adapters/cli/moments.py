"""Times on the command line: ``2026-01-01T12:00:00Z``, or a duration such as ``2h`` that counts back from now."""

from datetime import UTC, datetime

from adapters.cli.errors import WrongUsage
from adapters.cli.go_durations import duration_seconds


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
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(
            f"{option} {text!r} is neither a time nor a duration",
            hint="write a time such as 2026-01-01T12:00:00Z, or a duration such as 2h, 30m or 1h30m",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def seconds_ms(text: str, option: str) -> int:
    """Milliseconds of a duration. Raises ``WrongUsage`` for anything else, and for a negative one."""
    try:
        seconds = duration_seconds(text)
    except ValueError:
        seconds = -1.0
    if seconds < 0:
        raise WrongUsage(f"{option} {text!r} is no duration", hint="write for example 30s, 10m or 1h30m")
    return int(seconds * 1000)
