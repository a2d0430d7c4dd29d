"""The scheduler: binds each pending pod to a node that its terms, the other pods' terms and the node itself allow.

It filters as the default scheduler does and prefers the node with the fewest pods, ties drawn from the seed. There is
no preemption and no resource accounting but the number of pods per node.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.simulation import affinity, nodes, objects
from adapters.simulation.affinity import Term, Terms
from adapters.simulation.api import Api
from adapters.simulation.clock import Seconds, WorkQueue
from adapters.simulation.kinds import NODES, PODS
from adapters.simulation.objects import Object
from adapters.simulation.store import Change, Key

SCHEDULER_NAME = "default-scheduler"
_AFFINITY = "node(s) didn't match pod affinity rules"
_ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
_EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"
_SELECTOR = "node(s) didn't match Pod's node affinity/selector"
_FULL = "Too many pods"
_TAINT = "node(s) had untolerated taint(s)"
_UNSCHEDULABLE = "node(s) were unschedulable"


@dataclass(frozen=True)
class _NodeView:
    """What the scheduler needs of a node, read once per change of the node."""

    labels: Mapping[str, str]
    unschedulable: bool
    taints: tuple[Mapping[str, Any], ...]
    pods_max: int


class Scheduler:
    """Watches pods and nodes, and remembers what each placed pod means for the next one."""

    def __init__(self, api: Api, rng: random.Random, *, latency: Seconds) -> None:
        self._api = api
        self._rng = rng
        self._queue: WorkQueue[Key] = WorkQueue(api.clock, self._schedule, latency=latency)
        self._nodes: dict[str, _NodeView] = {}
        self._waiting: dict[Key, bool] = {}
        """Unschedulable pods; True for those that another pod's arrival could help."""
        self._placed: defaultdict[str, dict[Key, Object]] = defaultdict(dict)
        self._repelling: dict[Key, tuple[str, tuple[Term, ...]]] = {}
        """Placed pods with required anti-affinity: their node and terms."""
        api.store.subscribe(self._on_change)

    def _on_change(self, change: Change) -> None:
        if change.kind is NODES:
            name = objects.name(change.record.obj)
            self._nodes.pop(name, None)
            if change.type != "DELETED":
                self._nodes[name] = _view(change.record.obj)
            if change.type == "ADDED":
                self._nodes = dict(sorted(self._nodes.items()))
            self._wake(arrival_only=False)
        elif change.kind is PODS:
            self._on_pod(change)

    def _on_pod(self, change: Change) -> None:
        pod = change.record.obj
        key = (objects.namespace(pod), objects.name(pod))
        node = objects.spec(pod).get("nodeName")
        ended = change.type == "DELETED" or objects.phase(pod) in {"Failed", "Succeeded"}
        if node is None:
            if ended:
                self._waiting.pop(key, None)
            elif change.type == "ADDED":
                self._queue.add(key)
            return
        if ended:
            if self._placed[node].pop(key, None) is not None:
                self._repelling.pop(key, None)
                self._wake(arrival_only=False)
            return
        arrived = key not in self._placed[node]
        self._placed[node][key] = pod
        if arrived:
            terms = affinity.of_pod(pod).anti_affinity
            if terms:
                self._repelling[key] = (node, terms)
            self._wake(arrival_only=True)

    def _wake(self, *, arrival_only: bool) -> None:
        for key, helped in list(self._waiting.items()):
            if helped or not arrival_only:
                self._queue.add(key)

    def _schedule(self, key: Key) -> None:
        pod = self._api.find(PODS, key[1], namespace=key[0])
        if pod is None or objects.spec(pod).get("nodeName") or objects.terminating(pod):
            return
        if objects.spec(pod).get("schedulerName", SCHEDULER_NAME) != SCHEDULER_NAME:
            return  # another scheduler's, whose part a test plays with ``Api.bind``
        terms = affinity.of_pod(pod)
        fitting, refusals = self._filter(pod, terms)
        now = self._api.clock.timestamp()
        if fitting:
            self._waiting.pop(key, None)
            fewest = min(len(self._placed[name]) for name in fitting)
            node = self._rng.choice([name for name in fitting if len(self._placed[name]) == fewest])
            self._api.bind(pod, node=node, conditions=[{"type": "PodScheduled", "status": "True"}])
            return
        self._waiting[key] = bool(terms.affinity)
        total = sum(refusals.values())
        reasons = ", ".join(sorted(f"{count} {reason}" for reason, count in refusals.items()))
        refused = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": f"0/{total} nodes are available: {reasons}." if total else "no nodes available to schedule pods",
        }
        self._api.set_status(PODS, objects.with_conditions(pod, [refused], now=now))

    def _filter(self, pod: Object, terms: Terms) -> tuple[list[str], Counter[str]]:
        """The nodes that will do, and for each reason the number of nodes that it excludes."""
        attracting = self._attracting(terms)
        repelling = self._repelling_values(pod)
        repelled = [(term.topology_key, self._values(term)) for term in terms.anti_affinity]
        fitting: list[str] = []
        refusals: Counter[str] = Counter()
        for name, node in self._nodes.items():
            reason = self._node_refusal(name, node, terms)
            own = node.labels
            if reason is None and not _attracted(pod, terms, attracting, own):
                reason = _AFFINITY
            if reason is None and any(own.get(key) in values for key, values in repelled):
                reason = _ANTI_AFFINITY
            if reason is None and any(own.get(key) in values for key, values in repelling.items()):
                reason = _EXISTING
            if reason is None:
                fitting.append(name)
            else:
                refusals[reason] += 1
        return fitting, refusals

    def _node_refusal(self, name: str, node: _NodeView, terms: Terms) -> str | None:
        if node.unschedulable:
            return _UNSCHEDULABLE
        if any(not any(_tolerates(toleration, taint) for toleration in terms.tolerations) for taint in node.taints):
            return _TAINT
        if not terms.select_node(node.labels):
            return _SELECTOR
        return _FULL if len(self._placed[name]) >= node.pods_max else None

    def _attracting(self, terms: Terms) -> list[set[str]] | None:
        """Per affinity term the topology values where a pod that matches all terms is; ``None`` if no pod does."""
        result: list[set[str]] = [set() for _ in terms.affinity]
        if not terms.affinity:
            return result
        found = False
        for pod in self._candidates(terms.affinity[0]):
            if all(term.matches(pod) for term in terms.affinity):
                found = True
                node = self._labels_of(pod["spec"]["nodeName"])
                for values, term in zip(result, terms.affinity, strict=True):
                    if term.topology_key in node:
                        values.add(node[term.topology_key])
        return result if found else None

    def _values(self, term: Term) -> set[str]:
        """The topology values where a pod that the term selects is."""
        at = (self._labels_of(pod["spec"]["nodeName"]) for pod in self._candidates(term) if term.matches(pod))
        return {node[term.topology_key] for node in at if term.topology_key in node}

    def _candidates(self, term: Term) -> list[Object]:
        """Placed pods that the term may select: by index where the selector names an exact value."""
        if term.selector is None:
            return []
        if term.selector.exact() is None:
            return [pod for placed in self._placed.values() for pod in placed.values()]
        pods = self._api.store.select(PODS, selector=term.selector)
        return [pod for pod in pods if (objects.namespace(pod), objects.name(pod)) in self._placed_on(pod)]

    def _labels_of(self, node: str) -> Mapping[str, str]:
        view = self._nodes.get(node)
        return view.labels if view else {}

    def _placed_on(self, pod: Object) -> dict[Key, Object]:
        return self._placed.get(objects.spec(pod).get("nodeName", ""), {})

    def _repelling_values(self, pod: Object) -> dict[str, set[str]]:
        """Per topology key the values where a placed pod does not want this one."""
        result: defaultdict[str, set[str]] = defaultdict(set)
        for node, terms in self._repelling.values():
            for term in terms:
                value = self._labels_of(node).get(term.topology_key)
                if value is not None and value not in result[term.topology_key] and term.matches(pod):
                    result[term.topology_key].add(value)
        return result


def _view(node: Object) -> _NodeView:
    spec = objects.spec(node)
    taints = [taint for taint in spec.get("taints") or [] if taint["effect"] in {"NoSchedule", "NoExecute"}]
    if not nodes.is_ready(node):
        taints.append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})
    return _NodeView(
        labels=objects.labels(node),
        unschedulable=bool(spec.get("unschedulable")),
        taints=tuple(taints),
        pods_max=int(objects.status(node).get("allocatable", {}).get("pods", nodes.PODS_MAX)),
    )


def _attracted(pod: Object, terms: Terms, attracting: list[set[str]] | None, labels: Mapping[str, str]) -> bool:
    """Whether affinity allows a node. A pod that matches its own terms may be the first anywhere that has the keys."""
    if any(term.topology_key not in labels for term in terms.affinity):
        return False
    if attracting is None:
        return all(term.matches(pod) for term in terms.affinity)
    return all(labels[term.topology_key] in values for term, values in zip(terms.affinity, attracting, strict=True))


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if not toleration.get("key"):
        return bool(toleration.get("operator") == "Exists")
    if toleration["key"] != taint["key"]:
        return False
    return toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")
