"""Requests of users in words, and the users themselves: accounts of Kubernetes' own controllers by what they are."""

from typing import Final

from lws_events import subjects
from lws_events.requests import DeletionRequested, SpecChangeRequested

_COLLECTOR: Final = "system:serviceaccount:kube-system:generic-garbage-collector"
_KNOWN: Final = {
    _COLLECTOR: "the garbage collector",
    "system:serviceaccount:kube-system:statefulset-controller": "the StatefulSet controller",
    "system:serviceaccount:kube-system:namespace-controller": "the namespace controller, since the namespace ends",
    "system:serviceaccount:kube-system:node-controller": "the node controller",
    "system:serviceaccount:kube-system:pod-garbage-collector": "the pod garbage collector",
    "system:serviceaccount:kube-system:horizontal-pod-autoscaler": "the HorizontalPodAutoscaler",
    "system:kube-scheduler": "the scheduler",
}
"""Names that the controller manager gives its controllers' accounts."""
_OURS: Final = ":lws-controller-manager"
"""How the name of the account ends that the manifests give this controller, and the reference's that one."""
_GROUPS_SHOWN: Final = 8


def is_collector(request: DeletionRequested) -> bool:
    """Whether it only carries out what a deletion of an owner means."""
    return request.user == _COLLECTOR


def is_of_kubernetes(request: DeletionRequested) -> bool:
    """Whether one of Kubernetes' own controllers asked: what it does follows from something else."""
    return request.user in _KNOWN


def is_carried_out(request: DeletionRequested) -> bool:
    """Whether a controller does what follows from something else, and nobody has thought of it just now."""
    return is_of_kubernetes(request) or request.user.endswith(_OURS)


def explain_user(user: str, groups: tuple[str, ...]) -> str:
    """A user with the groups that tell something, for example ``alice (groups ops, oncall)``."""
    known = "the LeaderWorkerSet controller" if user.endswith(_OURS) else _KNOWN.get(user)
    if known is not None:
        return f"{known} ({user})"
    told = [group for group in groups if not group.startswith("system:")]
    more = f" and {len(told) - _GROUPS_SHOWN} more" if len(told) > _GROUPS_SHOWN else ""
    in_words = f" (groups {', '.join(told[:_GROUPS_SHOWN])}{more})" if told else ""
    return f"{user or 'a user without a name'}{in_words}"


def explain_change_request(request: SpecChangeRequested) -> str:
    """Who asked for a change of a set."""
    if request.subresource:
        what = f"to scale the LeaderWorkerSet to {request.replicas} groups"
    else:
        what = f"to {request.operation} the LeaderWorkerSet"
    return f"{explain_user(request.user, request.groups)} asked {what}, and admission let it pass"


def explain_deletion_request(request: DeletionRequested) -> str:
    """Who asked for the deletion of what, and how."""
    what = f"pod {request.name}" if request.kind == subjects.POD else f"LeaderWorkerSet {request.name}"
    how = [f"propagation {request.propagation}"] if request.propagation else []
    how += [f"grace period {request.grace_seconds} s"] if request.grace_seconds is not None else []
    verb = "evict" if request.eviction else "delete"
    in_words = f" ({', '.join(how)})" if how else ""
    return f"{explain_user(request.user, request.groups)} asked to {verb} {what}{in_words}"
