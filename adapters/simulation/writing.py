"""What happens to an object on its way into the store: checks, server-owned metadata, defaults, admission, generation.

The order is that of the API server: decode, default, admit (which may change), default again, validate.
"""

import random
import uuid
from typing import Any, Final

from adapters.simulation import defaults, kinds, objects, validation
from adapters.simulation.admission import Admission, AdmissionRequest
from adapters.simulation.clock import Clock
from adapters.simulation.errors import (
    AlreadyExistsError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from adapters.simulation.kinds import Kind
from adapters.simulation.objects import Object
from adapters.simulation.store import Store

_SUFFIX: Final = "bcdfghjklmnpqrstvwxz2456789"


class Writing:
    """The rules that every create and update goes through."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rng: random.Random,
        *,
        admission: Admission,
        statefulset_max_unavailable: bool = True,
    ) -> None:
        self._statefulset_max_unavailable = statefulset_max_unavailable
        self._store = store
        self._clock = clock
        self._rng = rng
        self._admission = admission

    def new(self, kind: Kind, obj: Object, *, namespace: str) -> Object:
        """A new object with its identity, its defaults and its first status; not yet admitted."""
        if (obj.setdefault("apiVersion", kind.api_version), obj.setdefault("kind", kind.kind)) != (
            kind.api_version,
            kind.kind,
        ):
            raise BadRequestError(
                f"the object provided is unrecognized (must be of type {kind.kind}): "
                f"{obj['apiVersion']}/{obj['kind']} was sent to {kind.qualified}"
            )
        metadata = obj.setdefault("metadata", {})
        if metadata.get("resourceVersion"):
            raise BadRequestError("resourceVersion should not be set on objects to be created")
        if kind.namespaced:
            self._check_namespace(metadata, namespace)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(self._rng.choice(_SUFFIX) for _ in range(5))
        if not metadata.get("name"):
            raise InvalidError(
                f"{kind.kind} is invalid: metadata.name: Required value: name or generateName is required"
            )
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation", "managedFields", "selfLink"):
            metadata.pop(field, None)
        metadata["uid"] = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        metadata["creationTimestamp"] = self._clock.timestamp()
        if kind.generation != "none":
            metadata["generation"] = 1
        return defaults.initial_status(kind, self._defaulted(kind, obj))

    def _check_namespace(self, metadata: Object, namespace: str) -> None:
        sent = metadata.get("namespace")
        if sent and namespace and sent != namespace:
            raise BadRequestError(
                f"the namespace of the provided object does not match the namespace sent on the request: {sent}"
            )
        metadata["namespace"] = namespace or sent or "default"
        found = self._store.get(kinds.NAMESPACES, "", metadata["namespace"])
        if found is None:
            raise NotFoundError(
                f'namespaces "{metadata["namespace"]}" not found',
                details=details(kinds.NAMESPACES, metadata["namespace"]),
            )
        if objects.terminating(found):
            raise ForbiddenError(
                f"unable to create new content in namespace {metadata['namespace']} because it is being terminated"
            )

    def check(self, kind: Kind, obj: Object, *, uid: str | None, revision: str | None) -> None:
        """Check preconditions.

        Raises:
            ConflictError: the object has another uid or another resourceVersion.
        """
        metadata = obj["metadata"]
        if uid and uid != metadata["uid"]:
            raise ConflictError(
                f'Operation cannot be fulfilled on {kind.qualified} "{metadata["name"]}": Precondition failed: '
                f"UID in precondition: {uid}, UID in object meta: {metadata['uid']}",
                details=details(kind, metadata["name"]),
            )
        if revision and revision != metadata["resourceVersion"]:
            raise ConflictError(
                f'Operation cannot be fulfilled on {kind.qualified} "{metadata["name"]}": the object has been '
                "modified; please apply your changes to the latest version and try again",
                details=details(kind, metadata["name"]),
            )

    def whole(self, kind: Kind, old: Object, new: Object, *, user: str) -> Object:
        """The new version of a whole object: server-owned metadata and status kept, defaults, admission, generation."""
        kept = {
            field: old["metadata"].get(field)
            for field in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
        }
        kept["managedFields"] = old["metadata"].get("managedFields")
        kept["namespace"] = old["metadata"].get("namespace")
        kept["resourceVersion"] = old["metadata"]["resourceVersion"]
        new = objects.with_metadata({**new, "apiVersion": kind.api_version, "kind": kind.kind}, **kept)
        if kind.status:
            new = with_part(new, "status", old.get("status"))
        new = self.admitted(kind, self._defaulted(kind, new), old, user=user)
        if kind.generation != "none" and _content(kind, new) != _content(kind, old):
            new = objects.with_metadata(new, generation=old["metadata"]["generation"] + 1)
        return new

    def _defaulted(self, kind: Kind, obj: Object) -> Object:
        obj = defaults.apply(kind, obj)
        if kind is kinds.STATEFULSETS and not self._statefulset_max_unavailable:
            return defaults.without_max_unavailable(obj)
        return obj

    def admitted(self, kind: Kind, obj: Object, old: Object | None, *, user: str) -> Object:
        """The object after admission and validation."""
        request = AdmissionRequest(
            kind=kind,
            operation="CREATE" if old is None else "UPDATE",
            namespace=objects.namespace(obj),
            name=objects.name(obj),
            object=obj,
            old_object=old,
            user=user,
        )
        admitted = self._admission(request)
        if admitted is not obj:
            admitted = self._defaulted(kind, admitted)
        if old is None:
            validation.created(kind, admitted)
            if self._store.get(kind, objects.namespace(admitted), objects.name(admitted)) is not None:
                name = objects.name(admitted)
                raise AlreadyExistsError(f'{kind.qualified} "{name}" already exists', details=details(kind, name))
        else:
            validation.updated(kind, admitted, old)
        return admitted


def details(kind: Kind, name: str) -> dict[str, Any]:
    """The ``details`` of a refusal about an object."""
    found = {"name": name, "kind": kind.plural}
    return {**found, "group": kind.group} if kind.group else found


def with_part(obj: Object, part: str, value: Any) -> Object:
    """A copy with one top-level part replaced, or removed for ``None``."""
    bare = {key: inner for key, inner in obj.items() if key != part}
    return bare if value is None else {**bare, part: value}


def _content(kind: Kind, obj: Object) -> Any:
    if kind.generation == "spec":
        return obj.get("spec")
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
