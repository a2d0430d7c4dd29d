"""POST, PUT, PATCH and DELETE: from the parameters and body of a request to one call of the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import yaml

from adapters.simulation import objects, patches
from adapters.simulation.api import Api, PatchType
from adapters.simulation.deletion import Propagation
from adapters.simulation.errors import (
    ApiError,
    BadRequestError,
    MethodNotAllowedError,
    NotFoundError,
    UnsupportedMediaTypeError,
)
from adapters.simulation.http.reading import Selection
from adapters.simulation.http.targets import Target
from adapters.simulation.kinds import NODES, PODS
from adapters.simulation.objects import Object

APPLY = "application/apply-patch+yaml"
_PATCH_TYPES: Mapping[str, PatchType] = {
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/json-patch+json": "json",
}
_PROPAGATIONS: Mapping[str, Propagation] = {
    "Foreground": "Foreground",
    "Background": "Background",
    "Orphan": "Orphan",
}


@dataclass(frozen=True)
class Change:
    """A request that changes something. ``manager`` is its field manager, explicit or from the user agent."""

    target: Target
    query: Mapping[str, str]
    content_type: str
    body: bytes
    user: str
    manager: str

    @property
    def subresource(self) -> Literal["", "status"]:
        """Empty or ``status``.

        Raises:
            NotFoundError: another one, or a status that the kind does not have.
        """
        if not self.target.subresource:
            return ""
        if self.target.subresource == "status" and self.target.kind.status:
            return "status"
        raise NotFoundError(f"{self.target.kind.qualified} has no subresource {self.target.subresource!r} to write")

    def decoded(self) -> Any:
        """The body, JSON or YAML.

        Raises:
            BadRequestError: it is neither.
        """
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            if "yaml" not in self.content_type:
                raise BadRequestError(f"the body is not JSON: {error}") from error
        try:
            return yaml.safe_load(self.body)
        except yaml.YAMLError as error:
            raise BadRequestError(f"the body is not YAML: {error}") from error

    def object(self) -> Object:
        """The body, which must be an object.

        Raises:
            BadRequestError: it is something else.
        """
        decoded = self.decoded()
        if not isinstance(decoded, dict):
            raise BadRequestError("the body is not an object")
        return decoded


def refuse_dry_run(query: Mapping[str, str]) -> None:
    """Say so rather than write.

    Raises:
        BadRequestError: the request asks for a dry run.
    """
    if query.get("dryRun"):
        raise BadRequestError("dryRun is not simulated")


def create(api: Api, change: Change) -> Object:
    """POST to a collection, or to a pod's ``eviction`` or ``binding``."""
    target = change.target
    if target.subresource:
        return _pod_action(api, change)
    if target.name:
        raise MethodNotAllowedError("POST is for collections")
    return api.create(
        target.kind, change.object(), namespace=target.namespace, user=change.user, manager=change.manager
    )


def replace(api: Api, change: Change) -> Object:
    """PUT of an object, its status or its scale."""
    target = change.target
    body = change.object()
    if target.subresource == "scale":
        return _scaled(api, target, body)
    name = (body.get("metadata") or {}).get("name")
    if name != target.name:
        raise BadRequestError(f"the name of the object ({name}) does not match the name on the URL ({target.name})")
    return api.update(
        target.kind,
        body,
        namespace=target.namespace,
        subresource=change.subresource,
        user=change.user,
        manager=change.manager,
    )


def patch(api: Api, change: Change) -> tuple[Object, bool]:
    """PATCH of an object, its status or its scale; the object, and whether it was created by an apply."""
    target = change.target
    media_type = change.content_type.partition(";")[0].strip()
    if media_type == APPLY:
        return _applied(api, change)
    type_ = _PATCH_TYPES.get(media_type)
    if type_ is None or (type_ == "strategic" and target.kind.custom):
        raise UnsupportedMediaTypeError(
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join([*_PATCH_TYPES, APPLY])
        )
    if target.subresource == "scale":
        scale = scale_of(api.get(target.kind, target.name, namespace=target.namespace))
        return _scaled(api, target, patches.merge_patch(scale, change.object())), False
    changed = api.patch(
        target.kind,
        target.name,
        change.decoded(),
        type_=type_,
        namespace=target.namespace,
        subresource=change.subresource,
        user=change.user,
        manager=change.manager,
    )
    return changed, False


def delete(api: Api, change: Change) -> Object:
    """DELETE of one object: the object while it terminates, or a ``Status`` of success."""
    target = change.target
    if target.subresource:
        raise MethodNotAllowedError("subresources cannot be deleted")
    options = change.object() if change.body.strip() else {}
    preconditions = options.get("preconditions") or {}
    obj = api.delete(
        target.kind,
        target.name,
        namespace=target.namespace,
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        **_deletion(change, options),
    )
    if target.kind is PODS or api.find(target.kind, target.name, namespace=target.namespace) is not None:
        return obj
    details = {"name": target.name, "group": target.kind.group, "kind": target.kind.plural, "uid": objects.uid(obj)}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def delete_collection(api: Api, change: Change, selection: Selection) -> Object:
    """DELETE of all that a selection matches."""
    options = change.object() if change.body.strip() else {}
    arguments = _deletion(change, options)
    found = api.store.select(selection.target.kind, namespace=selection.target.namespace, selector=selection.labels)
    gone = [obj for obj in found if selection.matches(obj)]
    for obj in gone:
        api.delete(selection.target.kind, objects.name(obj), namespace=objects.namespace(obj), **arguments)
    kind = selection.target.kind
    return {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": {}, "items": gone}


def scale_of(obj: Object) -> Object:
    """The ``autoscaling/v1`` Scale of an object."""
    metadata = {
        key: value
        for key, value in obj["metadata"].items()
        if key in {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}
    }
    status = objects.status(obj)
    selector = status.get("hpaPodSelector")
    if selector is None:
        match = (objects.spec(obj).get("selector") or {}).get("matchLabels") or {}
        selector = ",".join(f"{key}={value}" for key, value in sorted(match.items()))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": objects.spec(obj).get("replicas", 0)},
        "status": {"replicas": status.get("replicas", 0), "selector": selector},
    }


def _applied(api: Api, change: Change) -> tuple[Object, bool]:
    target = change.target
    manager = change.query.get("fieldManager")
    if not manager:
        raise BadRequestError("fieldManager: Required value: is required for apply patch")
    config = change.object()
    metadata = config.setdefault("metadata", {})
    if metadata.setdefault("name", target.name) != target.name:
        raise BadRequestError(f"the name of the object ({metadata['name']}) does not match the URL ({target.name})")
    existed = api.find(target.kind, target.name, namespace=target.namespace) is not None
    applied = api.apply(
        target.kind,
        config,
        manager=manager,
        namespace=target.namespace,
        force=change.query.get("force") in {"true", "1"},
        subresource=change.subresource,
        user=change.user,
    )
    return applied, not existed


def _scaled(api: Api, target: Target, scale: Object) -> Object:
    if not target.kind.scale:
        raise NotFoundError(f"{target.kind.qualified} has no scale")
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    return scale_of(api.scale(target.kind, target.name, replicas=replicas, namespace=target.namespace))


def _pod_action(api: Api, change: Change) -> Object:
    target, body = change.target, change.object()
    if target.kind is not PODS or target.subresource not in {"eviction", "binding"}:
        raise NotFoundError(f"{target.kind.qualified} has no subresource {target.subresource!r}")
    if target.subresource == "eviction":
        api.delete(PODS, target.name, namespace=target.namespace, **_deletion(change, body.get("deleteOptions") or {}))
    else:
        node = (body.get("target") or {}).get("name", "")
        api.get(NODES, node)
        pod = api.get(PODS, target.name, namespace=target.namespace)
        if objects.spec(pod).get("nodeName"):
            raise ApiError(f"pod {target.name} is already assigned to node {pod['spec']['nodeName']}")
        api.bind(pod, node=node, conditions=[{"type": "PodScheduled", "status": "True"}])
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def _deletion(change: Change, options: Object) -> dict[str, Any]:
    policy = options.get("propagationPolicy") or change.query.get("propagationPolicy")
    if policy and policy not in _PROPAGATIONS:
        raise BadRequestError(f"propagationPolicy: Unsupported value: {policy!r}")
    grace = options.get("gracePeriodSeconds", change.query.get("gracePeriodSeconds"))
    return {
        "propagation": _PROPAGATIONS[policy] if policy else None,
        "grace_seconds": None if grace is None else int(grace),
    }
