"""The verbs of the simulated API server: create, get, list, update, patch, delete, with their rules of concurrency.

The controllers of the simulation and the HTTP face both go through here, so that neither can do what a real API server
would refuse. Objects that come out are shared and must not be changed in place; objects that come in are copied.
"""

import random
from typing import Any, Final, Literal

import msgspec

from adapters.simulation import apply, deletion, kinds, managed_fields, objects, patches, validation
from adapters.simulation.admission import Admission, admit_everything
from adapters.simulation.clock import Clock
from adapters.simulation.deletion import Propagation
from adapters.simulation.errors import (
    BadRequestError,
    ConflictError,
    InvalidError,
    NotFoundError,
)
from adapters.simulation.kinds import Kind
from adapters.simulation.managed_fields import Manager
from adapters.simulation.objects import Object
from adapters.simulation.selectors import EVERYTHING, Selector
from adapters.simulation.store import Store
from adapters.simulation.writing import Writing, details, with_part

PatchType = Literal["merge", "strategic", "json"]

ADMIN: Final = "kubernetes-admin"


class Api:
    """The one way to read and write the simulated cluster."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rng: random.Random,
        *,
        admission: Admission = admit_everything,
        statefulset_max_unavailable: bool = True,
    ) -> None:
        self.store = store
        self.clock = clock
        self._writing = Writing(
            store, clock, rng, admission=admission, statefulset_max_unavailable=statefulset_max_unavailable
        )
        self.writes: dict[tuple[str, str], int] = {}
        """Requests that changed the store, by ``(verb, plural)``: what benchmarks and "idle is silent" tests count."""

    # reading

    def find(self, kind: Kind, name: str, *, namespace: str = "") -> Object | None:
        """An object, or ``None``."""
        return self.store.get(kind, namespace, name)

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Object:
        """An object.

        Raises:
            NotFoundError: there is none.
        """
        found = self.store.get(kind, namespace, name)
        if found is None:
            raise NotFoundError(f'{kind.qualified} "{name}" not found', details=details(kind, name))
        return found

    def select(self, kind: Kind, *, namespace: str = "", selector: Selector = EVERYTHING) -> list[Object]:
        """Objects in order of namespace and name; without a namespace, those of all."""
        return self.store.select(kind, namespace=namespace, selector=selector)

    # writing

    def create(
        self, kind: Kind, body: Object, *, namespace: str = "", user: str = ADMIN, manager: str | None = None
    ) -> Object:
        """Store a new object. ``manager`` records who owns its fields.

        Raises:
            AlreadyExistsError, BadRequestError, ForbiddenError, InvalidError, NotFoundError.
        """
        obj = self._writing.new(kind, msgspec.to_builtins(body), namespace=namespace)
        obj = self._writing.admitted(kind, obj, None, user=user)
        if manager:
            owner = Manager(manager, "Update", kind.api_version)
            owned = {owner: frozenset(managed_fields.fields_of(obj))}
            obj = objects.with_metadata(
                obj, managedFields=managed_fields.dump(owned, previous=None, now=self.clock.timestamp())
            )
        return self._stored("create", kind, obj)

    def update(
        self,
        kind: Kind,
        body: Object,
        *,
        namespace: str = "",
        subresource: Literal["", "status"] = "",
        user: str = ADMIN,
        manager: str | None = None,
    ) -> Object:
        """Replace an object, or its status. A ``uid`` or ``resourceVersion`` in the body is a precondition.

        Raises:
            NotFoundError, ConflictError, InvalidError, BadRequestError, ForbiddenError.
        """
        copy: Object = msgspec.to_builtins(body)
        name = (copy.get("metadata") or {}).get("name") or ""
        old = self.get(kind, name, namespace=namespace)
        if kind.custom and not copy["metadata"].get("resourceVersion"):
            raise InvalidError(
                f'{kind.qualified} "{name}" is invalid: metadata.resourceVersion: Invalid value: 0: '
                "must be specified for an update"
            )
        return self._replace(kind, old, copy, subresource=subresource, user=user, manager=manager)

    def patch(
        self,
        kind: Kind,
        name: str,
        patch: Any,
        *,
        type_: PatchType,
        namespace: str = "",
        subresource: Literal["", "status"] = "",
        user: str = ADMIN,
        manager: str | None = None,
    ) -> Object:
        """Change an object, or its status, by a patch. A ``uid`` or ``resourceVersion`` in it is a precondition.

        Raises:
            NotFoundError, ConflictError, InvalidError, BadRequestError, ForbiddenError.
        """
        old = self.get(kind, name, namespace=namespace)
        change = msgspec.to_builtins(patch)
        match type_:
            case "merge":
                new = patches.merge_patch(old, change)
            case "strategic":
                new = patches.strategic_merge(old, change)
            case "json":
                new = patches.json_patch(old, change)
        return self._replace(kind, old, new, subresource=subresource, user=user, manager=manager)

    def apply(
        self,
        kind: Kind,
        config: Object,
        *,
        manager: str,
        namespace: str = "",
        force: bool = False,
        subresource: Literal["", "status"] = "",
        user: str = ADMIN,
    ) -> Object:
        """Server-side apply: create the object or merge the configuration into it, as a field manager.

        Raises:
            ConflictError: another manager owns a field with another value, and ``force`` is not set.
            BadRequestError, ForbiddenError, InvalidError, NotFoundError.
        """
        copy: Object = msgspec.to_builtins(config)
        metadata = copy.setdefault("metadata", {})
        if metadata.pop("managedFields", None):
            raise BadRequestError("metadata.managedFields must be nil")
        name = metadata.get("name") or ""
        owner = Manager(manager, "Apply", kind.api_version, subresource)
        old = self.find(kind, name, namespace=namespace)
        if old is None:
            if subresource:
                raise NotFoundError(f'{kind.qualified} "{name}" not found', details=details(kind, name))
            if metadata.get("uid"):
                asked = f"the provided object specified uid {metadata['uid']}, and no existing object was found"
                raise ConflictError(f"uid mismatch: {asked}", details=details(kind, name))
            fields = frozenset(managed_fields.fields_of(copy))
            obj = self._writing.admitted(kind, self._writing.new(kind, copy, namespace=namespace), None, user=user)
            dumped = managed_fields.dump({owner: fields}, previous=None, now=self.clock.timestamp())
            return self._stored("create", kind, objects.with_metadata(obj, managedFields=dumped))
        self._writing.check(kind, old, uid=metadata.get("uid"), revision=metadata.get("resourceVersion"))
        new, managers = apply.merged(old, copy, manager=owner, force=force)
        now = self.clock.timestamp()
        managed = managed_fields.dump(managers, previous=old, now=now)
        new = objects.with_metadata(new, managedFields=managed, resourceVersion=None)
        return self._replace(kind, old, new, subresource=subresource, user=user, manager=None, managed=managed)

    def delete(
        self,
        kind: Kind,
        name: str,
        *,
        namespace: str = "",
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Propagation | None = None,
        grace_seconds: int | None = None,
    ) -> Object:
        """Ask for a deletion; returns the object as it then is, or was.

        Raises:
            NotFoundError: there is no such object.
            ConflictError: a precondition does not hold.
        """
        old = self.get(kind, name, namespace=namespace)
        self._writing.check(kind, old, uid=uid, revision=resource_version)
        if kind is kinds.NAMESPACES:
            return self._terminate_namespace(old)
        outcome = deletion.begin(kind, old, clock=self.clock, propagation=propagation, grace_seconds=grace_seconds)
        if outcome.removed:
            self._count("delete", kind)
            return self.store.remove(kind, outcome.obj)
        if outcome.obj is old:
            return old
        return self._stored("delete", kind, outcome.obj)

    def scale(self, kind: Kind, name: str, *, replicas: int, namespace: str = "") -> Object:
        """Write ``spec.replicas`` as the scale subresource does: past the webhooks, within the schema.

        Raises:
            NotFoundError, InvalidError.
        """
        old = self.get(kind, name, namespace=namespace)
        if old["spec"].get("replicas") == replicas:
            return old
        new = {**old, "spec": {**old["spec"], "replicas": replicas}}
        validation.updated(kind, new, old)
        return self._stored("scale", kind, objects.with_metadata(new, generation=old["metadata"]["generation"] + 1))

    def bind(self, pod: Object, *, node: str, conditions: list[Object]) -> Object:
        """Put a pod on a node, as the scheduler's binding does."""
        bound = {**pod, "spec": {**pod["spec"], "nodeName": node}}
        return self._stored("bind", kinds.PODS, objects.with_conditions(bound, conditions, now=self.clock.timestamp()))

    def set_status(self, kind: Kind, obj: Object) -> Object:
        """Store an object whose status one of the cluster's own controllers has changed; equal status is no write."""
        old = self.get(kind, objects.name(obj), namespace=objects.namespace(obj))
        if old["metadata"]["uid"] != obj["metadata"]["uid"]:
            self._writing.check(kind, old, uid=objects.uid(obj), revision=None)
        if old.get("status") == obj.get("status"):
            return old
        return self._stored("status", kind, {**old, "status": obj["status"]})

    def _replace(
        self,
        kind: Kind,
        old: Object,
        new: Object,
        *,
        subresource: str,
        user: str,
        manager: str | None,
        managed: list[Object] | None = None,
    ) -> Object:
        metadata = new.setdefault("metadata", {})
        self._writing.check(kind, old, uid=metadata.get("uid"), revision=metadata.get("resourceVersion"))
        if subresource == "status":
            new = with_part(old, "status", new.get("status"))
        else:
            new = self._writing.whole(kind, old, new, user=user)
        if managed is not None:
            new = objects.with_metadata(new, managedFields=managed)
        elif manager:
            owner = Manager(manager, "Update", kind.api_version, subresource)
            managers = managed_fields.after_update(managed_fields.load(old), manager=owner, before=old, after=new)
            dumped = managed_fields.dump(managers, previous=old, now=self.clock.timestamp())
            new = objects.with_metadata(new, managedFields=dumped)
        if new == old:
            return old
        if deletion.ends_with_update(before=old, after=new):
            self._count("update", kind)
            return self.store.remove(kind, new)
        return self._stored("update", kind, new)

    def _terminate_namespace(self, old: Object) -> Object:
        if objects.terminating(old):
            return old
        marked = objects.with_metadata(old, deletionTimestamp=self.clock.timestamp())
        return self._stored("delete", kinds.NAMESPACES, {**marked, "status": {"phase": "Terminating"}})

    def _stored(self, verb: str, kind: Kind, obj: Object) -> Object:
        self._count(verb, kind)
        return self.store.put(kind, obj)

    def _count(self, verb: str, kind: Kind) -> None:
        key = (verb, kind.plural)
        self.writes[key] = self.writes.get(key, 0) + 1
