"""Whatever lists and watches say: the observer goes on, and what is sound is recorded, also next to what is not."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from adapters.journal.group_commit import GroupCommit
from adapters.journal.memory import MemoryJournal
from adapters.kubernetes.kinds import ALWAYS_SERVED
from adapters.kubernetes.observer import Observer
from adapters.kubernetes.resources import NODES, Resource
from lws_events import events, names, subjects
from lws_events.fleet import Fleet
from tests.property.fuzzing import fuzzed
from tests.property.mutations import JSON, mutated, written
from tests.unit.virtual_clocks import LeapingClock

LABELS = {names.SET_NAME: "set", names.WORKER_INDEX: "0", names.GROUP_INDEX: "0", names.REVISION_KEY: "k"}
TERMINATED = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z"}}
RESOURCES = {"limits": {"google.com/tpu": 4}, "requests": {"cpu": "1"}}


def _meta(name: str, version: int, **more: Any) -> dict[str, Any]:
    owner = {"kind": "LeaderWorkerSet", "name": "set", "uid": "u", "controller": True}
    return {
        "name": name,
        "namespace": "ns",
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "generation": 1,
        "labels": LABELS,
        "annotations": {names.SIZE: "2", names.EXCLUSIVE_TOPOLOGY: "rack"},
        "ownerReferences": [owner],
        **more,
    }


def _objects(name: str, version: int) -> dict[str, dict[str, Any]]:
    """One sound object of each followed kind, and a node."""
    container = {"name": "c", "restartCount": 1, "state": TERMINATED, "lastState": TERMINATED}
    pod_status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "False"}],
        "containerStatuses": [container],
        "initContainerStatuses": [{"name": "i", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
    }
    rolling = {"rollingUpdate": {"partition": 0}}
    template = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        subjects.SET: {
            "metadata": _meta(name, version),
            "spec": {"replicas": 1, "leaderWorkerTemplate": {"size": 2, "workerTemplate": template}},
            "status": {"replicas": 1, "conditions": [{"type": "Available", "status": "True"}]},
        },
        subjects.STATEFULSET: {
            "metadata": _meta(name, version),
            "spec": {"replicas": 1, "updateStrategy": rolling},
            "status": {"replicas": 1, "availableReplicas": 1, "currentRevision": "a", "updateRevision": "a"},
        },
        subjects.POD: {
            "metadata": _meta(name, version),
            "spec": {"nodeName": "node", "containers": [{"name": "c", "resources": RESOURCES}], "initContainers": None},
            "status": pod_status,
        },
        subjects.SERVICE: {
            "metadata": _meta(name, version),
            "spec": {"clusterIP": "None", "selector": {names.SET_NAME: "set"}},
        },
        subjects.REVISION: {
            "metadata": _meta(name, version),
            "revision": 1,
            "data": {"spec": {"leaderWorkerTemplate": {"workerTemplate": template}}},
        },
        "node": {"metadata": {"name": "node", "uid": "n", "resourceVersion": str(version), "labels": {"rack": "a"}}},
    }


class Client:
    """What the observer asks of the API server: listings, and watches that say their lines once."""

    def __init__(self) -> None:
        self.listed: defaultdict[str, list[bytes]] = defaultdict(list)
        self.lines: defaultdict[str, list[bytes]] = defaultdict(list)
        self.afterwards: defaultdict[str, list[bytes]] = defaultdict(list)
        """What a watch says that is opened anew."""
        self._opened: set[str] = set()

    async def list(self, resource: Resource, namespace: str | None, query: Mapping[str, str]) -> bytes:
        items = b",".join(self.listed[resource.plural])
        return b'{"metadata":{"resourceVersion":"100"},"items":[' + items + b"]}"

    async def get(self, resource: Resource, namespace: str, name: str) -> bytes:
        return b"{}"

    async def stream(self, path: str, query: Mapping[str, str], *, idle_seconds: float) -> AsyncGenerator[bytes, None]:
        plural = path.rpartition("/")[2]
        lines = self.afterwards if plural in self._opened else self.lines
        self._opened.add(plural)
        for line in lines[plural]:
            yield line
        await asyncio.Event().wait()


async def _until_recorded(client: Client, wanted: set[str]) -> list[Any]:
    """Observe until facts about all these objects are recorded; all records."""
    journal = MemoryJournal("c")
    async with GroupCommit(journal.events, queue_messages_max=100, retry_seconds_max=0.02) as writer:
        observer = Observer(client, journal.events, writer, cluster="c", clock=LeapingClock())  # type: ignore[arg-type]
        running = asyncio.create_task(observer.run())
        try:
            async with asyncio.timeout(3):
                while True:
                    assert not running.done(), running.exception()
                    addresses = [subjects.parse(record.subject) for record in journal.events.records]
                    if wanted <= {f"{address.kind}/{address.name}" for address in addresses if address is not None}:
                        return list(journal.events.records)
                    await asyncio.sleep(0)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _check(client: Client) -> None:
    """Sound objects that come beside and after the others are recorded, and the machine takes everything in."""
    beside, after = _objects("beside", 90), _objects("after", 200)
    wanted: set[str] = set()
    for followed in ALWAYS_SERVED:
        plural = followed.resource.plural
        client.listed[plural].append(json.dumps(beside[followed.kind]).encode())
        last = json.dumps({"type": "ADDED", "object": after[followed.kind]}).encode()
        client.lines[plural].append(last)
        client.afterwards[plural].append(last)
        wanted |= {f"{followed.kind}/beside", f"{followed.kind}/after"}
    fleet = Fleet()
    for record in asyncio.run(_until_recorded(client, wanted)):
        fleet.step(record.sequence, record.subject, events.decode(record.data))


KINDS = [followed.kind for followed in ALWAYS_SERVED] + ["node"]
PLURALS = {followed.kind: followed.resource.plural for followed in ALWAYS_SERVED} | {"node": NODES.plural}
HOSTILE = st.lists(
    st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(st.just(kind), mutated(_objects("hostile", 80)[kind]))),
    min_size=1,
    max_size=4,
)


@fuzzed(120)
@given(hostile=HOSTILE, listed=st.booleans(), type_=st.sampled_from(["ADDED", "MODIFIED", "DELETED"]))
def test_objects_that_are_not_as_they_should_be_hide_no_others(
    hostile: list[tuple[str, Any]], listed: bool, type_: str
) -> None:
    client = Client()
    for kind, value in hostile:
        if listed:
            # A listing that is no JSON as a whole is not an object's doing; it is asked for again.
            client.listed[PLURALS[kind]].append(written(value, broken=False))
        else:
            client.lines[PLURALS[kind]].append(written({"type": type_, "object": value}))
    _check(client)


@fuzzed(60)
@given(kind=st.sampled_from(KINDS), lines=st.lists(st.binary(max_size=40) | JSON.map(written), max_size=3))
def test_lines_that_are_none_end_a_connection_and_nothing_else(kind: str, lines: list[bytes]) -> None:
    client = Client()
    client.lines[PLURALS[kind]] = [line.replace(b"\n", b"") for line in lines]
    _check(client)


def test_a_revision_nested_too_deep_is_told_and_has_not_vanished() -> None:
    client = Client()
    deep = _objects("deep", 80)[subjects.REVISION]
    client.listed[PLURALS[subjects.REVISION]].append(written({**deep, "data": "@deep@"}))
    beside = json.dumps(_objects("beside", 90)[subjects.REVISION]).encode()
    client.listed[PLURALS[subjects.REVISION]].append(beside)
    records = asyncio.run(_until_recorded(client, {"revision/beside", "unrecorded/revision/deep"}))
    (fact,) = [fact for fact in _facts(records) if isinstance(fact, events.ObjectNotRecorded)]
    assert (fact.uid, fact.resource_version, fact.kind) == ("uid-deep", "80", "revision")
    assert fact.problem == "it is nested more than 200 levels deep"


def _facts(records: list[Any]) -> list[events.Fact]:
    return [events.decode(record.data).fact for record in records]
