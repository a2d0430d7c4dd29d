"""The kinds of object that the observer follows: where they are, how they are read, and what their facts are called."""

from typing import Any, Final, NamedTuple

from adapters.kubernetes import reduce, resources, wire
from adapters.kubernetes.nodes import NodeLabels
from adapters.kubernetes.resources import Resource
from lws_events import events, names, subjects
from lws_events.gang import GangScheduling


class ObservedKind(NamedTuple):
    """One followed kind. ``selector`` is empty where all objects of the kind are of interest."""

    kind: str
    """Token of the subject."""
    resource: Resource
    model: type[wire.Object]
    deleted: type[events.Deleted]
    selector: str = names.SET_NAME


# In the order in which they are recorded after a start: what a decision rests on comes before what it is about, and
# PodGroups after their pods, since one that went with its leader must not look like one that is missing.
KINDS: Final = (
    ObservedKind(subjects.REVISION, resources.CONTROLLER_REVISIONS, wire.ControllerRevision, events.RevisionDeleted),
    ObservedKind(subjects.STATEFULSET, resources.STATEFUL_SETS, wire.StatefulSet, events.StatefulSetDeleted),
    ObservedKind(subjects.SERVICE, resources.SERVICES, wire.Service, events.ServiceDeleted),
    ObservedKind(subjects.POD, resources.PODS, wire.Pod, events.PodDeleted),
    ObservedKind(subjects.POD_GROUP, resources.POD_GROUPS, wire.PodGroup, events.PodGroupDeleted),
    ObservedKind(subjects.SET, resources.LEADER_WORKER_SETS, wire.LeaderWorkerSet, events.SetDeleted, ""),
)
BY_KIND: Final = {kind.kind: kind for kind in KINDS}
ALWAYS_SERVED: Final = tuple(kind for kind in KINDS if kind.kind != subjects.POD_GROUP)


def of_interest(found: Any) -> bool:
    """False for a StatefulSet's own revisions: they carry the labels of its template, hence the set's name."""
    if not isinstance(found, wire.ControllerRevision):
        return True
    owner = found.metadata.controller
    return owner is None or owner.kind == names.KIND


def views(found: Any, nodes: NodeLabels, gang: GangScheduling | None = None) -> list[tuple[str, events.View]]:
    """The views of one object, each with the kind under which it is recorded."""
    match found:
        case wire.LeaderWorkerSet():
            observed, status = reduce.reduce_set(found)
            return [(subjects.SET_STATUS, status), (subjects.SET, observed)]
        case wire.StatefulSet():
            return [(subjects.STATEFULSET, reduce.reduce_statefulset(found))]
        case wire.Pod():
            return [(subjects.POD, reduce.reduce_pod(found, nodes, gang))]
        case wire.PodGroup():
            return [(subjects.POD_GROUP, reduce.reduce_pod_group(found))]
        case wire.Service():
            return [(subjects.SERVICE, reduce.reduce_service(found))]
        case wire.ControllerRevision():
            return [(subjects.REVISION, reduce.reduce_revision(found))]
        case _:
            raise TypeError(f"not a followed kind: {type(found).__name__}")


def deletion(kind: ObservedKind, found: Any) -> events.Deleted:
    """The deletion of an object that the watch reported, from its last state."""
    uid, version = found.metadata.uid, found.metadata.resource_version
    if isinstance(found, wire.Pod):
        status = found.status
        return events.PodDeleted(
            uid=uid,
            resource_version=version,
            last_exit=reduce.last_exit(status),
            reason=status.reason,
            disruption=reduce.disruption(status),
        )
    return kind.deleted(uid=uid, resource_version=version)
