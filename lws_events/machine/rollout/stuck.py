"""A StatefulSet controller that may not delete the broken leader which it should replace (spec D24).

With a field ``maxUnavailable`` it counts every unready leader, and does nothing once there are as many as that. If
those are the very leaders that the rollout would cure, nothing ever happens. Then the highest of them is deleted here,
one after the other: it was to be replaced, and is down.
"""

from typing import Final

from lws_events.machine.draft import Draft
from lws_events.machine.marks import number
from lws_events.machine.rollout import bits, replacement
from lws_events.machine.rollout.situation import Planned
from lws_events.machine.state import Aggregate, precedes

DELAY_MS: Final = 10_000
"""How long nothing must have changed: the StatefulSet controller acts within a second or not at all."""

TIMER: Final = "stuck-leader"


def decide_stuck(draft: Draft, planned: Planned) -> None:
    """Replace the highest leader that is due and down, once the StatefulSet controller has left it alone."""
    state, index = draft.state, _stuck_leader(draft.state, planned)
    if index < 0:
        return
    view, name = state.own_leader_set, f"{state.name.name}-{index}"
    assert view is not None
    # The StatefulSet's version is part of the name: whatever it does in the meantime starts the time anew.
    timer = f"{TIMER}/{view.resource_version}/{name}"
    if draft.fired != timer:
        draft.wait(timer, delay_ms=DELAY_MS)
        return
    because = f"it has the old template, and {view.max_unavailable} or more leaders being down stop the StatefulSet"
    replacement.begin(draft, state.groups[name], partition=planned.plan.partition, because=because)


def _stuck_leader(state: Aggregate, planned: Planned) -> int:
    """Index of the leader that should be replaced and cannot be; -1 if there is none."""
    view, applied, present = state.own_leader_set, state.applied, planned.present
    if view is None or present is None or view.max_unavailable is None:
        return -1
    if applied is not None and precedes(view.resource_version, applied.resource_version):
        return -1  # the StatefulSet controller has not had its chance yet
    if view.replicas - view.available_replicas < view.max_unavailable:
        return -1
    highest = bits.last_below(number(state.marks.overdue), present.replicas)
    return highest if highest >= present.partition else -1
