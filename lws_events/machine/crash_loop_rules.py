"""How a group is treated that fails again and again: the rules of a set's annotations, and their arithmetic.

Without the annotations a failed group is recreated at once, each time, as the reference does it (spec D4). Nothing is
remembered here: the count is the caller's. There is no jitter, so that a delay is what was asked for.
"""

from typing import Final, NamedTuple

import msgspec

from lws_events import names
from lws_events.durations import duration_ms

BACKOFF_MAX_DEFAULT_MS: Final = 300_000
"""Five minutes, the cap of the kubelet's own back-off."""
STABLE_AFTER_DEFAULT_MS: Final = 600_000
"""Ten minutes, after which a kubelet forgets a container's crashes."""
LIMIT_MAX: Final = 1_000_000

_DOUBLINGS_MAX: Final = 40
"""From a millisecond to beyond any duration: larger numbers would only cost time."""


class CrashLoopRules(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a set's annotations ask for. Those that are absent, or cannot be read, have no effect."""

    backoff_ms: int = 0
    """Delay of the second recreation in a row; each further one waits twice as long. 0: none waits."""
    backoff_max_ms: int = BACKOFF_MAX_DEFAULT_MS
    stable_after_ms: int = STABLE_AFTER_DEFAULT_MS
    """A group that was ready for so long without a break starts anew."""
    limit: int = 0
    """After so many recreations in a row a group that fails is kept as it is. 0: never."""

    @property
    def is_on(self) -> bool:
        """Whether recreations are counted at all."""
        return self.backoff_ms > 0 or self.limit > 0

    def delay_ms(self, attempt: int) -> int:
        """From the failure to recreation ``attempt`` (1 or more) in a row; the first one comes at once."""
        if attempt <= 1 or not self.backoff_ms:
            return 0
        return min(self.backoff_ms << min(attempt - 2, _DOUBLINGS_MAX), self.backoff_max_ms)


class Recreate(NamedTuple):
    """The group is recreated now; ``attempt`` counts recreations in a row."""

    attempt: int


class Wait(NamedTuple):
    """The group is recreated at ``until_ms``."""

    attempt: int
    until_ms: int


class Keep(NamedTuple):
    """The group is kept as it is after so many recreations in a row."""

    recreations: int


def next_step(rules: CrashLoopRules, *, recreations: int, failed_ms: int, at_ms: int) -> Recreate | Wait | Keep:
    """What follows from a failure at ``failed_ms`` after so many recreations in a row, seen from ``at_ms``."""
    if not rules.is_on:
        return Recreate(0)
    if rules.limit and recreations >= rules.limit:
        return Keep(recreations)
    attempt = recreations + 1
    until_ms = failed_ms + rules.delay_ms(attempt)
    return Recreate(attempt) if at_ms >= until_ms else Wait(attempt, until_ms)


def read_rules(annotations: dict[str, str]) -> CrashLoopRules:
    """The rules of a set. What admission would refuse counts as absent: it came in while no webhook was there."""
    maximum = duration_ms(annotations.get(names.RESTART_BACKOFF_MAX, ""))
    stable = duration_ms(annotations.get(names.RESTART_STABLE_AFTER, ""))
    return CrashLoopRules(
        backoff_ms=duration_ms(annotations.get(names.RESTART_BACKOFF, "")) or 0,
        backoff_max_ms=maximum or BACKOFF_MAX_DEFAULT_MS,
        stable_after_ms=stable or STABLE_AFTER_DEFAULT_MS,
        limit=read_limit(annotations.get(names.RESTART_LIMIT, "")) or 0,
    )


def read_limit(text: str) -> int | None:
    """A number of recreations from 1 to ``LIMIT_MAX``; None for anything else."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(LIMIT_MAX)):
        return None
    return int(text) if 1 <= int(text) <= LIMIT_MAX else None
