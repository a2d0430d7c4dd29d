"""How webhook servers come to trust the controller's certificate: its authority is in a ConfigMap of the installation.

The controller makes an authority and a certificate at its start, keeps the keys in memory, and writes the authority's
certificate down. The ConfigMap is part of the manifests, so that both need rights to this one object alone.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec
import structlog

from adapters.admission_requests.wire import SERVICE
from adapters.kubernetes.errors import ApiError, KubernetesError
from adapters.kubernetes.pace import Clock
from adapters.webhooks.tls import KeyPair
from lws_events.names import FIELD_MANAGER

CONFIG_MAP: Final = "lws-admission-requests-authority"
KEY: Final = "ca.crt"

_CHECK_SECONDS: Final = 60.0
"""How soon it is put right after somebody has changed it; costs one small request."""
_RETRY_SECONDS: Final = 2.0
_REQUEST_SECONDS_MAX: Final = 10.0

_log = structlog.get_logger(__name__)


class Requests(Protocol):
    """The one method of ``adapters.kubernetes.client.ApiClient`` that is needed here."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float | None = None,
    ) -> bytes:
        """The body of the answer. Raises ``KubernetesError``."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What the endpoint shows, and what has to be trusted for it."""

    server: KeyPair
    authority_pem: bytes


async def make_identity(namespace: str) -> Identity:
    """A new authority and a certificate of it, for the Service of a namespace and for this machine."""
    # Only here: the library that makes certificates weighs 7 MiB. In a thread, for it takes a while.
    from adapters.webhooks.certificates import ServerIdentity, make_authority, make_server_certificate

    def make() -> Identity:
        now = datetime.now(UTC)
        names = (f"{SERVICE}.{namespace}.svc", "localhost")
        authority = make_authority(now=now)
        identity = ServerIdentity(dns_names=names, ip_addresses=("127.0.0.1", "::1"))
        pair = make_server_certificate(authority, identity, now=now)
        return Identity(server=pair, authority_pem=authority.certificate)

    return await asyncio.to_thread(make)


class PublishedAuthority:
    """The ConfigMap of a namespace."""

    def __init__(self, api: Requests, *, namespace: str) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}/configmaps/{CONFIG_MAP}"
        self.problem = ""
        """Why it cannot be written; empty while it can."""

    async def read(self) -> str:
        """The authority in PEM; empty where none has been written yet. Raises ``KubernetesError``."""
        data = (await self._read()).get("data")
        found = data.get(KEY) if isinstance(data, dict) else None
        return found if isinstance(found, str) else ""

    async def keep(self, authority_pem: bytes, *, clock: Clock) -> None:
        """For ever: have this authority there. A problem is told once, and tried again."""
        while True:
            try:
                await self._write(authority_pem.decode())
            except (KubernetesError, msgspec.DecodeError) as error:
                if not self.problem:
                    _log.warning(
                        "webhook servers cannot get our authority yet", config_map=CONFIG_MAP, error=str(error)
                    )
                self.problem = f"the ConfigMap {CONFIG_MAP} cannot be written: {error}"
            else:
                self.problem = ""
            await clock.sleep(_RETRY_SECONDS if self.problem else _CHECK_SECONDS)

    async def _write(self, pem: str) -> None:
        found = await self._read()
        known = found.get("data")
        data = known if isinstance(known, dict) else {}
        if data.get(KEY) == pem:
            return
        found["data"] = {**data, KEY: pem}
        try:
            # Against the version that was read: labels and the rest are not ours.
            await self._api.request(
                "PUT",
                self._path,
                query={"fieldManager": FIELD_MANAGER},
                body=msgspec.json.encode(found),
                timeout_seconds=_REQUEST_SECONDS_MAX,
            )
        except ApiError as error:
            if error.code != 409:  # somebody was faster; the next look shows with what
                raise

    async def _read(self) -> dict[str, object]:
        data = await self._api.request("GET", self._path, timeout_seconds=_REQUEST_SECONDS_MAX)
        return msgspec.json.decode(data, type=dict[str, object])
