"""Take a decision into the state: what is in flight, which timers run, what became of groups and failures."""

from typing import assert_never

from lws_events.commands import ApplyWorkerMetadata, RecordEvent, SetTimer, UpdateSetStatus, target
from lws_events.decisions import (
    ConditionChanged,
    Decision,
    FailureLeftAlone,
    GroupChanged,
    GroupKept,
    GroupRecreationPostponed,
    GroupRecreationStarted,
    GroupTerminationOverdue,
    Issued,
    LeaderReplacementStarted,
    LifecycleFact,
    ObjectLeftAlone,
    RevisionChosen,
    RolloutBlocked,
    RolloutStepped,
)
from lws_events.machine import counting, crash_loop_counts, members, strangers, terminations, worker_metadata
from lws_events.machine.retry import target_of_timer
from lws_events.machine.state import Aggregate, Retry
from lws_events.names import REVISION_KEY


def apply(state: Aggregate, decision: Decision, *, at_ms: int) -> None:
    """Apply a decision, made now or recorded earlier, whose cause was recorded at ``at_ms``."""
    for issued in decision.commands:
        _apply_command(state, issued, at_ms=at_ms)
    for fact in decision.facts:
        _apply_fact(state, fact, at_ms=at_ms)


def _apply_command(state: Aggregate, issued: Issued, *, at_ms: int) -> None:
    command = issued.command
    if isinstance(command, SetTimer):
        state.timers[command.timer] = command.fire_at_ms
        about = target_of_timer(command.timer)
        if about:
            known = state.retries.get(about)
            state.retries[about] = Retry(attempts=known.attempts + 1 if known is not None else 1)
        return
    state.in_flight[target(command)] = issued
    if isinstance(command, ApplyWorkerMetadata):
        worker_metadata.note_sent(state, command)
    if isinstance(command, UpdateSetStatus):
        state.status_written_ms = at_ms
    if isinstance(command, RecordEvent) and command.type == "Warning":
        state.warned[command.about] = command.note


def _apply_fact(state: Aggregate, fact: LifecycleFact, *, at_ms: int) -> None:  # noqa: PLR0912 (a branch a fact)
    match fact:
        case RevisionChosen():
            if state.own_leader_set is not None and state.own_leader_set.labels.get(REVISION_KEY) != fact.key:
                counting.note_broken(state)
            state.target_key = fact.key
            state.chosen_for = state.wanted_data
            counting.recount_all(state)
        case GroupChanged():
            crash_loop_counts.note_life(state, fact, at_ms=at_ms)
            group = state.groups.get(fact.group)
            if group is not None:
                group.lifecycle = fact.after
                members.forget_if_empty(state, group)
        case GroupRecreationStarted():
            group = state.groups.get(fact.group)
            if group is not None:
                group.recreation = fact
                group.deletion_accepted = False
                group.unjudged = {}
                crash_loop_counts.start(state, group, fact)
        case GroupRecreationPostponed() | GroupKept():
            group = state.groups.get(fact.group)
            if group is not None:
                crash_loop_counts.hold(group, fact)
        case FailureLeftAlone():
            group = state.groups.get(fact.group)
            if group is not None:
                group.unjudged.pop(fact.pod_uid, None)
                crash_loop_counts.release(state, group, failed_uid=fact.pod_uid)
        case GroupTerminationOverdue():
            terminations.told(state, fact)
        case ObjectLeftAlone():
            strangers.told(state, fact)
        case RolloutBlocked():
            state.blocked = fact
        case LeaderReplacementStarted():
            group = state.groups.get(fact.group)
            if group is not None:
                group.replacement = fact
                group.deletion_accepted = False
                group.unjudged = {}
        case ConditionChanged() | RolloutStepped():
            pass
        case _:
            assert_never(fact)
