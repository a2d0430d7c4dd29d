"""The LeaderWorkerSet of the catalogue's cases (``DEF``), and the changes that cases make to it.

The fixture sets what a defaulting hook would set, since no hook runs (catalogue 1.1). Deliberately absent: anything
that is sent to the cluster.
"""

import copy
from collections.abc import Callable
from typing import Any, Final

from lws_events.revisions import revision_data, revision_hash
from tests.controlplane.api import Json

Change = Callable[[Json], None]
"""Changes a LeaderWorkerSet in place."""

NAME: Final = "test-sample"
IMAGE: Final = "docker.io/nginxinc/nginx-unprivileged:1.27"
OLDER_IMAGE: Final = "docker.io/nginxinc/nginx-unprivileged:1.26"
LEADER_SPEC: Final[Json] = {"containers": [{"name": "leader", "image": IMAGE}]}
WORKER_SPEC: Final[Json] = {
    "containers": [{"name": "worker", "image": IMAGE, "ports": [{"containerPort": 8080, "protocol": "TCP"}]}]
}

ON_POD_RESTART: Final = "RecreateGroupOnPodRestart"
AFTER_START: Final = "RecreateGroupAfterStart"
NONE: Final = "None"


def definition(
    *,
    name: str = NAME,
    replicas: int = 2,
    size: int = 2,
    restart: str = ON_POD_RESTART,
    startup: str = "LeaderCreated",
    subdomain: str = "Shared",
    partition: int = 0,
    max_unavailable: int | str = 1,
    max_surge: int | str = 0,
    subgroup_size: int | None = None,
    annotations: dict[str, str] | None = None,
    leader: Json | None = LEADER_SPEC,
    worker: Json = WORKER_SPEC,
) -> Json:
    """``DEF``, with the differences that a row names; ``leader`` and ``worker`` are pod specs."""
    template: Json = {"size": size, "restartPolicy": restart, "workerTemplate": {"spec": copy.deepcopy(worker)}}
    if subgroup_size is not None:
        template["subGroupPolicy"] = {"subGroupSize": subgroup_size}
    if leader is not None:
        template["leaderTemplate"] = {"spec": copy.deepcopy(leader)}
    rolling = {"partition": partition, "maxUnavailable": max_unavailable, "maxSurge": max_surge}
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": name, **({"annotations": annotations} if annotations else {})},
        "spec": {
            "replicas": replicas,
            "leaderWorkerTemplate": template,
            "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": rolling},
            "startupPolicy": startup,
            "networkConfig": {"subdomainPolicy": subdomain},
        },
    }


def leader_spec(lws: Json) -> Json:
    """The pod spec of the leaders: of the leader template, or of the workers' where there is none."""
    template = lws["spec"]["leaderWorkerTemplate"]
    chosen: Json = (template.get("leaderTemplate") or template["workerTemplate"])["spec"]
    return chosen


def worker_spec(lws: Json) -> Json:
    """The pod spec of the workers."""
    chosen: Json = lws["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]
    return chosen


def current_key(lws: Json) -> str:
    """The revision key of the set as it is now."""
    return revision_hash(revision_data(lws["spec"]))


# Changes


def replicas(count: int) -> Change:
    """Another number of groups."""
    return lambda lws: _set(lws["spec"], "replicas", count)


def size(count: int) -> Change:
    """Another number of pods per group."""
    return lambda lws: _set(lws["spec"]["leaderWorkerTemplate"], "size", count)


def worker_name(name: str) -> Change:
    """Rename the first container of the worker template."""
    return lambda lws: _set(worker_spec(lws)["containers"][0], "name", name)


def worker_image(image: str) -> Change:
    """Another image in the worker template."""
    return lambda lws: _set(worker_spec(lws)["containers"][0], "image", image)


def leader_name(name: str) -> Change:
    """Rename the first container of the leader template."""
    return lambda lws: _set(leader_spec(lws)["containers"][0], "name", name)


def partition(ordinal: int) -> Change:
    """Another partition asked for by the user."""
    return lambda lws: _set(lws["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"], "partition", ordinal)


def subdomain(policy: str) -> Change:
    """Another subdomain policy."""
    return lambda lws: _set(lws["spec"]["networkConfig"], "subdomainPolicy", policy)


def _set(where: Json, key: str, value: Any) -> None:
    where[key] = value
