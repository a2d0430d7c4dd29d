"""What the Kubernetes adapters must do against an API server: inherited for the simulated and the real one.

The unit tests script the answers; here the answers are the servers' own, so that what the executor and the observer
believe about preconditions, patches and watches is true.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from adapters.journal.group_commit import GroupCommit
from adapters.journal.memory import MemoryJournal
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.credentials import FixedCredentials
from adapters.kubernetes.election import Election
from adapters.kubernetes.executor import Executor
from adapters.kubernetes.observer import Observer
from adapters.kubernetes.pace import SystemClock
from lws_events import commands, events, names, subjects
from lws_events.decisions import Issued
from lws_events.gang import GangScheduling
from lws_events.subjects import SetName
from tests.contract.cluster.port import Cluster, ClusterSuite
from tests.controlplane.api import Connection, Json, core, eventually, grouped, leaderworkersets, statefulsets
from tests.simulation.manifests import statefulset

LABELS: Final = {names.SET_NAME: "set", names.WORKER_INDEX: "0"}
OUTCOME: Final = (events.CommandSucceeded, events.CommandFailed)


def credentials(connection: Connection) -> FixedCredentials:
    """The administrator's."""
    tls = ssl.create_default_context(cafile=str(connection.authority_file))
    return FixedCredentials(connection.server, token=connection.token, tls=tls)


def set_manifest() -> Json:
    """A set of no groups: without a controller it stays as it is."""
    template = {"spec": {"containers": [{"name": "main", "image": "a"}]}}
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "set"},
        "spec": {"replicas": 0, "leaderWorkerTemplate": {"size": 2, "workerTemplate": template}},
    }


def owned(manifest: Json, owner: Json) -> msgspec.Raw:
    """A manifest with a controller owner."""
    reference = {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {**manifest["metadata"], "ownerReferences": [reference]}
    return msgspec.Raw(msgspec.json.encode({**manifest, "metadata": metadata}))


class Adapters:
    """Observer and executor around a journal in this process."""

    def __init__(self, cluster: Cluster, journal: MemoryJournal, observer: Observer, executor: Executor) -> None:
        self.cluster = cluster
        self.journal = journal
        self.observer = observer
        self.executor = executor
        self._commands = 0

    async def outcome(self, command: commands.AnyCommand, **issued: Any) -> Any:
        """Carry out a command and return its outcome."""
        self._commands += 1
        command_id = f"{self.cluster.namespace}-{id(self)}-{self._commands}"
        set_name = SetName(self.cluster.namespace, "set")
        self.executor.submit(set_name, Issued(id=command_id, command=command, **issued))

        async def found() -> Any:
            outcomes = [fact for _, fact in self.facts() if isinstance(fact, OUTCOME)]
            return next((fact for fact in outcomes if fact.command_id == command_id), None)

        return await eventually(found, what=f"the outcome of {command}", interval_seconds=0.01)

    def facts(self) -> list[tuple[str, Any]]:
        """``(object, fact)`` of every record."""
        return facts(self.journal)

    async def recorded(self, name: str, kind: type[Any], **values: Any) -> Any:
        """Wait for a fact about an object with these values."""

        async def found() -> Any:
            for about, fact in self.facts():
                if about == name and isinstance(fact, kind) and all(getattr(fact, k) == v for k, v in values.items()):
                    return fact
            return None

        return await eventually(found, what=f"{kind.__name__} of {name} with {values}", interval_seconds=0.02)


def facts(journal: MemoryJournal) -> list[tuple[str, Any]]:
    """``(object, fact)`` of every record."""
    shown = []
    for record in journal.events.records:
        address = subjects.parse(record.subject)
        assert address is not None
        shown.append((address.name, events.decode(record.data).fact))
    return shown


@asynccontextmanager
async def adapters(
    cluster: Cluster, journal: MemoryJournal, *, gang: GangScheduling | None = None
) -> AsyncIterator[Adapters]:
    """Run the adapters in the cluster's namespace until the block ends."""
    clock = SystemClock()
    client = ApiClient(credentials(cluster.api._connection))  # the connection is the fixture's secret, not ours to copy
    async with client, GroupCommit(journal.events) as writer:
        observer = Observer(
            client, journal.events, writer, cluster="c", clock=clock, namespace=cluster.namespace, gang=gang
        )
        executor = Executor(
            client,
            writer,
            journal.events,
            cluster="c",
            observe=observer.observed,
            has_missed=observer.has_missed,
            clock=clock,
        )
        observing = asyncio.create_task(observer.run())
        try:
            await asyncio.wait_for(observer.synced.wait(), 30)
            yield Adapters(cluster, journal, observer, executor)
        finally:
            observing.cancel()
            await asyncio.gather(observing, return_exceptions=True)
            await executor.drain(timeout_seconds=1)


class KubernetesAdaptersSuite(ClusterSuite):
    """Against any API server."""

    async def test_a_status_is_replaced_and_only_that_of_the_right_set(self, cluster: Cluster) -> None:
        path = leaderworkersets(cluster.namespace, "set")
        created = await cluster.api.create(leaderworkersets(cluster.namespace), set_manifest())
        uid = created["metadata"]["uid"]

        def status(value: Json, *, of: str = uid) -> commands.UpdateSetStatus:
            return commands.UpdateSetStatus(name="set", uid=of, status=msgspec.Raw(msgspec.json.encode(value)))

        condition = {
            "type": "Available",
            "status": "True",
            "reason": "AllGroupsReady",
            "message": "m",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        async with adapters(cluster, MemoryJournal("c")) as running:
            first = await running.outcome(status({"replicas": 3, "readyReplicas": 2, "conditions": [condition]}))
            assert isinstance(first, events.CommandSucceeded), first
            assert isinstance(await running.outcome(status({"replicas": 1})), events.CommandSucceeded)
            assert (await cluster.api.get(path))["status"] == {"replicas": 1}
            foreign = await running.outcome(status({"replicas": 9}, of="another-uid"))
            assert foreign.reason == "Conflict"
            assert (await cluster.api.get(path))["status"] == {"replicas": 1}
            await cluster.api.delete(path)
            assert (await running.outcome(status({}))).reason == "NotFound"

    async def test_a_leader_statefulset_is_applied_to_the_right_object_only(self, cluster: Cluster) -> None:
        owner = await cluster.api.create(leaderworkersets(cluster.namespace), set_manifest())
        manifest = owned(statefulset("set", replicas=0, labels=LABELS), owner)
        path = statefulsets(cluster.namespace, "set")

        def apply(uid: str = "", owner_uid: str = owner["metadata"]["uid"]) -> commands.ApplyLeaderStatefulSet:
            return commands.ApplyLeaderStatefulSet(name="set", owner_uid=owner_uid, uid=uid, manifest=manifest)

        async with adapters(cluster, MemoryJournal("c")) as running:
            absent = await running.outcome(apply("2d9f6c33-0000-0000-0000-000000000000"))
            assert absent.reason in {"Conflict", "NotFound"}
            created = await running.outcome(apply())
            assert isinstance(created, events.CommandSucceeded), created
            stored = await cluster.api.get(path)
            assert created.uid == stored["metadata"]["uid"]
            managers = {
                entry["manager"] for entry in stored["metadata"]["managedFields"] if entry["operation"] == "Apply"
            }
            assert managers == {names.FIELD_MANAGER}
            assert isinstance(await running.outcome(apply(created.uid)), events.CommandSucceeded)
            assert isinstance(await running.outcome(apply()), events.CommandSucceeded)
            assert (await running.outcome(apply("2d9f6c33-0000-0000-0000-000000000000"))).reason == "Conflict"
            assert (await running.outcome(apply(owner_uid="somebody"))).reason == "Foreign"

    async def test_creating_again_is_a_success_and_announced_once(self, cluster: Cluster) -> None:
        owner = await cluster.api.create(leaderworkersets(cluster.namespace), set_manifest())
        uid = owner["metadata"]["uid"]
        body = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {"name": "set-a-1", "labels": {names.SET_NAME: "set", names.REVISION_KEY: "a"}},
            "data": {"spec": {"x": "<1>", "y": [1, 2]}},
            "revision": 1,
        }
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "set", "labels": {names.SET_NAME: "set"}},
            "spec": {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": {names.SET_NAME: "set"}},
        }
        create = [
            commands.CreateControllerRevision(name="set-a-1", manifest=owned(body, owner)),
            commands.CreateWorkerStatefulSet(
                name="set-0", owner_uid=uid, manifest=owned(statefulset("set-0", replicas=0, labels=LABELS), owner)
            ),
            commands.CreateService(name="set", owner_uid=uid, manifest=owned(service, owner)),
        ]
        announce = commands.RecordEvent(
            type="Normal",
            reason="CreatingRevision",
            action="Create",
            note="a note",
            regarding_uid=uid,
            related_kind="ControllerRevision",
            related_name="set-a-1",
        )
        async with adapters(cluster, MemoryJournal("c")) as running:
            for command in create:
                first = await running.outcome(command, announce=announce)
                again = await running.outcome(command)
                assert isinstance(first, events.CommandSucceeded), first
                assert first.uid == again.uid  # its version may have moved on: somebody writes its status
            await running.recorded("set-a-1", events.RevisionObserved, number=1, key="a")
            await running.recorded("set", events.ServiceObserved, headless=True)
            await running.recorded("set-0", events.StatefulSetObserved, replicas=0)
            other = commands.CreateControllerRevision(name="set-a-1", manifest=owned({**body, "data": {}}, owner))
            assert (await running.outcome(other)).reason == "AlreadyExists"
            stored = await cluster.api.get(grouped("apps/v1", "controllerrevisions", cluster.namespace, "set-a-1"))
            right = stored["metadata"]["uid"]
            reasons = [
                getattr(await running.outcome(commands.DeleteControllerRevision(name="set-a-1", uid=uid)), "reason", "")
                for uid in ("another", right, right)
            ]
            assert reasons == ["Conflict", "", "NotFound"]
            await running.recorded("set-a-1", events.RevisionDeleted, uid=right)
        posted = await cluster.api.items(grouped("events.k8s.io/v1", "events", cluster.namespace))
        ours = [event for event in posted if event.get("reportingController") == "leaderworkerset"]
        assert [event["note"] for event in ours] == ["a note"] * 3
        assert {event["regarding"]["uid"] for event in ours} == {uid}

    async def test_a_leader_is_deleted_once_by_uid(self, cluster: Cluster) -> None:
        await self.create_set(cluster, "set", replicas=1, labels=LABELS)
        pods = await self.ready_pods(cluster, "set-0")
        uid = pods["set-0"]["metadata"]["uid"]
        async with adapters(cluster, MemoryJournal("c")) as running:
            wrong = await running.outcome(commands.DeleteLeaderPod(name="set-0", uid="another"))
            assert wrong.reason == "Conflict"
            deleted = await running.outcome(commands.DeleteLeaderPod(name="set-0", uid=uid))
            assert isinstance(deleted, events.CommandSucceeded), deleted
            await running.recorded("set-0", events.PodDeleted, uid=uid, inferred=False)
            late = await running.outcome(commands.DeleteLeaderPod(name="set-0", uid=uid))
            assert late.reason in {"Conflict", "NotFound"}
            absent = await running.outcome(commands.DeleteLeaderPod(name="nobody", uid=uid))
            assert absent.reason == "NotFound"

    async def test_a_leader_is_marked_by_uid(self, cluster: Cluster) -> None:
        await self.create_set(cluster, "set", replicas=1, labels=LABELS)
        uid = (await self.ready_pods(cluster, "set-0"))["set-0"]["metadata"]["uid"]
        mark = {names.KEPT_FOR_DEBUGGING: "true"}
        async with adapters(cluster, MemoryJournal("c")) as running:
            for wrong, reason in ((("set-0", "another"), "Conflict"), (("nobody", uid), "NotFound")):
                command = commands.MarkLeaderPod(name=wrong[0], uid=wrong[1], annotations=mark, labels=mark)
                assert (await running.outcome(command)).reason == reason
            for _ in range(2):
                command = commands.MarkLeaderPod(name="set-0", uid=uid, annotations=mark, labels=mark)
                assert isinstance(await running.outcome(command), events.CommandSucceeded)
            seen = await running.recorded("set-0", events.PodObserved, uid=uid, annotations=mark)
            assert names.KEPT_FOR_DEBUGGING in seen.labels
        pod = (await self.pods(cluster))["set-0"]
        assert pod["metadata"]["uid"] == uid
        assert pod["metadata"]["labels"].items() >= LABELS.items()

    async def test_pods_are_followed_from_creation_to_a_force_delete(self, cluster: Cluster) -> None:
        async with adapters(cluster, MemoryJournal("c")) as running:
            manifest = statefulset("set", replicas=1, labels=LABELS)
            manifest["spec"]["template"]["metadata"]["annotations"] = {names.EXCLUSIVE_TOPOLOGY: cluster.rack_key}
            await cluster.api.create(statefulsets(cluster.namespace), manifest)
            first = await running.recorded("set-0", events.PodObserved, ready=True)
            assert first.phase == "Running"
            assert list(first.topology) == [cluster.rack_key]
            await cluster.restart_container("set-0", exit_code=137)

            async def came_back() -> bool:
                pod = (await self.pods(cluster))["set-0"]
                return bool(pod["status"]["containerStatuses"][0]["restartCount"] == 1)

            await eventually(came_back, what="the container to start again")
            restarted = await running.recorded("set-0", events.PodObserved, restarts=1)
            assert restarted.last_exit.exit_code == 137
            await cluster.api.delete(core("pods", cluster.namespace, "set-0"), grace_seconds=0)
            await running.recorded("set-0", events.PodDeleted, uid=first.uid, inferred=False)

            async def another() -> bool:
                seen = {fact.uid for name, fact in running.facts() if isinstance(fact, events.PodObserved)}
                return len(seen) == 2

            await eventually(another, what="the pod's successor")

    async def test_a_pod_replaced_while_nobody_watched_is_an_end_and_a_beginning(self, cluster: Cluster) -> None:
        journal = MemoryJournal("c")
        await self.create_set(cluster, "set", replicas=1, labels=LABELS)
        before = (await self.ready_pods(cluster, "set-0"))["set-0"]["metadata"]["uid"]
        async with adapters(cluster, journal):
            known = len(facts(journal))
        await cluster.api.delete(core("pods", cluster.namespace, "set-0"), grace_seconds=0)

        async def replaced() -> str:
            found = await cluster.api.find(core("pods", cluster.namespace, "set-0"))
            return str(found["metadata"]["uid"]) if found and found["metadata"]["uid"] != before else ""

        after = await eventually(replaced, what="the pod's successor")
        async with adapters(cluster, journal):
            missed = [fact for name, fact in facts(journal)[known:] if name == "set-0"]
        assert isinstance(missed[0], events.PodDeleted)
        assert (missed[0].uid, missed[0].inferred) == (before, True)
        assert isinstance(missed[1], events.PodObserved)
        assert missed[1].uid == after

    async def test_nothing_is_missed_when_the_history_is_forgotten(self, cluster: Cluster) -> None:
        await self.create_set(cluster, "set", replicas=2, labels=LABELS)
        pods = await self.ready_pods(cluster, "set-0", "set-1")
        async with adapters(cluster, MemoryJournal("c")) as running:
            for name in pods:
                await cluster.api.delete(core("pods", cluster.namespace, name), grace_seconds=0)
            await cluster.forget_history()
            for name, pod in pods.items():
                await running.recorded(name, events.PodDeleted, uid=pod["metadata"]["uid"])

    async def test_one_of_two_instances_leads(self, cluster: Cluster) -> None:
        client = ApiClient(credentials(cluster.api._connection))
        async with client:
            first, second = (
                Election(client, clock=SystemClock(), namespace=cluster.namespace, identity=name) for name in "ab"
            )
            await asyncio.wait_for(first.acquire(), 10)
            posted = await cluster.api.items(grouped("events.k8s.io/v1", "events", cluster.namespace))
            assert [event["note"] for event in posted if event["reason"] == "LeaderElection"] == ["a became leader"]
            acquiring = asyncio.create_task(second.acquire())
            keeping = asyncio.create_task(first.keep())

            async def asked() -> bool:
                return second._seen is not None

            await eventually(asked, what="the second instance to look at the Lease")
            assert not acquiring.done()
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await first.release()
            await asyncio.wait_for(acquiring, 20)
            assert second.leading
