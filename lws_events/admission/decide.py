"""One request, one answer: defaulting and validation of sets, mutation of pods, without any HTTP.

The webhook server and the simulated cluster both come here, so that a demo admits what a cluster admits. Everything is
pure; the objects given are never changed, the results may share parts with them.
"""

from typing import Final, Literal

import msgspec

from lws_events import names
from lws_events.admission.advice import advice
from lws_events.admission.defaulting import default_set
from lws_events.admission.errors import PodDeniedError, UnreadableObjectError
from lws_events.admission.lookup import Object, section
from lws_events.admission.pod import mutate_pod
from lws_events.admission.typed_reading import read_set
from lws_events.admission.validation import NOTHING_KNOWN, Surroundings, change_violations, creation_violations
from lws_events.admission.violations import Violation, denial_message

Operation = Literal["CREATE", "UPDATE", "DELETE"]

BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """The request may go on, with this object."""

    object: Object
    warnings: tuple[str, ...] = ()


class Denied(msgspec.Struct, frozen=True, kw_only=True):
    """The request ends here. ``code`` is 403, or 400 for an object that cannot be read."""

    code: int
    message: str
    violations: tuple[Violation, ...] = ()


Answer = Admitted | Denied


def admit(
    kind: str,
    operation: Operation,
    new: Object,
    old: Object | None = None,
    *,
    namespace: str = "",
    surroundings: Surroundings = NOTHING_KNOWN,
) -> Answer:
    """What both hooks together make of a request: defaults, then validation, for sets; mutation for new pods.

    ``kind`` is ``LeaderWorkerSet`` or ``Pod``; other kinds, and operations that no rule names, pass unchanged. ``old``
    is the stored object of an update. ``namespace`` is the request's.
    """
    if kind == "Pod" and operation == "CREATE":
        return mutated(new, namespace=namespace, surroundings=surroundings)
    if kind != names.KIND or operation == "DELETE":
        return Admitted(object=new)
    answer = defaulted(new)
    if isinstance(answer, Denied):
        return answer
    return validated(operation, answer.object, old, surroundings=surroundings)


def defaulted(new: Object) -> Answer:
    """The mutating hook of sets."""
    try:
        return Admitted(object=default_set(new))
    except UnreadableObjectError as error:
        return Denied(code=BAD_REQUEST, message=str(error))


def validated(
    operation: Operation, new: Object, old: Object | None, *, surroundings: Surroundings = NOTHING_KNOWN
) -> Answer:
    """The validating hook of sets. The object is answered as it came; warnings are given whatever the answer."""
    if operation == "DELETE":
        return Admitted(object=new)
    try:
        if operation == "UPDATE" and old is not None:
            claims = surroundings.leader_claim_templates
            violations = change_violations(new, old, leader_claim_templates=claims)
        else:
            violations = creation_violations(new)
    except UnreadableObjectError as error:
        return Denied(code=BAD_REQUEST, message=str(error))
    if violations:
        return Denied(code=FORBIDDEN, message=denial_message(violations), violations=tuple(violations))
    return Admitted(object=new, warnings=_warnings(operation, new, old, surroundings))


def mutated(new: Object, *, namespace: str = "", surroundings: Surroundings = NOTHING_KNOWN) -> Answer:
    """The mutating hook of pods."""
    try:
        pod = mutate_pod(new, namespace=namespace, gang=surroundings.gang)
    except UnreadableObjectError as error:
        return Denied(code=BAD_REQUEST, message=str(error))
    except PodDeniedError as error:
        return Denied(code=FORBIDDEN, message=str(error))
    return Admitted(object=pod)


def _warnings(operation: Operation, new: Object, old: Object | None, surroundings: Surroundings) -> tuple[str, ...]:
    read = read_set(new)
    if section(read, "metadata").get("deletionTimestamp") is not None:
        return ()
    try:
        before = read_set(old) if operation == "UPDATE" and old is not None else None
    except UnreadableObjectError:
        return ()  # there is nothing to compare with
    return tuple(advice(read, old=before, sibling_names=surroundings.sibling_names))
