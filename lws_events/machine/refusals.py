"""What a failed command leads to: a retry by timer, and a Warning where a person has to act (spec 1.7, 4.10)."""

from lws_events.commands import (
    ApplyLeaderStatefulSet,
    CreateService,
    CreateWorkerStatefulSet,
    DeleteControllerRevision,
    DeleteLeaderPod,
    RecordEvent,
    SetTimer,
    target,
)
from lws_events.decisions import Issued
from lws_events.events import CommandFailed
from lws_events.machine import leader, services, workers
from lws_events.machine.draft import Draft
from lws_events.machine.retry import delay_ms, timer_of_target

_SETTLED = frozenset({"Superseded", "NotFound"})
"""Reasons after which there is nothing to try again: another command took its place, or its object is gone."""

_DELETIONS = (DeleteLeaderPod, DeleteControllerRevision)
"""Their only precondition is the uid: ``Conflict`` means that this very object is gone."""


def decide_refusal(draft: Draft, issued: Issued, failed: CommandFailed) -> None:
    """Answer a failed command."""
    command = issued.command
    if isinstance(command, RecordEvent):
        return  # the executor has tried for long enough; the journal has the fact
    is_gone = failed.reason == "Conflict" and isinstance(command, _DELETIONS)
    if failed.reason not in _SETTLED and not is_gone:
        about = target(command)
        draft.hold(about)
        known = draft.state.retries.get(about)
        attempts = known.attempts + 1 if known is not None else 1
        fire_at_ms = draft.at_ms + delay_ms(attempts)
        draft.issue(SetTimer(timer=timer_of_target(about), fire_at_ms=fire_at_ms))
    if not draft.state.is_active:
        return
    error = failed.message or failed.reason
    match command:
        case ApplyLeaderStatefulSet():
            draft.warn(leader.failure_warning(draft.state, error))
        case CreateWorkerStatefulSet():
            group = draft.state.groups.get(command.name)
            if group is not None:
                workers.warn_create_failed(draft, group, error)
        case CreateService():
            draft.warn(services.failure_warning(draft.state, command.name, error))
        case _:
            pass
