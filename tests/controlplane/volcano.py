"""Of Volcano what tests need: the CRD of PodGroups, reduced to what is used here, and its part as scheduler.

The scheduler binds the pods of a PodGroup as soon as as many are there as it asks for, and not one before. Deliberately
absent: queues, resources, priorities, preemption.
"""

import asyncio
from collections import defaultdict
from types import TracebackType
from typing import Final, Self

from tests.controlplane.api import CRDS, NODES, Api, ApiError, Json, eventually, grouped

CRD_NAME: Final = "podgroups.scheduling.volcano.sh"
ANNOTATION: Final = "scheduling.k8s.io/group-name"
SCHEDULER: Final = "volcano"
_ROUND_SECONDS: Final = 0.1

_QUANTITY: Final[Json] = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
_SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "minMember": {"type": "integer", "format": "int32"},
                "minResources": {"type": "object", "additionalProperties": _QUANTITY},
                "queue": {"type": "string"},
            },
        },
        "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
    },
}
CRD: Final[Json] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": CRD_NAME},
    "spec": {
        "group": "scheduling.volcano.sh",
        "scope": "Namespaced",
        "names": {"kind": "PodGroup", "listKind": "PodGroupList", "plural": "podgroups", "singular": "podgroup"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": _SCHEMA},
                "subresources": {"status": {}},
            }
        ],
    },
}


def pod_groups(namespace: str, name: str = "") -> str:
    """Path of the PodGroups of a namespace, or of one."""
    return grouped("scheduling.volcano.sh/v1beta1", "podgroups", namespace, name)


async def install_pod_groups(api: Api) -> None:
    """Apply the CRD and wait until PodGroups are served."""
    await api.apply(f"{CRDS}/{CRD_NAME}", CRD)
    served = "/apis/scheduling.volcano.sh/v1beta1/podgroups"
    await eventually(lambda: api.find(served), what="PodGroups to be served")


async def remove_pod_groups(api: Api) -> None:
    """Delete the CRD, and all PodGroups with it."""
    await api.delete(f"{CRDS}/{CRD_NAME}")


class GangScheduler:
    """Places pods whose ``schedulerName`` is ``volcano``, in all namespaces, while its block runs."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        [ended] = await asyncio.gather(self._task, return_exceptions=True)
        if error is None and not isinstance(ended, asyncio.CancelledError):
            raise AssertionError("the gang scheduler has ended") from ended

    async def _run(self) -> None:
        while True:
            gangs: defaultdict[tuple[str, str], list[Json]] = defaultdict(list)
            for pod in await self._api.items("/api/v1/pods"):
                name = pod["metadata"].get("annotations", {}).get(ANNOTATION)
                if pod["spec"]["schedulerName"] == SCHEDULER and name and "deletionTimestamp" not in pod["metadata"]:
                    gangs[pod["metadata"]["namespace"], name].append(pod)
            for (namespace, name), members in gangs.items():
                try:
                    await self._place(namespace, name, members)
                except ApiError as failed:
                    if failed.code not in (404, 409):  # gone, or replaced, since the listing
                        raise
            await asyncio.sleep(_ROUND_SECONDS)

    async def _place(self, namespace: str, name: str, members: list[Json]) -> None:
        waiting = [pod for pod in members if not pod["spec"].get("nodeName")]
        if not waiting:
            return
        found = await self._api.find(pod_groups(namespace, name))
        if found is None or len(members) < found["spec"]["minMember"]:
            return
        nodes = [node["metadata"]["name"] for node in await self._api.items(NODES)]
        for number, pod in enumerate(waiting):
            target = {"apiVersion": "v1", "kind": "Node", "name": nodes[number % len(nodes)]}
            binding = {
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]},
                "target": target,
            }
            path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/binding"
            await self._api.call("POST", path, binding)
        await self._api.merge(pod_groups(namespace, name) + "/status", {"status": {"phase": "Running"}})
