"""A rollout that waits for groups which it would replace itself: it says so, once (spec D9).

Groups below the partition that are not ready use up the budget of unavailable groups. With enough of them nothing
moves, not even the change that would cure them. The numbers stay the reference's; but a person is told which groups
hold the budget, and may allow that they are replaced first.
"""

from typing import Final

from lws_events.commands import RecordEvent
from lws_events.decisions import RolloutBlocked
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.marks import number
from lws_events.machine.rollout import bits, replacement
from lws_events.machine.rollout.situation import Planned
from lws_events.names import REPLACE_BROKEN_GROUPS_FIRST

DELAY_MS: Final = 10_000
"""A group that is about to be ready is no news."""

NAMED_MAX: Final = 10
"""How many groups are named: a person looks at one of them, not at a thousand."""

REPLACED_MAX: Final = 16
"""How many broken groups are replaced at once: their pods come and go at the scheduler's expense."""


def decide_blocked(draft: Draft, planned: Planned, *, key: str) -> None:
    """Where nothing but groups below the partition keeps the rollout back: tell it, and replace them if allowed."""
    partition, holders = planned.plan.partition, holders_of_budget(planned)
    if not holders:
        return
    _tell(draft, holders, key=key, partition=partition)
    spec = draft.state.spec
    if spec is not None and spec.replace_broken_first:
        _replace(draft, holders & number(draft.state.broken) & ~planned.now.updated, partition=partition)


def holders_of_budget(planned: Planned) -> int:
    """Bits of the groups that keep a rollout from its next step, when all that it has touched is ready; else none."""
    now, plan, present = planned.now, planned.plan, planned.present
    if present is None or plan.why != "step" or plan.partition <= now.user_partition:
        return 0
    if bits.last_missing_below(now.ready & now.updated, present.replicas) >= plan.partition:
        return 0  # it waits for a group that it has replaced
    end = min(plan.partition, present.replicas)
    return ~now.ready & ((1 << end) - 1)


def _tell(draft: Draft, holders: int, *, key: str, partition: int) -> None:
    state = draft.state
    told = state.blocked
    if told is not None and (told.key, told.partition) == (key, partition):
        return
    timer = f"rollout-blocked/{key}/{partition}"
    if draft.fired != timer:
        draft.wait(timer, delay_ms=DELAY_MS)
        return
    named = tuple(f"{state.name.name}-{index}" for index in bits.first_indices(holders, most=NAMED_MAX))
    blocked = RolloutBlocked(key=key, partition=partition, groups=named, count=holders.bit_count())
    if draft.issue(_warning(draft, blocked)):
        draft.note(blocked)


def _warning(draft: Draft, blocked: RolloutBlocked) -> RecordEvent:
    state = draft.state
    assert state.set_ is not None
    more = f" and {blocked.count - len(blocked.groups)} more" if blocked.count > len(blocked.groups) else ""
    return announcements.warning(
        state.set_.uid,
        about=f"rollout/{state.name.name}",
        reason="RolloutBlocked",
        action="Update",
        note=(
            f"Rolling update cannot go below partition {blocked.partition}: maxUnavailable is used up by groups that "
            f"are not ready: {', '.join(blocked.groups)}{more}. Raise maxUnavailable or maxSurge, repair or delete "
            f"them, or annotate the set with {REPLACE_BROKEN_GROUPS_FIRST}"
        ),
    )


def _replace(draft: Draft, broken: int, *, partition: int) -> None:
    """Groups that are not ready can be replaced without a ready one less."""
    state = draft.state
    for index in bits.first_indices(broken, most=REPLACED_MAX):
        group = state.groups[f"{state.name.name}-{index}"]
        if group.held is None:  # one that is kept for debugging is left for debugging
            because = "it was broken before the rolling update began, and uses up the budget"
            replacement.begin(draft, group, partition=partition, because=because)
