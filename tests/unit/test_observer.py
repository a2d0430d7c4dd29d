"""The observer: what was missed, in which order; what is news and what is not; what waits for the journal."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from adapters.journal.errors import JournalUnavailable, MessageRefused
from adapters.journal.group_commit import GroupCommit
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Message
from adapters.kubernetes.observer import Observer
from adapters.kubernetes.pace import BackOff
from adapters.kubernetes.watch import WatchSettings
from lws_events import events, names, subjects
from lws_events.subjects import SetName, event_subject
from tests.unit.scripted_api import Collection, ScriptedApi, added, answer, deleted, modified
from tests.unit.virtual_clocks import LeapingClock

SET: Final = SetName("ns", "set")
PATHS: Final = {
    "sets": "/apis/leaderworkerset.x-k8s.io/v1/leaderworkersets",
    "statefulsets": "/apis/apps/v1/statefulsets",
    "revisions": "/apis/apps/v1/controllerrevisions",
    "pods": "/api/v1/pods",
    "services": "/api/v1/services",
    "nodes": "/api/v1/nodes",
}
SETTINGS: Final = WatchSettings(back_off=BackOff(initial_seconds=0.01, jitter=0))


def obj(name: str, version: int, *, uid: str = "", **more: Any) -> dict[str, Any]:
    labels = {names.SET_NAME: "set", **more.pop("labels", {})}
    meta = {"name": name, "namespace": "ns", "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": {**meta, "labels": labels, **more.pop("metadata", {})}, **more}


def pod(index: str, version: int, *, uid: str = "", deleting: bool = False, **more: Any) -> dict[str, Any]:
    worker = index.split("-")[1] if "-" in index else "0"
    meta: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleting else {}
    meta |= more.pop("metadata", {})
    return obj(f"set-{index}", version, uid=uid, labels={names.WORKER_INDEX: worker}, metadata=meta, **more)


def placed(index: str, version: int, node: str = "node-1") -> dict[str, Any]:
    annotations = {"annotations": {names.EXCLUSIVE_TOPOLOGY: "rack"}}
    return pod(index, version, metadata=annotations, spec={"nodeName": node})


def node(version: int, *, name: str = "node-1", **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version), "labels": labels}}


class Writer(GroupCommit):
    """Refuses what is about one object."""

    refused = ""

    async def submit(self, message: Message) -> asyncio.Future[int]:
        if self.refused and self.refused in message.subject:
            stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            stored.set_exception(MessageRefused("too large"))
            return stored
        return await super().submit(message)


class World:
    """A cluster and a journal, both in this process, and the observer between them."""

    def __init__(self, api: ScriptedApi, journal: MemoryJournal, *, queue_messages_max: int = 100) -> None:
        self.api = api
        self.journal = journal
        self.collections = {name: Collection() for name in PATHS}
        for name, path in PATHS.items():
            api.always("GET", path, self.collections[name])
        self.clock = LeapingClock()
        self.queue_messages_max = queue_messages_max

    def __getattr__(self, name: str) -> Any:
        if name in PATHS:
            return self.collections[name]
        raise AttributeError(name)

    @asynccontextmanager
    async def observing(self, *, namespace: str | None = None, synced: bool = True) -> AsyncIterator[Observer]:
        writer = Writer(self.journal.events, queue_messages_max=self.queue_messages_max, retry_seconds_max=0.02)
        self.writer = writer
        async with self.api.client() as client, writer:
            observer = Observer(
                client,
                self.journal.events,
                writer,
                cluster="c",
                clock=self.clock,
                namespace=namespace,
                watch_settings=SETTINGS,
            )
            running = self.running = asyncio.create_task(observer.run())
            try:
                if synced:
                    await self.until(lambda: running.done() or observer.synced.is_set())
                    await self.until(lambda: running.done() or all(c.watches for c in self.collections.values()))
                    assert not running.done(), running.exception()
                yield observer
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    async def until(self, condition: Any, *, seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.002)

    async def recorded(self, count: int) -> list[str]:
        """Wait for so many records, and show them all."""
        await self.until(lambda: len(self.journal.events.records) >= count)
        return self.shown()

    def shown(self) -> list[str]:
        shown = []
        for record in self.journal.events.records:
            address = subjects.parse(record.subject)
            fact: Any = events.decode(record.data).fact
            assert address is not None
            inferred = " inferred" if getattr(fact, "inferred", False) else ""
            shown.append(f"{address.name} {type(fact).__name__}@{fact.resource_version}{inferred}")
        return shown


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    async with ScriptedApi() as api:
        yield World(api, MemoryJournal("c"), **settings)


async def store(journal: MemoryJournal, *facts: tuple[str, str, Any]) -> None:
    for kind, name, fact in facts:
        body = events.encode(events.Envelope(at_ms=0, fact=fact))
        await journal.events.append([Message(event_subject("c", SET, kind, name), body)])


def known_pod(index: str, version: int, *, uid: str = "") -> tuple[str, str, events.PodObserved]:
    worker = index.split("-")[1] if "-" in index else "0"
    view = events.PodObserved(
        uid=uid or f"uid-set-{index}",
        resource_version=str(version),
        labels={names.SET_NAME: "set", names.WORKER_INDEX: worker},
    )
    return subjects.POD, f"set-{index}", view


def everything(w: World) -> None:
    w.sets.items = [obj("set", 5, spec={"replicas": 1}, status={"replicas": 1})]
    w.statefulsets.items = [obj("set", 6)]
    w.revisions.items = [obj("set-a-1", 7, data={}, revision=1)]
    w.services.items = [obj("set", 8)]
    w.pods.items = [pod("0", 9), pod("0-1", 10)]


async def test_a_set_is_recorded_after_all_that_belongs_to_it() -> None:
    async with world() as w:
        everything(w)
        async with w.observing():
            assert w.shown() == [
                "set-a-1 RevisionObserved@7",
                "set StatefulSetObserved@6",
                "set ServiceObserved@8",
                "set-0 PodObserved@9",
                "set-0-1 PodObserved@10",
                "set SetStatusObserved@5",
                "set SetObserved@5",
            ]


async def test_a_restart_records_nothing_where_nothing_happened() -> None:
    async with world() as w:
        everything(w)
        async with w.observing():
            before = w.shown()
        for collection in w.collections.values():
            for item in collection.items:  # a heartbeat: another version of the same view
                item["metadata"]["resourceVersion"] += "0"
        async with w.observing():
            assert w.shown() == before


async def test_what_was_missed_is_recorded_leaders_ends_first() -> None:
    async with world() as w:
        await store(
            w.journal,
            known_pod("0", 10),
            known_pod("0-1", 11),
            known_pod("1", 12),
            known_pod("1-1", 13),
            known_pod("2", 14),
            known_pod("2-1", 15),
            (subjects.POD, "set-9", events.PodDeleted(uid="uid-set-9", resource_version="16")),
        )
        before = len(w.journal.events.records)
        w.pods.items = [
            pod("0-1", 50, uid="new"),  # both pods of group 0 are gone; one name is taken again
            pod("1", 51, deleting=True),  # the leader of group 1 leaves, its worker is gone
            pod("2", 14),  # group 2 lost a worker, which is back under another uid
            pod("2-1", 52, uid="other"),
        ]
        w.pods.version = "60"
        async with w.observing():
            assert w.shown()[before:] == [
                "set-0 PodDeleted@60 inferred",
                "set-1 PodObserved@51",
                "set-1-1 PodDeleted@60 inferred",
                "set-0-1 PodDeleted@50 inferred",
                "set-2-1 PodDeleted@52 inferred",
                "set-0-1 PodObserved@50",
                "set-2-1 PodObserved@52",
            ]


async def test_a_change_of_a_set_that_was_missed_is_announced_before_its_children() -> None:
    async with world() as w:
        w.sets.items = [obj("set", 5, uid="u"), obj("calm", 6, uid="c")]
        w.revisions.items = [obj("set-a-1", 4)]
        async with w.observing():
            before = len(w.shown())
        changed = obj("set", 50, uid="u")
        changed["metadata"]["generation"] = 9
        w.sets.items = [changed, obj("calm", 6, uid="c")]
        w.revisions.items = [obj("set-a-1", 40, uid="new-revision")]
        async with w.observing():
            assert w.shown()[before:] == [
                "set SetChangeMissed@50",
                "set-a-1 RevisionDeleted@40 inferred",
                "set-a-1 RevisionObserved@40",
                "set SetObserved@50",
            ]


async def test_it_knows_which_statefulsets_changed_while_nobody_watched() -> None:
    async with world() as w:
        everything(w)
        async with w.observing():
            pass
        async with w.observing(synced=False) as observer:
            unknown_yet = asyncio.create_task(observer.has_missed(SET, "set"))
            assert await unknown_yet is False
            assert observer.synced.is_set()
        w.statefulsets.items = [obj("set", 11, spec={"replicas": 7})]
        async with w.observing() as observer:
            assert await observer.has_missed(SET, "set")
            assert not await observer.has_missed(SET, "set-0")
            assert not await observer.has_missed(SetName("ns", "other"), "set")


async def test_a_set_of_the_same_name_with_another_uid_is_an_end_and_a_beginning() -> None:
    async with world() as w:
        w.sets.items = [obj("set", 5, uid="old")]
        w.revisions.items = [obj("set-a-1", 4)]
        async with w.observing():
            before = len(w.shown())
        w.sets.items = [obj("set", 50, uid="new")]
        w.revisions.items = [obj("set-a-1", 40, uid="new-revision")]
        async with w.observing():
            assert w.shown()[before:] == [
                "set SetDeleted@50 inferred",
                "set-a-1 RevisionDeleted@40 inferred",
                "set-a-1 RevisionObserved@40",
                "set SetStatusObserved@50",
                "set SetObserved@50",
            ]


async def test_live_changes_are_recorded_once_and_heartbeats_not_at_all() -> None:
    async with world() as w:
        async with w.observing():
            w.pods.push(added(pod("0", 101)))
            w.pods.push(modified(pod("0", 102)))
            w.pods.push(modified(pod("0", 103, status={"phase": "Running"})))
            w.pods.push(modified(pod("0", 102, status={"phase": "Failed"})))  # stale: an old API server
            status = {"phase": "Failed", "reason": "Evicted"}
            w.pods.push(deleted(pod("0", 104, status=status)))
            w.pods.push(modified(pod("0", 103)))  # stale: it is gone
            w.pods.push(added(pod("0", 105, uid="next")))
            assert await w.recorded(4) == [
                "set-0 PodObserved@101",
                "set-0 PodObserved@103",
                "set-0 PodDeleted@104",
                "set-0 PodObserved@105",
            ]
        gone: Any = events.decode(w.journal.events.records[2].data).fact
        assert (gone.reason, gone.inferred) == ("Evicted", False)
        assert w.journal.events.records[0].message_id == "uid-set-0:101:PodObserved"


async def test_a_version_that_is_gone_leads_to_the_same_comparison() -> None:
    async with world() as w:
        w.pods.items = [pod("0", 10), pod("0-1", 11)]
        async with w.observing():
            w.pods.items = [pod("0", 10)]
            w.pods.version = "200"
            w.pods.gone = True
            w.pods.hang_up()
            shown = await w.recorded(3)
            assert shown[2:] == ["set-0-1 PodDeleted@200 inferred"]


async def test_topology_comes_with_the_pod_and_follows_its_node() -> None:
    async with world() as w:
        w.nodes.items = [node(1, rack="r1")]
        w.pods.items = [placed("0", 10), placed("1", 11, node="node-2")]
        async with w.observing():
            w.nodes.push(modified(node(2, rack="r1", other="x")))  # of no interest
            w.nodes.push(modified(node(3, rack="r2")))
            await w.recorded(3)
            w.nodes.push(deleted(node(4)))
            w.pods.push(modified({**placed("0", 12), "status": {"phase": "Running"}}))
            await w.recorded(4)
    topologies = [(r.message_id, events.decode(r.data).fact.topology) for r in w.journal.events.records]  # type: ignore[union-attr]
    assert [topology for _, topology in topologies] == [{"rack": "r1"}, {}, {"rack": "r2"}, {"rack": "r2"}]
    assert len({message_id for message_id, _ in topologies}) == 4


async def test_a_node_that_is_known_after_its_pod_completes_the_view() -> None:
    async with world() as w:
        w.pods.items = [placed("0", 10)]
        async with w.observing():
            w.nodes.push(added(node(3, rack="r9")))
            await w.recorded(2)
    views: list[Any] = [events.decode(r.data).fact for r in w.journal.events.records]
    assert [view.topology for view in views] == [{}, {"rack": "r9"}]


async def test_an_answer_to_a_write_keeps_the_topology_of_a_node_that_is_gone() -> None:
    async with world() as w:
        w.nodes.items = [node(1, rack="r1")]
        w.pods.items = [placed("0", 10), placed("1", 11, node="node-2")]
        async with w.observing() as observer:
            w.nodes.push(deleted(node(2)))
            w.nodes.push(added(node(3, name="node-2", rack="r2")))
            await w.recorded(3)  # the view of pod 1 is complete: both nodes were taken in
            leaving = placed("0", 12)
            leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            (message,) = observer.observed(subjects.POD, json.dumps(leaving).encode(), set_name=SET)
    view = events.decode(message.data).fact
    assert isinstance(view, events.PodObserved)
    assert (view.deleting_since, view.topology) == ("2026-01-01T00:00:00Z", {"rack": "r1"})


async def test_versions_that_have_gone_back_are_told() -> None:
    async with world() as w:
        w.pods.items = [pod("0", 900)]
        w.pods.version = "900"
        async with w.observing():
            pass
        w.pods.items, w.pods.version = [pod("0", 50, uid="another")], "100"  # etcd was restored
        with capture_logs() as told:
            async with w.observing():
                pass
    errors = [line for line in told if line["log_level"] == "error"]
    assert [line["kinds"] for line in errors] == [["pod"]]
    assert "bump-revision" in errors[0]["event"]


async def test_answers_to_writes_count_as_observed() -> None:
    async with world() as w, w.observing() as observer:
        data = json.dumps(obj("set-0", 150, spec={"replicas": 1})).encode()
        (message,) = observer.observed(subjects.STATEFULSET, data, set_name=SET)
        assert message.message_id == "uid-set-0:150:StatefulSetObserved"
        await w.journal.events.append([message])
        assert observer.observed(subjects.STATEFULSET, data, set_name=SET) == []
        assert observer.observed(subjects.POD, b'{"kind":"Status","metadata":{}}', set_name=SET) == []
        # A listing from before the write does not know the object; that does not make it vanish.
        w.statefulsets.version = "140"
        w.statefulsets.gone = True
        w.statefulsets.hang_up()
        await w.until(lambda: len(w.api.requests("GET", PATHS["statefulsets"])) >= 5)
        w.pods.push(added(pod("0", 160)))
        assert await w.recorded(2) == ["set-0 StatefulSetObserved@150", "set-0 PodObserved@160"]


async def test_a_service_without_the_label_is_asked_for_before_it_is_said_to_be_gone() -> None:
    async with world() as w:
        mine = {"metadata": {"name": "set", "namespace": "ns", "uid": "s", "resourceVersion": "9"}}
        view = events.ServiceObserved(uid="s", resource_version="9")
        await store(w.journal, (subjects.SERVICE, "set", view))
        w.api.script("GET", "/api/v1/namespaces/ns/services/set", answer(mine))
        async with w.observing():
            assert w.shown() == ["set ServiceObserved@9"]
        async with w.observing():
            assert w.shown()[1:] == ["set ServiceDeleted@100 inferred"]


async def test_an_object_whose_label_names_another_set_moves() -> None:
    async with world() as w, w.observing():
        w.pods.push(added(pod("0", 101)))
        moved = pod("0", 102)
        moved["metadata"]["labels"][names.SET_NAME] = "other"
        w.pods.push(modified(moved))
        assert await w.recorded(3) == [
            "set-0 PodObserved@101",
            "set-0 PodDeleted@102 inferred",
            "set-0 PodObserved@102",
        ]
        last = subjects.parse(w.journal.events.records[2].subject)
        assert last is not None
        assert last.set_name == SetName("ns", "other")


async def test_revisions_of_statefulsets_are_not_those_of_the_set() -> None:
    owner = {"kind": "StatefulSet", "name": "set", "uid": "s", "controller": True}
    theirs = obj("set-5f7b", 10, metadata={"ownerReferences": [owner]})
    async with world() as w:
        w.revisions.items = [theirs, obj("set-a-1", 11)]
        async with w.observing():
            w.revisions.push(deleted({**theirs, "metadata": {**theirs["metadata"], "resourceVersion": "101"}}))
            w.pods.push(added(pod("0", 102)))
            w.revisions.push(deleted(obj("set-a-1", 103)))
            await w.recorded(3)
            assert sorted(w.shown()) == [
                "set-0 PodObserved@102",
                "set-a-1 RevisionDeleted@103",
                "set-a-1 RevisionObserved@11",
            ]


async def test_one_namespace_only() -> None:
    async with world() as w:
        for name in ("sets", "statefulsets", "revisions", "pods", "services"):
            head, plural = PATHS[name].rsplit("/", 1)
            w.api.always("GET", f"{head}/namespaces/ns/{plural}", w.collections[name])
        kind, name, view = known_pod("0", 10)
        elsewhere = event_subject("c", SetName("else", "set"), kind, name)
        await w.journal.events.append([Message(elsewhere, events.encode(events.Envelope(at_ms=0, fact=view)))])
        async with w.observing(namespace="ns"):
            assert len(w.shown()) == 1  # nothing is inferred about what is not looked at
        assert not w.api.requests("GET", PATHS["pods"])


async def test_nothing_is_lost_while_the_journal_is_away() -> None:
    async with world(queue_messages_max=2) as w, w.observing():
        w.journal.events.unavailable = True
        for number in range(50):
            w.pods.push(added(pod(str(number), 200 + number)))
        await w.until(lambda: not w.writer.healthy)
        assert w.writer.waiting <= 2
        assert w.shown() == []
        w.journal.events.unavailable = False
        shown = await w.recorded(50)
        assert shown == [f"set-{number} PodObserved@{200 + number}" for number in range(50)]


async def test_one_object_that_cannot_be_stored_does_not_stop_the_others() -> None:
    async with world() as w, w.observing():
        w.writer.refused = "set-0"
        w.pods.push(added(pod("0", 101)))
        w.pods.push(added(pod("1", 102)))
        assert await w.recorded(1) == ["set-1 PodObserved@102"]


async def test_a_writer_that_was_closed_ends_the_observer() -> None:
    async with world() as w, w.observing() as observer:
        await w.writer.close()
        w.pods.push(added(pod("0", 101)))
        with pytest.raises(JournalUnavailable):
            await asyncio.wait_for(w.running, 5)
        assert observer.synced.is_set()


async def test_a_restart_while_the_journal_is_away_waits_for_it() -> None:
    async with world() as w:
        w.pods.items = [pod("0", 9)]
        w.journal.events.unavailable = True
        async with w.observing(synced=False) as observer:
            await w.until(lambda: len(w.api.requests("GET")) >= len(PATHS))
            assert not observer.synced.is_set()
            w.journal.events.unavailable = False
            await w.until(observer.synced.is_set)
            assert w.shown() == ["set-0 PodObserved@9"]
