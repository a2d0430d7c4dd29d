"""What a namespace brings and takes: its default ServiceAccount, and the end of all that is in it."""

from adapters.simulation import objects
from adapters.simulation.api import Api
from adapters.simulation.clock import Seconds, WorkQueue
from adapters.simulation.kinds import ALL, NAMESPACES, SERVICE_ACCOUNTS
from adapters.simulation.store import Change

PASS_SECONDS = 1.0
"""A terminating namespace that is not empty yet is looked at again after this."""


class Namespaces:
    """Furnishes new namespaces and empties terminating ones."""

    def __init__(self, api: Api, *, latency: Seconds) -> None:
        self._api = api
        self._queue: WorkQueue[str] = WorkQueue(api.clock, self._visit, latency=latency)
        api.store.subscribe(self._on_change)

    def _on_change(self, change: Change) -> None:
        if change.kind is NAMESPACES and change.type != "DELETED":
            self._queue.add(objects.name(change.record.obj))

    def _visit(self, name: str) -> None:
        namespace = self._api.find(NAMESPACES, name)
        if namespace is None:
            return
        if not objects.terminating(namespace):
            if self._api.find(SERVICE_ACCOUNTS, "default", namespace=name) is None:
                self._api.create(SERVICE_ACCOUNTS, {"metadata": {"name": "default"}}, namespace=name)
            return
        left = [(kind, obj) for kind in ALL if kind.namespaced for obj in self._api.select(kind, namespace=name)]
        for kind, obj in left:
            if not objects.terminating(obj):
                self._api.delete(kind, objects.name(obj), namespace=name, propagation="Background")
        if left:
            self._queue.add_at(name, self._api.clock.now + PASS_SECONDS)
        else:
            self._api.store.remove(NAMESPACES, namespace)
