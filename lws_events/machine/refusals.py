"""What a failed command leads to: a retry by timer, and a Warning where a person has to act (spec 1.7, 4.10)."""

from typing import Final

from lws_events.commands import (
    TEMPLATE_CHANGED,
    AnyCommand,
    ApplyLeaderStatefulSet,
    Command,
    CreateControllerRevision,
    CreatePodGroup,
    CreateService,
    CreateWorkerStatefulSet,
    DeleteLeaderPod,
    RecordEvent,
    SetTimer,
    target,
)
from lws_events.decisions import Issued, ObjectLeftAlone
from lws_events.events import NOT_DONE, SUPERSEDED, CommandFailed
from lws_events.machine import gang, leader, services, workers
from lws_events.machine.draft import Draft
from lws_events.machine.outcomes import is_gone
from lws_events.machine.retry import delay_ms, timer_of_target

_TAKEN: Final = ("AlreadyExists", "Foreign")
"""Reasons of refusals which say that somebody else's object has the name."""

_KINDS: Final[dict[type[Command], str]] = {
    ApplyLeaderStatefulSet: "StatefulSet",
    CreateWorkerStatefulSet: "StatefulSet",
    CreateService: "Service",
    CreateControllerRevision: "ControllerRevision",
    CreatePodGroup: "PodGroup",
}


def decide_refusal(draft: Draft, issued: Issued, failed: CommandFailed) -> None:
    """Answer a failed command of a set that is active."""
    command = issued.command
    if _needs_no_answer(command, failed):
        return
    about = target(command)
    if isinstance(command, CreateControllerRevision) and command.name in draft.state.revision_names_taken:
        draft.note(_left_alone(command, about, failed))  # the next name is tried at once
        return
    draft.hold(about)
    is_invalid = failed.reason == "Invalid"  # nothing but a change of the object itself will cure it
    known = draft.state.retries.get(about)
    attempts = known.attempts + 1 if known is not None else 1
    draft.issue(
        SetTimer(timer=timer_of_target(about), fire_at_ms=draft.at_ms + delay_ms(attempts, of_content=is_invalid))
    )
    if failed.reason == NOT_DONE:
        return  # a person is told by the difference that is recorded with it
    error = failed.message or failed.reason
    told = False
    match command:
        case ApplyLeaderStatefulSet():
            told = draft.warn(leader.failure_warning(draft.state, error))
        case CreateWorkerStatefulSet():
            group = draft.state.groups.get(command.name)
            # The name may be taken for a moment by the StatefulSet of an earlier leader that no watch has shown.
            if group is not None and (failed.reason != "AlreadyExists" or attempts > 1):
                told = workers.warn_create_failed(draft, group, error)
        case CreatePodGroup():
            group = draft.state.groups.get(command.leader)
            if group is not None and (failed.reason != "AlreadyExists" or attempts > 1):
                told = gang.warn_create_failed(draft, group, error)
        case CreateService():
            told = draft.warn(services.failure_warning(draft.state, command.name, error))
        case _:
            pass
    if told and failed.reason in _TAKEN:
        draft.note(_left_alone(command, about, failed))


def _needs_no_answer(command: AnyCommand, failed: CommandFailed) -> bool:
    if isinstance(command, RecordEvent):
        return True  # the executor has tried for long enough; the journal has the fact
    if failed.reason == NOT_DONE and isinstance(command, DeleteLeaderPod):
        return True  # the group goes on as it is, until it fails again
    return failed.reason in (SUPERSEDED, TEMPLATE_CHANGED) or is_gone(command, failed)


def _left_alone(command: Command, about: str, failed: CommandFailed) -> ObjectLeftAlone:
    return ObjectLeftAlone(
        kind=_KINDS[type(command)], name=about.partition("/")[2], because=failed.message or failed.reason
    )
