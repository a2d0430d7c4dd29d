"""Take one event into the state of a set, and say what it touched.

Views replace views (older ones of the same object are ignored, so that duplicates and late deliveries change nothing).
Here are the set itself and its status; its objects are in ``set_objects``, groups in ``members``, what came of commands
in ``outcomes``. Nothing is decided here.
"""

import hashlib
from typing import Any, assert_never

import msgspec

from lws_events import commands, events, names, subjects
from lws_events.foreign_json import UnreadableJsonError, read_json
from lws_events.machine import (
    counting,
    crash_loop_counts,
    failures,
    gang,
    members,
    outcomes,
    set_objects,
    sight,
    strangers,
    worker_metadata,
)
from lws_events.machine.change import Change
from lws_events.machine.spec import SetSpec, read_spec
from lws_events.machine.state import Aggregate, precedes
from lws_events.machine.storage import settle_claims
from lws_events.revisions import revision_data


def fold(state: Aggregate, fact: events.Fact, *, name: str, at_ms: int) -> Change:  # noqa: PLR0912 (a branch a fact)
    """Fold one fact about the object ``name``, recorded at ``at_ms``, into ``state``, in place.

    Never raises for a well-formed fact. What happens most often is asked for first.
    """
    if state.unseen:
        sight.note_shown(state, fact, name=name)
    match fact:
        case events.PodObserved():
            return members.fold_pod(state, fact, name=name, at_ms=at_ms)
        case events.PodDeleted():
            return members.fold_pod_deleted(state, fact, name=name)
        case events.CommandSucceeded() | events.CommandFailed():
            return outcomes.fold_outcome(state, fact, at_ms=at_ms)
        case events.StatefulSetObserved():
            return set_objects.fold_stateful_set(state, fact, name=name)
        case events.StatefulSetDeleted():
            return set_objects.fold_stateful_set_deleted(state, fact, name=name)
        case events.SetObserved():
            return _fold_set(state, fact)
        case events.SetStatusObserved():
            return _fold_status(state, fact)
        case events.SetDeleted():
            return _fold_set_deleted(state, fact)
        case events.RevisionObserved():
            return set_objects.fold_revision(state, fact, name=name)
        case events.RevisionDeleted():
            sight.note_end(state, fact.uid, version=fact.resource_version)
            return set_objects.forget_revision(state, name, uid=fact.uid)
        case events.ServiceObserved():
            return set_objects.fold_service(state, fact, name=name)
        case events.ServiceDeleted():
            return set_objects.fold_service_deleted(state, fact, name=name)
        case events.PodGroupObserved():
            return gang.fold_pod_group(state, fact, name=name)
        case events.PodGroupDeleted():
            return gang.fold_pod_group_deleted(state, fact, name=name)
        case events.TimerFired():
            return outcomes.fold_timer(state, fact)
        case events.SetChangeMissed():
            known = state.set_
            if known is not None and known.uid == fact.uid:
                state.change_missed = precedes(known.resource_version, fact.resource_version)
            return Change.NOTHING
        case events.ObjectNotRecorded():
            # What was known stays known, and has to do.
            state.change_missed = state.change_missed and fact.kind != subjects.SET
            return Change.NOTHING
        case events.SpecChangeRequested() | events.EpochStarted() | events.LogCaptured() | events.DifferenceFound():
            return Change.NOTHING
        case events.DeletionRequested():
            return Change.NOTHING  # a wish is no end: what becomes of it is observed
        case _:
            assert_never(fact)


def _fold_set(state: Aggregate, fact: events.SetObserved) -> Change:
    known = state.set_
    if sight.is_late(state, fact, known) or fact == known:
        return Change.NOTHING
    state.change_missed = False
    if known is not None and known.uid != fact.uid:
        sight.note_replaced(state, fact, known)
        _forget_set(state)
    before = state.spec
    worker_metadata.note_change(state, known, fact)
    state.set_ = msgspec.structs.replace(fact, spec=fact.spec.copy())
    digest = _digest(fact)
    if digest != state.set_digest:
        state.set_digest = digest
        state.retries = {}  # what was refused may be accepted now: it is tried at once
        _read(state, fact)
        state.claims_disputed = False
        settle_claims(state)
    _forgive_if_policy_changed(state, before)
    crash_loop_counts.forget_places(state)
    if known is None:
        # Children are listed before their set: now its groups are known as a whole.
        for group in state.groups.values():
            failures.look_again_at_completeness(state, group)
    counting.recount_all(state)
    return Change(set_level=True, all_groups=True)


def _read(state: Aggregate, fact: events.SetObserved) -> None:
    raw = bytes(fact.spec)
    try:
        state.spec_json = read_json(raw)
        state.spec = read_spec(raw, fact.annotations)
        state.wanted_data = revision_data(state.spec_json).decode()
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        # A schema that was bypassed: nothing can be done with it, and what exists is left as it is.
        state.spec = None
        because = f"its spec cannot be read: {error}"
        strangers.note(state, kind=names.KIND, name=state.name.name, uid=fact.uid, because=because)
    else:
        strangers.forget(state, fact.uid)


def _digest(fact: events.SetObserved) -> str:
    content = msgspec.json.encode([fact.uid, fact.labels, fact.annotations, fact.spec], order="sorted")
    return hashlib.sha256(content).hexdigest()[:32]


def _forgive_if_policy_changed(state: Aggregate, before: SetSpec | None) -> None:
    """A change of the restart policy alone never ends a group (spec D3)."""
    after = state.spec
    if before is None or after is None:
        return
    if (before.restart_policy, before.after_start) != (after.restart_policy, after.after_start):
        for group in state.groups.values():
            failures.forgive_restarts(group)


def _forget_set(state: Aggregate) -> None:
    """The set is gone, or another of its name is there: nothing that was written for the old one counts."""
    state.spec = None
    state.applied = None
    state.set_digest = state.target_key = state.chosen_for = state.status_version = ""
    state.status = {}
    state.revision_names_taken = []
    state.unrecorded_key = ""
    state.change_missed = False
    state.claims_disputed = False
    state.metadata_due = {}
    state.dropped_labels = []
    state.dropped_annotations = []
    state.crash_loops = {}
    state.broken = bytearray()
    state.blocked = None
    state.retries = {}
    state.warned = {}


def _fold_set_deleted(state: Aggregate, fact: events.SetDeleted) -> Change:
    sight.note_end(state, fact.uid, version=fact.resource_version)
    if state.set_ is None or state.set_.uid != fact.uid:
        return Change.NOTHING
    state.set_ = None
    _forget_set(state)
    counting.recount_all(state)
    return Change(set_level=True, all_groups=True)


def _fold_status(state: Aggregate, fact: events.SetStatusObserved) -> Change:
    if state.set_ is not None and state.set_.uid != fact.uid:
        return Change.NOTHING
    if precedes(fact.resource_version, state.status_version):
        return Change.NOTHING
    status = _readable_status(fact.status)
    state.status_version = fact.resource_version
    if status == state.status:
        return Change.NOTHING
    state.status = status
    if commands.status_target(state.name.name) in state.in_flight:
        return Change.NOTHING  # there is nothing to decide about it before our own write has an outcome
    return Change(set_level=True)


def _readable_status(raw: msgspec.Raw) -> dict[str, Any]:
    """The status as a dict whose conditions, if any, are conditions: it is someone else's to write, too."""
    try:
        status = read_json(raw)
    except UnreadableJsonError:
        return {}
    if not isinstance(status, dict):
        return {}
    conditions = status.get("conditions")
    if conditions is not None:
        found = conditions if isinstance(conditions, list) else []
        status["conditions"] = [each for each in found if isinstance(each, dict) and isinstance(each.get("type"), str)]
    return status
