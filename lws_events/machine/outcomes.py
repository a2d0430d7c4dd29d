"""What came of commands and timers: a command with an outcome is no longer in flight, a timer that fired is none.

What a failure leads to is decided in ``refusals``.
"""

from typing import Final

import msgspec

from lws_events import commands, events
from lws_events.decisions import Issued
from lws_events.gang import leader_of
from lws_events.machine import crash_loop_counts, members, set_objects, sight, worker_metadata
from lws_events.machine.change import Change
from lws_events.machine.retry import target_of_timer
from lws_events.machine.rollout.standing import applied_leader
from lws_events.machine.state import Aggregate, precedes
from lws_events.names import REVISION_KEY
from lws_events.subjects import POD_GROUP

_BY_UID: Final = (
    commands.DeleteLeaderPod,
    commands.DeleteControllerRevision,
    commands.MarkLeaderPod,
    commands.ApplyWorkerMetadata,
)


def fold_outcome(state: Aggregate, fact: events.Outcome, *, at_ms: int) -> Change:
    """A command has succeeded or failed: it is no longer in flight."""
    issued = state.in_flight.get(fact.target)
    if issued is None or issued.id != fact.command_id:
        return Change.NOTHING  # reported twice, or of an epoch that is over
    del state.in_flight[fact.target]
    if isinstance(fact, events.CommandSucceeded):
        state.retries.pop(fact.target, None)
        state.warned.pop(fact.target, None)
        sight.note_made(state, issued.command, fact, at_ms=at_ms)
        _fold_success(state, issued, fact)
    elif is_gone(issued.command, fact):
        state.retries.pop(fact.target, None)
        _fold_end(state, issued.command)
    elif isinstance(issued.command, commands.DeleteLeaderPod) and fact.reason == events.NOT_DONE:
        _leader_stays(state, issued.command)
    elif isinstance(issued.command, commands.CreateControllerRevision) and fact.reason == "AlreadyExists":
        set_objects.note_taken_name(state, issued.command.name)
    if isinstance(issued.command, commands.ApplyWorkerMetadata):
        refused = isinstance(fact, events.CommandFailed) and not is_gone(issued.command, fact)
        worker_metadata.note_end(state, issued.command, done=not refused)
    if isinstance(issued.command, commands.CreateControllerRevision) and _template_changed(fact):
        view = state.own_leader_set
        state.unrecorded_key = view.labels.get(REVISION_KEY, "") if view is not None else ""
    return Change(set_level=True, groups=_groups_of(state, fact.target), closed=issued)


def _template_changed(fact: events.Outcome) -> bool:
    return isinstance(fact, events.CommandFailed) and fact.reason == commands.TEMPLATE_CHANGED


def is_gone(command: commands.AnyCommand, failed: events.CommandFailed) -> bool:
    """Whether a command failed because its object is gone: the uid is its only precondition."""
    return isinstance(command, _BY_UID) and failed.reason in ("NotFound", "Conflict")


def _fold_success(state: Aggregate, issued: Issued, fact: events.CommandSucceeded) -> None:
    match issued.command:
        case commands.ApplyLeaderStatefulSet():
            state.applied = applied_leader(issued.command, fact)
        case commands.UpdateSetStatus():
            is_ours = state.set_ is not None and state.set_.uid == issued.command.uid
            if is_ours and not precedes(fact.resource_version, state.status_version):
                state.status = msgspec.json.decode(issued.command.status)
                state.status_version = fact.resource_version
        case _:
            _fold_end(state, issued.command)


def _fold_end(state: Aggregate, command: commands.AnyCommand) -> None:
    """A deletion or a mark was accepted, or came too late: the object needs no further one."""
    match command:
        case commands.DeleteLeaderPod():
            members.leader_deletion_accepted(state, command)
        case commands.MarkLeaderPod():
            crash_loop_counts.mark_written(state, command)
        case commands.DeleteControllerRevision():
            set_objects.forget_revision(state, command.name, uid=command.uid)
        case _:
            pass


def _leader_stays(state: Aggregate, command: commands.DeleteLeaderPod) -> None:
    """Whoever is in charge does not recreate the group: it goes on as it is, and a further failure is a new one."""
    group = state.groups.get(command.name)
    if group is not None and group.recreating == command.uid:
        group.recreation = group.replacement = None


def fold_timer(state: Aggregate, fact: events.TimerFired) -> Change:
    """A timer has fired: what waited for it may be tried."""
    if state.timers.pop(fact.timer, None) is None:
        return Change.NOTHING
    target = target_of_timer(fact.timer)
    retry = state.retries.get(target)
    if retry is not None:
        retry.waiting = False
    return Change(set_level=True, groups=_groups_of(state, target or fact.timer))


def _groups_of(state: Aggregate, target: str) -> tuple[str, ...]:
    """The group whose object a target (or what a timer is about) is, if it is a group's."""
    kind, _, name = target.partition("/")
    if kind == POD_GROUP:
        name = leader_of(name, set_name=state.name.name)
    return (name,) if name in state.groups else ()
