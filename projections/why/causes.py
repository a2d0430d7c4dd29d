"""Why a pod failed or ended, as far as the cluster says: container, signal, eviction, preemption, owner, or somebody.

Kubernetes tells it in many places: in the end of a container, in the pod's reason, in its condition
``DisruptionTarget``, or only by what else happened to its owners at that time. Who asked for a deletion is in none of
them: it is known where our own webhook was told of it, else this says that it is not.
"""

from typing import Final, NamedTuple

import msgspec

from lws_events.events import ContainerExit, Disruption, PodDeleted, PodObserved, StatefulSetObserved
from lws_events.names import REVISION_KEY, pod_ordinal
from lws_events.requests import DeletionRequested
from projections.explain import explain_disruption, explain_exit
from projections.requests import explain_user, is_of_kubernetes
from projections.why.model import Cause

CONTAINER: Final = "container-exit"
OUT_OF_MEMORY: Final = "out-of-memory"
DISRUPTION: Final = "disruption"
KUBELET: Final = "ended-by-kubelet"
CONTROLLER: Final = "deleted-by-this-controller"
SET_DELETED: Final = "set-deleted"
GROUP_ENDED: Final = "group-ended"
SCALED_DOWN: Final = "scaled-down"
ROLLED_OUT: Final = "rolled-out"
POD_ENDED: Final = "ended-pod-replaced"
REPLACED: Final = "replaced-unseen"
SOMEBODY: Final = "deleted-by-somebody"
CATEGORIES: Final = (
    CONTAINER,
    OUT_OF_MEMORY,
    DISRUPTION,
    KUBELET,
    CONTROLLER,
    SET_DELETED,
    GROUP_ENDED,
    SCALED_DOWN,
    ROLLED_OUT,
    POD_ENDED,
    REPLACED,
    SOMEBODY,
)

_DISRUPTORS: Final = {
    "PreemptionByScheduler": ("kube-scheduler", "it was preempted to make room for a pod of higher priority"),
    "EvictionByEvictionAPI": ("Eviction API", "it was evicted by a request to the Eviction API, as a drain sends it"),
    "DeletionByTaintManager": ("taint manager", "its node got a NoExecute taint that it does not tolerate"),
    "DeletionByPodGC": ("pod garbage collector", "its node does not exist any more, or is out of service"),
    "TerminationByKubelet": ("kubelet", "its node ran low on a resource or was shut down"),
}
_SIGNALS: Final = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE"} | {
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    14: "SIGALRM",
    15: "SIGTERM",
}
_WHO: Final = "Kubernetes gives no reason and does not say who it was: the API server's audit log does"
_SIGNALLED: Final = 128
"""A runtime that does not tell the signal gives this plus its number as exit code."""
_ENDED: Final = ("Failed", "Succeeded")


class Owners(NamedTuple):
    """What was known of a pod's owners, and of our own doing, when it failed or ended."""

    set_is_ending: bool = False
    leader_is_ending: bool = False
    """Of a worker: its leader was on its way out, or gone, or another one by then."""
    parent: StatefulSetObserved | None = None
    """The StatefulSet that has the pod, as last seen."""
    parent_is_ending: bool = False
    command: str = ""
    """Our command that deleted this very pod."""


def cause_of_restart(name: str, pod: PodObserved) -> Cause:
    """A container ended and was started again in place."""
    if pod.last_exit is None:
        return Cause(category=CONTAINER, what="a container restarted", by="kubelet", pod=name, node=pod.node)
    return _of_exit(name, pod.last_exit, node=pod.node, then="; it was started again")


def cause_of_phase(name: str, pod: PodObserved) -> Cause:
    """A pod that has become Failed or Succeeded."""
    if pod.disruption is not None:
        return _of_disruption(name, pod.disruption, node=pod.node)
    if pod.reason:
        what = f"the kubelet ended it: {pod.reason}"
        return Cause(category=KUBELET, what=what, by="kubelet", pod=name, node=pod.node, reason=pod.reason)
    if pod.last_exit is not None:
        return _of_exit(name, pod.last_exit, node=pod.node, then=f", and the pod {pod.phase.lower()}")
    return Cause(category=CONTAINER, what=f"its containers ended: it {pod.phase.lower()}", pod=name, node=pod.node)


def cause_of_deletion(name: str, before: PodObserved, fact: PodObserved | PodDeleted, owners: Owners) -> Cause:
    """A pod that was deleted: who did it, as far as anything tells. ``before``: the last view, or the first."""
    ended = fact.last_exit
    disruption = fact.disruption or before.disruption
    if owners.command:
        return _deleted(
            CONTROLLER, name, before, "lws-events", f"this controller deleted it (command {owners.command})"
        )
    if disruption is not None:
        return _of_disruption(name, disruption, node=before.node)
    if ended is not None and ended != before.last_exit and ended.reason == "OOMKilled":
        return _of_exit(name, ended, node=before.node, then=", and the pod was deleted")
    return _of_owners(name, before, owners) or _of_somebody(name, before, fact)


def cause_of_replacement(name: str, before: PodObserved) -> Cause:
    """Another pod has the name; nobody saw the end of the one before."""
    what = "another pod has taken its name: nobody was watching when it went, so nobody knows why"
    return Cause(category=REPLACED, what=what, pod=name, node=before.node)


def _of_owners(name: str, pod: PodObserved, owners: Owners) -> Cause | None:
    collector = "garbage collector"
    if owners.set_is_ending:
        return _deleted(SET_DELETED, name, pod, collector, "the LeaderWorkerSet was deleted, and everything with it")
    if owners.leader_is_ending:
        return _deleted(GROUP_ENDED, name, pod, collector, "the leader of its group went, and its workers with it")
    if owners.parent_is_ending:
        return _deleted(GROUP_ENDED, name, pod, collector, "its StatefulSet was deleted, and its pods with it")
    parent, by = owners.parent, "StatefulSet controller"
    ordinal = pod_ordinal(name).ordinal
    if parent is not None and ordinal >= parent.replicas + _first_ordinal(parent):
        return _deleted(SCALED_DOWN, name, pod, by, f"its StatefulSet was scaled down to {parent.replicas}")
    if pod.phase in _ENDED:
        return _deleted(POD_ENDED, name, pod, by, f"it had {pod.phase.lower()}, and its StatefulSet replaces such pods")
    is_leader = parent is not None and (parent.owner is None or parent.owner.kind != "Pod")
    if parent is None or not is_leader or parent.partition is None:
        return None
    outdated = pod.labels.get(REVISION_KEY, "") != parent.labels.get(REVISION_KEY, "")
    if outdated and ordinal >= parent.partition:
        return _deleted(ROLLED_OUT, name, pod, by, f"the rolling update reached it (partition {parent.partition})")
    return None


def _first_ordinal(parent: StatefulSetObserved) -> int:
    """Workers count from 1: the leader is number 0 of its group."""
    return 1 if parent.owner is not None and parent.owner.kind == "Pod" else 0


def _of_somebody(name: str, before: PodObserved, fact: PodObserved | PodDeleted) -> Cause:
    how = ""
    if isinstance(fact, PodDeleted) and fact.inferred:
        how = ", while nobody was watching"
    elif isinstance(fact, PodDeleted) and before.deleting_since is None:
        how = ", at once and without a grace period"
    found = _deleted(SOMEBODY, name, before, "", f"somebody deleted it, not this controller{how}")
    return msgspec.structs.replace(found, hint=_WHO)


def _deleted(category: str, name: str, pod: PodObserved, by: str, what: str) -> Cause:
    return Cause(category=category, what=what, by=by, pod=name, node=pod.node)


def _of_disruption(name: str, found: Disruption, *, node: str) -> Cause:
    by, meaning = _DISRUPTORS.get(found.reason, ("", "Kubernetes ended it"))
    what = f"{meaning} ({explain_disruption(found)})"
    return Cause(category=DISRUPTION, what=what, by=by, pod=name, node=node, reason=found.reason)


def _of_exit(name: str, ended: ContainerExit, *, node: str, then: str) -> Cause:
    out_of_memory = ended.reason == "OOMKilled"
    signal = signal_of(ended)
    words = [f"the kernel killed container {ended.container} for its memory" if out_of_memory else explain_exit(ended)]
    words += [f"({signal})"] if signal and not out_of_memory else []
    return Cause(
        category=OUT_OF_MEMORY if out_of_memory else CONTAINER,
        what=" ".join(words) + then,
        by="kernel" if out_of_memory else "",
        pod=name,
        node=node,
        container=ended.container,
        exit_code=ended.exit_code,
        signal=signal,
        reason=ended.reason,
    )


def asked_for(cause: Cause, *, of_pod: DeletionRequested | None, of_set: DeletionRequested | None) -> Cause:
    """The cause with whoever asked for the deletion of the pod, or of the set that took it along."""
    if cause.user or cause.category in (CONTROLLER, CONTAINER, OUT_OF_MEMORY, KUBELET):
        return cause
    if cause.category == SET_DELETED:
        return cause if of_set is None else _by(cause, of_set, f"{cause.what}, by {_who(of_set)}")
    if of_pod is None:
        return cause
    if cause.category == DISRUPTION:
        return _by(cause, of_pod, f"{cause.what}, asked for by {_who(of_pod)}") if of_pod.eviction else cause
    if cause.category == SOMEBODY or not is_of_kubernetes(of_pod):
        grace = "" if of_pod.grace_seconds is None else f" with a grace period of {of_pod.grace_seconds} s"
        verb = "evicted" if of_pod.eviction else "deleted"
        named = _by(cause, of_pod, f"{_who(of_pod)} {verb} it{grace}")
        return msgspec.structs.replace(named, category=SOMEBODY, by=of_pod.user)
    return cause


def _by(cause: Cause, request: DeletionRequested, what: str) -> Cause:
    return msgspec.structs.replace(cause, what=what, hint="", user=request.user, groups=request.groups)


def _who(request: DeletionRequested) -> str:
    return explain_user(request.user, request.groups)


def signal_of(ended: ContainerExit) -> str:
    """Name of the signal that ended a container, for example ``SIGKILL``; empty where none did."""
    number = ended.signal or (ended.exit_code - _SIGNALLED if ended.exit_code > _SIGNALLED else 0)
    return _SIGNALS.get(number, f"signal {number}" if ended.signal else "")
