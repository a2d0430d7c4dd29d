"""What the simulated API server answers when it refuses: one exception per reason, each with its ``Status`` object.

    ApiError
    ├── BadRequestError            400
    ├── ForbiddenError             403
    ├── NotFoundError              404
    ├── MethodNotAllowedError      405
    ├── AlreadyExistsError         409
    ├── ConflictError              409
    ├── ExpiredError               410
    ├── UnsupportedMediaTypeError  415
    ├── InvalidError               422
    ├── TooManyRequestsError       429
    └── InternalError         500

Codes, reasons and message patterns are those of kube-apiserver, because clients match on them.
"""

from typing import Any, ClassVar


class ApiError(Exception):
    """A request was refused. ``status()`` is the body that goes over the wire."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(self, message: str, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}

    def status(self) -> dict[str, Any]:
        """The ``v1`` ``Status`` object of this refusal."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }


class BadRequestError(ApiError):
    """The request makes no sense: bad JSON, wrong kind, unknown parameter value."""

    code = 400
    reason = "BadRequest"


class ForbiddenError(ApiError):
    """Refused by policy: an admission denial, or something created in a namespace that is going away."""

    code = 403
    reason = "Forbidden"


class NotFoundError(ApiError):
    """There is no such object, namespace, resource or subresource."""

    code = 404
    reason = "NotFound"


class MethodNotAllowedError(ApiError):
    """The resource exists and does not know the verb."""

    code = 405
    reason = "MethodNotAllowed"


class AlreadyExistsError(ApiError):
    """A create met an object of the same name (terminating ones included)."""

    code = 409
    reason = "AlreadyExists"


class ConflictError(ApiError):
    """Wrong resourceVersion, failed precondition, or a field that another manager owns."""

    code = 409
    reason = "Conflict"


class ExpiredError(ApiError):
    """The resourceVersion or the continue token is older than the history that is kept."""

    code = 410
    reason = "Expired"


class UnsupportedMediaTypeError(ApiError):
    """A patch of a type that the resource does not take."""

    code = 415
    reason = "UnsupportedMediaType"


class InvalidError(ApiError):
    """The object breaks a rule of its schema or of its kind."""

    code = 422
    reason = "Invalid"


class TooManyRequestsError(ApiError):
    """Slow down; ``details.retryAfterSeconds`` says for how long."""

    code = 429
    reason = "TooManyRequests"


class InternalError(ApiError):
    """The server failed; made by fault injection only."""
