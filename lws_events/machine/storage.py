"""Volume claim templates in force: a StatefulSet keeps those it was created with (spec 2.4, defects D10, D11).

A set whose claims were changed while nobody denied it is taken as if it still had the old ones, so that everything else
of its spec takes effect, no revision is made of a wish that cannot come true, and a revert is no change at all.
"""

from typing import Any

import msgspec

from lws_events import names
from lws_events.canonical.errors import CanonicalError
from lws_events.commands import RecordEvent
from lws_events.events import StatefulSetObserved
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.state import Aggregate
from lws_events.machine.versions import newest
from lws_events.objects.claims import are_whole, effective_claims, same_claims, whole_claims
from lws_events.revisions import restore, revision_data

Claims = list[dict[str, Any]]


def live_claims(view: StatefulSetObserved | None) -> Claims | None:
    """Claim templates of a leader StatefulSet as they are; None where they are not known."""
    claims = msgspec.json.decode(view.claims) if view is not None else None
    return claims if isinstance(claims, list) and all(isinstance(claim, dict) for claim in claims) else None


def settle_claims(state: Aggregate) -> None:
    """After a change of the set, its leader StatefulSet or a revision: read the set with the claims in force."""
    if state.set_ is None or state.spec is None:
        return
    spec = msgspec.json.decode(state.set_.spec)
    template = spec.get("leaderWorkerTemplate") or {}
    wanted, live = template.get("volumeClaimTemplates") or [], live_claims(state.own_leader_set)
    try:
        disputed = live is not None and bool(live or wanted) and not same_claims(live, wanted)
        if not disputed and not state.claims_disputed:
            return
        if live is not None and disputed:
            kept = _recorded(state, live) or [_without_status(claim) for claim in live]
            spec["leaderWorkerTemplate"] = template | {"volumeClaimTemplates": kept}
        state.wanted_data = revision_data(spec).decode()
    except (CanonicalError, AttributeError, TypeError, ValueError):
        return  # unreadable by any schema: what was read before stays
    state.spec_json = spec
    state.claims_disputed = disputed


def leader_claims(state: Aggregate) -> Claims:
    """Claim templates to apply: those that the leader StatefulSet has, or all that the user wrote for a new one."""
    template, namespace = state.spec_json.get("leaderWorkerTemplate") or {}, state.name.namespace
    if state.leader_set is None:
        return whole_claims(template.get("volumeClaimTemplates"), namespace=namespace)
    live = live_claims(state.own_leader_set)
    return effective_claims(template.get("volumeClaimTemplates"), namespace=namespace) if live is None else live


def workers_have_whole_claims(state: Aggregate) -> bool:
    """Whether worker StatefulSets get whole claims: as their leaders did (D11)."""
    return state.leader_set is None or are_whole(live_claims(state.leader_set) or ())


def decide_claims(draft: Draft) -> None:
    """Say once that the claims of a set are others than those in force (D10)."""
    if draft.state.claims_disputed:
        draft.warn(_warning(draft.state))


def _warning(state: Aggregate) -> RecordEvent:
    assert state.set_ is not None
    name = state.name.name
    kept = [(claim.get("metadata") or {}).get("name", "") for claim in live_claims(state.own_leader_set) or ()]
    return announcements.warning(
        state.set_.uid,
        about=f"claims/{name}",
        reason="FailedUpdate",
        action="Update",
        note=(
            f"Failed to update leader statefulset {name}: spec.leaderWorkerTemplate.volumeClaimTemplates: field is "
            f"immutable, the claims in force stay ({', '.join(kept) or 'none'}); everything else takes effect"
        ),
    )


def _recorded(state: Aggregate, live: Claims) -> Claims | None:
    """The claims as the revision in force has them, if it agrees with the StatefulSet: then nothing has changed."""
    view = state.own_leader_set
    name = newest(state, view.labels.get(names.REVISION_KEY, "")) if view is not None else ""
    if not name:
        return None
    restored = restore(state.spec_json, bytes(state.revisions[name].data))
    claims: Claims = restored["leaderWorkerTemplate"].get("volumeClaimTemplates") or []
    return claims if same_claims(claims, live) else None


def _without_status(claim: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claim.items() if name != "status"}
