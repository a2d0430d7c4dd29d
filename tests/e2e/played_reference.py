"""The reference controller, played by hand: the objects that it would have made of a set, written as it writes them.

What it applies is built by our builders, which golden vectors pin to what the reference was recorded to write; where
ours write something else on purpose (D39), it is put back. Revisions, worker StatefulSets and Services are created
once, the leader StatefulSet is applied in every pass, the status is put. Deliberately absent: decisions; the test makes
them.
"""

from typing import Final

import msgspec

from lws_events.accelerators import requests_tpus
from lws_events.names import LAST_APPLIED, REVISION_KEY, SET_NAME
from lws_events.objects.leader_statefulset import leader_statefulset
from lws_events.objects.metadata import LeaderRef
from lws_events.objects.services import group_service, shared_service
from lws_events.objects.worker_statefulset import prepare_worker_template, worker_statefulset
from lws_events.revisions import controller_revision, restore, revision_data, revision_hash
from tests.controlplane.api import Api, Json, core, eventually, grouped, leaderworkersets, statefulsets
from tests.e2e.features.sets import Sets, is_ready

_MANAGER: Final = {"fieldManager": "lws"}


class PlayedReference:
    """Writes what the reference would for the sets of one namespace."""

    def __init__(self, sets: Sets) -> None:
        self._sets = sets
        self._api: Api = sets.api
        self._namespace = sets.namespace
        self._data: dict[str, dict[str, bytes]] = {}
        self._plans: dict[str, Json] = {}
        self._specs: dict[str, Json] = {}

    def believe(self, name: str, spec: Json) -> None:
        """Write for a set as if it had this spec: an earlier one, from before it was changed."""
        self._specs[name] = spec

    async def _set(self, name: str) -> Json:
        lws = await self._sets.get(name)
        return {**lws, "spec": self._specs.get(name, lws["spec"])}

    async def record(
        self, name: str, *, key: str = "", number: int = 1, data: bytes | None = None, stored: bool = True
    ) -> str:
        """A revision of the set as it is now; ``data`` in another form. Returns its key."""
        lws = await self._set(name)
        data = revision_data(lws["spec"]) if data is None else data
        manifest = controller_revision(lws, data, number=number, key=key)
        key = manifest["metadata"]["labels"][REVISION_KEY]
        self._data.setdefault(name, {})[key] = data
        if stored:
            path = grouped("apps/v1", "controllerrevisions", self._namespace)
            await self._post(path, manifest)
        return key

    async def apply(self, name: str, *, key: str, partition: int = 0, replicas: int | None = None) -> Json:
        """One apply of the leader StatefulSet, which ``passes`` repeats. Returns what came of it."""
        lws = await self._set(name)
        built = leader_statefulset(
            lws,
            partition=partition,
            replicas=lws["spec"]["replicas"] if replicas is None else replicas,
            revision_key=key,
        )
        copied = lws["metadata"].get("annotations", {}).get(LAST_APPLIED)
        if copied is not None:
            built["metadata"]["annotations"][LAST_APPLIED] = copied
        self._plans[name] = {"key": key, "partition": partition, "replicas": replicas}
        return await self._api.apply(statefulsets(self._namespace, name), built, manager="lws")

    async def run_groups(self, name: str) -> None:
        """Wait for the leaders of the present revision, make what belongs to them, and wait until all is ready."""
        await self._make_service(name)
        plan = self._plans[name]

        async def complete() -> bool:
            found, pods = await self._sets.statefulset(name), await self._sets.pods(name)
            leaders = self._leaders(name, pods)
            for leader in leaders:
                await self._make_group(name, leader)
            wanted = found["spec"]["replicas"]
            size = (await self._sets.get(name))["spec"]["leaderWorkerTemplate"]["size"]
            updated = sum(leader["metadata"]["labels"][REVISION_KEY] == plan["key"] for leader in leaders)
            return (
                len(pods) == wanted * size
                and all(is_ready(pod) for pod in pods.values())
                and updated >= wanted - plan["partition"]
                and await self._statefulsets_are_calm(name)
            )

        await eventually(complete, what=f"the groups of {name} to run")

    async def put_status(
        self, name: str, *, ready: int | None = None, updated: int | None = None, conditions: dict[str, str]
    ) -> None:
        """The status, with all groups ready by default; ``conditions`` by type, in the order in which they came."""
        lws, found = await self._sets.get(name), await self._sets.statefulset(name)
        texts = {
            "Available": ("AllGroupsReady", "All replicas are ready"),
            "Progressing": ("GroupsProgressing", "Replicas are progressing"),
            "UpdateInProgress": ("GroupsUpdating", "Rolling Upgrade is in progress"),
        }
        generation, replicas = lws["metadata"]["generation"], found["spec"]["replicas"]
        lws["status"] = {
            "replicas": replicas,
            "readyReplicas": replicas if ready is None else ready,
            "updatedReplicas": replicas if updated is None else updated,
            "hpaPodSelector": f"leaderworkerset.sigs.k8s.io/name={name},leaderworkerset.sigs.k8s.io/worker-index=0",
            "observedGeneration": generation,
            "conditions": [
                {
                    "type": kind,
                    "status": status,
                    "reason": texts[kind][0],
                    "message": texts[kind][1],
                    "observedGeneration": generation,
                    "lastTransitionTime": "2026-01-02T03:04:05Z",
                }
                for kind, status in conditions.items()
            ],
        }
        path = leaderworkersets(self._namespace, name) + "/status"
        await self._api.call("PUT", path, lws, params=_MANAGER)

    async def pass_over(self, name: str) -> Json:
        """What the next pass of the reference would write: the apply, and what is created where it is absent."""
        applied = await self.apply(name, **self._plans[name])
        await self._make_service(name)
        for leader in self._leaders(name, await self._sets.pods(name)):
            await self._make_group(name, leader)
        return applied

    async def look_again(self, name: str) -> None:
        """What a new process would read of the cluster: the revisions, and what the leader StatefulSet is."""
        found = await self._sets.statefulset(name)
        rolling = found["spec"]["updateStrategy"]["rollingUpdate"]
        self._plans[name] = {
            "key": found["metadata"]["labels"][REVISION_KEY],
            "partition": rolling.get("partition", 0),
            "replicas": found["spec"]["replicas"],
        }
        revisions = await self._sets.revisions(name)
        self._data[name] = {
            each["metadata"]["labels"][REVISION_KEY]: msgspec.json.encode(each["data"]) for each in revisions
        }

    def _leaders(self, name: str, pods: dict[str, Json]) -> list[Json]:
        return [
            pod
            for pod in pods.values()
            if pod["metadata"]["ownerReferences"][0]["name"] == name and "deletionTimestamp" not in pod["metadata"]
        ]

    async def _make_group(self, name: str, leader: Json) -> None:
        lws, meta = await self._set(name), leader["metadata"]
        ref = LeaderRef(
            name=meta["name"],
            namespace=self._namespace,
            uid=meta["uid"],
            labels=meta["labels"],
            requests_tpus=requests_tpus(leader["spec"]),
        )
        if lws["spec"]["networkConfig"]["subdomainPolicy"] == "UniquePerReplica":
            await self._make_absent(core("services", self._namespace), group_service(lws, leader=ref))
        data = self._data[name][meta["labels"][REVISION_KEY]]
        prepared = prepare_worker_template(restore(lws["spec"], data), namespace=self._namespace)
        built = worker_statefulset(prepared, lws=lws, leader=ref)
        if built is not None:
            await self._make_absent(statefulsets(self._namespace), built)

    async def _make_service(self, name: str) -> None:
        lws = await self._sets.get(name)
        if lws["spec"]["networkConfig"]["subdomainPolicy"] == "Shared":
            await self._make_absent(core("services", self._namespace), shared_service(lws))

    async def _make_absent(self, collection: str, manifest: Json) -> None:
        if await self._api.find(f"{collection}/{manifest['metadata']['name']}") is None:
            await self._post(collection, manifest)

    async def _post(self, collection: str, manifest: Json) -> None:
        """The manager is what the API server derives of the reference's user agent."""
        body = msgspec.json.decode(msgspec.json.encode(manifest))
        await self._api.call("POST", collection, body, params=_MANAGER)

    async def _statefulsets_are_calm(self, name: str) -> bool:
        """All have seen their specs and their pods, so that nothing more will be told of them."""
        found = await self._api.items(statefulsets(self._namespace), labels=f"{SET_NAME}={name}")
        return all(
            each["status"].get("observedGeneration") == each["metadata"]["generation"]
            and each["status"].get("availableReplicas", 0) == each["spec"]["replicas"]
            and (each["metadata"]["name"] == name or _is_updated(each["status"]))
            for each in found
        )


def _is_updated(status: Json) -> bool:
    return bool(status.get("currentRevision") == status.get("updateRevision"))


def in_an_older_form(data: bytes) -> tuple[bytes, str]:
    """Revision data as an older release printed it, with the key that it had then."""
    parsed = msgspec.json.decode(data)
    template = parsed["spec"]["leaderWorkerTemplate"]
    template["workerTemplate"]["metadata"] = {"creationTimestamp": None}
    older = msgspec.json.encode(parsed, order="sorted")
    return older, revision_hash(older)
