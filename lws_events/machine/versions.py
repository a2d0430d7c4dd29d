"""Which revision groups are to have, when a ControllerRevision is created, and when old ones go (spec 2.5, 4.3).

The key on the leader StatefulSet is the base line: a template that is semantically equal to its revision's is no
change. A revision with the wanted data is used again instead of being created once more (spec D12).
"""

from collections.abc import Iterable

import msgspec

from lws_events.commands import CreateControllerRevision, DeleteControllerRevision, RecordEvent
from lws_events.decisions import RevisionChosen
from lws_events.events import RevisionObserved
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.manifest import lws_object
from lws_events.machine.state import Aggregate
from lws_events.names import REVISION_KEY
from lws_events.revisions import (
    controller_revision,
    newest_with_key,
    next_revision_number,
    revision_hash,
    semantically_equal,
)


def belonging(state: Aggregate) -> list[RevisionObserved]:
    """Revisions of this very set, or without controller owner, that are not on their way out; by number."""
    uid = state.set_.uid if state.set_ is not None else ""
    mine = [
        revision
        for revision in state.revisions.values()
        if (revision.owner is None or revision.owner.uid == uid) and revision.deleting_since is None
    ]
    return sorted(mine, key=lambda revision: revision.number)


def decide_revision(draft: Draft) -> str:
    """The key that groups are to have, from now on; empty while its revision is still to be created."""
    state = draft.state
    revisions = belonging(state)
    if state.target_key and state.chosen_for == state.wanted_data:
        if newest_with_key(revisions, state.target_key) is None:
            _create(draft, key=state.target_key, why="missing")
        return state.target_key
    live_set = state.own_leader_set
    live_key = live_set.labels.get(REVISION_KEY, "") if live_set is not None else ""
    if live_key:
        live = newest_with_key(revisions, live_key)
        if live is None:
            return _create(draft, key=live_key, why="missing")
        if _is_equal(state, live):
            return _choose(draft, live)
    wanted_key = revision_hash(state.wanted_data.encode())
    same = _with_data(revisions, key=wanted_key, data=state.wanted_data)
    if same is not None:
        return _choose(draft, same)
    return _create(draft, key=wanted_key, why="updated" if live_key else "new")


def decide_truncation(draft: Draft, *, done: bool) -> None:
    """Once a rollout is done, delete revisions with another key, and all but the newest with the present one."""
    state = draft.state
    leader_set = state.own_leader_set
    if not done or leader_set is None or state.chosen_for != state.wanted_data:
        return
    if leader_set.labels.get(REVISION_KEY, "") != state.target_key:
        return
    revisions = belonging(state)
    kept = newest_with_key(revisions, state.target_key)
    names = {id(revision): name for name, revision in state.revisions.items()}
    for revision in revisions:
        if kept is not None and revision is not kept:
            draft.issue(DeleteControllerRevision(name=names[id(revision)], uid=revision.uid))


def _is_equal(state: Aggregate, live: RevisionObserved) -> bool:
    stored, wanted = bytes(live.data), state.wanted_data.encode()
    return stored == wanted or semantically_equal(state.spec_json, proposed=wanted, stored=stored)


def _with_data(revisions: Iterable[RevisionObserved], *, key: str, data: str) -> RevisionObserved | None:
    same = [revision for revision in revisions if revision.key == key and bytes(revision.data) == data.encode()]
    return same[-1] if same else None


def _choose(draft: Draft, revision: RevisionObserved) -> str:
    state = draft.state
    name = next(name for name, known in state.revisions.items() if known is revision)
    draft.note(RevisionChosen(key=revision.key, revision=name))
    return revision.key


def _create(draft: Draft, *, key: str, why: str) -> str:
    state = draft.state
    assert state.set_ is not None
    number = next_revision_number(revision.number for revision in state.revisions.values())
    manifest = controller_revision(lws_object(state), state.wanted_data.encode(), number=number, key=key)
    name = manifest["metadata"]["name"]
    draft.issue(
        CreateControllerRevision(name=name, manifest=msgspec.Raw(msgspec.json.encode(manifest))),
        announce=_announcement(state.set_.uid, name, key=key, why=why),
    )
    return ""


def _announcement(uid: str, revision: str, *, key: str, why: str) -> RecordEvent:
    text = {
        "new": f"Creating revision with key {key} for a newly created LeaderWorkerSet",
        "missing": f"Creating missing revision with key {key} for existing LeaderWorkerSet",
        "updated": f"Creating revision with key {key} for updated LWS",
    }[why]
    return announcements.revision_event(uid, reason="CreatingRevision", action="Create", note=text, revision=revision)
