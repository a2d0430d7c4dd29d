"""LeaderWorkerSets of one namespace as a user handles them: create, change, wait, look.

Deliberately absent: any knowledge of how the controller works; only what the API server shows.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from tests.controlplane.api import Api, Json, core, eventually, grouped, leaderworkersets, statefulsets

PREFIX: Final = "leaderworkerset.sigs.k8s.io/"
NAME: Final = f"{PREFIX}name"
WORKER_INDEX: Final = f"{PREFIX}worker-index"
GROUP_INDEX: Final = f"{PREFIX}group-index"
REVISION_KEY: Final = f"{PREFIX}template-revision-hash"


def a_template(image: str = "example.test/main:1", **spec: Any) -> Json:
    """A pod template of one container; ``spec`` is added to the pod's."""
    return {"spec": {"containers": [{"name": "main", "image": image}], **spec}}


def a_set(
    name: str,
    *,
    replicas: int = 1,
    size: int = 2,
    annotations: dict[str, str] | None = None,
    template: Json | None = None,
    **spec: Any,
) -> Json:
    """A LeaderWorkerSet; ``template`` is added to its ``leaderWorkerTemplate``, ``spec`` to its spec."""
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {
            "replicas": replicas,
            "leaderWorkerTemplate": {"size": size, "workerTemplate": a_template(), **(template or {})},
            **spec,
        },
    }


def is_ready(pod: Json) -> bool:
    """Whether the pod runs, is ready and is to stay."""
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", ())}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def conditions_of(lws: Json) -> dict[str, str]:
    """The status of each condition that is there."""
    return {c["type"]: c["status"] for c in lws.get("status", {}).get("conditions", ())}


class Sets:
    """The LeaderWorkerSets of a namespace and everything that belongs to them."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace

    async def create(self, manifest: Json) -> Json:
        """Create a set. Raises ``ApiError``."""
        return await self.api.create(leaderworkersets(self.namespace), manifest)

    async def change(self, name: str, spec: Json) -> Json:
        """Merge into the set's spec. Raises ``ApiError``."""
        return await self.api.merge(leaderworkersets(self.namespace, name), {"spec": spec})

    async def scale(self, name: str, replicas: int) -> Json:
        """Scale through the subresource, as an autoscaler does. Raises ``ApiError``."""
        path = leaderworkersets(self.namespace, name) + "/scale"
        return await self.api.merge(path, {"spec": {"replicas": replicas}})

    async def get(self, name: str) -> Json:
        """The set. Raises ``ApiError``."""
        return await self.api.get(leaderworkersets(self.namespace, name))

    async def statefulset(self, name: str) -> Json:
        """A leader or worker StatefulSet. Raises ``ApiError``."""
        return await self.api.get(statefulsets(self.namespace, name))

    async def available(self, *names: str) -> list[Json]:
        """Wait until the sets have the groups that their specs ask for, all ready and updated, and say so."""
        return list(await asyncio.gather(*(self._available(name) for name in names)))

    async def _available(self, name: str) -> Json:
        async def settled() -> Json | None:
            lws = await self.get(name)
            status, replicas = lws.get("status", {}), lws["spec"]["replicas"]
            counts = {status.get(count, 0) for count in ("replicas", "readyReplicas", "updatedReplicas")}
            is_current = status.get("observedGeneration") == lws["metadata"]["generation"]
            complete = counts == {replicas} and conditions_of(lws).get("Available") == "True"
            return lws if is_current and complete else None

        return await eventually(settled, what=f"LeaderWorkerSet {self.namespace}/{name} to be available")

    async def pods(self, name: str, *, group: int | None = None) -> dict[str, Json]:
        """The pods of a set, or of one of its groups, by name."""
        labels = f"{NAME}={name}" + ("" if group is None else f",{GROUP_INDEX}={group}")
        items = await self.api.items(core("pods", self.namespace), labels=labels)
        return {pod["metadata"]["name"]: pod for pod in items}

    async def uids(self, name: str, *, group: int | None = None) -> dict[str, str]:
        """The uids of the pods of a set, or of one of its groups, by pod name."""
        return {pod: found["metadata"]["uid"] for pod, found in (await self.pods(name, group=group)).items()}

    async def when(self, name: str, *, what: str, holds: Callable[[dict[str, Json]], bool]) -> dict[str, Json]:
        """The pods of a set once something holds for them."""

        async def found() -> list[dict[str, Json]]:
            pods = await self.pods(name)
            return [pods] if holds(pods) else []  # no pods at all can be what is waited for

        [pods] = await eventually(found, what=what)
        return pods

    async def notes(self, name: str, *, reason: str = "") -> list[tuple[str, str, str]]:
        """Type, reason and note of the Events about a set, oldest first."""
        events = await self.events(name)
        return [(e["type"], e["reason"], e["note"]) for e in events if reason in ("", e["reason"])]

    async def events(self, name: str) -> list[Json]:
        """The Events about a set, oldest first."""
        path = grouped("events.k8s.io/v1", "events", self.namespace)
        events = await self.api.items(path)
        about = [
            e
            for e in events
            if e.get("regarding", {}).get("kind") == "LeaderWorkerSet" and e["regarding"]["name"] == name
        ]
        return sorted(about, key=lambda event: str(event["eventTime"]))

    async def owned(self, name: str) -> dict[str, list[str]]:
        """Names of all that a set has in its namespace, by plural; kinds of which there is none are absent."""
        found = {}
        for plural, path in (
            ("leaderworkersets", leaderworkersets(self.namespace)),
            ("statefulsets", statefulsets(self.namespace)),
            ("controllerrevisions", grouped("apps/v1", "controllerrevisions", self.namespace)),
            ("services", core("services", self.namespace)),
            ("pods", core("pods", self.namespace)),
        ):
            labels = "" if plural == "leaderworkersets" else f"{NAME}={name}"
            fields = f"metadata.name={name}" if plural == "leaderworkersets" else ""
            items = await self.api.items(path, labels=labels, fields=fields)
            if items:
                found[plural] = sorted(item["metadata"]["name"] for item in items)
        return found

    async def revisions(self, name: str) -> list[Json]:
        """The set's ControllerRevisions by number."""
        path = grouped("apps/v1", "controllerrevisions", self.namespace)
        items = await self.api.items(path, labels=f"{NAME}={name}")
        # The StatefulSet controller's own revisions carry the labels of the pod template.
        owned = [item for item in items if item["metadata"]["ownerReferences"][0]["kind"] == "LeaderWorkerSet"]
        return sorted(owned, key=lambda item: int(item["revision"]))
