"""What watches have shown, and what is known although they have not shown it yet.

A watch lags behind the commands and is repeated after a break. So three things are kept beside the views: which objects
are gone (what is told of them afterwards is late), which objects a command made that no watch has shown (they are not
made twice), and which answer of the API server a view is older than.
"""

from typing import Final

from lws_events import commands, events
from lws_events.machine.state import Aggregate, Unseen, precedes

GONE_MAX: Final = 512
"""How many ends are remembered for each set: enough for a repeated part of a watch, and a bound on the state."""

UNSEEN_MS_MAX: Final = 60_000
"""After a minute without a sign of a made object the command may be given again: creating is idempotent, and the
object may have gone in a gap of the watch."""

_KINDS: Final = {
    events.StatefulSetObserved: "statefulset",
    events.StatefulSetDeleted: "statefulset",
    events.ServiceObserved: "service",
    events.ServiceDeleted: "service",
    events.RevisionObserved: "revision",
    events.RevisionDeleted: "revision",
    events.PodGroupObserved: "podgroup",
    events.PodGroupDeleted: "podgroup",
}
"""Facts about objects that commands make → kind in the command's target."""


def is_late(state: Aggregate, view: events.View, known: events.View | None) -> bool:
    """Whether a view is from before what is known of the object of this name, or of one that is gone."""
    version = view.resource_version
    if known is not None and precedes(version, known.resource_version):
        return True
    end = state.gone.get(view.uid)
    return end is not None and precedes(version, end)


def note_end(state: Aggregate, uid: str, *, version: str) -> None:
    """An object is gone; ``version`` is higher than any that it ever had."""
    state.strangers.pop(uid, None)
    state.strangers_told.pop(uid, None)
    state.gone[uid] = version
    while len(state.gone) > GONE_MAX:
        del state.gone[next(iter(state.gone))]


def note_replaced(state: Aggregate, view: events.View, known: events.View | None) -> None:
    """If ``view`` is of another object than ``known``, then that one is gone."""
    if known is not None and known.uid != view.uid:
        note_end(state, known.uid, version=view.resource_version)


def note_shown(state: Aggregate, fact: events.Fact, *, name: str) -> None:
    """A watch has something to say about an object: it is no longer unseen."""
    kind = _KINDS.get(type(fact))
    if kind is None:
        return
    unseen = state.unseen.get(f"{kind}/{name}")
    if unseen is not None and unseen.uid in ("", getattr(fact, "uid", "")):
        del state.unseen[f"{kind}/{name}"]


def note_made(state: Aggregate, command: commands.AnyCommand, outcome: events.CommandSucceeded, *, at_ms: int) -> None:
    """A command made an object. If no watch has shown it, neither that nor its end, it counts as there all the same.

    A watch may be ahead of the answer: what somebody deletes at once is shown and gone while its command is in flight.
    """
    if outcome.uid in state.gone or not _is_wanted(state, command):
        return
    known = _shown(state, command)
    if known is None or (known.uid != outcome.uid and precedes(known.resource_version, outcome.resource_version)):
        state.unseen[outcome.target] = Unseen(outcome.uid, at_ms)


def is_unseen(state: Aggregate, target: str, *, at_ms: int) -> bool:
    """Whether the object was made, and its observation is still to be expected."""
    unseen = state.unseen.get(target)
    return unseen is not None and abs(at_ms - unseen.since_ms) < UNSEEN_MS_MAX


def _is_wanted(state: Aggregate, command: commands.AnyCommand) -> bool:
    """Whether a command makes an object, for an owner that is still there."""
    match command:
        case commands.CreateControllerRevision():
            return True
        case commands.CreateWorkerStatefulSet() | commands.CreateService() if command.name != state.name.name:
            group = state.groups.get(command.name)
            return group is not None and group.leader is not None and group.leader.view.uid == command.owner_uid
        case commands.CreatePodGroup():
            group = state.groups.get(command.leader)
            return group is not None and group.leader is not None and group.leader.view.uid == command.owner_uid
        case commands.ApplyLeaderStatefulSet() | commands.CreateService():
            return state.set_ is not None and state.set_.uid == command.owner_uid
        case _:
            return False


def _shown(state: Aggregate, command: commands.AnyCommand) -> events.View | None:
    """The object of the command's target as watches have shown it."""
    match command:
        case commands.CreateControllerRevision():
            return state.revisions.get(command.name)
        case commands.ApplyLeaderStatefulSet():
            return state.leader_set
        case commands.CreateService() if command.name == state.name.name:
            return state.service
        case commands.CreateService():
            return state.groups[command.name].service
        case commands.CreateWorkerStatefulSet():
            return state.groups[command.name].worker_set
        case commands.CreatePodGroup():
            return state.pod_groups.get(command.name)
        case _:
            return None
