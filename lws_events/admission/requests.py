"""Who asks for what, read from admission reviews: changes of sets, scaling, deletions, evictions.

Total: every parsed JSON value has an answer, and none raises. What users choose (names, groups) is bounded here, so
that no request is too large for the journal. Nothing is decided: reviews of ``RECORD`` are always let through.
"""

from typing import Any, Final

import msgspec

from lws_events import names, subjects
from lws_events.admission.lookup import Object, members, section, text
from lws_events.requests import DeletionRequested, SpecChangeRequested

RECORD: Final = "/record-requests"
"""Where requests are told of that are not for us to judge: failure and slowness of this path hold nothing up."""

TEXT_LENGTH_MAX: Final = 256
"""Of a user, a group, a uid. Names from certificates and identity providers are shorter."""
NAME_LENGTH_MAX: Final = 253
"""Of an object or namespace, as the API server has it."""
GROUPS_MAX: Final = 64
_INTEGER_MAX: Final = 2**53
"""What JSON numbers hold everywhere."""

_CUT: Final = "…"
_SCALE: Final = "scale"
_NODES: Final = "system:nodes"


class AdmissionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was let through, by a user who is named in ``fact``."""

    namespace: str
    name: str
    """Of the set; empty for an eviction, which shows the name of its pod alone."""
    fact: SpecChangeRequested | DeletionRequested

    @property
    def is_valid(self) -> bool:
        """Whether it is within the bounds that this module keeps: what comes from elsewhere may not be."""
        fact = self.fact
        texts = [fact.user, fact.uid, fact.request, *fact.groups]
        numbers = [fact.asked_ms]
        named = [self.namespace]
        if isinstance(fact, SpecChangeRequested):
            texts += [fact.operation, fact.subresource]
            numbers += [fact.generation, fact.replicas or 0]
            named.append(self.name)
        else:
            texts.append(fact.propagation)
            numbers.append(fact.grace_seconds or 0)
            named += [fact.name] if fact.eviction and not self.name else [fact.name, self.name]
        return (
            _is_known_kind(self.name, fact)
            and len(fact.groups) <= GROUPS_MAX + 1
            and all(len(each) <= TEXT_LENGTH_MAX for each in texts)
            and all(abs(each) <= _INTEGER_MAX for each in numbers)
            and all(_is_name(each) for each in named)
        )


def change_request(operation: str, request: Object, new: Object) -> AdmissionRequest | None:
    """Who asks for this spec of a set. Edits of metadata or status, and dry runs, ask for nothing."""
    if _is_dry(request) or text(request, "subResource"):
        return None
    if operation == "UPDATE" and section(request, "oldObject").get("spec") == new.get("spec"):
        return None
    metadata = section(new, "metadata")
    fact = SpecChangeRequested(
        **_who(request),
        operation=operation,
        uid=_bounded(text(metadata, "uid")),
        generation=_integer(metadata.get("generation")) or 0,
    )
    return _checked(text(metadata, "namespace") or text(request, "namespace"), _name(request, metadata), fact)


def recorded_request(review: Any) -> AdmissionRequest | None:
    """Who asks for what, by a review of ``RECORD``; None for what is not for the journal."""
    request = section(review if isinstance(review, dict) else {}, "request")
    resource, subresource = section(request, "resource"), text(request, "subResource")
    kind = (text(resource, "group"), text(resource, "resource"), subresource, text(request, "operation"))
    if _is_dry(request):
        return None
    match kind:
        case (names.GROUP, names.PLURAL, "", "DELETE"):
            return _deletion(request, subjects.SET)
        case (names.GROUP, names.PLURAL, "scale", "UPDATE"):
            return _scaling(request)
        case ("", "pods", "", "DELETE"):
            return None if _is_last_word(request) else _deletion(request, subjects.POD)
        case ("", "pods", "eviction", "CREATE"):
            return _eviction(request)
        case _:
            return None


def _scaling(request: Object) -> AdmissionRequest | None:
    """Through the subresource, which shows a Scale: the number of groups and no more."""
    metadata = section(request, "object", "metadata")
    replicas = _integer(section(request, "object", "spec").get("replicas", 0))
    if replicas is None or replicas == _integer(section(request, "oldObject", "spec").get("replicas", 0)):
        return None
    fact = SpecChangeRequested(
        **_who(request), uid=_bounded(text(metadata, "uid")), subresource=_SCALE, replicas=replicas
    )
    return _checked(_namespace(request), _name(request, metadata), fact)


def _deletion(request: Object, kind: str) -> AdmissionRequest | None:
    metadata = section(request, "oldObject", "metadata")
    name = _name(request, metadata)
    options = section(request, "options")
    fact = DeletionRequested(
        **_who(request),
        kind=kind,
        name=name,
        uid=_bounded(text(metadata, "uid")),
        propagation=_bounded(text(options, "propagationPolicy")),
        grace_seconds=_integer(options.get("gracePeriodSeconds")),
    )
    label = section(metadata, "labels").get(names.SET_NAME)
    set_name = name if kind == subjects.SET else label if isinstance(label, str) else ""
    return _checked(_namespace(request), set_name, fact)


def _eviction(request: Object) -> AdmissionRequest | None:
    """Of any pod in the cluster: whether it is one of a set, the journal knows."""
    options = section(request, "object", "deleteOptions")
    if members(options, "dryRun"):
        return None
    fact = DeletionRequested(
        **_who(request),
        kind=subjects.POD,
        name=_name(request, section(request, "object", "metadata")),
        uid=_bounded(text(options, "preconditions", "uid")),
        eviction=True,
        propagation=_bounded(text(options, "propagationPolicy")),
        grace_seconds=_integer(options.get("gracePeriodSeconds")),
    )
    return _checked(_namespace(request), "", fact)


def _is_last_word(request: Object) -> bool:
    """A kubelet that removes a pod which somebody has asked to go before: it carries that out."""
    is_node = _NODES in members(request, "userInfo", "groups")
    return is_node and bool(text(request, "oldObject", "metadata", "deletionTimestamp"))


def _is_dry(request: Object) -> bool:
    return request.get("dryRun") is True


def _who(request: Object) -> dict[str, Any]:
    user = section(request, "userInfo")
    groups = [_bounded(group) for group in members(user, "groups") if isinstance(group, str)]
    if len(groups) > GROUPS_MAX:
        groups = [*groups[:GROUPS_MAX], _CUT]
    return {
        "user": _bounded(text(user, "username")),
        "groups": tuple(groups),
        "request": _bounded(text(request, "uid")),
    }


def _checked(namespace: str, name: str, fact: SpecChangeRequested | DeletionRequested) -> AdmissionRequest | None:
    """None for what names no object that could be there."""
    found = AdmissionRequest(namespace=namespace, name=name, fact=fact)
    return found if found.is_valid else None


def _namespace(request: Object) -> str:
    return text(request, "namespace")


def _name(request: Object, metadata: Object) -> str:
    """Of a collection that is deleted the request names no object, the object itself does."""
    return text(metadata, "name") or text(request, "name")


def _is_known_kind(name: str, fact: SpecChangeRequested | DeletionRequested) -> bool:
    if isinstance(fact, SpecChangeRequested):
        return fact.subresource in ("", _SCALE)
    return fact.kind == subjects.POD or (fact.kind == subjects.SET and fact.name == name and not fact.eviction)


def _is_name(value: str) -> bool:
    """A name as the API server lets objects have: in a subject anything else could be somebody's intention."""
    return 0 < len(value) <= NAME_LENGTH_MAX and value.isascii() and value.replace("-", "").replace(".", "").isalnum()


def _bounded(value: str) -> str:
    return value if len(value) <= TEXT_LENGTH_MAX else value[: TEXT_LENGTH_MAX - 1] + _CUT


def _integer(value: Any) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and abs(value) <= _INTEGER_MAX else None
