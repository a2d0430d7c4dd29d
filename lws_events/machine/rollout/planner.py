"""The reference's planner, bit for bit (spec 4.5.2): partition and replicas of the leader StatefulSet.

It only computes. Its defects are in it, since the recorded answers of the reference test it; what we do otherwise is in
``refinements``. Names of the specification: ``R`` is ``replicas``, ``P`` ``user_partition``, ``mu`` and ``ms`` the two
budgets, ``S`` and ``cur`` what the StatefulSet has.
"""

from typing import Literal, NamedTuple

from lws_events.machine.rollout import bits

Why = Literal["created", "changed", "at rest", "scaled up", "scaled", "step"]
"""Which case of spec 4.5.2 decided: 1, 2, 3a, 3b, 4, 5."""


class Present(NamedTuple):
    """What the leader StatefulSet has."""

    replicas: int
    partition: int
    wanted_replicas: int
    """The set's replicas when it was last applied (annotation ``replicas``)."""


class Situation(NamedTuple):
    """Everything that a plan depends on."""

    replicas: int
    user_partition: int
    max_unavailable: int
    max_surge: int
    """At most ``replicas``."""
    present: Present | None
    """None: there is no StatefulSet."""
    changed: bool = False
    """Groups are to have another template than the StatefulSet was applied with."""
    ready: int = 0
    """Bits of the groups that are ready."""
    updated: int = 0
    """Bits of the groups of the wanted revision."""
    outdated: int = 0
    """Bits of the groups of which a part exists that is of another revision. Only refinements read it."""

    @property
    def burst(self) -> int:
        """Replicas with the full surge."""
        return self.replicas + self.max_surge


class Plan(NamedTuple):
    """What the leader StatefulSet is to have."""

    partition: int
    """Leaders with a lower ordinal keep their template."""
    replicas: int
    why: Why


def plan(now: Situation) -> Plan:
    """The next partition and replicas. The user's partition is a floor in every case."""
    partition, replicas, why = _plan(now)
    return Plan(max(partition, now.user_partition), replicas, why)


def _plan(now: Situation) -> Plan:
    present, wanted = now.present, now.replicas
    if present is None:
        return Plan(0, wanted, "created")
    if now.changed:
        if present.replicas < wanted:
            return Plan(present.replicas, wanted, "changed")  # up first, no surge yet
        return Plan(wanted, _surge(now, left=wanted), "changed")
    if is_complete(present, replicas=wanted, changed=False):
        return Plan(0, wanted, "at rest")
    if present.replicas < wanted:
        return Plan(present.partition, wanted, "scaled up")
    replicas = _surge(now, left=wanted - bits.count_below(now.ready & now.updated, wanted))
    if present.wanted_replicas != wanted:
        return Plan(min(present.partition, now.burst), replicas, "scaled")
    return Plan(next_partition(now, present), replicas, "step")


def is_complete(present: Present | None, *, replicas: int, changed: bool) -> bool:
    """Whether the StatefulSet is at rest as it is wanted. Then a plan depends on no group."""
    return present is not None and not changed and present.partition == 0 and present.replicas == replicas


def _surge(now: Situation, *, left: int) -> int:
    """Replicas while ``left`` groups are still to be done: the full surge, until what is left fits into it."""
    if left > now.max_surge:
        return now.burst
    return now.replicas + max(0, left - now.max_unavailable)


def next_partition(now: Situation, present: Present) -> int:
    """How far the partition may fall: never upwards, and never so far that more than the budget is down."""
    total = present.replicas
    allowance = now.max_unavailable + total - now.replicas  # surge groups stand in for groups that are down
    first_of_done = bits.last_missing_below(now.ready & now.updated, total) + 1
    low = max(0, first_of_done - allowance)
    partition = low + low - bits.count_below(now.ready, low)  # unready groups below eat the budget
    return min(_past_free_groups(now, partition, low=low, total=total), present.partition)


def _past_free_groups(now: Situation, partition: int, *, low: int, total: int) -> int:
    """Groups that are down anyway, or done, cost nothing: go on below them, down to ``low``."""
    start = min(partition, total - 1)
    costly = bits.last_below(now.ready & ~now.updated, start + 1)
    if start < low or costly == start:
        return partition
    return max(low, costly + 1)
