"""The PodGroup of one group: by it the gang scheduler places all pods of the group, or none (spec 4.9, D65).

Made once beside its leader pod, which owns it; never changed. What it asks for is that of the group's own revision.
Two steps, because all groups of a revision ask for the same: ``prepare_pod_group`` once, ``pod_group`` for each group.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from lws_events.gang import Provider
from lws_events.names import GROUP_INDEX, REVISION_KEY, SET_NAME
from lws_events.objects.metadata import JSON, LeaderRef, object_metadata, owned_by_leader
from lws_events.objects.pod_resources import Amounts, add, pod_requests
from lws_events.objects.templates import pod_template


class GroupNeeds(msgspec.Struct, frozen=True, kw_only=True):
    """What the groups of one revision need. Not to be modified: results share its parts."""

    size: int
    """Pods of a group, its leader included."""
    resources: dict[str, str]
    """Requests of all its pods together; empty where the templates request nothing."""


def prepare_pod_group(restored_spec: Mapping[str, Any]) -> GroupNeeds:
    """Read the spec that ``revisions.restore`` gave. Raises ``CanonicalError`` for a template that does not fit."""
    template = restored_spec["leaderWorkerTemplate"]
    size = template.get("size")
    size = 1 if size is None else size
    worker = pod_requests(pod_template(template.get("workerTemplate"))["spec"])
    leader_template = template.get("leaderTemplate")
    leader = worker if leader_template is None else pod_requests(pod_template(leader_template)["spec"])
    total: Amounts = {}
    add(total, leader)
    add(total, worker, times=max(size - 1, 0))
    return GroupNeeds(size=size, resources={name: str(amount) for name, amount in total.items()})


def pod_group(
    needs: GroupNeeds,
    *,
    provider: Provider,
    name: str,
    lws: Mapping[str, Any],
    leader: LeaderRef,
    starts_with_leader: bool,
) -> JSON:
    """The PodGroup ``name`` to create for the group of ``leader``.

    ``lws`` is the live set (``metadata`` only). ``starts_with_leader``: workers come once the leader is ready, so it
    must be placed alone (startup policy ``LeaderReady``).
    """
    asked = lws["metadata"].get("annotations") or {}
    set_name = lws["metadata"]["name"]
    labels = {SET_NAME: set_name, **{key: leader.labels.get(key, "") for key in (GROUP_INDEX, REVISION_KEY)}}
    spec: JSON = {"minMember": 1 if starts_with_leader else needs.size, "minResources": needs.resources}
    if provider.queue_annotation in asked:
        spec["queue"] = asked[provider.queue_annotation]
    return {
        "apiVersion": provider.api_version,
        "kind": provider.kind,
        "metadata": object_metadata(
            name=name,
            namespace=leader.namespace,
            labels=labels,
            annotations={key: value for key, value in asked.items() if key.startswith(provider.annotation_prefix)},
            owner=owned_by_leader(leader),
        ),
        "spec": spec,
    }
