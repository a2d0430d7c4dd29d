"""The worker StatefulSet of one group: when it is created, from which revision, and what it waits for (spec 4.7).

It is created once for each leader pod and never changed: a new one comes with a new leader.
"""

import functools
from typing import Final

import msgspec

from lws_events import names
from lws_events.canonical.errors import CanonicalError
from lws_events.commands import CreateWorkerStatefulSet
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.manifest import as_json, lws_object
from lws_events.machine.spec import LEADER_READY
from lws_events.machine.state import Aggregate, Group
from lws_events.machine.storage import workers_have_whole_claims
from lws_events.machine.versions import newest
from lws_events.objects.metadata import LeaderRef
from lws_events.objects.worker_statefulset import (
    TopologyUnknownError,
    WorkerTemplate,
    prepare_worker_template,
    worker_statefulset,
)
from lws_events.revisions import restore

MISSING_DELAY_MS: Final = 10_000
"""How long a group waits for its leader's revision before a person is told (spec D27)."""

_PREPARED_MAX: Final = 16
"""How many revisions stay prepared: all groups of a set come up from the same one, one after the other."""


def leader_ref(state: Aggregate, group: Group) -> LeaderRef:
    """The leader pod as the builders need it.

    What admission gives a leader is derived anew where its pod lacks it, because no webhook was there: groups must not
    share selectors (spec 3.2, 3.3, D7).
    """
    assert group.leader is not None
    view, namespace = group.leader.view, state.name.namespace
    derived = {names.GROUP_INDEX: str(group.index), names.GROUP_KEY: names.topology_group_key(namespace, group.name)}
    return LeaderRef(
        name=group.name,
        namespace=namespace,
        uid=view.uid,
        labels=derived | view.labels,
        requests_tpus=view.requests_tpus,
    )


def waits_for(state: Aggregate, group: Group) -> str:
    """Why the worker StatefulSet is not created yet, in words; empty if nothing stands in the way."""
    spec, leader, existing = state.spec, group.leader, group.worker_set
    assert spec is not None
    assert leader is not None
    if existing is not None:
        is_ours = existing.owner is not None and existing.owner.uid == leader.view.uid
        return "" if is_ours else "the worker StatefulSet of an earlier leader to go"
    if state.lacks_pod_group(group):
        return f"its PodGroup {leader.view.gang_group} to exist"
    if spec.startup_policy == LEADER_READY and not leader.view.ready:
        return "the leader pod to become ready (startupPolicy LeaderReady)"
    if spec.exclusive_topology and not leader.view.node:
        return f"the leader pod to be scheduled{f': {leader.view.waiting}' if leader.view.waiting else ''}"
    if spec.exclusive_topology and spec.exclusive_topology not in leader.view.topology:
        return f'node "{leader.view.node}" to have the topology label {spec.exclusive_topology}'
    if not _revision_of(state, group):
        return "the ControllerRevision of the leader pod's key to exist"
    return ""


def decide_workers(draft: Draft, group: Group) -> None:
    """Create the worker StatefulSet of a group whose leader exists, once nothing stands in the way."""
    state, leader = draft.state, group.leader
    assert leader is not None
    assert state.spec is not None
    assert state.set_ is not None
    if group.worker_set is not None:
        _warn_about_replicas(draft, group)
        return
    if state.size_of(group) == 1:
        return
    if waits_for(state, group):
        _warn_about_node(draft, group)
        _warn_about_revision(draft, group)
        return
    if not draft.can_issue(f"statefulset/{group.name}"):
        return
    revision = state.revisions[_revision_of(state, group)]
    topology = leader.view.topology.get(state.spec.exclusive_topology) if state.spec.exclusive_topology else None
    try:
        prepared = _prepared(
            bytes(state.set_.spec),
            bytes(revision.data),
            namespace=state.name.namespace,
            with_whole_claims=workers_have_whole_claims(state),
        )
        manifest = worker_statefulset(
            prepared, lws=lws_object(state), leader=leader_ref(state, group), topology_value=topology
        )
    except (CanonicalError, TopologyUnknownError) as error:
        warn_create_failed(draft, group, str(error))
        return
    if manifest is None:
        return
    note = f"Created worker statefulset for leader pod {group.name}"
    draft.issue(
        CreateWorkerStatefulSet(name=group.name, owner_uid=leader.view.uid, manifest=as_json(manifest)),
        announce=announcements.pod_event(
            state.set_.uid,
            reason="GroupsProgressing",
            action="Create",
            note=note,
            pod=group.name,
            pod_uid=leader.view.uid,
        ),
    )


@functools.lru_cache(maxsize=_PREPARED_MAX)
def _prepared(spec: bytes, data: bytes, *, namespace: str, with_whole_claims: bool) -> WorkerTemplate:
    """The same for all groups of a revision: a big template takes milliseconds to read."""
    restored = restore(msgspec.json.decode(spec), data)
    return prepare_worker_template(restored, namespace=namespace, with_whole_claims=with_whole_claims)


def warn_create_failed(draft: Draft, group: Group, error: str) -> bool:
    """The Warning for a worker StatefulSet that could not be created; says whether it is new."""
    return _warn(draft, group, f"Failed to create worker statefulset for leader pod {group.name}: {error}")


def warn_about_nesting(draft: Draft, group: Group) -> None:
    """A worker that was admitted as a leader must not get workers of its own (spec 4.7 step 6)."""
    note = (
        f"leader pod {draft.state.name.namespace}/{group.name} contains mistake annotation '{names.LEADER_NAME}': "
        "requires Kubernetes ≥v1.27 or v1.26 with StatefulSetStartOrdinal feature"
    )
    _warn(draft, group, note)


def _warn_about_replicas(draft: Draft, group: Group) -> None:
    """Somebody has scaled the workers: nothing but their end puts that right, so a person is told (spec D31)."""
    view, leader, wanted = group.worker_set, group.leader, draft.state.size_of(group) - 1
    if view is None or leader is None or view.owner is None or view.owner.uid != leader.view.uid or wanted == 0:
        return
    if view.replicas != wanted and view.deleting_since is None:
        note = f"worker statefulset {group.name} has {view.replicas} replicas instead of {wanted}: it is not repaired"
        _warn(draft, group, note, reason="FailedUpdate", action="Update")


def _warn_about_node(draft: Draft, group: Group) -> None:
    """A node without the topology label keeps a group waiting until someone labels it (spec D51)."""
    spec, leader = draft.state.spec, group.leader
    assert spec is not None
    assert leader is not None
    key, node = spec.exclusive_topology, leader.view.node
    if key and node and key not in leader.view.topology:
        _warn(draft, group, f'node "{node}" does not have topology label: {key}')


def _warn_about_revision(draft: Draft, group: Group) -> None:
    """A leader whose revision stays missing is waited for in vain until its group is updated (spec D27)."""
    state, leader = draft.state, group.leader
    assert leader is not None
    key = leader.view.labels.get(names.REVISION_KEY, "")
    about, timer = f"statefulset/{group.name}", f"missing-revision/{group.name}"
    note = (
        f"no ControllerRevision with key {key!r} exists for leader pod {group.name}: it gets no workers until updated"
    )
    if _revision_of(state, group) or state.warned.get(about) == note:
        return
    if draft.fired == timer:
        _warn(draft, group, note)
    else:
        draft.wait(timer, delay_ms=MISSING_DELAY_MS)


def _revision_of(state: Aggregate, group: Group) -> str:
    """Name of the revision that the workers of a group are made from: that of its leader's key."""
    assert group.leader is not None
    return newest(state, group.leader.view.labels.get(names.REVISION_KEY, ""))


def _warn(draft: Draft, group: Group, note: str, *, reason: str = "FailedCreate", action: str = "Create") -> bool:
    lws, leader = draft.state.set_, group.leader
    if lws is None:
        return False
    event = announcements.warning(
        lws.uid,
        about=f"statefulset/{group.name}",
        reason=reason,
        action=action,
        note=note,
        pod=group.name,
        pod_uid=leader.view.uid if leader is not None else "",
    )
    return draft.warn(event)
