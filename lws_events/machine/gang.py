"""PodGroups: one for each group whose pods a gang scheduler places together (spec 4.9, D32, D53, D65).

Whether a group takes part is said by its leader's view, which names the PodGroup. It is made before the workers, from
the group's own revision, and never changed; ownership takes it along with its leader. Only one that the present leader
owns counts: an earlier leader's, which bears the same name, is about to be collected, and is waited for.
"""

import functools
from typing import Final

import msgspec

from lws_events.canonical.errors import CanonicalError
from lws_events.commands import CreatePodGroup, pod_group_target
from lws_events.decisions import ObjectLeftAlone
from lws_events.events import PodGroupDeleted, PodGroupObserved
from lws_events.gang import VOLCANO, leader_of
from lws_events.machine import announcements, sight
from lws_events.machine.change import Change
from lws_events.machine.draft import Draft
from lws_events.machine.manifest import as_json, lws_object
from lws_events.machine.spec import LEADER_READY
from lws_events.machine.state import Aggregate, Group
from lws_events.machine.versions import newest
from lws_events.machine.workers import MISSING_DELAY_MS, leader_ref
from lws_events.names import REVISION_KEY
from lws_events.objects.pod_groups import GroupNeeds, pod_group, prepare_pod_group
from lws_events.revisions import restore

_PREPARED_MAX: Final = 16
"""How many revisions stay prepared: all groups of a set come up from the same one, one after the other."""


def fold_pod_group(state: Aggregate, view: PodGroupObserved, *, name: str) -> Change:
    """A PodGroup was seen. What the scheduler writes into it is kept, and changes nothing."""
    known = state.pod_groups.get(name)
    if sight.is_late(state, view, known) or view == known:
        return Change.NOTHING
    sight.note_replaced(state, view, known)
    state.pod_groups[name] = view
    if known is not None and _standing(known) == _standing(view):
        return Change.NOTHING
    return Change(groups=_groups(state, name, view))


def fold_pod_group_deleted(state: Aggregate, fact: PodGroupDeleted, *, name: str) -> Change:
    """A PodGroup is gone."""
    sight.note_end(state, fact.uid, version=fact.resource_version)
    known = state.pod_groups.get(name)
    if known is None or known.uid != fact.uid:
        return Change.NOTHING
    del state.pod_groups[name]
    return Change(groups=_groups(state, name, known))


def decide_gang(draft: Draft, group: Group) -> None:
    """Create the PodGroup of a group whose leader exists and stays, where it has none."""
    state, leader = draft.state, group.leader
    assert leader is not None
    assert state.spec is not None
    name = leader.view.gang_group
    existing = state.pod_groups.get(name)
    if existing is not None:
        _look_at(draft, group, existing, name=name)
        return
    if not name or not draft.can_issue(pod_group_target(name)):
        return
    revision = newest(state, leader.view.labels.get(REVISION_KEY, ""))
    if not revision:
        _wait_for_revision(draft, group)
        return
    assert state.set_ is not None
    try:
        needs = _needs(bytes(state.set_.spec), bytes(state.revisions[revision].data))
    except CanonicalError as error:
        warn_create_failed(draft, group, str(error))
        return
    manifest = pod_group(
        needs,
        provider=VOLCANO,
        name=name,
        lws=lws_object(state),
        leader=leader_ref(state, group),
        starts_with_leader=state.spec.startup_policy == LEADER_READY,
    )
    command = CreatePodGroup(name=name, leader=group.name, owner_uid=leader.view.uid, manifest=as_json(manifest))
    draft.issue(command)


def warn_create_failed(draft: Draft, group: Group, error: str) -> bool:
    """The Warning for a PodGroup that could not be created; says whether it is new."""
    lws, leader = draft.state.set_, group.leader
    if lws is None or leader is None:
        return False
    name = leader.view.gang_group
    event = announcements.warning(
        lws.uid,
        about=pod_group_target(name),
        reason="FailedCreate",
        action="Create",
        note=f"Failed to create pod group {name} for leader pod {group.name}: {error}",
        pod=group.name,
        pod_uid=leader.view.uid,
    )
    return draft.warn(event)


@functools.lru_cache(maxsize=_PREPARED_MAX)
def _needs(spec: bytes, data: bytes) -> GroupNeeds:
    """The same for all groups of a revision."""
    return prepare_pod_group(restore(msgspec.json.decode(spec), data))


def _look_at(draft: Draft, group: Group, existing: PodGroupObserved, *, name: str) -> None:
    """Warn about a PodGroup that is somebody else's, and will not go away by itself."""
    assert group.leader is not None
    owner = existing.owner
    is_of_group = owner is not None and (owner.kind, owner.name) == ("Pod", group.name)
    if is_of_group or existing.deleting_since is not None or pod_group_target(name) in draft.state.in_flight:
        return
    because = f"controlled by {owner.kind} {owner.name}" if owner is not None else "it has no controller owner"
    error = f"{VOLCANO.kind} {name} exists and is not managed by this LeaderWorkerSet"
    if warn_create_failed(draft, group, error):
        draft.note(ObjectLeftAlone(kind=VOLCANO.kind, name=name, because=because))


def _wait_for_revision(draft: Draft, group: Group) -> None:
    """As for workers: a revision that stays missing is waited for in vain until the group is updated (spec D27)."""
    timer = f"missing-revision/{group.name}"
    if draft.fired == timer:
        warn_create_failed(draft, group, "no ControllerRevision of its key exists")
    elif group.leader is not None and pod_group_target(group.leader.view.gang_group) not in draft.state.warned:
        draft.wait(timer, delay_ms=MISSING_DELAY_MS)


def _standing(view: PodGroupObserved) -> tuple[object, ...]:
    """What decides whether it counts."""
    return view.uid, view.owner, view.deleting_since


def _groups(state: Aggregate, name: str, view: PodGroupObserved) -> tuple[str, ...]:
    """Groups that a PodGroup may concern: that of its name, and that of its owner."""
    named = leader_of(name, set_name=state.name.name)
    owner = view.owner.name if view.owner is not None and view.owner.kind == "Pod" else named
    return (named,) if owner == named else (named, owner)
