"""The planner: which partition and how many replicas the leader StatefulSet is to have.

A changed template is applied with the user's partition, and the StatefulSet controller replaces leaders at its own
pace. The stepwise plan of spec 4.5, with surge and budgets by group, takes this function's place.
"""

import msgspec

from lws_events.machine.spec import SetSpec


class Plan(msgspec.Struct, frozen=True):
    """What the planner wants of the leader StatefulSet."""

    partition: int
    """Leaders with a lower ordinal keep their template."""
    replicas: int


def plan(spec: SetSpec) -> Plan:
    """The plan at rest: the user's partition, exactly the wanted groups (spec 4.5.2, cases 1 and 3a)."""
    return Plan(partition=spec.partition, replicas=spec.replicas)
