"""All groups of the one set of a plane fail: what was there before, and what is seen of its pods until the end.

What makes them fail, and what is asserted of it, differs from test to test.
"""

from typing import Self

from tests.bench import workload
from tests.bench.plane import Plane
from tests.controlplane.audit import AuditLog
from tests.e2e.incarnations import Incarnations


class WatchedFailure:
    """An async context manager; where its body has not failed, ``_check`` is what its end asserts."""

    def __init__(self, plane: Plane, *, log: AuditLog, pods: int) -> None:
        """``pods``: how many there are before; the log is read from here on."""
        self._api, self._namespace = plane.api, plane.namespace
        self._log = log
        self._pods = pods
        self._before: dict[str, str] = {}
        """Uids by name."""
        self._watched = Incarnations(plane.api, plane.namespace)

    async def __aenter__(self) -> Self:
        self._before = await workload.pod_uids(self._api, self._namespace)
        assert len(self._before) == self._pods
        self._log.mark()
        await self._watched.__aenter__()
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                await self._check()
        finally:
            await self._watched.__aexit__()

    async def _check(self) -> None:
        raise NotImplementedError
