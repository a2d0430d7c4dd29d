"""Everything that can go wrong between this program and the Kubernetes API, in one tree.

    KubernetesError
    ├── ApiError              the API server answered with a refusal: HTTP code, reason, message, when to come back
    ├── ApiUnavailable        no usable answer: connection, TLS, time limit, answer cut off or unreadable
    ├── CredentialsError      who we are, or where the API server is, cannot be found out
    └── ElectionError         the Lease cannot be used: its namespace is missing, or we may not write it
        └── LeadershipLost    the Lease could not be renewed in time, or somebody else took it
    NotLeading                a write was held back, because this instance may not act any more (no trouble of the API)

Errors of aiohttp, ssl and the kubernetes library are translated at the border and kept as ``__cause__``.
"""
# ruff: noqa: N818 - the names say what happened; the base class says that it is an error

from typing import Final

import msgspec

TRANSIENT_CODES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that the same request may not get a moment later."""


class KubernetesError(Exception):
    """Base of all errors of this package."""


class Cause(msgspec.Struct, frozen=True):
    """One entry of ``details.causes`` of a Status."""

    field: str = ""
    reason: str = ""
    message: str = ""


class ApiError(KubernetesError):
    """The API server refused a request. ``retry_after_seconds`` is None where it did not say when to come back."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        request: str = "",
        retry_after_seconds: float | None = None,
        causes: tuple[Cause, ...] = (),
    ) -> None:
        super().__init__(f"{request}: {code} {reason}: {message}" if request else f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.causes = causes

    @property
    def transient(self) -> bool:
        """True where the same request may succeed a moment later."""
        return self.code in TRANSIENT_CODES

    @property
    def gone(self) -> bool:
        """True where a resourceVersion or a continue token is too old to go on from."""
        return self.code == 410 or self.reason in {"Expired", "Gone"}


class ApiUnavailable(KubernetesError):
    """There was no usable answer; a write may or may not have been carried out. The cause is ``__cause__``."""


class NotLeading(Exception):
    """A write was held back: somebody else may lead by now. Outside the tree, so that nobody tries it again."""


class CredentialsError(KubernetesError):
    """No API server or no identity to use. The message says what was looked for, and where."""


class ElectionError(KubernetesError):
    """Leader election is impossible as things are; the message says what to change."""


class LeadershipLost(ElectionError):
    """This instance leads no longer and must stop acting at once."""


class _Details(msgspec.Struct, rename="camel"):
    retry_after_seconds: int | None = None
    causes: tuple[Cause, ...] | None = None


class _Status(msgspec.Struct):
    message: str | None = None
    reason: str | None = None
    code: int | None = None
    details: _Details | None = None


_STATUS: Final = msgspec.json.Decoder(_Status)
_BODY_SHOWN_CHARACTERS: Final = 200


def refusal(code: int, body: bytes, *, request: str, retry_after: str | None = None) -> ApiError:
    """The error for an answer of 400 or more. A body that is no Status (a proxy's page) is quoted in the message."""
    try:
        status = _STATUS.decode(body)
    except msgspec.DecodeError:
        status = _Status(message=body.decode(errors="replace")[:_BODY_SHOWN_CHARACTERS])
    details = status.details or _Details()
    seconds: float | None = details.retry_after_seconds
    if retry_after is not None and retry_after.isdigit():
        seconds = float(retry_after)
    return ApiError(
        status.code or code,
        status.reason or "Unknown",
        status.message or "",
        request=request,
        retry_after_seconds=seconds,
        causes=details.causes or (),
    )
