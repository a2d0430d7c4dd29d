"""The client of the Kubernetes API for a cluster in the same process: the same requests, and no connection.

Paths, bodies and refusals pass through the code that serves a simulated cluster over HTTP, so that what the executor
learns from an answer it learns here too. A request never waits: it is done when it is asked for.
"""

from collections.abc import Coroutine, Mapping
from typing import Any, Final, TypeVar

import msgspec

from adapters.kubernetes.client import JSON, ApiClient
from adapters.kubernetes.errors import refusal
from adapters.simulation.api import Api
from adapters.simulation.errors import ApiError, MethodNotAllowedError
from adapters.simulation.http import changing
from adapters.simulation.http.changing import Change
from adapters.simulation.http.targets import target_of

USER: Final = "system:serviceaccount:lws-system:lws-controller-manager"

_T = TypeVar("_T")


class InProcessClient(ApiClient):
    """Requests for one object at a time: what the executor sends."""

    def __init__(self, api: Api) -> None:
        # Not that of the base class, which prepares for connections.
        self._api = api

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        timeout_seconds: float | None = None,  # noqa: ARG002 (nothing takes time)
    ) -> bytes:
        """As of the base class. Raises ``ApiError`` of ``adapters.kubernetes``."""
        try:
            return msgspec.json.encode(self._answer(method, path, query or {}, body or b"", content_type))
        except ApiError as error:
            raise refusal(error.code, msgspec.json.encode(error.status()), request=f"{method} {path}") from error

    def _answer(self, method: str, path: str, query: Mapping[str, str], body: bytes, content_type: str) -> Any:
        target = target_of(path)
        if method == "GET":
            return self._api.get(target.kind, target.name, namespace=target.namespace)
        manager = query.get("fieldManager", "lws-events")
        change = Change(target=target, query=query, content_type=content_type, body=body, user=USER, manager=manager)
        match method:
            case "POST":
                return changing.create(self._api, change)
            case "PATCH":
                return changing.patch(self._api, change)[0]
            case "DELETE":
                return changing.delete(self._api, change)
            case _:
                raise MethodNotAllowedError(f"{method} is not asked for by the executor")


def completed(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: _T = done.value
        return result
    coroutine.close()
    raise AssertionError("a request to a cluster in this process waited")
