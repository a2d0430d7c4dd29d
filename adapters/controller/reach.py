"""Whether the API server can be reached, as the answers to our own requests tell.

A readiness check that asked by itself would be a request more, and no better informed.
"""

from typing import Final

from adapters.kubernetes.client import RequestMeter

_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_REFUSAL: Final = 400


class Reach:
    """Counts requests like the meter that it wraps, and knows what is wrong right now."""

    def __init__(self, meter: RequestMeter) -> None:
        self._meter = meter
        self._unanswered = ""
        self._forbidden: set[str] = set()

    @property
    def problem(self) -> str:
        """Empty while the API server answers and lets us read."""
        if self._unanswered:
            return self._unanswered
        if self._forbidden:
            return f"the API server does not let this account read: {', '.join(sorted(self._forbidden))} (403)"
        return ""

    def count(self, *, method: str, resource: str, code: int) -> None:
        """One request was answered, or failed (code 0)."""
        self._meter.count(method=method, resource=resource, code=code)
        self._unanswered = ""
        if code == 0:
            self._unanswered = "the API server does not answer"
        elif code == _UNAUTHORIZED:
            self._unanswered = "the API server does not accept our credentials (401)"
        elif method == "GET" and code == _FORBIDDEN:
            self._forbidden.add(resource)
        elif method == "GET" and code < _REFUSAL:
            self._forbidden.discard(resource)
