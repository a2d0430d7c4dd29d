"""The leader StatefulSet: applied when something that goes into it changed, or somebody else changed it (spec 2.2).

The reference applies it in every pass. Here the digest of what went in is remembered with the generation that came
out: an unchanged digest and generation need no call.
"""

import functools
import hashlib
from typing import Final

from lws_events import names
from lws_events.canonical.errors import CanonicalError
from lws_events.commands import ApplyLeaderStatefulSet, RecordEvent
from lws_events.decisions import ObjectLeftAlone, RolloutStepped
from lws_events.events import StatefulSetObserved
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.manifest import as_json, lws_object
from lws_events.machine.rollout.planner import Plan
from lws_events.machine.rollout.situation import Planned, plan_for
from lws_events.machine.rollout.words import surplus_words, update_words
from lws_events.machine.state import Aggregate, precedes
from lws_events.machine.storage import leader_claims
from lws_events.machine.versions import newest
from lws_events.objects.leader_statefulset import leader_statefulset
from lws_events.scaling import ScalingError

_DIGESTS_MAX: Final = 1024
"""How many digests are remembered: as long as a set is at rest the same one is asked for with each event."""


def decide_leader(draft: Draft, *, key: str) -> Planned | None:
    """Apply the leader StatefulSet for revision ``key`` where it is absent, outdated or was changed by someone.

    Returns the plan if there is nothing to apply.
    """
    state = draft.state
    assert state.spec is not None
    assert state.set_ is not None
    existing = state.leader_set
    if existing is not None and state.own_leader_set is None:
        _warn_about_owner(draft, existing)
        return None
    try:
        planned = plan_for(state, key=key)
        if existing is not None and _is_up_to_date(state, inputs=_inputs(state, planned.plan, key=key), key=key):
            return planned
        if draft.can_issue(f"statefulset/{state.name.name}"):
            _apply(draft, planned, key=key)
    except (CanonicalError, ScalingError) as error:
        draft.warn(failure_warning(state, str(error)))
    return None


def _apply(draft: Draft, planned: Planned, *, key: str) -> None:
    state, (partition, replicas, _) = draft.state, planned.plan
    existing, announced = state.leader_set, _announcements(state, planned, key=key)
    assert state.set_ is not None
    manifest = leader_statefulset(
        lws_object(state),
        partition=partition,
        replicas=replicas,
        revision_key=key,
        claims=leader_claims(state),
    )
    draft.issue(
        ApplyLeaderStatefulSet(
            name=state.name.name,
            owner_uid=state.set_.uid,
            uid=existing.uid if existing is not None else "",
            inputs=_inputs(state, planned.plan, key=key),
            adopts=existing is not None and _is_somebody_elses_doing(state, existing),
            manifest=as_json(manifest),
        ),
        announce=announced[0] if announced else None,
        announce_next=announced[1:],
    )
    _note_step(draft, planned, key=key)


def failure_warning(state: Aggregate, error: str) -> RecordEvent:
    """The Warning for a leader StatefulSet that could not be applied (spec 4.6)."""
    assert state.set_ is not None
    verb = "update" if state.leader_set is not None else "create"
    return announcements.warning(
        state.set_.uid,
        about=f"statefulset/{state.name.name}",
        reason=f"Failed{verb.capitalize()}",
        action=verb.capitalize(),
        note=f"Failed to {verb} leader statefulset {state.name.name}: {error}",
    )


def _warn_about_owner(draft: Draft, existing: StatefulSetObserved) -> None:
    """Somebody else's StatefulSet has the name (D33). One of an earlier set of the name will go by itself (D37)."""
    state, owner = draft.state, existing.owner
    if existing.deleting_since is not None or owner is None:
        return
    if (owner.kind, owner.name) == (names.KIND, state.name.name):
        return
    controller = f"{owner.kind} {owner.name}"
    warning = failure_warning(state, f"statefulset {state.name.name} exists and is controlled by {controller}")
    if draft.warn(warning):
        draft.note(ObjectLeftAlone(kind="StatefulSet", name=state.name.name, because=f"controlled by {controller}"))


def _inputs(state: Aggregate, wanted: Plan, *, key: str) -> str:
    return _digest(f"{state.set_digest}/{key}/{wanted.partition}/{wanted.replicas}")


@functools.lru_cache(maxsize=_DIGESTS_MAX)
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _is_up_to_date(state: Aggregate, *, inputs: str, key: str) -> bool:
    """Nothing new would be applied, and what was applied is still there (drift is put right once)."""
    existing, applied, spec = state.leader_set, state.applied, state.spec
    assert existing is not None
    assert spec is not None
    if applied is None or applied.inputs != inputs:
        return False
    if applied.resource_version and not precedes(applied.resource_version, existing.resource_version):
        return True  # the view is not later than the apply, so that nobody has changed anything since
    if applied.uid not in ("", existing.uid):
        return False
    return (
        existing.generation <= applied.generation
        and existing.labels.get(names.REVISION_KEY) == key
        and existing.labels.get(names.SET_NAME) == state.name.name
        and existing.annotations.get(names.REPLICAS) == str(spec.replicas)
    )


def _is_somebody_elses_doing(state: Aggregate, existing: StatefulSetObserved) -> bool:
    """Nothing of ours was applied to it, or another one (the reference, for a while in charge) has applied since."""
    return state.applied is None or existing.generation > state.applied.generation


def _announcements(state: Aggregate, planned: Planned, *, key: str) -> tuple[RecordEvent, ...]:
    """What to say of an apply once it has succeeded: that the set was created, shrinks, moves on (spec 4.6, D15)."""
    lws, name, plan, present = state.set_, state.name.name, planned.plan, planned.present
    assert lws is not None
    if present is None:
        note = f"Created leader statefulset {name}"
        return (_about_revision(state, key, reason="GroupsProgressing", action="Create", note=note),)
    found = []
    note = surplus_words(name, plan, present)
    if note:
        found.append(announcements.about_set(lws.uid, reason="GroupsProgressing", action="Delete", note=note))
    note = update_words(plan, present)
    if note:
        found.append(_about_revision(state, key, reason="GroupsUpdating", action="Update", note=note))
    return tuple(found)


def _note_step(draft: Draft, planned: Planned, *, key: str) -> None:
    plan, present = planned.plan, planned.present
    if present is None or (plan.partition, plan.replicas) == (present.partition, present.replicas):
        return
    draft.note(
        RolloutStepped(
            key=key,
            partition_before=present.partition,
            partition=plan.partition,
            replicas_before=present.replicas,
            replicas=plan.replicas,
            because=planned.because,
        )
    )


def _about_revision(state: Aggregate, key: str, *, reason: str, action: str, note: str) -> RecordEvent:
    assert state.set_ is not None
    revision = newest(state, key)
    uid = state.revisions[revision].uid if revision else ""
    return announcements.revision_event(
        state.set_.uid, reason=reason, action=action, note=note, revision=revision, revision_uid=uid
    )
