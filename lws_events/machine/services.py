"""Headless Services: one for the set, or one for each group (spec 2.7). Created where absent, never rewritten (D36)."""

from typing import Any

from lws_events import names
from lws_events.commands import CreateService, RecordEvent
from lws_events.decisions import ObjectLeftAlone
from lws_events.events import ServiceObserved
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.manifest import as_json, lws_object
from lws_events.machine.state import Aggregate, Group
from lws_events.machine.workers import leader_ref
from lws_events.objects.services import group_service, shared_service


def decide_shared_service(draft: Draft) -> None:
    """Create the set's own Service, unless every group has one of its own."""
    state = draft.state
    assert state.spec is not None
    assert state.set_ is not None
    if state.spec.unique_services:
        return
    name, uid = state.name.name, state.set_.uid
    if state.service is not None:
        _look_at(draft, state.service, name=name, owner_uid=uid, selector={names.SET_NAME: name})
    elif draft.can_issue(f"service/{name}"):
        _create(draft, shared_service(lws_object(state)), name=name, owner_uid=uid)


def decide_group_service(draft: Draft, group: Group) -> None:
    """Create the Service of a group whose leader exists, where the set wants one for each."""
    state, leader = draft.state, group.leader
    assert state.spec is not None
    assert leader is not None
    if not state.spec.unique_services:
        return
    name, uid = group.name, leader.view.uid
    if group.service is not None:
        selector = {names.SET_NAME: state.name.name, names.GROUP_INDEX: leader.view.labels.get(names.GROUP_INDEX, "")}
        _look_at(draft, group.service, name=name, owner_uid=uid, selector=selector)
    elif draft.can_issue(f"service/{name}"):
        _create(draft, group_service(lws_object(state), leader=leader_ref(state, group)), name=name, owner_uid=uid)


def _create(draft: Draft, manifest: dict[str, Any], *, name: str, owner_uid: str) -> None:
    raw = as_json(manifest)
    draft.issue(CreateService(name=name, owner_uid=owner_uid, manifest=raw))


def _look_at(draft: Draft, existing: ServiceObserved, *, name: str, owner_uid: str, selector: dict[str, str]) -> None:
    """Warn about a Service that is somebody else's and does not do what ours would (spec D33)."""
    owner = existing.owner
    if existing.deleting_since is not None or (owner is not None and owner.uid == owner_uid):
        return
    if f"service/{name}" in draft.state.in_flight:
        return  # our own creation has met it: judged with its outcome, which would forget a warning given now
    if existing.headless and existing.selector == selector:
        return  # as good as ours
    if owner is not None and owner.kind in ("Pod", names.KIND) and owner.name == name:
        return  # an earlier owner's, about to be collected (D32, D37)
    warning = failure_warning(draft.state, name, f"service {name} exists and is not managed by this LeaderWorkerSet")
    if draft.warn(warning):
        because = f"controlled by {owner.kind} {owner.name}" if owner is not None else "it is not the headless Service"
        draft.note(ObjectLeftAlone(kind="Service", name=name, because=because))


def failure_warning(state: Aggregate, service: str, error: str) -> RecordEvent:
    """The Warning for a Service that could not be created (spec 4.4)."""
    assert state.set_ is not None
    return announcements.warning(
        state.set_.uid,
        about=f"service/{service}",
        reason="FailedCreate",
        action="Create",
        note=f"Failed to create headless service for error: {error}",
    )
