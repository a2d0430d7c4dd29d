"""Numbers given as an integer or as a percentage of the replicas (``maxUnavailable``, ``maxSurge``).

Signs are read, since the schema lets them in; whether they are allowed is a matter of admission.
"""

import re
from typing import Final

_PERCENT: Final = re.compile(r"([+-]?[0-9]{1,19})%")


class ScalingError(ValueError):
    """A budget is neither an integer nor a percentage."""


def scaled(value: int | str, total: int, *, round_up: bool) -> int:
    """``value`` itself, or that percentage of ``total``, rounded. Raises ``ScalingError``."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    percent = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if percent is None:
        raise ScalingError(f"{value!r} is neither an integer nor a percentage such as 25%")
    product = int(percent.group(1)) * total
    return -(-product // 100) if round_up else product // 100
