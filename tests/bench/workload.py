"""The set that every run creates, and how the bench watches it: by what the API server says, not by the controller."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from tests.controlplane.api import Api, Json, core, eventually, leaderworkersets, statefulsets

NAME: Final = "bench"
SETTLED_SECONDS: Final = 20.0
"""When nobody has written anything for so long, a mass failure is over, with groups missing or not."""
_SET_LABEL: Final = "leaderworkerset.sigs.k8s.io/name"
_WORKER_INDEX: Final = "leaderworkerset.sigs.k8s.io/worker-index"
_SERVER_FIELDS: Final = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "namespace")


MAX_UNAVAILABLE: Final = "25%"
"""Of the groups, during a rolling update."""


def template(*, image: str = "example.test/main:1") -> Json:
    """The pods of all groups."""
    return {"spec": {"containers": [{"name": "main", "image": image}]}}


def manifest(namespace: str, *, groups: int, size: int, name: str = NAME) -> Json:
    """A set of one template whose groups are recreated when a pod of theirs goes."""
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": groups,
            "leaderWorkerTemplate": {
                "size": size,
                "restartPolicy": "RecreateGroupOnPodRestart",
                "workerTemplate": template(),
            },
            "rolloutStrategy": {
                "type": "RollingUpdate",
                "rollingUpdateConfiguration": {"maxUnavailable": MAX_UNAVAILABLE},
            },
        },
    }


def leader(group: int) -> str:
    """Name of a group's leader pod."""
    return f"{NAME}-{group}"


def victim(group: int) -> str:
    """Name of the worker that the mass failure takes from a group."""
    return f"{NAME}-{group}-1"


async def is_available(api: Api, namespace: str, *, groups: int) -> bool:
    """Whether the set's status says that all groups are ready and the set Available."""
    status = (await api.get(leaderworkersets(namespace, NAME))).get("status", {})
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or []}
    return bool(status.get("readyReplicas") == groups and conditions.get("Available") == "True")


async def wait_until_available(api: Api, namespace: str, *, groups: int, timeout_seconds: float) -> None:
    """Raises ``TimeoutError``."""
    await eventually(
        lambda: is_available(api, namespace, groups=groups),
        what=f"{groups} groups to be Available",
        timeout_seconds=timeout_seconds,
        interval_seconds=0.05,
    )


async def wait_until_updated(api: Api, namespace: str, *, groups: int, generation: int, timeout_seconds: float) -> None:
    """Wait until every group is of the template of this generation and ready. Raises ``TimeoutError``."""

    async def updated() -> bool:
        status = (await api.get(leaderworkersets(namespace, NAME))).get("status", {})
        conditions = {c["type"]: c["status"] for c in status.get("conditions") or []}
        return bool(
            status.get("observedGeneration", 0) >= generation
            and status.get("updatedReplicas") == status.get("readyReplicas") == groups
            and conditions.get("Available") == "True"
        )

    await eventually(
        updated, what=f"{groups} groups to be updated", timeout_seconds=timeout_seconds, interval_seconds=0.05
    )


async def pod_uids(api: Api, namespace: str) -> dict[str, str]:
    """Uids of the set's pods by name."""
    pods = await api.items(core("pods", namespace), labels=f"{_SET_LABEL}={NAME}")
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods}


async def fail_one_worker_each(api: Api, namespace: str, *, groups: int) -> None:
    """Force-delete one worker of every group at once (as many requests at a time as the client has connections)."""
    await asyncio.gather(*(api.delete(core("pods", namespace, victim(g)), grace_seconds=0) for g in range(groups)))


async def wait_until_recreated(
    api: Api, namespace: str, *, before: Mapping[str, str], groups: int, activity: Callable[[], int]
) -> tuple[int, float | None]:
    """Follow a mass failure to its end: how many groups got a new, ready leader, and in how many seconds all had.

    The seconds are None if groups were left out and ``activity`` has not grown for ``SETTLED_SECONDS``.
    """
    began = active_at = time.monotonic()
    seen = activity()
    while True:
        leaders = await _ready_leaders(api, namespace)
        recreated = sum(1 for name, uid in leaders.items() if before.get(name) != uid)
        if recreated == groups and await is_available(api, namespace, groups=groups):
            return recreated, time.monotonic() - began
        now, present = time.monotonic(), activity()
        if present != seen:
            seen, active_at = present, now
        elif now - active_at > SETTLED_SECONDS:
            return recreated, None
        await asyncio.sleep(0.2)


async def _ready_leaders(api: Api, namespace: str) -> dict[str, str]:
    """Uids of the ready leader pods by name."""
    pods = await api.items(core("pods", namespace), labels=f"{_SET_LABEL}={NAME},{_WORKER_INDEX}=0")
    return {
        pod["metadata"]["name"]: pod["metadata"]["uid"]
        for pod in pods
        if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
    }


async def posted_statefulsets(api: Api, namespace: str) -> list[Json]:
    """The StatefulSets as the controller made them, bare of all that binds them to this cluster and their owners."""
    found = []
    for item in await api.items(statefulsets(namespace), labels=f"{_SET_LABEL}={NAME}"):
        metadata = {k: v for k, v in item["metadata"].items() if k not in (*_SERVER_FIELDS, "ownerReferences")}
        found.append({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": item["spec"]})
    return found
