"""AdmissionReview v1 in, AdmissionReview v1 out: the four paths of the webhook configurations (spec 10.1), and our own.

Whatever arrives gets a review as its answer: what is no review, or has no object, is refused with code 400 inside it.
The webhook server adds only HTTP to this. The second result says who asked for what, for the audit; a review of our own
path ``RECORD`` has only this, and is let through whatever it is.
"""

import base64
from typing import Any, Final, NamedTuple

import msgspec

from lws_events.admission.claims import claim_templates
from lws_events.admission.decide import (
    BAD_REQUEST,
    FORBIDDEN,
    Admitted,
    Answer,
    Denied,
    Operation,
    defaulted,
    mutated,
    validated,
)
from lws_events.admission.json_patch import json_patch
from lws_events.admission.lookup import Object, section, text
from lws_events.admission.requests import RECORD, AdmissionRequest, change_request, recorded_request
from lws_events.admission.validation import NOTHING_KNOWN, Surroundings

MUTATE_SET: Final = "/mutate-leaderworkerset-x-k8s-io-v1-leaderworkerset"
VALIDATE_SET: Final = "/validate-leaderworkerset-x-k8s-io-v1-leaderworkerset"
MUTATE_POD: Final = "/mutate--v1-pod"
VALIDATE_POD: Final = "/validate--v1-pod"
PATHS: Final = (MUTATE_SET, MUTATE_POD, VALIDATE_SET, VALIDATE_POD)

_API_VERSION: Final = "admission.k8s.io/v1"
_REASONS: Final = {BAD_REQUEST: "BadRequest", FORBIDDEN: "Forbidden"}
_OPERATIONS: Final[dict[str, Operation]] = {"CREATE": "CREATE", "UPDATE": "UPDATE", "DELETE": "DELETE"}


class Reviewed(NamedTuple):
    """The answer, and who asks for what, where that is for the journal (None for anything else and for dry runs)."""

    review: Object
    asked: AdmissionRequest | None


def is_review(review: Any) -> bool:
    """Whether this is an AdmissionReview v1 with a request in it."""
    return (
        isinstance(review, dict)
        and review.get("apiVersion") == _API_VERSION
        and review.get("kind") == "AdmissionReview"
        and isinstance(review.get("request"), dict)
    )


def namespaced_name(review: Any) -> tuple[str, str]:
    """Namespace and name of the object under review, empty where absent: to look its surroundings up."""
    request = section(review if isinstance(review, dict) else {}, "request")
    metadata = section(request, "object", "metadata")
    return (
        text(request, "namespace") or text(metadata, "namespace"),
        text(request, "name") or text(metadata, "name"),
    )


def depends_on_live_claims(path: str, review: Any) -> bool:
    """Whether the answer may depend on ``Surroundings.leader_claim_templates``: a rare update changes claims (D10)."""
    request = section(review if isinstance(review, dict) else {}, "request")
    if path != VALIDATE_SET or text(request, "operation") != "UPDATE":
        return False
    new, old = section(request, "object"), section(request, "oldObject")
    return claim_templates(new) != claim_templates(old)


def respond(path: str, review: Any, *, surroundings: Surroundings = NOTHING_KNOWN) -> Reviewed:
    """The answer to a review that was posted to ``path``, one of ``PATHS`` or ``RECORD``.

    Total: every parsed JSON value has an answer, and none raises.
    """
    if path == RECORD:
        request_uid = text(section(review if isinstance(review, dict) else {}, "request"), "uid")
        return Reviewed(permission(request_uid), recorded_request(review))
    if not is_review(review):
        return Reviewed(refusal(BAD_REQUEST, "the body is not an AdmissionReview of admission.k8s.io/v1"), None)
    request: Object = review["request"]
    uid = text(request, "uid")
    operation = _OPERATIONS.get(text(request, "operation"))
    if operation is None:
        return Reviewed(refusal(BAD_REQUEST, "request.operation must be CREATE, UPDATE or DELETE", uid=uid), None)
    if path == VALIDATE_POD or operation == "DELETE":
        return Reviewed(permission(uid), None)
    new = request.get("object")
    if not isinstance(new, dict):
        return Reviewed(refusal(BAD_REQUEST, "there is no content to decode", uid=uid), None)
    answer = _answer(path, operation, request, new, surroundings)
    if isinstance(answer, Denied):
        return Reviewed(refusal(answer.code, answer.message, uid=uid), None)
    asked = change_request(operation, request, new) if path == VALIDATE_SET else None
    return Reviewed(_allowed(answer, new, uid), asked)


def permission(uid: str) -> Object:
    """A review that lets the request through as it is."""
    return _review({"allowed": True, "status": {"code": 200}}, uid)


def permitted(review: Object) -> Object:
    """The same answer, as one that lets the request through."""
    return permission(text(review, "response", "uid"))


def refusal(code: int, message: str, *, uid: str = "") -> Object:
    """A review that refuses. ``uid`` is the request's, empty where there was none to read."""
    status: Object = {"code": code, "message": message}
    if code in _REASONS:
        status["reason"] = _REASONS[code]
    return _review({"allowed": False, "status": status}, uid)


def _answer(path: str, operation: Operation, request: Object, new: Object, surroundings: Surroundings) -> Answer:
    if path == MUTATE_POD:
        return mutated(new, namespace=text(request, "namespace"), surroundings=surroundings)
    if path == MUTATE_SET:
        return defaulted(new)
    old = request.get("oldObject")
    return validated(operation, new, old if isinstance(old, dict) else None, surroundings=surroundings)


def _allowed(answer: Admitted, new: Object, uid: str) -> Object:
    response: Object = {"allowed": True, "status": {"code": 200}}
    patch = json_patch(new, answer.object)
    if patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(msgspec.json.encode(patch)).decode("ascii")
    if answer.warnings:
        response["warnings"] = list(answer.warnings)
    return _review(response, uid)


def _review(response: Object, uid: str) -> Object:
    return {"apiVersion": _API_VERSION, "kind": "AdmissionReview", "response": {"uid": uid, **response}}
