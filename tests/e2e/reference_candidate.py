"""A candidate for the Lease that keeps to the rules of client-go, as the reference does (spec 10.7).

It stands for an instance of the reference: what it accepts, the reference accepts, and while it holds the Lease nobody
else may act.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Final

from tests.controlplane.api import Api, ApiError, Json, eventually

_MICRO: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


class ReferenceCandidate:
    """``try_once`` is one turn of client-go's loop, which takes the Lease or renews it."""

    def __init__(self, api: Api, *, namespace: str, name: str, identity: str, lease_seconds: int) -> None:
        self._api = api
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._name = name
        self._identity = identity
        self._lease_seconds = lease_seconds
        self._observed: Json | None = None
        self._observed_at = 0.0
        self.renewed_at = 0.0
        """When it wrote last, by the monotonic clock."""
        self.renewals = 0

    async def try_once(self) -> bool:
        """Whether it holds the Lease now."""
        found = await self._api.find(f"{self._collection}/{self._name}")
        if found is None:
            metadata = {"name": self._name}
            return await self._write("POST", self._collection, {"metadata": metadata, "spec": self._record({})})
        spec = found["spec"]
        if spec != self._observed:
            self._observed, self._observed_at = spec, time.monotonic()
        held_by_other = spec.get("holderIdentity") not in (None, "", self._identity)
        if held_by_other and time.monotonic() < self._observed_at + spec["leaseDurationSeconds"]:
            return False
        return await self._write("PUT", f"{self._collection}/{self._name}", {**found, "spec": self._record(spec)})

    async def acquire(self, *, interval_seconds: float) -> None:
        """Try until it holds the Lease."""
        await eventually(
            self.try_once, what="the Lease to be free for the reference", interval_seconds=interval_seconds
        )

    async def hold(self, *, interval_seconds: float) -> None:
        """Renew for ever."""
        while True:
            assert await self.try_once(), "somebody took the Lease while it was held"
            self.renewals += 1
            await asyncio.sleep(interval_seconds)

    def _record(self, old: dict[str, Any]) -> dict[str, Any]:
        ours = old.get("holderIdentity") == self._identity
        now = datetime.now(UTC).strftime(_MICRO)
        if old:  # client-go reads all of these, and fails on anything else
            for field in ("acquireTime", "renewTime"):
                datetime.strptime(old[field], _MICRO).replace(tzinfo=UTC)
        transitions = old.get("leaseTransitions", 0)
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._lease_seconds,
            "acquireTime": old["acquireTime"] if ours else now,
            "renewTime": now,
            "leaseTransitions": transitions if ours or not old else transitions + 1,
        }

    async def _write(self, method: str, path: str, body: Json) -> bool:
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **body}
        sent_at = time.monotonic()
        try:
            written = await self._api.call(method, path, body)
        except ApiError as error:
            if error.code == 409:
                return False
            raise
        self._observed, self._observed_at = written["spec"], time.monotonic()
        self.renewed_at = sent_at
        return True
