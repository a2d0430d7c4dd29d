"""From objects of the Kubernetes API to the reduced views that the journal holds (``lws_events.events``).

Pure functions of an object and of what is known about nodes. They say which subject a view belongs to; whether it is
news is the observer's business.
"""

from typing import Final, NamedTuple

import msgspec

from adapters.kubernetes import wire
from adapters.kubernetes.nodes import NodeLabels
from lws_events import events, names, subjects
from lws_events.accelerators import TPU, requests_tpus
from lws_events.foreign_json import read_json
from lws_events.gang import GangScheduling
from lws_events.subjects import SetName

_RESOURCES: Final = msgspec.json.Decoder(wire.Resources)
_TPU_BYTES: Final = TPU.encode()
_GRACE_SECONDS: Final = 30
"""The API's default for ``terminationGracePeriodSeconds``."""
_FOREGROUND: Final = "foregroundDeletion"
"""The finalizer of an object that waits for what it owns to go first."""
_MANAGERS_MAX: Final = 8
"""Of a set, and each is recorded with every change; people and their tools are fewer."""
_MANAGER_LENGTH_MAX: Final = 128
"""The API server's own limit."""
_NORMAL_WAITS: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Every pod goes through these within seconds; recording them would add one event per pod and explain nothing."""


class Key(NamedTuple):
    """Address of an object in the journal, within one cluster."""

    kind: str
    set_name: SetName
    name: str


def key_of(kind: str, meta: wire.Meta) -> Key | None:
    """Where an object belongs; None for one that names no set."""
    name = meta.name if kind in (subjects.SET, subjects.SET_STATUS) else meta.label(names.SET_NAME)
    return Key(kind, SetName(meta.namespace, name), meta.name) if name else None


def reduce_set(found: wire.LeaderWorkerSet) -> list[events.View]:
    """A LeaderWorkerSet as two facts: what users wrote, and its status. Raises ``UnreadableJsonError``."""
    meta = found.metadata
    read_json(found.spec)
    read_json(found.status)
    annotations = {key: value for key, value in (meta.annotations or {}).items() if key != names.LAST_APPLIED}
    observed = events.SetObserved(
        uid=meta.uid,
        resource_version=meta.resource_version,
        deleting_since=meta.deletion_timestamp,
        generation=meta.generation,
        labels=meta.labels or {},
        annotations=annotations,
        spec=found.spec.copy(),  # a copy: the original keeps the whole page of the listing in memory
        managers=_managers(meta),
    )
    status = events.SetStatusObserved(uid=meta.uid, resource_version=meta.resource_version, status=found.status.copy())
    return [observed, status]


def _managers(meta: wire.SetMeta) -> tuple[events.FieldManager, ...]:
    """Writers of anything but the status, the last ones first: a status is written again and again."""
    found = [
        events.FieldManager(each.manager[:_MANAGER_LENGTH_MAX], each.operation, each.time or "", each.subresource)
        for each in meta.managed_fields or ()
        if each.subresource != "status"
    ]
    # Times have whole seconds and one format, so they compare as text.
    newest_first = sorted(
        sorted(found, key=lambda one: (one.name, one.operation)), key=lambda one: one.time, reverse=True
    )
    return tuple(newest_first[:_MANAGERS_MAX])


def reduce_statefulset(found: wire.StatefulSet) -> events.StatefulSetObserved:
    """A leader or worker StatefulSet."""
    meta, spec, status = found.metadata, found.spec, found.status
    rolling = spec.update_strategy.rolling_update if spec.update_strategy else None
    return events.StatefulSetObserved(
        uid=meta.uid,
        resource_version=meta.resource_version,
        deleting_since=meta.deletion_timestamp,
        generation=meta.generation,
        labels=meta.labels or {},
        annotations=_ours(meta.annotations),
        owner=_owner(meta),
        replicas=1 if spec.replicas is None else spec.replicas,  # the API's default
        partition=None if rolling is None else rolling.partition or 0,
        status_replicas=status.replicas,
        ready_replicas=status.ready_replicas,
        available_replicas=status.available_replicas,
        current_revision=status.current_revision,
        update_revision=status.update_revision,
        claims=_claims(found),
        max_unavailable=_max_unavailable(rolling),
    )


def _claims(found: wire.StatefulSet) -> msgspec.Raw:
    """Claim templates of leader StatefulSets; those of a group's workers are its revision's, and of no interest."""
    owner = found.metadata.controller
    if owner is not None and owner.kind == "Pod":
        return events.NOT_RECORDED
    # A copy: the original keeps the whole page of the listing in memory. Null stands for none.
    claims = found.spec.volume_claim_templates.copy()
    return msgspec.Raw(b"[]") if bytes(claims) == b"null" else claims


def _max_unavailable(rolling: wire.RollingUpdate | None) -> int | None:
    """A percentage is not ours; what becomes of it is of no interest."""
    found = rolling.max_unavailable if rolling is not None else None
    return found if isinstance(found, int) else None


def reduce_pod(found: wire.Pod, nodes: NodeLabels, gang: GangScheduling | None = None) -> events.PodObserved:
    """A leader or worker pod, with the topology of its node, and its PodGroup if gang scheduling is on."""
    meta, spec, status = found.metadata, found.spec, found.status
    statuses = [*(status.init_container_statuses or ()), *(status.container_statuses or ())]
    annotations = _ours(meta.annotations, own=True)
    return events.PodObserved(
        uid=meta.uid,
        resource_version=meta.resource_version,
        deleting_since=meta.deletion_timestamp,
        labels=_ours(meta.labels, own=True),
        annotations=annotations,
        owner=_owner(meta),
        phase=status.phase or "Pending",
        ready=any(condition.type == "Ready" and condition.status == "True" for condition in status.conditions or ()),
        restarts=sum(container.restart_count for container in statuses),
        last_exit=last_exit(status),
        reason=status.reason,
        waiting=_waiting(status, statuses),
        node=spec.node_name,
        topology=nodes.topology(spec.node_name, topology_keys(annotations)),
        requests_tpus=_requests_tpus(spec),
        gang_group=_gang_group(found, gang),
        grace_seconds=_GRACE_SECONDS if spec.grace_seconds is None else spec.grace_seconds,
        disruption=disruption(status),
        deleted_in_foreground=_FOREGROUND in (meta.finalizers or ()),
    )


def reduce_service(found: wire.Service) -> events.ServiceObserved:
    """A Service of a set or of a group."""
    meta = found.metadata
    return events.ServiceObserved(
        uid=meta.uid,
        resource_version=meta.resource_version,
        deleting_since=meta.deletion_timestamp,
        owner=_owner(meta),
        headless=found.spec.cluster_ip == "None",
        selector=found.spec.selector or {},
    )


def reduce_pod_group(found: wire.PodGroup) -> events.PodGroupObserved:
    """A PodGroup, and how far the scheduler is with it."""
    meta = found.metadata
    return events.PodGroupObserved(
        uid=meta.uid,
        resource_version=meta.resource_version,
        deleting_since=meta.deletion_timestamp,
        owner=_owner(meta),
        min_member=found.spec.min_member,
        phase=found.status.phase,
    )


def reduce_revision(found: wire.ControllerRevision) -> events.RevisionObserved:
    """A ControllerRevision, with the exact bytes of its data. Raises ``UnreadableJsonError``."""
    meta = found.metadata
    read_json(found.data)
    return events.RevisionObserved(
        uid=meta.uid,
        resource_version=meta.resource_version,
        deleting_since=meta.deletion_timestamp,
        key=meta.label(names.REVISION_KEY),
        number=found.revision,
        owner=_owner(meta),
        data=found.data.copy(),
    )


def topology_keys(annotations: dict[str, str]) -> list[str]:
    """The topology keys that a pod's annotations name; an empty value counts as absent (spec D22)."""
    named = (annotations.get(names.EXCLUSIVE_TOPOLOGY), annotations.get(names.SUBGROUP_EXCLUSIVE_TOPOLOGY))
    return sorted({key for key in named if key})


def last_exit(status: wire.PodStatus) -> events.ContainerExit | None:
    """The newest end of any container. The regular end of an init container is none of interest."""
    ends = [
        (state.terminated.finished_at or "", container.name, state.terminated)
        for initial, containers in ((True, status.init_container_statuses), (False, status.container_statuses))
        for container in containers or ()
        for state in (container.last_state, container.state)
        if state is not None and state.terminated is not None
        if not (initial and state.terminated.exit_code == 0)
    ]
    if not ends:
        return None
    # Times have whole seconds and one format, so they compare as text; of two at once, the later in the list is shown.
    _, name, terminated = max(reversed(ends), key=lambda end: end[0])
    return events.ContainerExit(name, terminated.exit_code, terminated.reason, terminated.signal)


def disruption(status: wire.PodStatus) -> events.Disruption | None:
    """Why Kubernetes itself ends the pod, where it does."""
    for condition in status.conditions or ():
        if condition.type == "DisruptionTarget" and condition.status == "True":
            return events.Disruption(condition.reason, condition.message)
    return None


def _waiting(status: wire.PodStatus, statuses: list[wire.ContainerStatus]) -> str:
    """The scheduler's message, else the first container's reason that is out of the ordinary.

    A container's message is left out: that of a crash loop counts the seconds, and every count would be an event.
    """
    for condition in status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            return condition.message or condition.reason
    for container in statuses:
        if container.state is not None and container.state.waiting is not None:
            reason = container.state.waiting.reason
            if reason not in _NORMAL_WAITS:
                return f"{container.name}: {reason}"
    return ""


def _requests_tpus(spec: wire.PodSpec) -> bool:
    """As ``lws_events.accelerators``, decoding the resources of a container only if they hold the word."""
    named = [
        {"resources": msgspec.structs.asdict(_RESOURCES.decode(container.resources))}
        for container in (*(spec.containers or ()), *(spec.init_containers or ()))
        if _TPU_BYTES in bytes(container.resources)
    ]
    return bool(named) and requests_tpus({"containers": named})


def _gang_group(found: wire.Pod, gang: GangScheduling | None) -> str:
    if gang is None or not gang.takes(found.spec.scheduler_name):
        return ""
    return (found.metadata.annotations or {}).get(gang.provider.group_annotation, "")


def _ours(values: dict[str, str] | None, *, own: bool = False) -> dict[str, str]:
    """The keys of the reference; with ``own`` also those of this project, which StatefulSets only have as copies."""
    prefixes = (names.PREFIX, names.OWN_PREFIX) if own else (names.PREFIX,)
    return {key: value for key, value in (values or {}).items() if key.startswith(prefixes)}


def _owner(meta: wire.Meta) -> events.Owner | None:
    owner = meta.controller
    return None if owner is None else events.Owner(owner.kind, owner.name, owner.uid)
