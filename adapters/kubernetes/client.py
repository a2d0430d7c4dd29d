"""A client of the Kubernetes API that speaks bytes: no models, no cache, no queue.

It answers with the body as the API server sent it, or raises one of two errors (``ApiError``, ``ApiUnavailable``). It
repeats a request only after 401, once, with renewed credentials. Waiting and trying again is the business of those who
know what a request means; they find what the server asked for in ``ApiError.retry_after_seconds``.
"""

import asyncio
import copy
import platform
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from types import TracebackType
from typing import Final, Protocol, Self

import aiohttp
import msgspec

from adapters.kubernetes.connections import may_send, new_session
from adapters.kubernetes.credentials import Access, Credentials
from adapters.kubernetes.errors import ApiError, ApiUnavailable, refusal
from adapters.kubernetes.rate import RequestRate
from adapters.kubernetes.resources import Resource, resource_of
from lws_events import __version__

JSON: Final = "application/json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"

LINE_BYTES_MAX: Final = 32 * 1024 * 1024
"""Bound of one watch event. etcd refuses objects beyond some 1.5 MiB; anything near this is no watch event."""

KEEP_ALIVE_SECONDS: Final = 80.0
"""How long a connection may rest. When many groups fail at once, their deletions should find connections that are open:
opening dozens with TLS takes a fifth of a second of CPU. The API server closes them itself after 90 s; a request that
meets such a close is lost, so ours come first."""

_UNAUTHORIZED: Final = 401
_FIRST_REFUSAL_CODE: Final = 400


class RequestMeter(Protocol):
    """Where requests are counted. ``code`` is 0 where there was no answer; ``resource`` has few distinct values."""

    def count(self, *, method: str, resource: str, code: int) -> None:
        """One request was answered, or failed."""


class NoMeter:
    """Counts nothing."""

    def count(self, *, method: str, resource: str, code: int) -> None:
        """Do nothing."""


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str
    query: Mapping[str, str]
    body: bytes | None
    content_type: str
    timeout: aiohttp.ClientTimeout

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class ApiClient:
    """One API server. An async context manager; requests are for inside it."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        meter: RequestMeter | None = None,
        rate: RequestRate | None = None,
        component: str = "controller",
        requests_max: int = 64,
        timeout_seconds: float = 30.0,
        connect_timeout_seconds: float = 10.0,
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        """``requests_max`` bounds requests at once, watches not counted; ``rate`` both, by time (None: no limit).

        ``timeout_seconds`` covers a slow admission webhook (10 s by default) and a slow etcd. ``on_warning`` takes the
        warnings of the API server and of admission, as they come with answers.
        """
        self._credentials = credentials
        self._meter = meter or NoMeter()
        self._rate = rate
        self._user_agent = f"lws-events/{__version__} ({component}; python {platform.python_version()})"
        self._slots = asyncio.Semaphore(requests_max)
        self._timeout_seconds = timeout_seconds
        self._connect_timeout_seconds = connect_timeout_seconds
        self._session: aiohttp.ClientSession | None = None
        self._may_write: Callable[[], bool] | None = None
        self._on_warning = on_warning

    def writing_while(self, permitted: Callable[[], bool]) -> "ApiClient":
        """The same client, within its context, whose writes are sent only while that is so; else ``NotLeading``.

        It is asked at the last moment, since a process may be stopped for long at any line.
        """
        fenced = copy.copy(self)
        fenced._may_write = permitted
        return fenced

    async def __aenter__(self) -> Self:
        # Not limited: requests are bounded by the slots above, and watches need their connections for long.
        self._session = new_session(keep_alive_seconds=KEEP_ALIVE_SECONDS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        timeout_seconds: float | None = None,
    ) -> bytes:
        """The body of the answer. Raises ``ApiError``, ``ApiUnavailable``, ``CredentialsError``."""
        timeout = aiohttp.ClientTimeout(
            total=timeout_seconds or self._timeout_seconds, connect=self._connect_timeout_seconds
        )
        call = _Call(method=method, path=path, query=query or {}, body=body, content_type=content_type, timeout=timeout)
        async with self._slots:
            try:
                async with await self._send(call) as response:
                    return await response.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise ApiUnavailable(f"{call}: the answer was cut off: {_in_words(error)}") from error

    async def stream(self, path: str, query: Mapping[str, str], *, idle_seconds: float) -> AsyncGenerator[bytes, None]:
        """The lines of a GET that goes on: complete lines only, without their ends.

        Ends when the server ends it. ``idle_seconds`` bounds the time between two pieces of data. Raises as
        ``request``. Close it (``contextlib.aclosing``) when leaving early.
        """
        timeout = aiohttp.ClientTimeout(total=None, connect=self._connect_timeout_seconds, sock_read=idle_seconds)
        call = _Call(method="GET", path=path, query=query, body=None, content_type=JSON, timeout=timeout)
        try:
            async with await self._send(call) as response:
                rest = b""
                async for piece in response.content.iter_any():
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        yield line
                    if len(rest) > LINE_BYTES_MAX:
                        raise ApiUnavailable(f"{call}: a line of more than {LINE_BYTES_MAX} bytes")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailable(f"{call}: the stream broke off: {_in_words(error)}") from error

    async def get(self, resource: Resource, namespace: str, name: str) -> bytes:
        """One object. A missing one is an ``ApiError`` of code 404."""
        return await self.request("GET", resource.path(namespace, name))

    async def list(self, resource: Resource, namespace: str | None, query: Mapping[str, str]) -> bytes:
        """One page of a collection."""
        return await self.request("GET", resource.path(namespace), query=query)

    async def create(
        self, resource: Resource, namespace: str, body: bytes, *, field_manager: str | None = None
    ) -> bytes:
        """POST an object; the stored one is the answer."""
        query = {"fieldManager": field_manager} if field_manager else None
        return await self.request("POST", resource.path(namespace), query=query, body=body)

    async def apply(self, resource: Resource, namespace: str, name: str, body: bytes, *, field_manager: str) -> bytes:
        """Server-side apply, taking over fields of other managers. ``body`` is JSON, which is YAML too."""
        return await self.request(
            "PATCH",
            resource.path(namespace, name),
            query={"fieldManager": field_manager, "force": "true"},
            body=body,
            content_type=APPLY_PATCH,
        )

    async def merge(self, resource: Resource, namespace: str, name: str, body: bytes, *, field_manager: str) -> bytes:
        """Merge patch of an object. A ``metadata.uid`` in it is a precondition, refused as Invalid or Conflict."""
        return await self.request(
            "PATCH",
            resource.path(namespace, name),
            query={"fieldManager": field_manager},
            body=body,
            content_type=MERGE_PATCH,
        )

    async def patch_status(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: bytes,
        *,
        content_type: str = MERGE_PATCH,
        field_manager: str,
    ) -> bytes:
        """Patch the status subresource."""
        return await self.request(
            "PATCH",
            resource.path(namespace, name, "status"),
            query={"fieldManager": field_manager},
            body=body,
            content_type=content_type,
        )

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, propagation: str = "Background"
    ) -> bytes:
        """Delete the object of that name if it has that uid. The answer is the object, or a Status."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": propagation,
        }
        return await self.request("DELETE", resource.path(namespace, name), body=msgspec.json.encode(options))

    async def _send(self, call: _Call) -> aiohttp.ClientResponse:
        """The answer's head; renewed credentials and one more attempt after 401."""
        access = await self._credentials.access()
        try:
            return await self._attempt(call, access)
        except ApiError as error:
            if error.code != _UNAUTHORIZED:
                raise
        return await self._attempt(call, await self._credentials.renew(access))

    async def _attempt(self, call: _Call, access: Access) -> aiohttp.ClientResponse:
        assert self._session is not None, "use the client as an async context manager"
        headers = {"Accept": JSON, "User-Agent": self._user_agent}
        if access.authorization is not None:
            headers["Authorization"] = access.authorization
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        resource = resource_of(call.path)
        if self._rate is not None:
            await self._rate.admitted()
        may_send.set(None if call.method == "GET" else self._may_write)
        try:
            response = await self._session.request(
                call.method,
                self._credentials.server + call.path,
                params=dict(call.query),
                data=call.body,
                headers=headers,
                timeout=call.timeout,
                ssl=access.tls,
                server_hostname=access.server_hostname,
                proxy=access.proxy,
                allow_redirects=False,
            )
            self._meter.count(method=call.method, resource=resource, code=response.status)
            if self._on_warning is not None:
                for header in response.headers.getall("Warning", ()):
                    self._on_warning(_warning_text(header))
            if response.status < _FIRST_REFUSAL_CODE:
                return response
            async with response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._meter.count(method=call.method, resource=resource, code=0)
            raise ApiUnavailable(f"{call}: {_in_words(error)}") from error
        raise refusal(response.status, body, request=str(call), retry_after=response.headers.get("Retry-After"))


def _warning_text(header: str) -> str:
    """Of ``299 - "text"``, as Kubernetes sends a warning; anything else as it is."""
    found = re.fullmatch(r'299 \S+ "((?:[^"\\]|\\.)*)".*', header, re.DOTALL)
    return re.sub(r"\\(.)", r"\1", found[1]) if found is not None else header


def _in_words(error: BaseException) -> str:
    return str(error) or type(error).__name__  # time-outs have no text of their own
