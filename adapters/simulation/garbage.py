"""The garbage collector: deletes what has lost its last owner, carries foreground and orphaning deletions through."""

from adapters.simulation import objects
from adapters.simulation.api import Api
from adapters.simulation.clock import Seconds, WorkQueue
from adapters.simulation.deletion import Propagation
from adapters.simulation.errors import ConflictError, NotFoundError
from adapters.simulation.kinds import Kind
from adapters.simulation.objects import FOREGROUND, ORPHAN, Object
from adapters.simulation.store import Change


class GarbageCollector:
    """Looks at an object when it, one of its owners or one of its dependents has changed in a way that matters."""

    def __init__(self, api: Api, *, latency: Seconds) -> None:
        self._api = api
        self._queue: WorkQueue[str] = WorkQueue(api.clock, self._visit, latency=latency)
        api.store.subscribe(self._on_change)

    def _on_change(self, change: Change) -> None:
        obj = change.record.obj
        uid = objects.uid(obj)
        if change.type == "DELETED":
            self._visit_dependents(uid)
            for owner in objects.owners(obj):
                self._queue.add(owner["uid"])
            return
        new = change.previous is None
        if objects.terminating(obj) and objects.finalizers(obj):
            self._queue.add(uid)
            if change.previous is None or objects.finalizers(change.previous.obj) != objects.finalizers(obj):
                self._visit_dependents(uid)
        elif objects.owners(obj) and new:
            self._queue.add(uid)
        if change.previous is not None and objects.owners(change.previous.obj) != objects.owners(obj):
            self._queue.add(uid)
            for owner in objects.owners(change.previous.obj):
                self._queue.add(owner["uid"])

    def _visit_dependents(self, uid: str) -> None:
        for _, dependent in self._api.store.dependents(uid):
            self._queue.add(objects.uid(dependent))

    def _visit(self, uid: str) -> None:
        found = self._api.store.by_uid(uid)
        if found is None:
            return
        kind, obj = found
        if objects.terminating(obj):
            if ORPHAN in objects.finalizers(obj):
                self._orphan_dependents(kind, obj)
            elif FOREGROUND in objects.finalizers(obj):
                self._delete_dependents(kind, obj)
            return
        if objects.owners(obj):
            self._collect(kind, obj)

    def _collect(self, kind: Kind, obj: Object) -> None:
        """Delete an object without a living owner; drop references to the dead while another owner lives."""
        solid: list[Object] = []
        waiting: list[Object] = []
        for reference in objects.owners(obj):
            owner = self._owner(obj, reference)
            if owner is not None:
                (waiting if objects.deleting_dependents(owner) else solid).append(reference)
        if solid:
            if len(solid) < len(objects.owners(obj)):
                self._write(kind, objects.with_metadata(obj, ownerReferences=solid))
            return
        propagation: Propagation = "Background"
        if FOREGROUND in objects.finalizers(obj) or (waiting and self._api.store.dependents(objects.uid(obj))):
            propagation = "Foreground"
        elif ORPHAN in objects.finalizers(obj):
            propagation = "Orphan"
        self._delete(kind, obj, propagation=propagation)

    def _owner(self, obj: Object, reference: Object) -> Object | None:
        """The object that a reference names, unless it is of another namespace."""
        found = self._api.store.by_uid(reference["uid"])
        if found is None:
            return None
        owner_namespace = objects.namespace(found[1])
        return found[1] if owner_namespace in {"", objects.namespace(obj)} else None

    def _delete_dependents(self, kind: Kind, obj: Object) -> None:
        """Foreground: wait for the dependents that block, then let the owner go."""
        blocking = [
            dependent
            for _, dependent in self._api.store.dependents(objects.uid(obj))
            if any(
                owner["uid"] == objects.uid(obj) and owner.get("blockOwnerDeletion")
                for owner in objects.owners(dependent)
            )
        ]
        if not blocking:
            self._finish(kind, obj, FOREGROUND)
            return
        for dependent in blocking:
            if not objects.terminating(dependent):
                self._queue.add(objects.uid(dependent))

    def _orphan_dependents(self, kind: Kind, obj: Object) -> None:
        for dependent_kind, dependent in self._api.store.dependents(objects.uid(obj)):
            rest = [owner for owner in objects.owners(dependent) if owner["uid"] != objects.uid(obj)]
            self._write(dependent_kind, objects.with_metadata(dependent, ownerReferences=rest or None))
        self._finish(kind, obj, ORPHAN)

    def _finish(self, kind: Kind, obj: Object, finalizer: str) -> None:
        rest = [entry for entry in objects.finalizers(obj) if entry != finalizer]
        self._write(kind, objects.with_metadata(obj, finalizers=rest or None))

    def _write(self, kind: Kind, obj: Object) -> None:
        try:
            self._api.update(kind, obj, namespace=objects.namespace(obj))
        except (ConflictError, NotFoundError):
            self._queue.add(objects.uid(obj))

    def _delete(self, kind: Kind, obj: Object, *, propagation: Propagation) -> None:
        try:
            self._api.delete(
                kind,
                objects.name(obj),
                namespace=objects.namespace(obj),
                uid=objects.uid(obj),
                resource_version=obj["metadata"]["resourceVersion"],
                propagation=propagation,
            )
        except (ConflictError, NotFoundError):
            self._queue.add(objects.uid(obj))
