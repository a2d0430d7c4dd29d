"""The objects that a set owns itself: leader StatefulSet, shared Service, ControllerRevisions.

An object whose name is not the set's belongs to a group, and goes to ``members``. What follows is decided elsewhere.
"""

from typing import Final

import msgspec

from lws_events import events, names
from lws_events.foreign_json import UnreadableJsonError, read_json
from lws_events.machine import crash_loop_counts, members, sight, strangers, worker_metadata
from lws_events.machine.change import Change
from lws_events.machine.state import Aggregate
from lws_events.machine.storage import settle_claims
from lws_events.machine.strangers import because_of_owner

TAKEN_NAMES_MAX: Final = 32
"""After so many, names are no longer passed over at once: the last one is tried again, with a growing delay."""


def fold_stateful_set(state: Aggregate, fact: events.StatefulSetObserved, *, name: str) -> Change:
    """A StatefulSet was seen: the leader StatefulSet, or one of a group."""
    if name != state.name.name:
        worker_metadata.note_stateful_set(state, name, uid=fact.uid)
        return members.fold_worker_set(state, fact, name=name)
    known = state.leader_set
    if sight.is_late(state, fact, known) or fact == known:
        return Change.NOTHING
    sight.note_replaced(state, fact, known)
    state.leader_set = msgspec.structs.replace(fact, claims=fact.claims.copy())
    if known is None or _in_force(known) != _in_force(fact):
        settle_claims(state)
    if known is not None and fact.replicas < known.replicas:
        crash_loop_counts.forget_places(state)
    return Change(set_level=True)


def fold_stateful_set_deleted(state: Aggregate, fact: events.StatefulSetDeleted, *, name: str) -> Change:
    """A StatefulSet is gone."""
    if name != state.name.name:
        if state.metadata_due.get(name) == fact.uid:
            worker_metadata.note_stateful_set(state, name, uid="")
        return members.fold_worker_set_deleted(state, fact, name=name)
    sight.note_end(state, fact.uid, version=fact.resource_version)
    if state.leader_set is None or state.leader_set.uid != fact.uid:
        return Change.NOTHING
    state.leader_set = None
    settle_claims(state)
    return Change(set_level=True)


def _in_force(view: events.StatefulSetObserved) -> tuple[object, ...]:
    """What the claims in force depend on: counts of pods, which change often, are not among it."""
    return view.uid, bytes(view.claims), view.owner, view.deleting_since, view.labels.get(names.REVISION_KEY)


def fold_service(state: Aggregate, fact: events.ServiceObserved, *, name: str) -> Change:
    """A Service was seen: the shared one, or one of a group."""
    if name != state.name.name:
        return members.fold_service(state, fact, name=name)
    if sight.is_late(state, fact, state.service) or fact == state.service:
        return Change.NOTHING
    sight.note_replaced(state, fact, state.service)
    state.service = fact
    return Change(set_level=True)


def fold_service_deleted(state: Aggregate, fact: events.ServiceDeleted, *, name: str) -> Change:
    """A Service is gone."""
    if name != state.name.name:
        return members.fold_service_deleted(state, fact, name=name)
    sight.note_end(state, fact.uid, version=fact.resource_version)
    if state.service is None or state.service.uid != fact.uid:
        return Change.NOTHING
    state.service = None
    return Change(set_level=True)


def fold_revision(state: Aggregate, fact: events.RevisionObserved, *, name: str) -> Change:
    """A ControllerRevision was seen."""
    known = state.revisions.get(name)
    if sight.is_late(state, fact, known) or fact == known:
        return Change.NOTHING
    sight.note_replaced(state, fact, known)
    try:
        read_json(fact.data)
    except UnreadableJsonError as error:
        state.revisions.pop(name, None)
        note_taken_name(state, name)
        because = f"its data cannot be read: {error}"
        return strangers.note(state, kind="ControllerRevision", name=name, uid=fact.uid, because=because)
    state.revisions[name] = msgspec.structs.replace(fact, data=fact.data.copy())
    if state.claims_disputed:
        settle_claims(state)
    owner = fact.owner
    if owner is not None and (owner.kind, owner.name) != (names.KIND, state.name.name):
        # Its name stays taken; those of an earlier set of this name go away by themselves (spec D37).
        strangers.note(state, kind="ControllerRevision", name=name, uid=fact.uid, because=because_of_owner(owner))
    return Change(set_level=True, all_groups=True)  # some group may have waited for it


def note_taken_name(state: Aggregate, name: str) -> None:
    """Somebody else's ControllerRevision has the name: the next one takes another (spec D37)."""
    if name not in state.revision_names_taken and len(state.revision_names_taken) < TAKEN_NAMES_MAX:
        state.revision_names_taken.append(name)


def forget_revision(state: Aggregate, name: str, *, uid: str) -> Change:
    """A ControllerRevision is gone, or is as good as gone."""
    known = state.revisions.get(name)
    if known is None or known.uid != uid:
        return Change.NOTHING
    del state.revisions[name]
    return Change(set_level=True)
