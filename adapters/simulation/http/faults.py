"""Faults of the API server itself, for tests: refused requests, dropped watches, forgotten history.

Faults of containers, pods and nodes are in ``kubelets`` and ``node_lifecycle``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from adapters.simulation.errors import ApiError, InternalError, TooManyRequestsError
from adapters.simulation.http.targets import Target
from adapters.simulation.kinds import ALL, Kind
from adapters.simulation.store import Store


@dataclass
class _Refusal:
    error: ApiError
    left: int
    methods: frozenset[str]
    kind: Kind | None


class HttpFaults:
    """What goes wrong next. Watches register themselves here to be dropped."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._refusals: list[_Refusal] = []
        self._watches: dict[Callable[[], None], None] = {}

    def throttle(
        self, *, times: int, retry_after_seconds: int = 1, methods: tuple[str, ...] = (), kind: Kind | None = None
    ) -> None:
        """Answer the next requests (all methods and kinds, unless given) with 429 and ``Retry-After``."""
        error = TooManyRequestsError(
            "the server has received too many requests and has asked us to try again later",
            details={"retryAfterSeconds": retry_after_seconds},
        )
        self._refusals.append(_Refusal(error, times, frozenset(methods), kind))

    def fail(self, *, times: int, methods: tuple[str, ...] = (), kind: Kind | None = None) -> None:
        """Answer the next requests with 500, as when etcd cannot be reached."""
        error = InternalError("etcdserver: request timed out")
        self._refusals.append(_Refusal(error, times, frozenset(methods), kind))

    def drop_watches(self) -> int:
        """Break every watch connection off; how many there were."""
        watches = list(self._watches)
        for drop in watches:
            drop()
        return len(watches)

    def expire_history(self, kind: Kind | None = None) -> None:
        """Forget the history (of one kind or all) and break watches off: who resumes is told 410 and must list."""
        for forgotten in ALL if kind is None else (kind,):
            self._store.compact(forgotten)
        self.drop_watches()

    def check(self, method: str, target: Target) -> None:
        """Refuse a request if it is one to be refused.

        Raises:
            ApiError: the refusal.
        """
        for refusal in self._refusals:
            if refusal.kind not in {None, target.kind} or (refusal.methods and method not in refusal.methods):
                continue
            refusal.left -= 1
            if refusal.left <= 0:
                self._refusals.remove(refusal)
            raise refusal.error

    def watch_opened(self, drop: Callable[[], None]) -> None:
        """A watch can be broken off with this."""
        self._watches[drop] = None

    def watch_closed(self, drop: Callable[[], None]) -> None:
        """A watch has ended."""
        self._watches.pop(drop, None)
