"""Leader election by a Lease, so that two controllers (also this one and the reference) never act at once.

The protocol is that of client-go (spec 10.7): who holds the Lease renews it; others take it once they have seen it
unchanged for its whole duration *by their own clock*. Clocks of different machines are never compared. A holder that
cannot renew in time stops before anybody else may begin. Unlike the reference the Lease is given back on a graceful
stop, so that a successor need not wait for it.

Being leader is liveness, not safety: decisions are fenced in the journal and commands are idempotent.
"""

import asyncio
import socket
import uuid
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.errors import ApiError, ElectionError, KubernetesError, LeadershipLost
from adapters.kubernetes.pace import Clock, micro_time
from adapters.kubernetes.resources import LEASES

_log = structlog.get_logger(__name__)

LEASE_NAME: Final = "b8b2488c.x-k8s.io"
DEFAULT_NAMESPACE: Final = "lws-system"
NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

_RELEASED_SECONDS: Final = 1
"""``leaseDurationSeconds`` of a Lease that was given back, as client-go writes it; the API refuses 0."""


class ElectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Durations; the defaults are the reference's."""

    lease_seconds: int = 15
    renew_deadline_seconds: float = 10.0
    """Shorter than the lease: the holder has stopped before a candidate may take over."""
    retry_seconds: float = 2.0
    retry_jitter: float = 1.2
    """Candidates wait up to 2.2 times as long, so that they do not all ask at the same moment."""


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

    async def acquire(self) -> None:
        """Return once this candidate leads. Raises ``ElectionError`` where it never could."""
        holder = None
        while not await self._attempt(self._settings.renew_deadline_seconds):
            now = self._seen.spec.holder_identity if self._seen else None
            if now != holder:
                _log.info("another instance leads", holder=now, lease=f"{self.namespace}/{self._name}")
                holder = now
            jitter = 1 + self._settings.retry_jitter * self._clock.random()
            await self._clock.sleep(self._settings.retry_seconds * jitter)
        self.leading = True
        _log.info("leading", identity=self.identity, lease=f"{self.namespace}/{self._name}")

    async def keep(self) -> None:
        """Renew for ever. Raises ``LeadershipLost`` as soon as nobody may rely on this candidate leading."""
        assert self.leading, "acquire first"
        while True:
            await self._clock.sleep(self._settings.retry_seconds)
            left = self._renewed_at + self._settings.renew_deadline_seconds - self._clock.monotonic()
            if left > 0 and await self._attempt(left):
                continue
            taken = self._seen is not None and self._seen.spec.holder_identity not in (self.identity, None, "")
            if left <= 0 or taken:
                self.leading = False
                self.lost.set()
                why = "somebody else holds it" if taken else "it was not renewed in time"
                raise LeadershipLost(f"lease {self.namespace}/{self._name}: {why}")

    async def release(self) -> None:
        """Give the Lease back, if it is held. What goes wrong only makes a successor wait."""
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
            await self._write("PUT", spec, version=self._seen.metadata.resource_version, timeout_seconds=5.0)
        except KubernetesError as error:
            _log.warning("the lease was not given back", error=str(error))

    async def _attempt(self, timeout_seconds: float) -> bool:
        """Take or renew the Lease if that is allowed. False where it is not, or where the outcome is unknown."""
        started_at = self._clock.monotonic()
        try:
            lease = await self._read(timeout_seconds)
            if lease is None:
                written = await self._write("POST", self._claim(None), version="", timeout_seconds=timeout_seconds)
            else:
                self._see(lease)
                if not self._available(lease.spec):
                    return False
                version = lease.metadata.resource_version
                written = await self._write(
                    "PUT", self._claim(lease.spec), version=version, timeout_seconds=timeout_seconds
                )
        except KubernetesError as error:
            self._raise_if_hopeless(error)
            _log.info("the lease could not be taken or renewed", error=str(error))
            return False
        self._see(written)
        self._renewed_at = started_at  # of the request, not of its answer: others may count from there
        return True

    def _available(self, spec: _LeaseSpec) -> bool:
        if spec.holder_identity in (None, "", self.identity):
            return True
        # As client-go: the holder's word for how long it holds is what it wrote itself.
        duration = spec.lease_duration_seconds or self._settings.lease_seconds
        return self._clock.monotonic() >= self._seen_at + duration

    def _claim(self, spec: _LeaseSpec | None) -> _LeaseSpec:
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

    async def _read(self, timeout_seconds: float) -> _Lease | None:
        path = LEASES.path(self.namespace, self._name)
        try:
            return msgspec.json.decode(
                await self._client.request("GET", path, timeout_seconds=timeout_seconds), type=_Lease
            )
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def _write(self, method: str, spec: _LeaseSpec, *, version: str, timeout_seconds: float) -> _Lease:
        metadata: dict[str, Any] = {"name": self._name, "namespace": self.namespace}
        if version:
            metadata["resourceVersion"] = version
        body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}
        path = LEASES.path(self.namespace, self._name if method == "PUT" else "")
        answer = await self._client.request(
            method, path, body=msgspec.json.encode(body), timeout_seconds=timeout_seconds
        )
        return msgspec.json.decode(answer, type=_Lease)

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
