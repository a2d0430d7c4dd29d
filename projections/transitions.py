"""What changed between two observations of one object, in words.

A journal says how an object *is*; a person wants to know what *happened* to it. Only transitions that mean something to
a person are told; a changed label is not.
"""

import msgspec

from lws_events.events import PodObserved, SetObserved, StatefulSetObserved
from projections.entries import CHANGE, FAILURE, OBJECT, POD, ROLLOUT, WAIT
from projections.explain import explain_exit
from projections.field_managers import changed_by, explain_managers


class Transition(msgspec.Struct, frozen=True):
    """One thing that happened to an object, and what the observation gives as its reason."""

    what: str
    because: str = ""
    kind: str = OBJECT
    """Of the entry that tells it (``entries``)."""


def pod_transitions(before: PodObserved | None, after: PodObserved, name: str) -> list[Transition]:
    """What happened to a pod. ``before`` is None for one never seen; a pod of another uid is a new one."""
    found: list[Transition] = []
    if before is None or before.uid != after.uid:
        found.append(Transition(f"pod {name} was created", kind=POD))
        before = PodObserved(uid=after.uid, resource_version="")
    if after.node and after.node != before.node:
        topology = ", ".join(f"{key}={after.topology[key]}" for key in sorted(after.topology))
        found.append(Transition(f"pod {name} was placed on node {after.node}", topology, POD))
    if after.restarts > before.restarts:
        because = explain_exit(after.last_exit) if after.last_exit is not None else ""
        found.append(Transition(f"pod {name}: a container restarted ({after.restarts} in all)", because, FAILURE))
    if after.phase != before.phase:
        ended = explain_exit(after.last_exit) if after.last_exit is not None and after.phase == "Failed" else ""
        because = ", ".join(part for part in (after.reason, ended) if part)
        kind = FAILURE if after.phase == "Failed" and after.deleting_since is None else POD
        found.append(Transition(f"pod {name} became {after.phase}", because, kind))
    if after.ready != before.ready:
        found.append(Transition(f"pod {name} became {'ready' if after.ready else 'not ready'}", kind=POD))
    if after.waiting and after.waiting != before.waiting:
        found.append(Transition(f"pod {name} waits", after.waiting, WAIT))
    if after.deleting_since is not None and before.deleting_since is None:
        found.append(Transition(f"pod {name} is being deleted", after.reason, POD))
    return found


def statefulset_transitions(
    before: StatefulSetObserved | None, after: StatefulSetObserved, name: str
) -> list[Transition]:
    """What happened to a StatefulSet's size, rollout and readiness."""
    found: list[Transition] = []
    role = "worker" if after.owner is not None and after.owner.kind == "Pod" else "leader"
    if before is None or before.uid != after.uid:
        found.append(Transition(f"{role} StatefulSet {name} was created for {after.replicas} pods"))
    else:
        if after.replicas != before.replicas:
            found.append(Transition(f"{role} StatefulSet {name} was scaled from {before.replicas} to {after.replicas}"))
        if after.partition != before.partition:
            was, now = _partition(before), _partition(after)
            found.append(
                Transition(f"{role} StatefulSet {name}: the partition moved from {was} to {now}", kind=ROLLOUT)
            )
        if after.update_revision != before.update_revision and before.update_revision:
            found.append(Transition(f"{role} StatefulSet {name} rolls out a changed template", kind=ROLLOUT))
    if after.deleting_since is not None and (before is None or before.deleting_since is None):
        found.append(Transition(f"{role} StatefulSet {name} is being deleted"))
    return found


def set_transitions(before: SetObserved | None, after: SetObserved, name: str) -> list[Transition]:
    """What happened to the LeaderWorkerSet itself."""
    found: list[Transition] = []
    managers = explain_managers(changed_by(before, after))
    by = f"field manager {managers}" if managers else ""
    if before is None or before.uid != after.uid:
        found.append(Transition(f"LeaderWorkerSet {name} was created", by, CHANGE))
    elif after.generation != before.generation:
        what = f"the spec of LeaderWorkerSet {name} was changed (generation {after.generation})"
        found.append(Transition(what, by, CHANGE))
    if after.deleting_since is not None and (before is None or before.deleting_since is None):
        found.append(Transition(f"LeaderWorkerSet {name} is being deleted", kind=CHANGE))
    return found


def _partition(statefulset: StatefulSetObserved) -> str:
    return "none" if statefulset.partition is None else str(statefulset.partition)
