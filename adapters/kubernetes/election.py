"""Leader election by a Lease, so that two controllers (also this one and the reference) never act at once.

The protocol is that of client-go (spec 10.7): who holds the Lease renews it; others take it once they have seen it
unchanged for its whole duration *by their own clock*. Clocks of different machines are never compared. A holder that
cannot renew in time stops before anybody else may begin. Unlike the reference the Lease is given back on a graceful
stop, so that a successor need not wait for it (``docs/decisions/0007``).

Being leader is liveness, not safety: decisions are fenced in the journal and commands are idempotent.
"""

import asyncio
import socket
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from adapters.kubernetes.announcements import leadership_event
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.errors import ApiError, ElectionError, KubernetesError, LeadershipLost
from adapters.kubernetes.pace import Clock, micro_time
from adapters.kubernetes.resources import EVENTS, LEASES

_log = structlog.get_logger(__name__)

LEASE_NAME: Final = "b8b2488c.x-k8s.io"
DEFAULT_NAMESPACE: Final = "lws-system"
NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

_RELEASED_SECONDS: Final = 1
"""``leaseDurationSeconds`` of a Lease that was given back, as client-go writes it; the API refuses 0."""

_RELEASE_SECONDS_MAX: Final = 3.0
"""A stop must not wait long for an API server that is gone."""


class ElectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Durations; the defaults are the reference's."""

    lease_seconds: int = 15
    renew_deadline_seconds: float = 10.0
    """Shorter than the lease: the holder has stopped before a candidate may take over."""
    retry_seconds: float = 2.0
    """Between two renewals. A candidate looks twice as often, so that it sees a renewal soon and misses no expiry."""


class _LeaseSpec(msgspec.Struct, rename="camel", omit_defaults=True):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _LeaseMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Lease(msgspec.Struct):
    metadata: _LeaseMeta
    spec: _LeaseSpec = msgspec.field(default_factory=_LeaseSpec)


def new_identity() -> str:
    """``<hostname>_<uuid>``: another one for each process, so that a restarted one does not take itself for the old."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


def own_namespace(file: Path = NAMESPACE_FILE) -> str:
    """The namespace of the pod's account, else ``lws-system``: where the Lease is."""
    try:
        return file.read_text().strip() or DEFAULT_NAMESPACE
    except OSError:
        return DEFAULT_NAMESPACE


class Election:
    """One candidate: ``acquire``, then ``keep`` beside the work, then ``release``."""

    def __init__(
        self,
        client: ApiClient,
        *,
        clock: Clock,
        namespace: str | None = None,
        identity: str | None = None,
        name: str = LEASE_NAME,
        settings: ElectionSettings | None = None,
    ) -> None:
        """Raises ``ValueError`` for durations with which two could lead at once."""
        self._settings = settings or ElectionSettings()
        if not self._settings.retry_seconds < self._settings.renew_deadline_seconds < self._settings.lease_seconds:
            raise ValueError(f"needed: retry < renew deadline < lease duration, got {self._settings}")
        self.identity = identity or new_identity()
        self.namespace = namespace or own_namespace()
        self.lost = asyncio.Event()
        """Set once this candidate led and does so no longer."""
        self.leading = False
        self._name = name
        self._client = client
        self._clock = clock
        self._seen: _Lease | None = None
        self._seen_at = 0.0
        self._renewed_at = 0.0
        self._telling: asyncio.Task[None] | None = None

    def holds(self) -> bool:
        """Whether this candidate leads at this very moment, also when its process has just been woken from a long stop.

        Nobody else can hold the Lease while this is true: it ends before the Lease does.
        """
        return self.leading and self._seconds_left() > 0

    async def acquire(self, *, while_able: Callable[[], bool] = lambda: True) -> None:
        """Return once this candidate leads; it tries only ``while_able`` to do the work.

        Raises ``ElectionError`` where it never could lead.
        """
        holder = None
        while not (while_able() and await self._attempt(self._attempt_seconds_max)):
            now = self._seen.spec.holder_identity if self._seen else None
            if now != holder:
                _log.info("another instance leads", holder=now, lease=f"{self.namespace}/{self._name}")
                holder = now
            await self._clock.sleep(self._pause_seconds())
        self.leading = True
        _log.info("leading", identity=self.identity, lease=f"{self.namespace}/{self._name}")
        self._telling = asyncio.create_task(self._tell())

    async def keep(self) -> None:
        """Renew for ever. Raises ``LeadershipLost`` as soon as nobody may rely on this candidate leading."""
        assert self.leading, "acquire first"
        while True:
            await self._clock.sleep(max(0.0, min(self._settings.retry_seconds, self._seconds_left())))
            left = self._seconds_left()
            if left > 0 and await self._attempt(min(left, self._attempt_seconds_max)):
                continue
            taken = self._seen is not None and self._seen.spec.holder_identity != self.identity
            if self._seconds_left() <= 0 or taken:
                self.leading = False
                self.lost.set()
                why = "somebody else holds it" if taken else "it was not renewed in time"
                raise LeadershipLost(f"lease {self.namespace}/{self._name}: {why}")

    async def release(self) -> None:
        """Give the Lease back, if it is held. What goes wrong only makes a successor wait."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        if not self.leading or self._seen is None:
            return
        self.leading = False
        now = micro_time(self._clock.now_ms())
        spec = _LeaseSpec(
            holder_identity="",
            lease_duration_seconds=_RELEASED_SECONDS,
            acquire_time=now,
            renew_time=now,
            lease_transitions=self._seen.spec.lease_transitions,
        )
        try:
            async with asyncio.timeout(_RELEASE_SECONDS_MAX):
                await self._write("PUT", spec, self._seen.metadata.resource_version)
        except (KubernetesError, TimeoutError) as error:
            _log.warning("the lease was not given back", error=str(error))

    async def _tell(self) -> None:
        """Post the Event that the reference posts on the Lease; that it cannot be posted changes nothing."""
        event = leadership_event(self.identity, lease=self._name, namespace=self.namespace, now_ms=self._clock.now_ms())
        try:
            await self._client.create(EVENTS, self.namespace, event)
        except KubernetesError as error:
            _log.info("the Event about the lease was not posted", error=str(error))

    @property
    def _attempt_seconds_max(self) -> float:
        """A request that nobody answers, on a connection that is dead, must leave time for another one."""
        return self._settings.renew_deadline_seconds / 2

    def _pause_seconds(self) -> float:
        """Until a candidate asks again: soon, not all at the same moment, and at once when the Lease expires."""
        pause = self._settings.retry_seconds / 2 * (1 - self._clock.random() / 2)
        if self._seen is not None and self._seen.spec.holder_identity:
            left = self._expires_at(self._seen.spec) - self._clock.monotonic()
            if left > 0:
                return min(pause, left)
        return pause

    def _seconds_left(self) -> float:
        """Until a Lease that is not renewed may be relied upon no longer."""
        return self._renewed_at + self._settings.renew_deadline_seconds - self._clock.monotonic()

    async def _attempt(self, timeout_seconds: float) -> bool:
        """Take or renew the Lease if that is allowed. False where it is not, or where the outcome is unknown."""
        started_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(timeout_seconds):
                written = await self._claim(renew=self.leading)
        except KubernetesError as error:
            self._raise_if_hopeless(error)
            _log.info("the lease could not be taken or renewed", error=str(error))
            return False
        except TimeoutError:
            _log.info("the lease could not be taken or renewed in time", seconds=timeout_seconds)
            return False
        if written is None:
            return False
        self._see(written)
        self._renewed_at = started_at  # of the request, not of its answer: others may count from there
        return True

    async def _claim(self, *, renew: bool) -> _Lease | None:
        """Write the Lease in our name; None where somebody else holds it."""
        if renew and self._seen is not None:
            # What we wrote last is most likely what is there: one request instead of two, every two seconds.
            try:
                return await self._write("PUT", self._ours(self._seen.spec), self._seen.metadata.resource_version)
            except ApiError as error:
                if error.code not in (404, 409):
                    raise
        lease = await self._read()
        if lease is None:
            return await self._write("POST", self._ours(None))
        self._see(lease)
        if not self._available(lease.spec):
            return None
        return await self._write("PUT", self._ours(lease.spec), lease.metadata.resource_version)

    def _available(self, spec: _LeaseSpec) -> bool:
        if spec.holder_identity in (None, "", self.identity):
            return True
        return self._clock.monotonic() >= self._expires_at(spec)

    def _expires_at(self, spec: _LeaseSpec) -> float:
        """As client-go: the holder's word for how long it holds is what it wrote itself."""
        return self._seen_at + (spec.lease_duration_seconds or self._settings.lease_seconds)

    def _ours(self, spec: _LeaseSpec | None) -> _LeaseSpec:
        now = micro_time(self._clock.now_ms())
        ours = spec is not None and spec.holder_identity == self.identity
        transitions = (spec.lease_transitions or 0) if spec is not None else 0
        return _LeaseSpec(
            holder_identity=self.identity,
            lease_duration_seconds=self._settings.lease_seconds,
            acquire_time=spec.acquire_time if ours and spec is not None else now,
            renew_time=now,
            lease_transitions=transitions if ours or spec is None else transitions + 1,
        )

    def _see(self, lease: _Lease) -> None:
        """Remember the Lease, and since when it is as it is, by our clock."""
        if self._seen is None or self._seen.spec != lease.spec:
            self._seen_at = self._clock.monotonic()
        self._seen = lease

    async def _read(self) -> _Lease | None:
        try:
            return msgspec.json.decode(await self._client.get(LEASES, self.namespace, self._name), type=_Lease)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def _write(self, method: str, spec: _LeaseSpec, version: str = "") -> _Lease:
        metadata: dict[str, Any] = {"name": self._name, "namespace": self.namespace}
        if version:
            metadata["resourceVersion"] = version
        body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}
        path = LEASES.path(self.namespace, self._name if method == "PUT" else "")
        return msgspec.json.decode(
            await self._client.request(method, path, body=msgspec.json.encode(body)), type=_Lease
        )

    def _raise_if_hopeless(self, error: KubernetesError) -> None:
        """A candidate that can never win says so, instead of waiting for ever."""
        if self.leading or not isinstance(error, ApiError):
            return
        if error.code == 404:
            raise ElectionError(
                f"leader election needs the namespace {self.namespace}, which does not exist: create it, run with "
                "--no-leader-elect, or run in a pod"
            ) from error
        if error.code == 403:
            raise ElectionError(
                f"leader election needs get, create and update of leases in the namespace {self.namespace}: {error}"
            ) from error
