"""What the pods of a group ask for, as the scheduler counts it (spec 4.9, D65).

A pod needs what its containers need together, or more where an init container needs more by itself; init containers
that go on running (sidecars) count on both sides. Amounts for the pod as a whole take the place of such sums, the
overhead of its runtime class comes on top. A container without a request for a resource requests its limit, as the
API server writes it into pods. What admission, limit ranges or dynamic resource claims add is not known here.
"""

from collections.abc import Mapping
from typing import Any, Final

from lws_events.canonical.quantity import Amount

Amounts = dict[str, Amount]

_WHOLE_POD: Final = ("cpu", "memory")
_HUGE_PAGES: Final = "hugepages-"


def pod_requests(spec: Mapping[str, Any]) -> Amounts:
    """Requests of one pod by resource, from the spec of its template after the typed passage.

    Raises ``QuantityError``.
    """
    total: Amounts = {}
    for container in spec.get("containers") or ():
        add(total, _requests(container))
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in spec.get("initContainers") or ():
        asked = _requests(container)
        if container.get("restartPolicy") == "Always":
            add(total, asked)
            add(sidecars, asked)
            _raise(starting, sidecars)
        else:
            add(asked, sidecars)
            _raise(starting, asked)
    _raise(total, starting)
    _put_whole(total, spec.get("resources") or {})
    add(total, _amounts(spec.get("overhead")))
    return total


def add(total: Amounts, more: Mapping[str, Amount], *, times: int = 1) -> None:
    """Add some number of times the amounts ``more`` to ``total``, in place."""
    if times == 0:
        return
    for name, amount in more.items():
        known = total.get(name)
        if known is None:
            known, further = amount, times - 1
        else:
            further = times
        total[name] = known.plus(amount, times=further)


def _requests(container: Mapping[str, Any]) -> Amounts:
    resources = container.get("resources") or {}
    return {**_amounts(resources.get("limits")), **_amounts(resources.get("requests"))}


def _put_whole(total: Amounts, resources: Mapping[str, Any]) -> None:
    """Amounts for the pod as a whole: a request replaces the sum, a limit alone stands in for a missing one."""
    requests, limits = _whole(resources.get("requests")), _whole(resources.get("limits"))
    for name, amount in limits.items():
        total.setdefault(name, amount)
    total.update(requests)


def _whole(amounts: Mapping[str, Any] | None) -> Amounts:
    return {
        name: amount for name, amount in _amounts(amounts).items() if name in _WHOLE_POD or name.startswith(_HUGE_PAGES)
    }


def _raise(total: Amounts, least: Mapping[str, Amount]) -> None:
    """Raise each amount of ``total`` to at least that of ``least``, in place."""
    for name, amount in least.items():
        if name not in total or amount.exceeds(total[name]):
            total[name] = amount


def _amounts(texts: Mapping[str, Any] | None) -> Amounts:
    return {name: Amount(text) for name, text in (texts or {}).items()}
