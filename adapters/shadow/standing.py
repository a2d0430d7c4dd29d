"""Whether a command that nobody sent has been carried out all the same: read off the state that the cluster led to.

A pure function of a set's state and a command. What only the whole object can tell (templates) is compared elsewhere
(``comparing``), once the object is there.
"""

from typing import Any, assert_never

import msgspec

from adapters.shadow.comparing import difference
from lws_events import commands, names
from lws_events.commands import AnyCommand
from lws_events.differences import FieldDifference
from lws_events.events import RevisionObserved, ServiceObserved, StatefulSetObserved, View
from lws_events.foreign_json import UnreadableJsonError, read_json
from lws_events.machine.state import Aggregate, Group
from lws_events.revisions import belongs


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a command stands."""

    met: bool = False
    """It is done: by whoever is in charge, or it needs not be done any more."""
    moot: bool = False
    """What it was about is no longer there: the machine has to look again."""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    name: str = ""
    """Of the object that is there, where it is to be compared as a whole; empty where there is nothing to compare."""
    fields: tuple[FieldDifference, ...] = ()
    """Of an object that is there, and is not (yet) as it should be."""


_UNMET = Standing()
_MOOT = Standing(moot=True)
_MET = Standing(met=True)


def standing(state: Aggregate, command: AnyCommand) -> Standing:  # noqa: PLR0912 (a branch a command)
    """How a command of this set stands now."""
    if not state.is_active:
        return _MOOT
    match command:
        case commands.CreateControllerRevision():
            return _revision(state, command)
        case commands.ApplyLeaderStatefulSet():
            return _leader_set(state, command)
        case commands.CreateWorkerStatefulSet():
            return _worker_set(state, command)
        case commands.CreateService():
            return _service(state, command)
        case commands.CreatePodGroup():
            return _pod_group(state, command)
        case commands.DeleteLeaderPod():
            return _leader_deleted(state, command)
        case commands.DeleteControllerRevision():
            revision = state.revisions.get(command.name)
            is_there = revision is not None and revision.uid == command.uid and revision.deleting_since is None
            return _UNMET if is_there else _MET
        case commands.ApplyWorkerMetadata():
            return _metadata(state, command)
        case commands.MarkLeaderPod():
            return _mark(state, command)
        case commands.UpdateSetStatus():
            return _status(state, command)
        case commands.RecordEvent() | commands.SetTimer():
            return _MET
        case _:
            assert_never(command)


def status_summary(status: dict[str, Any]) -> dict[str, Any]:
    """What of a status is compared: counts, and which conditions are True or False. Not times, nor texts."""
    summary: dict[str, Any] = {
        name: status.get(name) or 0 for name in ("replicas", "readyReplicas", "updatedReplicas", "observedGeneration")
    }
    conditions = status.get("conditions") or []
    return summary | {f"conditions[{each['type']}]": each.get("status") for each in conditions}


def _met(view: View, name: str = "", *, generation: int = 0) -> Standing:
    return Standing(met=True, uid=view.uid, resource_version=view.resource_version, generation=generation, name=name)


def _revision(state: Aggregate, command: commands.CreateControllerRevision) -> Standing:
    """One of this name; else one with the same data, or of the same key, whatever its name is."""
    manifest = msgspec.json.decode(command.manifest)
    key = manifest["metadata"]["labels"][names.REVISION_KEY]
    uid = state.set_.uid if state.set_ is not None else ""
    ours = {
        name: view
        for name, view in state.revisions.items()
        if view.deleting_since is None and belongs(view.owner.uid if view.owner else None, set_uid=uid)
    }
    if command.name in ours:
        return _met(ours[command.name], command.name)
    for name, view in sorted(ours.items(), key=lambda item: -item[1].number):
        if view.key == key and _has_data(view, manifest["data"]):
            return _met(view, name)
    same_key = [name for name, view in ours.items() if view.key == key]
    return _met(ours[max(same_key)], max(same_key)) if same_key else _UNMET


def _has_data(view: RevisionObserved, data: Any) -> bool:
    try:
        return bool(read_json(view.data) == data)
    except UnreadableJsonError:
        return False


def _leader_set(state: Aggregate, command: commands.ApplyLeaderStatefulSet) -> Standing:
    view = state.own_leader_set
    if state.set_ is None or state.set_.uid != command.owner_uid or (state.leader_set is not None and view is None):
        return _MOOT
    if view is None:
        return _MOOT if command.uid else _UNMET
    if command.uid and view.uid != command.uid:
        return _MOOT
    manifest = msgspec.json.decode(command.manifest)
    fields = [*_leader_numbers(manifest["spec"], view)]
    fields += _lacks("metadata.labels", manifest["metadata"]["labels"], view.labels)
    wanted = {key: value for key, value in manifest["metadata"]["annotations"].items() if key.startswith(names.PREFIX)}
    fields += _lacks("metadata.annotations", wanted, view.annotations)
    if fields:
        return Standing(uid=view.uid, fields=tuple(fields))
    return _met(view, command.name, generation=view.generation)


def _leader_numbers(spec: dict[str, Any], view: StatefulSetObserved) -> list[FieldDifference]:
    partition = spec["updateStrategy"]["rollingUpdate"]["partition"]
    found = []
    if partition != (view.partition or 0):
        found.append(difference("spec.updateStrategy.rollingUpdate.partition", partition, view.partition))
    if spec["replicas"] != view.replicas:
        found.append(difference("spec.replicas", spec["replicas"], view.replicas))
    return found


def _lacks(path: str, wanted: dict[str, str], there: dict[str, str]) -> list[FieldDifference]:
    return [
        difference(f"{path}.{key}", value, there.get(key)) for key, value in wanted.items() if there.get(key) != value
    ]


def _group_of(state: Aggregate, name: str, *, leader_uid: str) -> Group | None:
    """The group, while it has that leader and the leader stays."""
    group = state.groups.get(name)
    leader = group.leader if group is not None else None
    if leader is None or leader.view.uid != leader_uid or leader.view.deleting_since is not None:
        return None
    return group


def _worker_set(state: Aggregate, command: commands.CreateWorkerStatefulSet) -> Standing:
    group = _group_of(state, command.name, leader_uid=command.owner_uid)
    if group is None:
        return _MOOT
    view = group.worker_set
    if view is None or view.owner is None or view.owner.uid != command.owner_uid:
        return _UNMET
    return _met(view, command.name, generation=view.generation)


def _service(state: Aggregate, command: commands.CreateService) -> Standing:
    view: ServiceObserved | None
    if command.name == state.name.name:
        view = state.service
    else:
        group = _group_of(state, command.name, leader_uid=command.owner_uid)
        if group is None:
            return _MOOT
        view = group.service
    if view is None or view.owner is None or view.owner.uid != command.owner_uid:
        return _UNMET
    return _met(view, command.name)


def _pod_group(state: Aggregate, command: commands.CreatePodGroup) -> Standing:
    if _group_of(state, command.leader, leader_uid=command.owner_uid) is None:
        return _MOOT
    view = state.pod_groups.get(command.name)
    if view is None or view.owner is None or view.owner.uid != command.owner_uid:
        return _UNMET
    return _met(view, command.name)


def _leader_deleted(state: Aggregate, command: commands.DeleteLeaderPod) -> Standing:
    group = _group_of(state, command.name, leader_uid=command.uid)
    return _UNMET if group is not None else Standing(met=True, uid=command.uid)


def _metadata(state: Aggregate, command: commands.ApplyWorkerMetadata) -> Standing:
    group = state.groups.get(command.name)
    view = group.worker_set if group is not None else None
    if view is None or view.uid != command.uid:
        return _MOOT
    metadata = msgspec.json.decode(command.manifest)["metadata"]
    fields = _lacks("metadata.labels", metadata["labels"], view.labels)
    fields += [
        difference(f"metadata.labels.{key}", None, view.labels[key])
        for key in command.dropped_labels
        if key in view.labels
    ]
    if fields:
        return Standing(uid=view.uid, fields=tuple(fields))
    return _met(view, command.name, generation=view.generation)


def _mark(state: Aggregate, command: commands.MarkLeaderPod) -> Standing:
    group = _group_of(state, command.name, leader_uid=command.uid)
    if group is None or group.leader is None:
        return _MOOT
    view = group.leader.view
    fields = _lacks("metadata.annotations", command.annotations, view.annotations)
    fields += _lacks("metadata.labels", command.labels, view.labels)
    return Standing(uid=view.uid, fields=tuple(fields)) if fields else _met(view)


def _status(state: Aggregate, command: commands.UpdateSetStatus) -> Standing:
    if state.set_ is None or state.set_.uid != command.uid:
        return _MOOT
    wanted, theirs = status_summary(msgspec.json.decode(command.status)), status_summary(state.status)
    fields = tuple(
        difference(f"status.{name}", wanted.get(name), theirs.get(name))
        for name in sorted({*wanted, *theirs})
        if wanted.get(name) != theirs.get(name)
    )
    if fields:
        return Standing(uid=command.uid, fields=fields)
    return Standing(met=True, uid=command.uid, resource_version=state.status_version)
