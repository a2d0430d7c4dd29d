"""What happens to pods and groups in a simulated cluster, entry by entry, as it happens.

Nothing is explained here: an entry says what was seen and how many groups were ready then. Which end of a leader was a
restart, and which a group that was no longer wanted, is known at the end (``forecast``).
"""

from enum import StrEnum
from typing import Final

import msgspec

from adapters.simulation import Simulation, kinds, objects
from adapters.simulation.objects import Object
from adapters.simulation.store import Change
from lws_events import events, names, subjects
from lws_events.decisions import Decision, LifecycleFact
from lws_events.subjects import SetName


class What(StrEnum):
    """Kinds of entries."""

    BORN = "born"
    ENDED = "ended"
    """The pod is no longer to be counted on: deleted, being deleted, or failed."""
    GONE = "gone"
    READY = "ready"
    """The whole group is."""
    UNREADY = "unready"
    WAITS = "waits"
    PLACED = "placed"
    DECIDED = "decided"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    at_seconds: float
    what: What
    set_name: SetName
    group: int = -1
    pod: str = ""
    uid: str = ""
    leads: bool = False
    wanted: int = 0
    """Groups that the set is to have."""
    down: int = 0
    """Of these, how many are not ready after it."""
    ready: int = 0
    """Groups that are ready, surge included, after it."""
    text: str = ""
    fact: LifecycleFact | None = None


class Pod(msgspec.Struct):
    """A pod as last seen."""

    name: str
    uid: str
    set_name: SetName
    group: int
    leads: bool
    size: int
    key: str
    ready: bool = False
    ended: bool = False
    node: str = ""
    waits: str = ""


class Loss(msgspec.Struct):
    """A pod that was ready is not, until one of its name is."""

    set_name: SetName
    group: int
    since_seconds: float
    until_seconds: float | None = None


_ENDED_PHASES: Final = frozenset({"Failed", "Succeeded"})


class Course:
    """Watches a simulation. Times are seconds since the question."""

    def __init__(self, simulation: Simulation) -> None:
        self.entries: list[Entry] = []
        self.pods: dict[str, Pod] = {}
        """Present pods by uid."""
        self.ready: dict[SetName, dict[int, bool]] = {}
        self.keys: dict[str, str] = {}
        """Revision key of every pod that was seen, by uid."""
        self.losses: list[Loss] = []
        self._members: dict[tuple[SetName, int], dict[str, Pod]] = {}
        self._lost: dict[tuple[SetName, str], Loss] = {}
        self._simulation = simulation
        for pod in simulation.api.select(kinds.PODS):
            self._see(pod)
        self.ready_before = {name: self.ready_groups(name) for name in self.ready}
        self.before = {uid: msgspec.structs.replace(pod) for uid, pod in self.pods.items()}
        """Pods as they were when it began, by uid."""
        self.entries.clear()
        simulation.store.subscribe(self._on_change)

    def decided(self, _: int, subject: str, __: events.Envelope, decision: Decision | None) -> None:
        """Take down what an event led to (``Controller.on_step``)."""
        address = subjects.parse(subject)
        if address is None or decision is None:
            return
        for fact in decision.facts:
            self._enter(What.DECIDED, address.set_name, fact=fact)

    def ready_groups(self, set_name: SetName) -> int:
        """How many groups are ready."""
        return sum(self.ready.get(set_name, {}).values())

    def wanted(self, set_name: SetName) -> int:
        """How many groups the set is to have."""
        found = self._simulation.api.find(kinds.LEADERWORKERSETS, set_name.name, namespace=set_name.namespace)
        return int(objects.spec(found).get("replicas", 1)) if found is not None else 0

    def down(self, set_name: SetName) -> int:
        """How many of the wanted groups are not ready."""
        wanted = self.wanted(set_name)
        ready = sum(is_ready for group, is_ready in self.ready.get(set_name, {}).items() if group < wanted)
        return wanted - ready

    def _on_change(self, change: Change) -> None:
        if change.kind is not kinds.PODS:
            return
        obj = change.record.obj
        if change.type != "DELETED":
            self._see(obj)
            return
        pod = self.pods.pop(objects.uid(obj), None)
        if pod is None:
            return
        self._end(pod)
        members = self._members.get((pod.set_name, pod.group), {})
        members.pop(pod.uid, None)
        self._enter(What.GONE, pod.set_name, pod=pod)

    def _see(self, obj: Object) -> None:
        labels = objects.labels(obj)
        name = labels.get(names.SET_NAME)
        if name is None:
            return
        pod = self.pods.get(objects.uid(obj))
        if pod is None:
            pod = _pod(obj, SetName(objects.namespace(obj), name))
            self.pods[pod.uid] = pod
            self.keys[pod.uid] = pod.key
            self._members.setdefault((pod.set_name, pod.group), {})[pod.uid] = pod
            self._enter(What.BORN, pod.set_name, pod=pod)
        self._place(pod, obj)
        if objects.terminating(obj) or objects.phase(obj) in _ENDED_PHASES:
            self._end(pod)
        elif pod.ready != objects.is_true(obj, "Ready"):
            pod.ready = not pod.ready
            self._count_loss(pod)
            self._look_at_group(pod)

    def _place(self, pod: Pod, obj: Object) -> None:
        node = str(objects.spec(obj).get("nodeName") or "")
        if node and not pod.node:
            pod.node = node
            if pod.waits:
                pod.waits = ""
                self._enter(What.PLACED, pod.set_name, pod=pod)
            return
        refused = objects.condition(obj, "PodScheduled")
        message = str(refused.get("message", "")) if refused is not None and refused["status"] == "False" else ""
        if message and not node and not pod.waits:
            self._enter(What.WAITS, pod.set_name, pod=pod, text=message)
        pod.waits = message if not node else ""

    def _end(self, pod: Pod) -> None:
        if pod.ended:
            return
        pod.ended = True
        was_ready, pod.ready = pod.ready, False
        if was_ready:
            self._count_loss(pod)
        self._look_at_group(pod)
        self._enter(What.ENDED, pod.set_name, pod=pod)

    def _count_loss(self, pod: Pod) -> None:
        key, now = (pod.set_name, pod.name), self._simulation.clock.now
        if not pod.ready and key not in self._lost:
            self._lost[key] = Loss(set_name=pod.set_name, group=pod.group, since_seconds=now)
            self.losses.append(self._lost[key])
        elif pod.ready and key in self._lost:
            self._lost.pop(key).until_seconds = now

    def _look_at_group(self, pod: Pod) -> None:
        members = self._members.get((pod.set_name, pod.group), {}).values()
        leader = next((one for one in members if one.leads and not one.ended), None)
        is_ready = leader is not None and leader.ready
        if leader is not None and is_ready:
            is_ready = sum(one.ready for one in members) == leader.size
        groups = self.ready.setdefault(pod.set_name, {})
        if groups.get(pod.group, False) != is_ready:
            groups[pod.group] = is_ready
            self._enter(What.READY if is_ready else What.UNREADY, pod.set_name, pod=pod)

    def _enter(
        self,
        what: What,
        set_name: SetName,
        *,
        pod: Pod | None = None,
        text: str = "",
        fact: LifecycleFact | None = None,
    ) -> None:
        self.entries.append(
            Entry(
                at_seconds=self._simulation.clock.now,
                what=what,
                set_name=set_name,
                group=pod.group if pod is not None else -1,
                pod=pod.name if pod is not None else "",
                uid=pod.uid if pod is not None else "",
                leads=pod is not None and pod.leads,
                wanted=self.wanted(set_name),
                down=self.down(set_name),
                ready=self.ready_groups(set_name),
                text=text,
                fact=fact,
            )
        )


def _pod(obj: Object, set_name: SetName) -> Pod:
    labels, name = objects.labels(obj), objects.name(obj)
    leads = labels.get(names.WORKER_INDEX) == "0"
    index = labels.get(names.GROUP_INDEX, "")
    leader = name if leads else names.pod_ordinal(name).parent
    size = objects.annotations(obj).get(names.SIZE, "1")
    return Pod(
        name=name,
        uid=objects.uid(obj),
        set_name=set_name,
        group=int(index) if index.isdecimal() else names.pod_ordinal(leader).ordinal,
        leads=leads,
        size=int(size) if size.isdecimal() else 1,
        key=labels.get(names.REVISION_KEY, ""),
    )
