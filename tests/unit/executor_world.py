"""A scripted API server, a journal in this process, and the executor between them; commands to give it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from adapters.journal.group_commit import GroupCommit
from adapters.journal.memory import MemoryJournal
from adapters.kubernetes.executor import Executor, ExecutorSettings
from adapters.kubernetes.observer import Observer
from adapters.kubernetes.pace import BackOff
from lws_events import commands, events, names
from lws_events.decisions import Issued
from lws_events.subjects import SetName
from tests.unit.scripted_api import ScriptedApi, refuse
from tests.unit.virtual_clocks import LeapingClock

SET: Final = SetName("ns", "set")
STATEFULSETS: Final = "/apis/apps/v1/namespaces/ns/statefulsets"
REVISIONS: Final = "/apis/apps/v1/namespaces/ns/controllerrevisions"
SERVICES: Final = "/api/v1/namespaces/ns/services"
LEADER: Final = "/api/v1/namespaces/ns/pods/set-0"
EVENTS: Final = "/apis/events.k8s.io/v1/namespaces/ns/events"
STATUS: Final = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/ns/leaderworkersets/set/status"
EXISTS: Final = refuse(409, "AlreadyExists")


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def obj(name: str, *, uid: str = "u1", owner: str = "set-uid", version: str = "7", **more: Any) -> dict[str, Any]:
    owners = [{"kind": "LeaderWorkerSet", "name": "set", "uid": owner, "controller": True}] if owner else []
    return {
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": uid,
            "resourceVersion": version,
            "generation": 2,
            "labels": {names.SET_NAME: "set"},
            "ownerReferences": owners,
            **more.pop("metadata", {}),
        },
        **more,
    }


def apply(*, uid: str = "") -> commands.ApplyLeaderStatefulSet:
    return commands.ApplyLeaderStatefulSet(name="set", owner_uid="set-uid", uid=uid, manifest=raw(obj("set")))


def worker() -> commands.CreateWorkerStatefulSet:
    return commands.CreateWorkerStatefulSet(name="set-0", owner_uid="set-uid", manifest=raw(obj("set-0")))


def service(selector: dict[str, str]) -> commands.CreateService:
    manifest = raw(obj("set", spec={"clusterIP": "None", "selector": selector}))
    return commands.CreateService(name="set", owner_uid="set-uid", manifest=manifest)


def revision(data: Any) -> commands.CreateControllerRevision:
    return commands.CreateControllerRevision(name="set-a-1", manifest=raw(obj("set-a-1", data=data, revision=1)))


def status(value: Any) -> commands.UpdateSetStatus:
    return commands.UpdateSetStatus(name="set", uid="set-uid", status=raw(value))


def record(note: str = "a note", **more: str) -> commands.RecordEvent:
    return commands.RecordEvent(
        type="Normal", reason="RecreateGroup", action="Delete", note=note, regarding_uid="set-uid", **more
    )


DELETE: Final = commands.DeleteLeaderPod(name="set-0", uid="leader-uid")


class World:
    """A scripted API server, a journal in this process, and the executor between them."""

    def __init__(self, api: ScriptedApi, executor: Executor, journal: MemoryJournal, clock: LeapingClock) -> None:
        self.api = api
        self.executor = executor
        self.journal = journal
        self.clock = clock
        self.sent: list[str] = []
        self.missed: set[str] = set()
        """StatefulSets that changed while nobody watched."""

    async def outcome(self, command: commands.AnyCommand, *, command_id: str = "e-1-0", again: bool = False) -> Any:
        """Carry out one command and return what came of it."""
        self.executor.submit(SET, Issued(id=command_id, command=command), again=again)
        await self.until(lambda: self.executor.unfinished == 0)
        return events.decode(self.journal.events.records[-1].data).fact

    async def until(self, condition: Any, *, seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.002)

    def facts(self) -> list[str]:
        return [type(events.decode(record.data).fact).__name__ for record in self.journal.events.records]


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    clock = LeapingClock()
    journal = MemoryJournal("c")
    settings.setdefault("back_off", BackOff(initial_seconds=1, cap_seconds=8, jitter=0))
    async with ScriptedApi() as api, api.client() as client, GroupCommit(journal.events) as writer:
        observer = Observer(client, journal.events, writer, cluster="c", clock=clock)
        sent: list[str] = []
        missed: set[str] = set()

        async def has_missed(set_name: SetName, name: str) -> bool:
            return name in missed

        executor = Executor(
            client,
            writer,
            journal.events,
            cluster="c",
            observe=observer.observed,
            has_missed=has_missed,
            clock=clock,
            on_sent=lambda issued: sent.append(issued.id),
            instance="host",
            settings=ExecutorSettings(**settings),
        )
        w = World(api, executor, journal, clock)
        w.sent, w.missed = sent, missed
        running = asyncio.create_task(executor.run())
        try:
            yield w
        finally:
            await executor.drain(timeout_seconds=0.1)
            failed = running.done()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert not failed, "the executor met a defect"
