"""Who may read metrics (spec 10.6), or else use a path: whoever the API server knows by a bearer token, and lets.

Two questions to the API server, TokenReview and SubjectAccessReview, whose answers hold for a while, so that a scraper
costs two requests a minute. A token that is refused is answered with 401, where the reference says 500. Tokens are
kept as digests only.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from adapters.kubernetes.errors import KubernetesError
from adapters.kubernetes.pace import Clock

_log = structlog.get_logger(__name__)

TOKEN_REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

ALLOWED_SECONDS: Final = 60.0
"""How long a right that was taken away may still be used; the API server's own caches are of this order."""
REFUSED_SECONDS: Final = 10.0
"""Short: a right that has just been given should work."""
_REMEMBERED_MAX: Final = 256
_ASKED_AT_ONCE: Final = 4
_WAITING_MAX: Final = 32
"""Whoever makes tokens up must neither flood the API server nor fill our memory."""
_REVIEW_SECONDS_MAX: Final = 10.0


class Reviews(Protocol):
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


class Verdict(NamedTuple):
    """What a request is answered with, unless it is allowed (200)."""

    status: int
    text: str = ""

    @property
    def allowed(self) -> bool:
        """Go on."""
        return self.status == 200


_UNAUTHORIZED: Final = Verdict(401, "Unauthorized")


class _User(msgspec.Struct):
    username: str = ""
    uid: str = ""
    groups: list[str] | None = None
    extra: dict[str, list[str]] | None = None


class _TokenStatus(msgspec.Struct):
    authenticated: bool = False
    user: _User | None = None
    audiences: list[str] | None = None


class _TokenReview(msgspec.Struct):
    status: _TokenStatus


class _AccessStatus(msgspec.Struct):
    allowed: bool = False


class _AccessReview(msgspec.Struct):
    status: _AccessStatus


class Guard:
    """Asks the API server about each request, or remembers what it has said."""

    def __init__(self, reviews: Reviews, *, clock: Clock, audience: str = "") -> None:
        """``audience``: that tokens must be made for; empty: that of the API server."""
        self._reviews = reviews
        self._clock = clock
        self._audience = audience
        self._known: dict[tuple[str, str, str], tuple[float, Verdict]] = {}
        self._slots = asyncio.Semaphore(_ASKED_AT_ONCE)
        self._waiting = 0

    async def verdict(self, authorization: str, *, method: str, path: str) -> Verdict:
        """About a request with this header. Never raises."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            return _UNAUTHORIZED
        key = (hashlib.sha256(token.encode()).hexdigest(), method, path)
        known = self._known.get(key)
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        if self._waiting >= _WAITING_MAX:
            return Verdict(503, "Too many requests wait for the API server's word")
        self._waiting += 1
        try:
            async with self._slots:
                verdict = await self._ask(token.strip(), verb=method.lower(), path=path)
        except (KubernetesError, msgspec.DecodeError) as error:
            _log.warning("it could not be found out who may use a path", path=path, error=str(error))
            return Verdict(500, "Authentication failed")
        finally:
            self._waiting -= 1
        self._remember(key, verdict)
        return verdict

    async def _ask(self, token: str, *, verb: str, path: str) -> Verdict:
        spec: dict[str, Any] = {"token": token}
        if self._audience:
            spec["audiences"] = [self._audience]
        answer = await self._review(TOKEN_REVIEWS, "authentication.k8s.io/v1", "TokenReview", spec)
        status = msgspec.json.decode(answer, type=_TokenReview).status
        user = status.user
        if not status.authenticated or user is None:
            return _UNAUTHORIZED
        if self._audience and self._audience not in (status.audiences or ()):
            return _UNAUTHORIZED  # an authenticator that knows no audiences has not looked at it
        spec = {"user": user.username, "nonResourceAttributes": {"path": path, "verb": verb}}
        spec |= {"uid": user.uid, "groups": user.groups or [], "extra": user.extra or {}}
        answer = await self._review(ACCESS_REVIEWS, "authorization.k8s.io/v1", "SubjectAccessReview", spec)
        if msgspec.json.decode(answer, type=_AccessReview).status.allowed:
            return Verdict(200)
        return Verdict(403, f"Authorization denied for user {user.username}")

    async def _review(self, path: str, version: str, kind: str, spec: dict[str, Any]) -> bytes:
        body = msgspec.json.encode({"apiVersion": version, "kind": kind, "spec": spec})
        return await self._reviews.request("POST", path, body=body, timeout_seconds=_REVIEW_SECONDS_MAX)

    def _remember(self, key: tuple[str, str, str], verdict: Verdict) -> None:
        self._known.pop(key, None)
        while len(self._known) >= _REMEMBERED_MAX:
            del self._known[next(iter(self._known))]
        seconds = ALLOWED_SECONDS if verdict.allowed else REFUSED_SECONDS
        self._known[key] = (self._clock.monotonic() + seconds, verdict)


def guarding(guard: Guard) -> Middleware:
    """Middleware that lets only allowed requests through, to whatever path."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        verdict = await guard.verdict(
            request.headers.get("Authorization", ""), method=request.method, path=request.path
        )
        if not verdict.allowed:
            return web.Response(status=verdict.status, text=verdict.text + "\n")
        return await handler(request)

    return guarded
