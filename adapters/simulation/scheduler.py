"""The scheduler: binds each pending pod to a node that its terms, the other pods' terms and the node itself allow.

It filters as the default scheduler does and prefers the node with the fewest pods, ties drawn from the seed. There is
no preemption and no resource accounting but the number of pods per node.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from adapters.simulation import affinity, nodes, objects
from adapters.simulation.affinity import Term, Terms
from adapters.simulation.api import Api
from adapters.simulation.clock import Seconds, WorkQueue
from adapters.simulation.kinds import NODES, PODS
from adapters.simulation.objects import Object
from adapters.simulation.store import Change, Key

_AFFINITY = "node(s) didn't match pod affinity rules"
_ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
_EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"
_SELECTOR = "node(s) didn't match Pod's node affinity/selector"
_FULL = "Too many pods"
_TAINT = "node(s) had untolerated taint(s)"
_UNSCHEDULABLE = "node(s) were unschedulable"


class Scheduler:
    """Watches pods and nodes, and remembers what each placed pod means for the next one."""

    def __init__(self, api: Api, rng: random.Random, *, latency: Seconds) -> None:
        self._api = api
        self._rng = rng
        self._queue: WorkQueue[Key] = WorkQueue(api.clock, self._schedule, latency=latency)
        self._waiting: dict[Key, bool] = {}
        """Unschedulable pods; True for those that another pod's arrival could help."""
        self._placed: defaultdict[str, dict[Key, Object]] = defaultdict(dict)
        self._repelling: dict[Key, tuple[str, tuple[Term, ...]]] = {}
        """Placed pods with required anti-affinity: their node and terms."""
        api.store.subscribe(self._on_change)

    def _on_change(self, change: Change) -> None:
        if change.kind is NODES:
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
        all_nodes = self._api.select(NODES)
        labels = {objects.name(node): objects.labels(node) for node in all_nodes}
        attracting = self._attracting(terms, labels)
        repelling = self._repelling_values(pod, labels)
        repelled = [(term.topology_key, self._values(term, labels)) for term in terms.anti_affinity]
        fitting: list[str] = []
        refusals: Counter[str] = Counter()
        for node in all_nodes:
            reason = self._node_refusal(node, terms)
            own = objects.labels(node)
            if reason is None and not _attracted(pod, terms, attracting, own):
                reason = _AFFINITY
            if reason is None and any(own.get(key) in values for key, values in repelled):
                reason = _ANTI_AFFINITY
            if reason is None and any(own.get(key) in values for key, values in repelling.items()):
                reason = _EXISTING
            if reason is None:
                fitting.append(objects.name(node))
            else:
                refusals[reason] += 1
        return fitting, refusals

    def _node_refusal(self, node: Object, terms: Terms) -> str | None:
        spec = objects.spec(node)
        if spec.get("unschedulable"):
            return _UNSCHEDULABLE
        taints = [taint for taint in spec.get("taints") or [] if taint["effect"] in {"NoSchedule", "NoExecute"}]
        if not nodes.is_ready(node):
            taints.append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})
        if any(not any(_tolerates(toleration, taint) for toleration in terms.tolerations) for taint in taints):
            return _TAINT
        if not terms.select_node(objects.labels(node)):
            return _SELECTOR
        pods_max = int(objects.status(node).get("allocatable", {}).get("pods", nodes.PODS_MAX))
        return _FULL if len(self._placed[objects.name(node)]) >= pods_max else None

    def _attracting(self, terms: Terms, labels: dict[str, dict[str, str]]) -> list[set[str]] | None:
        """Per affinity term the topology values where a pod that matches all terms is; ``None`` if no pod does."""
        result: list[set[str]] = [set() for _ in terms.affinity]
        if not terms.affinity:
            return result
        found = False
        for pod in self._candidates(terms.affinity[0]):
            if all(term.matches(pod) for term in terms.affinity):
                found = True
                node = labels.get(pod["spec"]["nodeName"], {})
                for values, term in zip(result, terms.affinity, strict=True):
                    if term.topology_key in node:
                        values.add(node[term.topology_key])
        return result if found else None

    def _values(self, term: Term, labels: dict[str, dict[str, str]]) -> set[str]:
        """The topology values where a pod that the term selects is."""
        at = (labels.get(pod["spec"]["nodeName"], {}) for pod in self._candidates(term) if term.matches(pod))
        return {node[term.topology_key] for node in at if term.topology_key in node}

    def _candidates(self, term: Term) -> list[Object]:
        """Placed pods that the term may select: by index where the selector names an exact value."""
        if term.selector is None:
            return []
        if term.selector.exact() is None:
            return [pod for placed in self._placed.values() for pod in placed.values()]
        pods = self._api.store.select(PODS, selector=term.selector)
        return [pod for pod in pods if (objects.namespace(pod), objects.name(pod)) in self._placed_on(pod)]

    def _placed_on(self, pod: Object) -> dict[Key, Object]:
        return self._placed.get(objects.spec(pod).get("nodeName", ""), {})

    def _repelling_values(self, pod: Object, labels: dict[str, dict[str, str]]) -> dict[str, set[str]]:
        """Per topology key the values where a placed pod does not want this one."""
        result: defaultdict[str, set[str]] = defaultdict(set)
        for node, terms in self._repelling.values():
            for term in terms:
                value = labels.get(node, {}).get(term.topology_key)
                if value is not None and value not in result[term.topology_key] and term.matches(pod):
                    result[term.topology_key].add(value)
        return result


def _attracted(pod: Object, terms: Terms, attracting: list[set[str]] | None, labels: dict[str, str]) -> bool:
    """Whether affinity allows a node. A pod that matches its own terms may be the first anywhere that has the keys."""
    if any(term.topology_key not in labels for term in terms.affinity):
        return False
    if attracting is None:
        return all(term.matches(pod) for term in terms.affinity)
    return all(labels[term.topology_key] in values for term, values in zip(terms.affinity, attracting, strict=True))


def _tolerates(toleration: Mapping[str, Any], taint: Object) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if not toleration.get("key"):
        return bool(toleration.get("operator") == "Exists")
    if toleration["key"] != taint["key"]:
        return False
    return toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")
