"""When a failed command is tried again: a timer, exponential back-off, and no limit on the number of tries.

The executor has already retried what was transient; what arrives here is a refusal or a long outage.
"""

from typing import Final

FIRST_DELAY_MS: Final = 1_000
LONGEST_DELAY_MS: Final = 60_000
"""A minute: long enough to be no load, short enough that a repaired cluster is noticed while someone watches."""
HOPELESS_DELAY_MS: Final = 600_000
"""For what the API server calls invalid: somebody may still have changed a policy or an admission webhook."""

_PREFIX: Final = "retry/"


def delay_ms(attempts: int, *, of_content: bool = False) -> int:
    """Milliseconds until the next try after ``attempts`` failures in a row (1 or more).

    ``of_content``: what was sent is invalid, for example would change an immutable field. A changed set is tried at
    once anyway, so that waiting costs nothing.
    """
    first, longest = (LONGEST_DELAY_MS, HOPELESS_DELAY_MS) if of_content else (FIRST_DELAY_MS, LONGEST_DELAY_MS)
    return min(first << min(attempts - 1, 16), longest)


def timer_of_target(target: str) -> str:
    """Name of the retry timer of a command's target."""
    return f"{_PREFIX}{target}"


def target_of_timer(timer: str) -> str:
    """The target whose retry a timer is for; empty for another timer."""
    return timer.removeprefix(_PREFIX) if timer.startswith(_PREFIX) else ""
