"""What the cluster does about nodes that fall silent or vanish: unready, tainted, their pods evicted or collected.

Times are those of a real cluster by default: 40 s until a silent node counts as lost, then 300 s (or what a pod
tolerates) until its pods are deleted; those stay terminating until the node comes back or someone forces them.
"""

from dataclasses import dataclass
from functools import partial

from adapters.simulation import objects
from adapters.simulation.api import Api
from adapters.simulation.clock import Action
from adapters.simulation.kinds import NODES, PODS
from adapters.simulation.kubelets import Kubelets
from adapters.simulation.objects import Object
from adapters.simulation.store import Change

UNREACHABLE = "node.kubernetes.io/unreachable"


@dataclass(frozen=True)
class NodeLifecycleSettings:
    """Delays in seconds."""

    monitor_grace: float = 40.0
    eviction: float = 300.0
    collect_orphaned_pods: float = 20.0


class NodeLifecycle:
    """Loses and recovers nodes, with all that follows."""

    def __init__(self, api: Api, kubelets: Kubelets, *, settings: NodeLifecycleSettings) -> None:
        self._api = api
        self._kubelets = kubelets
        self._settings = settings
        self._silent: dict[str, int] = {}
        self._losses = 0
        api.store.subscribe(self._on_change)

    def lose(self, node: str) -> None:
        """The node stops answering: nothing happens to the API at first.

        Raises:
            NotFoundError: there is no such node.
        """
        self._api.get(NODES, node)
        self._losses += 1
        self._silent[node] = self._losses
        self._kubelets.lose_node(node)
        loss = self._losses
        self._after(self._settings.monitor_grace, lambda: self._declare_lost(node, loss))

    def recover(self, node: str) -> None:
        """The node answers again.

        Raises:
            NotFoundError: there is no such node.
        """
        self._api.get(NODES, node)
        self._silent.pop(node, None)
        self._kubelets.recover_node(node)
        self._set_ready(node, status="True", reason="KubeletReady", taints=[])

    def _declare_lost(self, node: str, loss: int) -> None:
        if self._silent.get(node) != loss or self._api.find(NODES, node) is None:
            return
        taints = [{"key": UNREACHABLE, "effect": effect} for effect in ("NoSchedule", "NoExecute")]
        self._set_ready(node, status="Unknown", reason="NodeStatusUnknown", taints=taints)
        now = self._api.clock.timestamp()
        for pod in self._pods_on(node):
            if objects.is_true(pod, "Ready"):
                unready = [{"type": "Ready", "status": "False", "reason": "NodeNotReady"}]
                self._api.set_status(PODS, objects.with_conditions(pod, unready, now=now))
            delay = _tolerated_seconds(pod, default=self._settings.eviction)
            if delay is not None:
                self._after(delay, partial(self._evict, node=node, loss=loss, uid=objects.uid(pod)))

    def _evict(self, *, node: str, loss: int, uid: str) -> None:
        found = self._api.store.by_uid(uid)
        if self._silent.get(node) == loss and found is not None and not objects.terminating(found[1]):
            pod = found[1]
            self._api.delete(PODS, objects.name(pod), namespace=objects.namespace(pod), uid=uid)

    def _on_change(self, change: Change) -> None:
        if change.kind is NODES and change.type == "DELETED":
            node = objects.name(change.record.obj)
            self._after(self._settings.collect_orphaned_pods, lambda: self._collect(node))

    def _collect(self, node: str) -> None:
        """Pods of a node that no longer exists are marked as failed and removed by force."""
        if self._api.find(NODES, node) is not None:
            return
        for pod in self._pods_on(node):
            if objects.phase(pod) not in {"Failed", "Succeeded"}:
                self._api.set_status(PODS, objects.with_status(pod, phase="Failed"))
            namespace = objects.namespace(pod)
            self._api.delete(PODS, objects.name(pod), namespace=namespace, uid=objects.uid(pod), grace_seconds=0)

    def _set_ready(self, node: str, *, status: str, reason: str, taints: list[Object]) -> None:
        obj = self._api.get(NODES, node)
        condition = {"type": "Ready", "status": status, "reason": reason}
        now = self._api.clock.timestamp()
        obj = self._api.set_status(NODES, objects.with_conditions(obj, [condition], now=now))
        spec = {
            **objects.spec(obj),
            "taints": [t for t in objects.spec(obj).get("taints", []) if t["key"] != UNREACHABLE],
        }
        spec["taints"] = [*spec["taints"], *taints]
        self._api.update(NODES, {**obj, "spec": {key: value for key, value in spec.items() if value}})

    def _pods_on(self, node: str) -> list[Object]:
        return [pod for pod in self._api.select(PODS) if objects.spec(pod).get("nodeName") == node]

    def _after(self, seconds: float, action: Action) -> None:
        self._api.clock.at(self._api.clock.now + seconds, action)


def _tolerated_seconds(pod: Object, *, default: float) -> float | None:
    """How long a pod stays on an unreachable node; ``None`` for ever."""
    for toleration in objects.spec(pod).get("tolerations") or []:
        if toleration.get("key") in {UNREACHABLE, None} and toleration.get("effect") in {"NoExecute", None}:
            seconds = toleration.get("tolerationSeconds")
            return None if seconds is None else float(seconds)
    return default
