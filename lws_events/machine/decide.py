"""What one event leads to: the parent of all rules, in the order in which they matter.

Only what the event touched is looked at. Nothing is decided about a set that is unknown or on its way out: the
garbage collector does the rest (spec 4.2 step 2).
"""

from lws_events import events, names
from lws_events.decisions import Decision
from lws_events.machine.change import Change
from lws_events.machine.draft import Draft
from lws_events.machine.gang import decide_gang
from lws_events.machine.leader import decide_leader
from lws_events.machine.lifecycle import RECREATING, decide_lifecycle
from lws_events.machine.refusals import decide_refusal
from lws_events.machine.restart import decide_restart
from lws_events.machine.rollout import replacement
from lws_events.machine.rollout.waiting import decide_waiting
from lws_events.machine.services import decide_group_service, decide_shared_service
from lws_events.machine.state import Aggregate, Group
from lws_events.machine.status import decide_status, is_done
from lws_events.machine.storage import decide_claims
from lws_events.machine.strangers import decide_strangers
from lws_events.machine.terminations import decide_terminations
from lws_events.machine.versions import decide_revision, decide_truncation
from lws_events.machine.worker_metadata import decide_worker_metadata
from lws_events.machine.workers import decide_workers, warn_about_nesting


def decide(
    state: Aggregate, fact: events.Fact, change: Change, *, epoch: str, cause: int, at_ms: int
) -> Decision | None:
    """Decide after ``fact`` (sequence ``cause``, recorded at ``at_ms``) was folded. Reads the state only."""
    if change.is_nothing:
        return None
    fired = fact.timer if isinstance(fact, events.TimerFired) else ""
    draft = Draft(state, epoch=epoch, cause=cause, at_ms=at_ms, fired=fired)
    if state.strangers and state.set_ is not None:
        decide_strangers(draft)
    if state.is_active:
        if isinstance(fact, events.CommandFailed) and change.closed is not None:
            decide_refusal(draft, change.closed, fact)
        if change.set_level:
            _decide_set(draft)
        for group in _touched(state, change):
            _decide_group(draft, group)
        if change.set_level and state.chosen_for == state.wanted_data:
            # Before, and in the decision that chooses, the counts are of another revision: a status with the new
            # generation would say that everything is updated. The outcome of the apply brings the next one.
            decide_status(draft)
            decide_truncation(draft, done=is_done(state))
        if state.terminations:
            decide_terminations(draft)
    else:
        for group in _touched(state, change):
            decide_lifecycle(draft, group)
    return draft.finish()


def _decide_set(draft: Draft) -> None:
    key = decide_revision(draft)
    planned = decide_leader(draft, key=key) if key else None
    if planned is not None:
        decide_waiting(draft, planned, key=key)
    decide_shared_service(draft)
    decide_claims(draft)
    decide_worker_metadata(draft)


def _decide_group(draft: Draft, group: Group) -> None:
    leader = group.leader
    if group.replacement is not None:
        replacement.resume(draft, group)
    is_going_on = group.recreation is None and group.replacement is None and group.held is None
    decided = "" if is_going_on and not group.unjudged else decide_restart(draft, group)
    stays = leader is not None and leader.view.deleting_since is None and decided != RECREATING
    if leader is not None and stays and group.recreating != leader.view.uid:
        if leader.view.annotations.get(names.LEADER_NAME):
            warn_about_nesting(draft, group)
        else:
            decide_group_service(draft, group)
            decide_gang(draft, group)
            decide_workers(draft, group)
    decide_lifecycle(draft, group, decided=decided)


def _touched(state: Aggregate, change: Change) -> list[Group]:
    if change.all_groups:
        return sorted(state.groups.values(), key=lambda group: (group.index, group.name))
    if not change.groups:
        return []
    return [state.groups[name] for name in change.groups if name in state.groups]
