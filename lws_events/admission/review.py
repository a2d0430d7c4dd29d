"""AdmissionReview v1 in, AdmissionReview v1 out, for the four paths of the webhook configurations (spec 10.1).

Whatever arrives gets a review as its answer: what is no review, or has no object, is refused with code 400 inside it.
The webhook server adds only HTTP to this. The second result says which change of a set was let through, and who asked
for it, for the audit.
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
from lws_events.admission.lookup import Object, members, section, text
from lws_events.admission.validation import NOTHING_KNOWN, Surroundings
from lws_events.events import SpecChangeRequested

MUTATE_SET: Final = "/mutate-leaderworkerset-x-k8s-io-v1-leaderworkerset"
VALIDATE_SET: Final = "/validate-leaderworkerset-x-k8s-io-v1-leaderworkerset"
MUTATE_POD: Final = "/mutate--v1-pod"
VALIDATE_POD: Final = "/validate--v1-pod"
PATHS: Final = (MUTATE_SET, MUTATE_POD, VALIDATE_SET, VALIDATE_POD)

_API_VERSION: Final = "admission.k8s.io/v1"
_REASONS: Final = {BAD_REQUEST: "BadRequest", FORBIDDEN: "Forbidden"}
_OPERATIONS: Final[dict[str, Operation]] = {"CREATE": "CREATE", "UPDATE": "UPDATE", "DELETE": "DELETE"}


class SpecChange(msgspec.Struct, frozen=True, kw_only=True):
    """A creation or an update of a set that passed validation, by a user who is named in ``fact``."""

    namespace: str
    name: str
    fact: SpecChangeRequested


class Reviewed(NamedTuple):
    """The answer, and the change of a set that it lets through (None for anything else and for dry runs)."""

    review: Object
    change: SpecChange | None


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
    """The answer to a review that was posted to ``path``, one of ``PATHS``.

    Total: every parsed JSON value has an answer, and none raises.
    """
    if not is_review(review):
        return Reviewed(refusal(BAD_REQUEST, "the body is not an AdmissionReview of admission.k8s.io/v1"), None)
    request: Object = review["request"]
    uid = text(request, "uid")
    operation = _OPERATIONS.get(text(request, "operation"))
    if operation is None:
        return Reviewed(refusal(BAD_REQUEST, "request.operation must be CREATE, UPDATE or DELETE", uid=uid), None)
    if path == VALIDATE_POD or operation == "DELETE":
        return Reviewed(_review({"allowed": True, "status": {"code": 200}}, uid), None)
    new = request.get("object")
    if not isinstance(new, dict):
        return Reviewed(refusal(BAD_REQUEST, "there is no content to decode", uid=uid), None)
    answer = _answer(path, operation, request, new, surroundings)
    if isinstance(answer, Denied):
        return Reviewed(refusal(answer.code, answer.message, uid=uid), None)
    change = _change(operation, request, new) if path == VALIDATE_SET else None
    return Reviewed(_allowed(answer, new, uid), change)


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


def _change(operation: Operation, request: Object, new: Object) -> SpecChange | None:
    """The audit's view of an allowed request. Edits of metadata or status, and dry runs, change nothing to audit."""
    if request.get("dryRun") is True or text(request, "subResource"):
        return None
    if operation == "UPDATE" and section(request, "oldObject").get("spec") == new.get("spec"):
        return None
    user, metadata = section(request, "userInfo"), section(new, "metadata")
    generation = metadata.get("generation")
    return SpecChange(
        namespace=text(metadata, "namespace") or text(request, "namespace"),
        name=text(metadata, "name") or text(request, "name"),
        fact=SpecChangeRequested(
            user=text(user, "username"),
            groups=tuple(group for group in members(user, "groups") if isinstance(group, str)),
            operation=operation,
            uid=text(metadata, "uid"),
            generation=generation if isinstance(generation, int) else 0,
        ),
    )
