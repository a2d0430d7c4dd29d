"""Whether a set has got where it wants to be, and what holds it up where it has not."""

from collections.abc import Iterator
from typing import Final

from adapters.simulation import Simulation, kinds, objects
from adapters.simulation.objects import Object
from adapters.what_if.controller import Controller
from adapters.what_if.course import Course
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName

_SHOWN_MAX: Final = 5


def is_settled(controller: Controller, course: Course, set_name: SetName) -> bool:
    """All wanted groups are ready, those that the set's partition lets be updated are, and nothing is leaving."""
    state = controller.fleet.aggregates.get(set_name)
    if state is None or state.spec is None or state.set_ is None:
        return not any(pod.set_name == set_name for pod in course.pods.values())
    wanted = range(state.spec.replicas)
    leaders = {pod.group: pod for pod in course.pods.values() if pod.set_name == set_name and pod.leads}
    updated = all(leaders[g].key == state.target_key for g in wanted if g >= state.spec.partition and g in leaders)
    leaving = any(pod.ended for pod in course.pods.values() if pod.set_name == set_name)
    return (
        not state.retries and course.down(set_name) == 0 and sorted(leaders) == list(wanted) and updated and not leaving
    )


def holds(simulation: Simulation, controller: Controller, course: Course, set_name: SetName) -> tuple[str, ...]:
    """What keeps a set from getting there, one sentence each."""
    state = controller.fleet.aggregates.get(set_name)
    found = list(_holds(simulation, state, course, set_name)) if state is not None else []
    return tuple(dict.fromkeys(found)) or ("nothing is left to happen, and the set is not as it is to be",)


def _holds(simulation: Simulation, state: Aggregate, course: Course, set_name: SetName) -> Iterator[str]:
    pods = sorted(
        (pod for pod in course.pods.values() if pod.set_name == set_name), key=lambda pod: (pod.group, pod.name)
    )
    lost = {objects.name(node) for node in simulation.api.select(kinds.NODES) if not objects.is_true(node, "Ready")}
    for node in sorted(lost):
        stuck = [pod.name for pod in pods if pod.ended and pod.node == node]
        if stuck:
            yield (
                f"{_list(stuck)} stay{'s' if len(stuck) == 1 else ''} Terminating, because nobody tells the cluster "
                f"that node {node} has ended {'it' if len(stuck) == 1 else 'them'}: delete the Node"
            )
    for pod in pods:
        if pod.waits:
            yield f"pod {pod.name} finds no node: {pod.waits}"
    for name, group in sorted(state.groups.items()):
        if group.held is not None and group.held.kept:
            yield f"group {name} is kept for debugging after too many failures"
    if state.blocked is not None and course.down(set_name):
        yield f"the rolling update is blocked by groups that are not ready: {_list(list(state.blocked.groups))}"
    for target in sorted(state.retries):
        told = state.warned.get(target, "")
        yield f"{target} is refused again and again{f': {told}' if told else ''}"
    broken = [pod.name for pod in pods if not pod.ready and not pod.ended and pod.node]
    if broken:
        known = [_why(simulation, set_name, name) for name in broken[:1]]
        yield f"{_list(broken)} {'is' if len(broken) == 1 else 'are'} not ready{known[0]}"


def _why(simulation: Simulation, set_name: SetName, name: str) -> str:
    pod = simulation.api.find(kinds.PODS, name, namespace=set_name.namespace)
    waiting = _waiting(pod) if pod is not None else ""
    return f": {waiting}" if waiting else " now, and nothing here makes it so: it is taken as broken"


def _waiting(pod: Object) -> str:
    for entry in objects.status(pod).get("containerStatuses") or []:
        reason = (entry["state"].get("waiting") or {}).get("reason")
        if reason:
            return f"{entry['name']}: {reason}"
    return ""


def _list(found: list[str]) -> str:
    more = len(found) - _SHOWN_MAX
    return ", ".join(found[:_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")
