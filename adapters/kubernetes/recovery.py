"""What was missed, and the order in which it is recorded.

Compares a listing with what the journal says. Order matters because the state machine decides after every event: a
worker that vanished together with its leader must not look like a failed worker, and a set comes after its children.
Nothing here talks to anybody.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum

from adapters.kubernetes.kinds import KINDS
from adapters.kubernetes.known import Change, Known
from adapters.kubernetes.reduce import Key
from lws_events import events, names, subjects


class _Rank(IntEnum):
    """Order within one kind."""

    LEADER_ENDED = 0
    LEADER_LEAVING = 1
    """A leader on its way out: its workers' ends are no failures, and this says so before they are recorded."""
    ENDED = 2
    OBSERVED = 3


def compare(known: Known, listed: Mapping[Key, events.View], vanished: Iterable[Key], *, version: str) -> list[Change]:
    """Bring ``known`` up to date with a listing of one kind; what that adds to the journal, in order."""
    ranked: list[tuple[_Rank, Change]] = []
    for key in sorted(vanished):
        rank = _Rank.LEADER_ENDED if _leads(known.view(key)) else _Rank.ENDED
        ranked += [(rank, change) for change in known.vanish(key, version)]
    for key in sorted(listed):
        led = _leads(known.view(key))
        changes = known.observe(key, listed[key])
        ranked += [(_rank(change, led=led, replaces=len(changes) > 1), change) for change in changes]
    ranked.sort(key=lambda item: item[0])
    return [change for _, change in ranked]


def announcements(known_sets: Mapping[Key, str], changes: Mapping[str, list[Change]]) -> list[Change]:
    """Of the known sets (address → uid) those that were changed: told first, so that nothing is decided meanwhile.

    Another controller may have acted on such a change, and what it did must not be judged by what a set was before.
    """
    return [
        Change(
            change.key._replace(kind=subjects.MISSED),
            events.SetChangeMissed(uid=change.fact.uid, resource_version=change.fact.resource_version),
        )
        for change in changes.get(subjects.SET, [])
        if isinstance(change.fact, events.SetObserved) and known_sets.get(change.key) == change.fact.uid
    ]


def across_kinds(changes: Mapping[str, list[Change]]) -> list[Change]:
    """What was missed, by kind, in the order in which it is recorded.

    Sets that are gone come first, so that nothing is decided for them any more; sets that exist come last, after their
    status, so that nothing is decided for them before their children are known.
    """
    sets = changes.get(subjects.SET, [])
    children = [
        change for followed in KINDS if followed.kind != subjects.SET for change in changes.get(followed.kind, [])
    ]
    return [
        *(change for change in sets if isinstance(change.fact, events.Deleted)),
        *children,
        *changes.get(subjects.SET_STATUS, []),
        *(change for change in sets if not isinstance(change.fact, events.Deleted)),
    ]


def _rank(change: Change, *, led: bool, replaces: bool) -> _Rank:
    if isinstance(change.fact, events.Deleted):
        return _Rank.LEADER_ENDED if led else _Rank.ENDED
    if (
        isinstance(change.fact, events.PodObserved)
        and change.fact.deleting_since
        and _leads(change.fact)
        and not replaces
    ):
        return _Rank.LEADER_LEAVING
    return _Rank.OBSERVED


def _leads(view: events.View | None) -> bool:
    return isinstance(view, events.PodObserved) and view.labels.get(names.WORKER_INDEX) == "0"
