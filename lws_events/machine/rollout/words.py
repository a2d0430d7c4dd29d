"""What the Kubernetes Events about a rolling update say (spec 4.6, D14, D15)."""

from lws_events.machine.rollout.planner import Plan, Present


def surplus_words(set_name: str, plan: Plan, present: Present) -> str:
    """Text for groups that are taken away; it says "surge" for plain scale-downs, too (D15). Empty if none are."""
    first, last = plan.replicas, present.replicas - 1
    if first > last:
        return ""
    if first == last:
        return f"deleting surge replica {set_name}-{first}"
    return f"deleting surge replicas from {set_name}-{first} to {set_name}-{last}"


def update_words(plan: Plan, present: Present) -> str:
    """Text for groups that a lower partition lets go. Empty for upward moves (D14) and for a changed template."""
    first, last = plan.partition, present.partition - 1
    if plan.why == "changed" or first > last:
        return ""
    return f"Updating replica {first}" if first == last else f"Updating replicas {first} to {last} (inclusive)"
