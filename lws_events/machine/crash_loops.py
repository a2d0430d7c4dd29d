"""Groups that fail again and again: whether a failed group is recreated now, later, or kept for a person to look at.

Opt-in by annotations (``crash_loop_rules``; docs/annotations.md). A group that waits or is kept goes on as it is: its
workers and containers are replaced by others, rollout, scaling and deletion work, and further failures are part of the
one that it waits for. The count of a group outlives its leader, since every recreation has a new one.
"""

from typing import Final

from lws_events import names
from lws_events.commands import MarkLeaderPod, SetTimer
from lws_events.decisions import FailureLeftAlone, GroupKept, GroupRecreationPostponed
from lws_events.durations import duration_words
from lws_events.machine import announcements
from lws_events.machine.crash_loop_counts import is_marked
from lws_events.machine.crash_loop_rules import Keep, Recreate, Wait, next_step
from lws_events.machine.draft import Draft
from lws_events.machine.held import HeldFailure
from lws_events.machine.lifecycle import BACK_OFF, KEPT, state_of_present
from lws_events.machine.recreation import Cause, begin
from lws_events.machine.state import Aggregate, Group, PodState

MARK_LABEL_VALUE: Final = "true"


def timer_of(group: str) -> str:
    """Name of the timer that ends a group's wait."""
    return f"restart/{group}"


def decide_end(draft: Draft, group: Group, leader: PodState, cause: Cause) -> str:
    """A failure is to end the group: now, later or not at all. Returns the state of life that was decided."""
    assert draft.state.spec is not None
    rules = draft.state.spec.crash_loops
    recreations = _recreations(draft.state, group, leader, at_ms=draft.at_ms)
    if rules.limit and is_marked(leader.view):
        # Kept by a controller whose journal is lost, or marked by a person beforehand: Kubernetes says so.
        return _keep(draft, group, leader, cause, failed_ms=draft.at_ms, recreations=max(recreations, rules.limit))
    step = next_step(rules, recreations=recreations, failed_ms=draft.at_ms, at_ms=draft.at_ms)
    return _carry_on(draft, group, leader, cause, step, failed_ms=draft.at_ms)


def decide_held(draft: Draft, group: Group, leader: PodState, held: HeldFailure) -> str:
    """Look again at a group that waits or is kept. Returns the state of life that was decided, empty for as before."""
    state = draft.state
    assert state.spec is not None
    cause = Cause(held.failed_pod, held.failed_uid, held.failure)
    resumed = held.kept and held.marked and not is_marked(leader.view)
    if not state.spec.recreates and (resumed or not held.kept):
        policy = f"restart policy {state.spec.restart_policy}"
        fact = FailureLeftAlone(
            group=group.name, pod=cause.pod, pod_uid=cause.pod_uid, failure=cause.failure, because=policy
        )
        draft.note(fact)
        return state_of_present(state, group, leader)
    recreations = 0 if resumed else held.recreations
    step = next_step(state.spec.crash_loops, recreations=recreations, failed_ms=held.failed_ms, at_ms=draft.at_ms)
    match step:
        case Wait() if not held.kept and step.until_ms == held.until_ms:
            _set_timer(draft, group, step.until_ms)
            return ""
        case Keep() if held.kept:
            if not (held.marked or held.mark_written):
                _mark(draft, group, leader, cause, recreations=held.recreations)
            return ""
        case _:
            return _carry_on(draft, group, leader, cause, step, failed_ms=held.failed_ms)


def _carry_on(
    draft: Draft, group: Group, leader: PodState, cause: Cause, step: Recreate | Wait | Keep, *, failed_ms: int
) -> str:
    match step:
        case Recreate():
            return begin(draft, group, leader, cause, attempt=step.attempt)
        case Wait():
            return _postpone(draft, group, leader, cause, step, failed_ms=failed_ms)
        case Keep():
            return _keep(draft, group, leader, cause, failed_ms=failed_ms, recreations=step.recreations)


def _recreations(state: Aggregate, group: Group, leader: PodState, *, at_ms: int) -> int:
    """How often the group was recreated in a row, of this template and without a stable period."""
    loop = state.crash_loops.get(group.name)
    if loop is None or state.spec is None or loop.key != leader.view.labels.get(names.REVISION_KEY, ""):
        return 0
    ready_ms = max(loop.longest_ready_ms, at_ms - loop.ready_since_ms if loop.ready_since_ms else 0)
    return 0 if ready_ms >= state.spec.crash_loops.stable_after_ms else loop.recreations


def _postpone(draft: Draft, group: Group, leader: PodState, cause: Cause, step: Wait, *, failed_ms: int) -> str:
    assert draft.state.set_ is not None
    draft.note(
        GroupRecreationPostponed(
            group=group.name,
            leader=group.name,
            leader_uid=leader.view.uid,
            failed_pod=cause.pod,
            failed_uid=cause.pod_uid,
            failure=cause.failure,
            failed_ms=failed_ms,
            until_ms=step.until_ms,
            attempt=step.attempt,
        )
    )
    _set_timer(draft, group, step.until_ms)
    delay = duration_words(step.until_ms - failed_ms)
    note = (
        f"Pod {cause.pod} failed ({cause.failure}): back-off of {delay} before recreation {step.attempt} in a row of "
        f"group {_index(group, leader)}"
    )
    draft.issue(
        announcements.leader_warning(
            draft.state.set_.uid,
            leader=group.name,
            leader_uid=leader.view.uid,
            reason="RestartBackOff",
            action="Wait",
            note=note,
        )
    )
    return BACK_OFF


def _keep(draft: Draft, group: Group, leader: PodState, cause: Cause, *, failed_ms: int, recreations: int) -> str:
    assert draft.state.set_ is not None
    fact = GroupKept(
        group=group.name,
        leader=group.name,
        leader_uid=leader.view.uid,
        failed_pod=cause.pod,
        failed_uid=cause.pod_uid,
        failure=cause.failure,
        failed_ms=failed_ms,
        recreations=recreations,
    )
    draft.note(fact)
    note = (
        f"Group {_index(group, leader)} is kept for debugging: {_reason(leader, cause, recreations=recreations)}. To "
        f"recreate it, remove the label {names.KEPT_FOR_DEBUGGING} from pod {group.name}, or delete that pod"
    )
    draft.issue(
        announcements.leader_warning(
            draft.state.set_.uid,
            leader=group.name,
            leader_uid=leader.view.uid,
            reason="GroupKept",
            action="Keep",
            note=note,
        )
    )
    if not is_marked(leader.view):
        _mark(draft, group, leader, cause, recreations=recreations)
    return KEPT


def _mark(draft: Draft, group: Group, leader: PodState, cause: Cause, *, recreations: int) -> None:
    reason = _reason(leader, cause, recreations=recreations)
    draft.issue(
        MarkLeaderPod(
            name=group.name,
            uid=leader.view.uid,
            annotations={names.KEPT_FOR_DEBUGGING: reason},
            labels={names.KEPT_FOR_DEBUGGING: MARK_LABEL_VALUE},
        )
    )


def _set_timer(draft: Draft, group: Group, until_ms: int) -> None:
    """Also where one of another time runs: what was asked for may have changed."""
    timer = timer_of(group.name)
    if draft.state.timers.get(timer) != until_ms:
        draft.issue(SetTimer(timer=timer, fire_at_ms=until_ms))


def _index(group: Group, leader: PodState) -> str:
    return leader.view.labels.get(names.GROUP_INDEX, str(group.index))


def _reason(leader: PodState, cause: Cause, *, recreations: int) -> str:
    failed = f"pod {cause.pod} failed ({cause.failure})"
    if is_marked(leader.view):
        return f"{failed}, and its leader carries the mark"
    return f"{failed} after {recreations} recreation{'s' if recreations > 1 else ''} in a row"
