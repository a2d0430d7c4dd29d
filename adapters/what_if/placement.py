"""Where groups may go: the domains of exclusive topology, and what found no place."""

import msgspec

from adapters.simulation import Simulation, kinds, nodes, objects
from adapters.what_if.course import Course, Entry, What
from lws_events import names
from lws_events.subjects import SetName


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """What exclusive topology asks for, and what there is."""

    topology: str
    """The key, for example ``topology.kubernetes.io/rack``."""
    domains: int
    """Values of it on nodes that take pods, before anything changed."""
    taken_by_others: int
    """Of these, where groups of other sets with the same key are."""
    needed: int
    """How many the set's groups use at once, at most."""

    @property
    def free(self) -> int:
        """What the set's groups may use."""
        return self.domains - self.taken_by_others


class Domains(msgspec.Struct, frozen=True):
    """Values of topology keys before anything changed: what there is, and who is where."""

    of_nodes: dict[str, dict[str, str]]
    """Labels of the nodes that take pods."""
    groups: dict[tuple[SetName, str], dict[str, str]]
    """Of each set that asks for a topology (set, key): node of each of its leaders' pods, by uid."""


def domains_of(simulation: Simulation) -> Domains:
    """As things are now."""
    takes = {
        objects.name(node): dict(objects.labels(node))
        for node in simulation.api.select(kinds.NODES)
        if nodes.is_ready(node) and not objects.spec(node).get("unschedulable")
    }
    groups: dict[tuple[SetName, str], dict[str, str]] = {}
    for pod in simulation.api.select(kinds.PODS):
        key = objects.annotations(pod).get(names.EXCLUSIVE_TOPOLOGY)
        node = objects.spec(pod).get("nodeName")
        name = objects.labels(pod).get(names.SET_NAME)
        if key and node and name:
            groups.setdefault((SetName(objects.namespace(pod), name), key), {})[objects.uid(pod)] = node
    return Domains(takes, groups)


def placement_of(
    simulation: Simulation, course: Course, entries: list[Entry], set_name: SetName, *, before: Domains
) -> Placement | None:
    """What a set's topology asks for; None without exclusive topology."""
    found = simulation.api.find(kinds.LEADERWORKERSETS, set_name.name, namespace=set_name.namespace)
    key = objects.annotations(found).get(names.EXCLUSIVE_TOPOLOGY, "") if found is not None else ""
    if not key:
        return None
    labels = before.of_nodes
    there = {value[key] for value in labels.values() if key in value}
    others = {
        labels[node][key]
        for (other, of_key), placed in before.groups.items()
        if other != set_name and of_key == key
        for node in placed.values()
        if key in labels.get(node, {})
    }
    return Placement(
        topology=key, domains=len(there), taken_by_others=len(others), needed=_most_at_once(course, entries, set_name)
    )


def _most_at_once(course: Course, entries: list[Entry], set_name: SetName) -> int:
    """The largest number of groups that were there at the same time."""
    present = {pod.group for pod in course.before.values() if pod.set_name == set_name and pod.leads}
    most = len(present)
    for entry in entries:
        if entry.leads and entry.what is What.BORN:
            present.add(entry.group)
        elif entry.leads and entry.what is What.GONE:
            present.discard(entry.group)
        most = max(most, len(present))
    return most
