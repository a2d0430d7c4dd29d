"""Where the plan differs from the reference's on purpose: spec D16, D18, D19, one function each.

Each takes a situation or a plan and gives it back, changed or not, so that ``planner`` stays the reference's.
"""

from lws_events.machine.rollout import bits, planner
from lws_events.machine.rollout.planner import Plan, Situation


def plan(now: Situation) -> Plan:
    """The reference's plan with all refinements."""
    now = with_a_budget(now)
    return keeping_ready_groups(now, without_new_surge(now, planner.plan(now)))


def with_a_budget(now: Situation) -> Situation:
    """Percentages may round both budgets down to nothing; then one group may be down, or nothing ever moves (D19)."""
    if now.replicas > 0 and now.max_unavailable + now.max_surge == 0:
        return now._replace(max_unavailable=1)
    return now


def without_new_surge(now: Situation, planned: Plan) -> Plan:
    """At rest no surge is kept or added because some groups are unready: fewer replicas means fewer (D16).

    Also not in the plans after that one, nor before: above partition 0 the planner would never be at rest.
    """
    return planned._replace(replicas=now.replicas) if _takes_no_surge(now, planned) else planned


def _takes_no_surge(now: Situation, planned: Plan) -> bool:
    if planned.why == "step":
        has_surge = now.present is not None and now.present.replicas > now.replicas
        return not has_surge and is_at_rest(now)
    return planned.why == "scaled" and is_at_rest(now)


def is_at_rest(now: Situation) -> bool:
    """No rollout is under way: the partition is the user's, and no wanted group is of another revision."""
    present = now.present
    return (
        present is not None
        and not now.changed
        and present.partition == now.user_partition
        and bits.count_below(now.outdated, min(now.replicas, present.replicas)) == 0
    )


def keeping_ready_groups(now: Situation, planned: Plan) -> Plan:
    """Surge groups are taken back only so far that enough ready groups remain (D18).

    Enough are as many as there are, but no more than the floor ``R - mu``. A user who asks for fewer replicas gets
    them at once, with at most the surge on top; and what goes at rest is no surge.
    """
    present = now.present
    if present is None or planned.replicas >= present.replicas:
        return planned
    if _takes_no_surge(now, planned):
        return planned
    was_scaled = present.wanted_replicas != now.replicas
    most = min(present.replicas, now.burst) if was_scaled else present.replicas
    floor = min(bits.count_below(now.ready, present.replicas), max(0, now.replicas - now.max_unavailable))
    needed = bits.end_with(bits.below(now.ready, present.replicas), floor)
    return planned._replace(replicas=min(most, max(planned.replicas, needed)))
