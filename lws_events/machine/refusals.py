"""What a failed command leads to: a retry by timer, and a Warning where a person has to act (spec 1.7, 4.10)."""

from lws_events.commands import (
    ApplyLeaderStatefulSet,
    CreateService,
    CreateWorkerStatefulSet,
    RecordEvent,
    SetTimer,
    target,
)
from lws_events.decisions import Issued
from lws_events.events import SUPERSEDED, CommandFailed
from lws_events.machine import leader, services, workers
from lws_events.machine.draft import Draft
from lws_events.machine.outcomes import is_gone
from lws_events.machine.retry import delay_ms, timer_of_target


def decide_refusal(draft: Draft, issued: Issued, failed: CommandFailed) -> None:
    """Answer a failed command of a set that is active."""
    command = issued.command
    if isinstance(command, RecordEvent):
        return  # the executor has tried for long enough; the journal has the fact
    if failed.reason == SUPERSEDED or is_gone(command, failed):
        return
    about = target(command)
    draft.hold(about)
    known = draft.state.retries.get(about)
    attempts = known.attempts + 1 if known is not None else 1
    draft.issue(SetTimer(timer=timer_of_target(about), fire_at_ms=draft.at_ms + delay_ms(attempts)))
    error = failed.message or failed.reason
    match command:
        case ApplyLeaderStatefulSet():
            draft.warn(leader.failure_warning(draft.state, error))
        case CreateWorkerStatefulSet():
            group = draft.state.groups.get(command.name)
            # The name may be taken for a moment by the StatefulSet of an earlier leader that no watch has shown.
            if group is not None and (failed.reason != "AlreadyExists" or attempts > 1):
                workers.warn_create_failed(draft, group, error)
        case CreateService():
            draft.warn(services.failure_warning(draft.state, command.name, error))
        case _:
            pass
