"""Which revision groups are to have, when a ControllerRevision is created, and when old ones go (spec 2.5, 4.3).

The key on the leader StatefulSet is the base line: a template that is semantically equal to its revision's is no
change. A revision with the wanted data is used again instead of being created once more (spec D12).
"""

from typing import Final

import msgspec

from lws_events.canonical.errors import CanonicalError
from lws_events.commands import CreateControllerRevision, DeleteControllerRevision, RecordEvent
from lws_events.decisions import RevisionChosen
from lws_events.events import NOT_RECORDED, RevisionObserved
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.manifest import as_json, lws_object
from lws_events.machine.state import Aggregate, precedes
from lws_events.names import REVISION_KEY
from lws_events.objects.leader_statefulset import leader_statefulset
from lws_events.revisions import belongs, controller_revision, next_free_number, revision_hash, semantically_equal
from lws_events.scaling import ScalingError

TIMER: Final = "missing-revision"

MISSING_DELAY_MS: Final = 5_000
"""How long the revision of a running set is waited for before it counts as missing. A controller that has just started
may see the set before its revisions, and must not record the live template under an old key."""


def newest(state: Aggregate, key: str, *, data: str = "") -> str:
    """Name of the revision that counts for a key: the highest number among those that belong to the set (spec 2.5).

    With ``data``: among those with exactly these bytes. Empty where there is none.
    """
    best: tuple[int, str] | None = None
    for name, revision in state.revisions.items():
        if revision.key != key or not _belongs(state, revision):
            continue
        if data and bytes(revision.data) != data.encode():
            continue
        if best is None or (revision.number, name) > best:
            best = (revision.number, name)
    return best[1] if best is not None else ""


def decide_revision(draft: Draft) -> str:
    """The key that groups are to have, from now on; empty while its revision is still to be created."""
    state = draft.state
    if state.target_key and state.chosen_for == state.wanted_data:
        overwritten = _overwritten_key(state)
        if overwritten:
            return _follow_overwritten(draft, overwritten)
        if not newest(state, state.target_key):
            _create(draft, key=state.target_key, why="missing")
        return state.target_key
    live_set = state.own_leader_set
    live_key = live_set.labels.get(REVISION_KEY, "") if live_set is not None else ""
    if live_key:
        live = newest(state, live_key)
        if not live and live_key != state.unrecorded_key:
            _create_missing(draft, key=live_key)
            return ""
        if live and _is_equal(state, state.revisions[live]):
            return _choose(draft, live)
    wanted_key = revision_hash(state.wanted_data.encode())
    same = newest(state, wanted_key, data=state.wanted_data)
    if same:
        return _choose(draft, same)
    _create(draft, key=wanted_key, why="updated" if live_key else "new")
    return ""


def _overwritten_key(state: Aggregate) -> str:
    """The key that somebody else has written onto the leader StatefulSet since it was last applied; mostly empty."""
    live_set, applied = state.own_leader_set, state.applied
    if live_set is None or applied is None or applied.key != state.target_key or applied.uid not in ("", live_set.uid):
        return ""
    key = live_set.labels.get(REVISION_KEY, "")
    is_later = applied.resource_version != "" and precedes(applied.resource_version, live_set.resource_version)
    return key if is_later and key != state.target_key else ""


def _follow_overwritten(draft: Draft, key: str) -> str:
    """The key on the leader StatefulSet counts, whoever wrote it: one without revision gets one (spec 6.4, 13).

    Of another template it is drift, and put right by the next apply.
    """
    state = draft.state
    live = newest(state, key)
    if live:
        return _choose(draft, live) if _is_equal(state, state.revisions[live]) else state.target_key
    if draft.fired == TIMER:
        _create(draft, key=key, why="missing")
    else:
        draft.wait(TIMER, delay_ms=MISSING_DELAY_MS)
    return ""


def decide_truncation(draft: Draft, *, done: bool) -> None:
    """Once a rollout is done, delete revisions with another key, and all but the newest with the present one."""
    state = draft.state
    leader_set = state.own_leader_set
    if not done or leader_set is None or state.chosen_for != state.wanted_data:
        return
    kept = newest(state, state.target_key)
    if not kept or leader_set.labels.get(REVISION_KEY, "") != state.target_key or len(state.revisions) == 1:
        return
    for name, revision in sorted(state.revisions.items(), key=lambda item: item[1].number):
        if name != kept and _belongs(state, revision):
            draft.issue(DeleteControllerRevision(name=name, uid=revision.uid))


def _belongs(state: Aggregate, revision: RevisionObserved) -> bool:
    """Whether a revision is this very set's, or nobody's, and is not on its way out."""
    uid = state.set_.uid if state.set_ is not None else ""
    owner_uid = revision.owner.uid if revision.owner is not None else None
    return revision.deleting_since is None and belongs(owner_uid, set_uid=uid)


def _is_equal(state: Aggregate, live: RevisionObserved) -> bool:
    stored, wanted = bytes(live.data), state.wanted_data.encode()
    return stored == wanted or semantically_equal(state.spec_json, proposed=wanted, stored=stored)


def _choose(draft: Draft, name: str) -> str:
    key = draft.state.revisions[name].key
    draft.note(RevisionChosen(key=key, revision=name))
    return key


def _create_missing(draft: Draft, *, key: str) -> None:
    if draft.fired == TIMER:
        _create(draft, key=key, why="missing", if_unchanged=True)
    else:
        draft.wait(TIMER, delay_ms=MISSING_DELAY_MS)


def _create(draft: Draft, *, key: str, why: str, if_unchanged: bool = False) -> None:
    """``if_unchanged``: only if the live template is that of the leader StatefulSet which has the key (spec D26)."""
    state = draft.state
    assert state.set_ is not None
    data = state.wanted_data.encode()
    numbers = (revision.number for revision in state.revisions.values() if _belongs(state, revision))
    # Names may be taken by revisions of an earlier set, which go away with it (spec D37).
    taken = {*state.revisions, *state.revision_names_taken}
    number = next_free_number(numbers, set_name=state.name.name, data_hash=revision_hash(data), taken=taken)
    manifest = controller_revision(lws_object(state), data, number=number, key=key)
    name = manifest["metadata"]["name"]
    compared = if_unchanged and key != revision_hash(data)
    draft.issue(
        CreateControllerRevision(
            name=name,
            manifest=as_json(manifest),
            leader_set=state.name.name if compared else "",
            template=_leader_template(state, key=key) if compared else NOT_RECORDED,
        ),
        announce=_announcement(state.set_.uid, name, key=key, why=why),
    )


def _leader_template(state: Aggregate, *, key: str) -> msgspec.Raw:
    """The pod template that the live spec asks for under a key; nothing where there is none to compare."""
    assert state.spec is not None
    replicas = state.spec.replicas
    try:
        built = leader_statefulset(lws_object(state), partition=0, replicas=replicas, revision_key=key)
    except (CanonicalError, ScalingError):
        return NOT_RECORDED
    return as_json(built["spec"]["template"])


def _announcement(uid: str, revision: str, *, key: str, why: str) -> RecordEvent:
    text = {
        "new": f"Creating revision with key {key} for a newly created LeaderWorkerSet",
        "missing": f"Creating missing revision with key {key} for existing LeaderWorkerSet",
        "updated": f"Creating revision with key {key} for updated LWS",
    }[why]
    return announcements.revision_event(uid, reason="CreatingRevision", action="Create", note=text, revision=revision)
