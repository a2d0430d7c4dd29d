"""The claim templates of a set's live leader StatefulSet, for admission: asked for only when a change depends on them.

A set whose claims were changed while nobody denied it does not agree with its StatefulSet, and must be allowed the way
back (spec D10). Any process that serves admission can ask the API server; one that cannot, or gets no answer in time,
knows nothing, and then the change is denied.
"""

from typing import Any, Final, Protocol

import msgspec
import structlog

from adapters.kubernetes.errors import KubernetesError
from lws_events import names

_SECONDS_MAX: Final = 3.0
"""Well below the 10 s that the API server waits for our answer."""

_log = structlog.get_logger(__name__)


class Requests(Protocol):
    """The one method of ``adapters.kubernetes.client.ApiClient`` that is needed here."""

    async def request(self, method: str, path: str, *, timeout_seconds: float | None = None) -> bytes:
        """The body of the answer. Raises ``KubernetesError``."""


class LiveClaims:
    """Asks the API server."""

    def __init__(self, api: Requests) -> None:
        self._api = api

    async def __call__(self, namespace: str, name: str) -> tuple[dict[str, Any], ...] | None:
        """The claim templates of the leader StatefulSet of a set; None where they cannot be known."""
        path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}"
        try:
            found = msgspec.json.decode(await self._api.request("GET", path, timeout_seconds=_SECONDS_MAX))
        except KubernetesError as error:
            _log.info("the claims of a leader StatefulSet are not known", path=path, error=str(error))
            return None
        owners = found["metadata"].get("ownerReferences") or ()
        if not any(owner.get("controller") and owner["kind"] == names.KIND for owner in owners):
            return None  # somebody else's StatefulSet says nothing about the set
        return tuple(found["spec"].get("volumeClaimTemplates") or ())
