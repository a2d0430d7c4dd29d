"""A cluster's present, read from its API server and never written: what a question about it begins with."""

from pathlib import Path
from typing import Any, Final

import msgspec

from adapters.kubernetes import credentials, resources
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.errors import ApiError
from adapters.kubernetes.resources import Resource
from adapters.simulation import kinds, objects
from adapters.simulation.kinds import Kind
from adapters.simulation.objects import Object
from adapters.what_if import inventory
from lws_events import names

Listing = dict[Kind, list[Object]]

_PAGE: Final = "500"
_LABELLED: Final = (
    (kinds.REVISIONS, resources.CONTROLLER_REVISIONS),
    (kinds.STATEFULSETS, resources.STATEFUL_SETS),
    (kinds.SERVICES, resources.SERVICES),
    (kinds.PODS, resources.PODS),
    (kinds.POD_GROUPS, resources.POD_GROUPS),
)
_NOT_FOUND: Final = 404


async def list_cluster(kubeconfig: Path) -> Listing:
    """Nodes, sets, and all that carries a set's name. Raises the errors of ``adapters.kubernetes``."""
    access = await credentials.load(str(kubeconfig))
    async with ApiClient(access, component="what-if") as client:
        found: Listing = {
            kinds.NODES: [inventory.as_known(node) for node in await _all(client, resources.NODES)],
            kinds.LEADERWORKERSETS: await _all(client, resources.LEADER_WORKER_SETS),
        }
        for kind, resource in _LABELLED:
            try:
                found[kind] = await _all(client, resource, selector=names.SET_NAME)
            except ApiError as error:
                if error.code != _NOT_FOUND or kind is not kinds.POD_GROUPS:
                    raise
                found[kind] = []  # no gang scheduler is installed
    _identify(found)
    _settle_histories(found)
    return found


async def _all(client: ApiClient, resource: Resource, *, selector: str = "") -> list[Object]:
    items: list[Object] = []
    token = ""
    while True:
        query = {"limit": _PAGE} | ({"labelSelector": selector} if selector else {})
        page: Any = msgspec.json.decode(
            await client.list(resource, None, query | ({"continue": token} if token else {}))
        )
        items += page.get("items") or []
        token = (page.get("metadata") or {}).get("continue") or ""
        if not token:
            return items


def _identify(found: Listing) -> None:
    """Nodes get a uid of their own, as everything in the store has one."""
    for node in found[kinds.NODES]:
        node["metadata"]["uid"] = f"node-{objects.name(node)}"


def _settle_histories(found: Listing) -> None:
    """The newest revision of a StatefulSet that its controller has seen is that of its template, byte for byte.

    A real controller writes revisions with another printer than this one; a difference between the two would look
    like a new template.
    """
    by_name = {(objects.namespace(one), objects.name(one)): at for at, one in enumerate(found[kinds.REVISIONS])}
    for stateful_set in found[kinds.STATEFULSETS]:
        status = objects.status(stateful_set)
        is_seen = status.get("observedGeneration") == stateful_set["metadata"].get("generation")
        at = by_name.get((objects.namespace(stateful_set), status.get("updateRevision", "")))
        if is_seen and at is not None:
            template = {**stateful_set["spec"]["template"], "$patch": "replace"}
            found[kinds.REVISIONS][at] = {**found[kinds.REVISIONS][at], "data": {"spec": {"template": template}}}
