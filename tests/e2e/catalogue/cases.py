"""One case of the controllers' suite: the set, and the hand that plays the rest of the cluster (catalogue 1.1, 6.3).

Only API server and controller are real. What StatefulSet controller, garbage collector, scheduler and kubelets would do
is done here by hand, and only those fields are set that the catalogue lists. Deliberately absent: what is expected (see
``checks``).
"""

import copy
import json
from typing import Final

from lws_events.revisions import restore
from tests.controlplane.api import (
    Api,
    ApiError,
    Json,
    core,
    eventually,
    grouped,
    leaderworkersets,
    statefulsets,
)
from tests.controlplane.volcano import ANNOTATION, SCHEDULER
from tests.e2e.catalogue.definition import Change, current_key, leader_spec, worker_spec
from tests.e2e.controller import Controller
from tests.e2e.features.sets import GROUP_INDEX, PREFIX, REVISION_KEY, WORKER_INDEX
from tests.e2e.features.sets import NAME as SET_NAME

GROUP_KEY: Final = f"{PREFIX}group-key"
SIZE: Final = f"{PREFIX}size"
EXCLUSIVE_TOPOLOGY: Final = f"{PREFIX}exclusive-topology"
TEST_WORKER: Final = "worker.pod"

INTERVAL_SECONDS: Final = 0.05
LIMIT_SECONDS: Final = 30.0
_CONFLICTS_MAX: Final = 20


class Case:
    """A LeaderWorkerSet in a namespace of its own."""

    def __init__(self, api: Api, *, namespace: str, name: str, controller: Controller) -> None:
        self.api = api
        self.namespace = namespace
        self.name = name
        self.controller = controller
        self._dropped: dict[str, str] = {}
        """Names of worker StatefulSets of groups that were dropped → uid of the leader that went."""

    # Looking

    async def lws(self) -> Json:
        """The set as it is now."""
        return await self.api.get(leaderworkersets(self.namespace, self.name))

    async def statefulset(self, group: int | None = None) -> Json | None:
        """The leader StatefulSet, or the worker StatefulSet of a group."""
        return await self.api.find(statefulsets(self.namespace, self._object(group)))

    async def leader_set(self) -> Json:
        """The leader StatefulSet, which must exist."""
        return await self.api.get(statefulsets(self.namespace, self.name))

    async def worker_sets(self) -> list[Json]:
        """All StatefulSets of the set but the leaders', in list order."""
        items = await self.api.items(statefulsets(self.namespace), labels=f"{SET_NAME}={self.name}")
        found = []
        for item in items:
            name, owners = item["metadata"]["name"], item["metadata"].get("ownerReferences", [])
            if name in self._dropped and any(owner["uid"] == self._dropped[name] for owner in owners):
                # It was made again between the two deletions of ``drop``: a garbage collector would take it.
                await self.api.delete(statefulsets(self.namespace, name))
            elif name != self.name:
                found.append(item)
        return found

    async def leader_pod(self, group: int) -> Json | None:
        """The leader pod of a group."""
        return await self.api.find(core("pods", self.namespace, self._object(group)))

    async def test_workers(self, *, group: int | None = None) -> list[Json]:
        """The worker pods that were made by hand, in list order."""
        labels = f"{TEST_WORKER}=workers" + ("" if group is None else f",{GROUP_INDEX}={group}")
        return await self.api.items(core("pods", self.namespace), labels=labels)

    async def revisions(self) -> list[Json]:
        """The ControllerRevisions that carry the set's name, by number."""
        path = grouped("apps/v1", "controllerrevisions", self.namespace)
        items = await self.api.items(path, labels=f"{SET_NAME}={self.name}")
        return sorted(items, key=lambda item: int(item["revision"]))

    # The user

    async def update(self, *changes: Change) -> Json:
        """Change the set in one update; the copy from before, of which ``@old`` pods are made."""
        for _ in range(_CONFLICTS_MAX):
            before = await self.lws()
            changed = copy.deepcopy(before)
            for change in changes:
                change(changed)
            try:
                await self.api.call("PUT", leaderworkersets(self.namespace, self.name), changed)
            except ApiError as error:
                if error.code == 409:
                    continue
                raise
            return before
        raise AssertionError(f"{self.name}: {_CONFLICTS_MAX} conflicts in a row")

    async def as_of_revision(self, number: int) -> Json:
        """The set with an earlier revision applied (``@rev1``)."""
        lws = await self.lws()
        [revision] = [r for r in await self.revisions() if r["revision"] == number]
        return {**lws, "spec": restore(lws["spec"], json.dumps(revision["data"]).encode())}

    # The StatefulSet controller

    async def pods(self, start: int, end: int, *, of: Json | None = None) -> None:
        """Make the leader pods [start, end) from a copy of the set, by default from the set as it is now."""
        lws = of or await self.lws()
        owner = await self.leader_set()
        for group in range(start, end):
            await self.api.create(core("pods", self.namespace), self._leader(lws, group, owner=owner))

    async def workers(self, group: int = 0) -> None:
        """Make the worker pods of a group."""
        lws = await self.lws()
        leader = await self.leader_pod(group)
        assert leader is not None
        for index in range(1, lws["spec"]["leaderWorkerTemplate"]["size"]):
            await self.api.create(core("pods", self.namespace), self._worker(lws, index, leader=leader))

    async def drop(self, start: int, end: int) -> None:
        """Delete the leader pods [start, end), each followed by its worker StatefulSet.

        One that is still to be made is waited for: nobody would collect it afterwards.
        """
        for group in range(start, end):
            await self._worker_set_exists(group)
            leader = await self.leader_pod(group)
            assert leader is not None
            self._dropped[self._object(group)] = leader["metadata"]["uid"]
            await self.api.delete(core("pods", self.namespace, self._object(group)))
            await self.api.delete(statefulsets(self.namespace, self._object(group)))

    async def drop_excess(self) -> None:
        """Delete every group whose index is not below the set's present ``spec.replicas``."""
        count = (await self.lws())["spec"]["replicas"]
        labels = f"{SET_NAME}={self.name},{WORKER_INDEX}=0"
        for pod in await self.api.items(core("pods", self.namespace), labels=labels):
            group = int(pod["metadata"]["labels"][GROUP_INDEX])
            if group >= count:
                await self.drop(group, group + 1)

    async def ready(self, *groups: int) -> None:
        """Groups become updated and ready, one after another (catalogue 1.1, ``ready``)."""
        for group in groups:
            gone = await self._update_leader(group)
            await self._worker_set_is_ready(group, not_uid=gone)

    async def ready_all(self, count: int) -> None:
        """Wait for exactly so many worker StatefulSets, then ``ready`` each of them."""

        async def counted() -> list[Json] | None:
            found = await self.worker_sets()
            return found if len(found) == count else None

        found = await eventually(
            counted,
            what=f"{count} worker StatefulSets",
            timeout_seconds=LIMIT_SECONDS,
            interval_seconds=INTERVAL_SECONDS,
        )
        await self.ready(*(ordinal(one) for one in found))

    async def leaders_ready(self, start: int, end: int) -> None:
        """Leader pods become updated and ready, and their StatefulSet says so (catalogue 1.1, ``leadersReady``)."""
        for group in range(start, end):
            await self._update_leader(group)
        await self._all_available(await self.leader_set())

    async def unready(self, group: int) -> None:
        """A worker StatefulSet is in the middle of an update of its own."""
        revisions = {"currentRevision": "fuz", "updateRevision": "bar"}
        await self._merge_status(statefulsets(self.namespace, self._object(group)), revisions)

    async def phase(self, phase: str, *pods: str) -> None:
        """Pods report a phase and nothing else."""
        for pod in pods:
            await self._merge_status(core("pods", self.namespace, pod), {"phase": phase})

    async def _update_leader(self, group: int) -> str:
        """Steps 1 to 3 of ``ready``; the uid of the worker StatefulSet that was deleted, if any."""
        path = core("pods", self.namespace, self._object(group))
        key = (await self.leader_set())["metadata"]["labels"][REVISION_KEY]
        await self.api.merge(path, {"metadata": {"labels": {REVISION_KEY: key}}})
        worker_set = await self.statefulset(group)
        if worker_set is not None:
            await self.api.delete(statefulsets(self.namespace, self._object(group)))
        pod = await self.api.get(path)
        # Added each time: several equal conditions must do no harm (6.4, 7).
        conditions = [*pod["status"].get("conditions", ()), {"type": "Ready", "status": "True"}]
        await self._merge_status(path, {"phase": "Running", "conditions": conditions})
        return worker_set["metadata"]["uid"] if worker_set else ""

    async def _worker_set_is_ready(self, group: int, *, not_uid: str) -> None:
        """Wait for the worker StatefulSet to come back, and let it be ready.

        The controller sees pods and StatefulSets on two watches. Where the deletion overtakes the leader's new label,
        which a StatefulSet controller would never change in place, the old template comes back: deleted once more.
        """
        path = statefulsets(self.namespace, self._object(group))

        async def recreated() -> Json | None:
            found, leader = await self.statefulset(group), await self.leader_pod(group)
            if found is None or leader is None or found["metadata"]["uid"] == not_uid:
                return None
            if found["metadata"]["labels"][REVISION_KEY] == leader["metadata"]["labels"][REVISION_KEY]:
                return found
            await self.api.delete(path, uid=found["metadata"]["uid"])
            return None

        found = await eventually(
            recreated,
            what=f"worker StatefulSet {self._object(group)} to come back",
            timeout_seconds=LIMIT_SECONDS,
            interval_seconds=INTERVAL_SECONDS,
        )
        await self._all_available(found)

    async def _worker_set_exists(self, group: int) -> None:
        await eventually(
            lambda: self.statefulset(group),
            what=f"worker StatefulSet {self._object(group)}",
            timeout_seconds=LIMIT_SECONDS,
            interval_seconds=INTERVAL_SECONDS,
        )

    async def _all_available(self, found: Json) -> None:
        count = found["spec"]["replicas"]
        counts = dict.fromkeys(("readyReplicas", "availableReplicas", "replicas"), count)
        path = statefulsets(self.namespace, found["metadata"]["name"])
        await self._merge_status(path, {**counts, "currentRevision": "", "updateRevision": ""})

    async def _merge_status(self, path: str, status: Json) -> None:
        await self.api.merge(f"{path}/status", {"status": status})

    # Objects by hand

    def _leader(self, lws: Json, group: int, *, owner: Json) -> Json:
        annotations = {SIZE: str(lws["spec"]["leaderWorkerTemplate"]["size"])}
        topology = lws["metadata"].get("annotations", {}).get(EXCLUSIVE_TOPOLOGY)
        if topology is not None:
            annotations[EXCLUSIVE_TOPOLOGY] = topology
        if leader_spec(lws).get("schedulerName") == SCHEDULER:  # as the pod hook does with the provider
            annotations[ANNOTATION] = f"{self.name}-{group}-{current_key(lws)}"
        labels = {
            SET_NAME: self.name,
            WORKER_INDEX: "0",
            GROUP_INDEX: str(group),
            GROUP_KEY: "randomValue",
            REVISION_KEY: current_key(lws),
        }
        metadata = {
            "name": self._object(group),
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [_controller(owner, "apps/v1", "StatefulSet")],
        }
        return {"metadata": metadata, "spec": leader_spec(lws)}

    def _worker(self, lws: Json, index: int, *, leader: Json) -> Json:
        copied = {key: leader["metadata"]["labels"][key] for key in (GROUP_INDEX, REVISION_KEY)}
        metadata = {
            "name": f"{leader['metadata']['name']}-{index}",
            "labels": {SET_NAME: self.name, WORKER_INDEX: str(index), TEST_WORKER: "workers", **copied},
            "annotations": {SIZE: str(lws["spec"]["leaderWorkerTemplate"]["size"])},
            "ownerReferences": [_controller(leader, "v1", "Pod")],
        }
        return {"metadata": metadata, "spec": worker_spec(lws)}

    def _object(self, group: int | None) -> str:
        return self.name if group is None else f"{self.name}-{group}"


def ordinal(one: Json) -> int:
    """The number at the end of an object's name."""
    return int(one["metadata"]["name"].rpartition("-")[2])


def _controller(owner: Json, api_version: str, kind: str) -> Json:
    metadata = owner["metadata"]
    identity = {"name": metadata["name"], "uid": metadata["uid"]}
    return {"apiVersion": api_version, "kind": kind, **identity, "controller": True}
