"""Rules V2 to V11: replicas, size, and how many groups an update may take at once (spec 1.4).

An absent number counts as its default of spec 1.2 (D42). Budgets are integers, or percentages of ``replicas``:
``maxUnavailable`` rounds down, ``maxSurge`` up.
"""

import re
from collections.abc import Iterator
from typing import Final

from lws_events.admission.lookup import Object, section
from lws_events.admission.violations import Violation, invalid
from lws_events.scaling import scaled

REPLICAS_MAX: Final = 1_000_000
PODS_MAX: Final = 2**31 - 1

_ROLLING_UPDATE: Final = "spec.rolloutStrategy.rollingUpdateConfiguration"
_INT64: Final = (-(2**63), 2**63 - 1)


def replicas_of(lws: Object) -> int:
    """``spec.replicas``, 1 where absent."""
    return _number(section(lws, "spec"), "replicas", 1)


def size_of(lws: Object) -> int:
    """``spec.leaderWorkerTemplate.size``, 1 where absent."""
    return _number(section(lws, "spec", "leaderWorkerTemplate"), "size", 1)


def budget_in_groups(budget: int | str, *, replicas: int, round_up: bool) -> int | None:
    """A budget in groups; None for a string that is no percentage of at most 64 bits (V9)."""
    if isinstance(budget, int):
        return budget
    percent = re.fullmatch(r"([+-]?[0-9]+)%", budget)
    # int() refuses very long digits; nothing beyond 64 bits is a percentage anyway.
    if percent is None or len(percent[1].lstrip("+-0")) > 19:
        return None
    share = int(percent[1])
    if not _INT64[0] <= share <= _INT64[1]:
        return None
    return scaled(f"{share}%", replicas, round_up=round_up)


def count_violations(lws: Object) -> Iterator[Violation]:
    """Rules V2 to V5."""
    replicas, size = replicas_of(lws), size_of(lws)
    if replicas < 0:
        yield invalid("V2", "spec.replicas", replicas, "replicas must be equal or greater than 0")
    if replicas > REPLICAS_MAX:
        yield invalid("V3", "spec.replicas", replicas, f"replicas must be equal or less than {REPLICAS_MAX}")
    if size < 1:
        yield invalid("V4", "spec.leaderWorkerTemplate.size", size, "size must be equal or greater than 1")
    if replicas * size > PODS_MAX:
        message = f"the product of replicas and worker replicas must not exceed {PODS_MAX}"
        yield invalid("V5", "spec.replicas", replicas, message)


def budget_violations(lws: Object) -> Iterator[Violation]:
    """Rules V6 to V11. V11 is not looked at where V9 has found that there is no number to look at (D45)."""
    configuration = section(lws, "spec", "rolloutStrategy", "rollingUpdateConfiguration")
    replicas = replicas_of(lws)
    unavailable = _budget(configuration, "maxUnavailable", 1)
    surge = _budget(configuration, "maxSurge", 0)
    yield from _format("maxUnavailable", unavailable)
    yield from _format("maxSurge", surge)
    partition = _number(configuration, "partition", 0)
    if partition < 0:
        message = "must be greater than or equal to 0"
        yield invalid("V10", f"{_ROLLING_UPDATE}.partition", partition, message)
    groups_down = budget_in_groups(unavailable, replicas=replicas, round_up=False)
    groups_extra = budget_in_groups(surge, replicas=replicas, round_up=True)
    if groups_down is None:
        yield invalid("V9", f"{_ROLLING_UPDATE}.maxUnavailable", unavailable, "invalid value")
    if groups_extra is None:
        yield invalid("V9", f"{_ROLLING_UPDATE}.maxSurge", surge, "invalid value")
    if groups_down == 0 and groups_extra == 0 and replicas != 0:
        message = "must not be 0 when `maxSurge` is 0"
        yield invalid("V11", f"{_ROLLING_UPDATE}.maxUnavailable", unavailable, message)


def _format(name: str, budget: int | str) -> Iterator[Violation]:
    field = f"{_ROLLING_UPDATE}.{name}"
    if isinstance(budget, int):
        if budget < 0:
            yield invalid("V7", field, budget, "must be greater than or equal to 0")
    elif re.fullmatch("[0-9]+%", budget) is None:
        message = (
            "a valid percent string must be a numeric string followed by an ending '%' "
            "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
        )
        yield invalid("V6", field, budget, message)
    elif len(digits := budget[:-1].lstrip("0")) > 3 or int(digits or 0) > 100:
        yield invalid("V8", field, budget, "must not be greater than 100%")


def _number(part: Object, name: str, default: int) -> int:
    value = part.get(name)
    return default if value is None else int(value)


def _budget(configuration: Object, name: str, default: int) -> int | str:
    value = configuration.get(name)
    if value is None:
        return default
    return value if isinstance(value, str) else int(value)
