"""The Secret and the webhook configurations of a real cluster, over the Kubernetes API client.

Writes are updates against the resourceVersion that was read, as the rights of the deployment allow (get and update by
name); the field manager is that of the controller, so that a later apply of the manifests leaves the bundle alone.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
import structlog

from adapters.kubernetes.errors import ApiError
from adapters.webhooks.configuration import MUTATING, RECORDING, VALIDATING
from adapters.webhooks.errors import CertificateError
from adapters.webhooks.stores import SecretContent
from lws_events.names import FIELD_MANAGER

_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
_CONFLICT: Final = 409
_WRITE_ATTEMPTS_MAX: Final = 10
_AS_CONTROLLER: Final = {"fieldManager": FIELD_MANAGER}
_CONFIGURATIONS: Final = (
    f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{MUTATING}",
    f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{VALIDATING}",
)

_RECORDING: Final = f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{RECORDING}"

_log = structlog.get_logger(__name__)


class ApiRequests(Protocol):
    """The one method of ``adapters.kubernetes.client.ApiClient`` that is needed here."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> bytes:
        """The body of the answer. Raises ``ApiError`` for a refusal."""


class KubernetesSecretStore:
    """The Secret of the webhook certificate in a namespace."""

    def __init__(self, api: ApiRequests, *, namespace: str, name: str) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self._collection = f"/api/v1/namespaces/{namespace}/secrets"

    async def read(self) -> SecretContent | None:
        """The present content; None where the Secret does not exist. Values that are no base64 count as empty."""
        try:
            secret = msgspec.json.decode(await self._api.request("GET", f"{self._collection}/{self._name}"))
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return None
            raise
        data = {key: _decoded(value) for key, value in (secret.get("data") or {}).items()}
        return SecretContent(data=data, version=secret["metadata"]["resourceVersion"])

    async def write(self, data: Mapping[str, bytes], *, version: str | None) -> bool:
        """Update or create the Secret. False where somebody else was faster.

        Raises:
            CertificateError: there is no Secret and we may not create one.
        """
        metadata: dict[str, Any] = {"name": self._name, "namespace": self._namespace}
        encoded = {key: base64.b64encode(value).decode("ascii") for key, value in data.items()}
        try:
            if version is None:
                await self._create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})
            else:
                await self._update(encoded, version)
        except ApiError as error:
            if error.code in (_CONFLICT, _NOT_FOUND):
                return False
            if version is None and error.code == _FORBIDDEN:
                raise CertificateError(
                    f'Secret "{self._name}" not found in namespace {self._namespace}: create it (empty is fine), or '
                    "allow this account to create it"
                ) from error
            raise
        return True

    async def _create(self, secret: dict[str, Any]) -> None:
        await self._api.request("POST", self._collection, query=_AS_CONTROLLER, body=msgspec.json.encode(secret))

    async def _update(self, encoded: dict[str, str], version: str) -> None:
        path = f"{self._collection}/{self._name}"
        secret = msgspec.json.decode(await self._api.request("GET", path))
        # Labels, owners and type are not ours: they go back as they came, the version decides whether it counts.
        secret["metadata"]["resourceVersion"] = version
        secret["data"] = encoded
        await self._api.request("PUT", path, query=_AS_CONTROLLER, body=msgspec.json.encode(secret))


class KubernetesWebhookConfigurations:
    """Both webhook configurations; one that does not exist is left out and is listed in ``missing``.

    Our own third one may be missing, or out of our reach: who deletes and scales sets is not recorded then.
    """

    def __init__(self, api: ApiRequests) -> None:
        self._api = api
        self.missing: Sequence[str] = ()
        self._told = ""

    async def inject(self, ca_bundle: bytes) -> int:
        """Set ``clientConfig.caBundle`` of every webhook that does not have it yet."""
        bundle = base64.b64encode(ca_bundle).decode("ascii")
        changed = {path: await self._inject(path, bundle) for path in _CONFIGURATIONS}
        self.missing = tuple("/".join(path.split("/")[-2:]) for path, count in changed.items() if count is None)
        return sum(count or 0 for count in changed.values()) + await self._inject_recording(bundle)

    async def _inject_recording(self, bundle: str) -> int:
        """Nothing depends on it, so that nothing may fail by it; a problem is told once."""
        problem = "there is none"
        try:
            count = await self._inject(_RECORDING, bundle)
        except (ApiError, CertificateError) as error:
            count, problem = None, str(error)
        if count is None and self._told != problem:
            _log.warning("who deletes and scales sets is not recorded", configuration=RECORDING, problem=problem)
        self._told = problem if count is None else ""
        return count or 0

    async def _inject(self, path: str, bundle: str) -> int | None:
        """How many of its webhooks changed; None where it does not exist."""
        for _ in range(_WRITE_ATTEMPTS_MAX):
            try:
                configuration = msgspec.json.decode(await self._api.request("GET", path))
                clients = [webhook["clientConfig"] for webhook in configuration.get("webhooks") or []]
                stale = [client for client in clients if client.get("caBundle") != bundle]
                for client in stale:
                    client["caBundle"] = bundle
                if stale:
                    body = msgspec.json.encode(configuration)
                    await self._api.request("PUT", path, query=_AS_CONTROLLER, body=body)
            except ApiError as error:
                if error.code == _NOT_FOUND:
                    return None
                if error.code != _CONFLICT:
                    raise
            else:
                return len(stale)
        raise CertificateError(f"{path} changed {_WRITE_ATTEMPTS_MAX} times while the authority was written into it")


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value)
    except binascii.Error:
        return b""
