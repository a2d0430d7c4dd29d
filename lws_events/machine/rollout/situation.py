"""The present plan of a set: what it wants, what its leader StatefulSet is, and what its groups are, put together."""

from typing import NamedTuple, assert_never

from lws_events.machine import counting
from lws_events.machine.marks import number
from lws_events.machine.rollout import refinements
from lws_events.machine.rollout.planner import Plan, Present, Situation, is_complete
from lws_events.machine.rollout.standing import Standing, standing
from lws_events.machine.spec import SetSpec
from lws_events.machine.state import Aggregate
from lws_events.scaling import scaled


class Planned(NamedTuple):
    """A plan, and what it was made from."""

    now: Situation
    plan: Plan
    present: Present | None
    because: str
    """Why the plan is not what is there, in words."""


def plan_for(state: Aggregate, *, key: str) -> Planned:
    """The plan if groups are to have revision ``key``. Raises ``ScalingError`` for a budget that is no number."""
    spec = state.spec
    assert spec is not None
    have = standing(state, replicas=spec.replicas)
    now = refinements.with_a_budget(_situation(state, spec, have, key=key))
    plan = refinements.plan(now)
    return Planned(now, plan, have.present if have is not None else None, _because(have, now, plan, key=key))


def _situation(state: Aggregate, spec: SetSpec, have: Standing | None, *, key: str) -> Situation:
    replicas, present = spec.replicas, have.present if have is not None else None
    max_unavailable = scaled(spec.max_unavailable, replicas, round_up=False)
    max_surge = min(scaled(spec.max_surge, replicas, round_up=True), replicas)
    changed = have is not None and (_has_new_revision(have, key) or _has_new_topology(spec, have))
    if is_complete(present, replicas=replicas, changed=changed):
        return Situation(replicas, spec.partition, max_unavailable, max_surge, present)  # no group is asked for
    marks = counting.marks_for(state, key=key)
    bits = number(marks.ready), number(marks.updated), number(marks.outdated)
    return Situation(replicas, spec.partition, max_unavailable, max_surge, present, changed, *bits)


def _has_new_revision(have: Standing, key: str) -> bool:
    """One without a key, too: it gets a key with the template, which restarts its leaders (spec 5.12)."""
    return have.key != key


def _has_new_topology(spec: SetSpec, have: Standing) -> bool:
    """The leaders' template changes with these annotations, although no revision does (spec D21).

    Only those are compared that go into the template; metadata has all of them.
    """
    for name, value in spec.topology.items():  # noqa: SIM110 (a generator costs more than the few entries)
        if have.annotations.get(name, "") != value:
            return True
    return False


def _because(have: Standing | None, now: Situation, plan: Plan, *, key: str) -> str:
    match plan.why:
        case "created":
            return "there is no leader StatefulSet"
        case "changed" if have is not None and _has_new_revision(have, key):
            return "the template changed"
        case "changed":
            return "a topology annotation changed, and with it the template of leaders"
        case "scaled up" | "scaled":
            return f"the set is to have {now.replicas} groups"
        case "at rest":
            return f"the set asks for partition {now.user_partition}"
        case "step":
            done = (now.ready & now.updated).bit_count()
            return "one group is updated and ready" if done == 1 else f"{done} groups are updated and ready"
        case _:
            assert_never(plan.why)
