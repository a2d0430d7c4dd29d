"""Headless Services: one for the set, or one for each group (spec 2.7). Created where absent, never rewritten (D36)."""

from typing import Any

import msgspec

from lws_events.commands import CreateService, RecordEvent
from lws_events.decisions import ObjectLeftAlone
from lws_events.events import ServiceObserved
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.manifest import lws_object
from lws_events.machine.state import Aggregate, Group
from lws_events.objects.metadata import LeaderRef
from lws_events.objects.services import group_service, shared_service


def decide_shared_service(draft: Draft) -> None:
    """Create the set's own Service, unless every group has one of its own."""
    state = draft.state
    assert state.spec is not None
    assert state.set_ is not None
    if state.spec.unique_services:
        return
    manifest = shared_service(lws_object(state)) if state.service is None else None
    _decide(draft, state.service, name=state.name.name, owner_uid=state.set_.uid, manifest=manifest)


def decide_group_service(draft: Draft, group: Group, leader: LeaderRef) -> None:
    """Create the Service of a group, where the set wants one for each."""
    state = draft.state
    assert state.spec is not None
    if not state.spec.unique_services:
        return
    manifest = group_service(lws_object(state), leader=leader) if group.service is None else None
    _decide(draft, group.service, name=group.name, owner_uid=leader.uid, manifest=manifest)


def _decide(
    draft: Draft, existing: ServiceObserved | None, *, name: str, owner_uid: str, manifest: dict[str, Any] | None
) -> None:
    if manifest is not None:
        raw = msgspec.Raw(msgspec.json.encode(manifest))
        draft.issue(CreateService(name=name, owner_uid=owner_uid, manifest=raw))
        return
    assert existing is not None
    if existing.owner is None or existing.owner.uid == owner_uid or existing.deleting_since is not None:
        return
    if existing.owner.kind in ("Pod", "LeaderWorkerSet") or existing.headless:
        return  # an earlier owner's, about to be collected (D32, D37), or as good as ours (D33)
    warning = failure_warning(draft.state, name, f"service {name} exists and is not managed by this LeaderWorkerSet")
    if draft.state.warned.get(warning.about) != warning.note:
        because = f"controlled by {existing.owner.kind} {existing.owner.name}"
        draft.note(ObjectLeftAlone(kind="Service", name=name, because=because))
    draft.warn(warning)


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
