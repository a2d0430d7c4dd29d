"""The headless Services that give pods their names (spec 2.7). Created if absent, never changed."""

from collections.abc import Mapping
from typing import Any

from lws_events.names import GROUP_INDEX, SET_NAME
from lws_events.objects.metadata import JSON, LeaderRef, object_metadata, owned_by_leader, owned_by_set


def shared_service(lws: Mapping[str, Any]) -> JSON:
    """One Service for all groups of a set, named like it (subdomain policy ``Shared``)."""
    metadata = lws["metadata"]
    return _headless(
        name=metadata["name"],
        namespace=metadata["namespace"],
        set_name=metadata["name"],
        owner=owned_by_set(lws),
        selector={SET_NAME: metadata["name"]},
    )


def group_service(lws: Mapping[str, Any], *, leader: LeaderRef) -> JSON:
    """The Service of one group, named like its leader pod (subdomain policy ``UniquePerReplica``)."""
    set_name = lws["metadata"]["name"]
    return _headless(
        name=leader.name,
        namespace=leader.namespace,
        set_name=set_name,
        owner=owned_by_leader(leader),
        selector={SET_NAME: set_name, GROUP_INDEX: leader.labels.get(GROUP_INDEX, "")},
    )


def _headless(*, name: str, namespace: str, set_name: str, owner: JSON, selector: JSON) -> JSON:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": object_metadata(
            name=name, namespace=namespace, labels={SET_NAME: set_name}, annotations={}, owner=owner
        ),
        # Members of a starting group must find each other before they are ready.
        "spec": {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": selector},
    }
