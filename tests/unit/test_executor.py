"""The executor: preconditions, what counts as done, retries, order, and what is recorded."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import pytest
from structlog.testing import capture_logs

from adapters.journal.errors import MessageRefused
from adapters.journal.group_commit import GroupCommit
from adapters.journal.memory import MemoryJournal
from adapters.kubernetes.announcements import cut
from adapters.kubernetes.executor import Executor, ExecutorSettings
from adapters.kubernetes.observer import Observer
from adapters.kubernetes.pace import BackOff
from lws_events import commands, events, names, subjects
from lws_events.decisions import Issued
from lws_events.subjects import SetName
from tests.unit.scripted_api import ScriptedApi, answer, lost, refuse
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


async def test_a_success_is_recorded_after_the_object() -> None:
    async with world() as w:
        w.api.script("POST", STATEFULSETS, answer(obj("set-0", spec={"replicas": 3}), code=201))
        outcome = await w.outcome(worker())
        assert outcome == events.CommandSucceeded(
            command_id="e-1-0", target="statefulset/set-0", uid="u1", resource_version="7", generation=2
        )
        assert w.facts() == ["StatefulSetObserved", "CommandSucceeded"]
        last = w.journal.events.records[-1]
        assert last.message_id == "e-1-0.outcome"
        assert last.subject == subjects.event_subject("c", SET, subjects.OUTCOME, "statefulset/set-0")
        assert w.api.asked[0].query == {"fieldManager": "lws"}
        assert w.sent == ["e-1-0"]


async def test_an_object_that_is_there_already_counts_if_it_is_ours() -> None:
    async with world() as w:
        w.api.script("POST", STATEFULSETS, EXISTS, EXISTS, EXISTS, EXISTS)
        leaving = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
        w.api.script(
            "GET",
            f"{STATEFULSETS}/set-0",
            answer(obj("set-0")),
            answer(obj("set-0", owner="other")),
            answer(obj("set-0", metadata=leaving)),
            refuse(404, "NotFound"),
        )
        assert isinstance(await w.outcome(worker()), events.CommandSucceeded)
        foreign = await w.outcome(worker(), command_id="e-2-0")
        assert (foreign.code, foreign.reason) == (409, "AlreadyExists")
        assert "uid other" in foreign.message
        terminating = await w.outcome(worker(), command_id="e-3-0")
        assert "being deleted" in terminating.message
        gone = await w.outcome(worker(), command_id="e-4-0")
        assert (gone.code, gone.reason) == (409, "AlreadyExists")


async def test_a_revision_that_is_there_counts_only_with_the_same_data() -> None:
    async with world() as w:
        w.api.script("POST", REVISIONS, EXISTS, EXISTS)
        existing = answer(b'{"data": {"b": 2,"a": 1},' + json.dumps(obj("set-a-1")).encode()[1:])
        w.api.always("GET", f"{REVISIONS}/set-a-1", existing)
        assert isinstance(await w.outcome(revision({"a": 1, "b": 2})), events.CommandSucceeded)
        other = await w.outcome(revision({"a": 2}), command_id="e-2-0")
        assert (other.code, other.reason) == (409, "AlreadyExists")


@pytest.mark.parametrize(
    ("owner", "spec", "accepted"),
    [
        ("set-uid", {"clusterIP": "10.0.0.1"}, True),
        ("", {"clusterIP": "10.0.0.1"}, True),
        ("somebody", {"clusterIP": "None", "selector": {"a": "b"}}, True),
        ("somebody", {"clusterIP": "None", "selector": {"a": "c"}}, False),
        ("somebody", {"clusterIP": "10.0.0.1", "selector": {"a": "b"}}, False),
    ],
)
async def test_services_that_are_there(owner: str, spec: dict[str, Any], *, accepted: bool) -> None:
    async with world() as w:
        w.api.script("POST", SERVICES, EXISTS)
        w.api.script("GET", f"{SERVICES}/set", answer(obj("set", owner=owner, spec=spec)))
        outcome = await w.outcome(service({"a": "b"}))
        assert isinstance(outcome, events.CommandSucceeded) == accepted


async def test_a_service_without_the_label_is_recorded_under_the_set_it_serves() -> None:
    async with world() as w:
        found = obj("set", owner="", metadata={"labels": {}}, spec={"clusterIP": "None"})
        w.api.script("POST", SERVICES, EXISTS)
        w.api.script("GET", f"{SERVICES}/set", answer(found))
        await w.outcome(service({}))
        assert w.journal.events.records[0].subject == subjects.event_subject("c", SET, subjects.SERVICE, "set")


async def test_the_first_apply_looks_before_it_takes_over() -> None:
    async with world() as w:
        leaving = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
        w.api.script(
            "GET",
            f"{STATEFULSETS}/set",
            refuse(404, "NotFound"),
            answer(obj("set", owner="", uid="u9")),
            answer(obj("set", owner="other")),
            answer(obj("set", metadata=leaving)),
        )
        w.api.always("PATCH", f"{STATEFULSETS}/set", answer(obj("set")))
        assert isinstance(await w.outcome(apply()), events.CommandSucceeded)
        assert isinstance(await w.outcome(apply(), command_id="e-2-0"), events.CommandSucceeded)
        foreign = await w.outcome(apply(), command_id="e-3-0")
        terminating = await w.outcome(apply(), command_id="e-4-0")
        assert (foreign.code, foreign.reason) == (0, "Foreign")
        assert (terminating.code, terminating.reason) == (0, "Terminating")
        created, adopted = w.api.requests("PATCH")
        assert created.json["metadata"]["uid"] == "u1"  # as in the manifest of this test, untouched
        assert adopted.json["metadata"]["uid"] == "u9"
        assert created.query == {"fieldManager": "lws", "force": "true"}


async def test_later_applies_name_the_object_they_are_for() -> None:
    async with world() as w:
        causes = [{"field": "metadata.uid", "reason": "FieldValueInvalid", "message": "field is immutable"}]
        w.api.script(
            "PATCH",
            f"{STATEFULSETS}/set",
            answer(obj("set")),
            refuse(409, "Conflict", "uid mismatch"),
            refuse(422, "Invalid", causes=causes),
            refuse(422, "Invalid", "spec is forbidden"),
        )
        await w.outcome(apply(uid="u5"))
        assert w.api.asked[0].json["metadata"]["uid"] == "u5"
        reasons = [(await w.outcome(apply(uid="u5"), command_id=f"e-{n}-0")).reason for n in (2, 3, 4)]
        assert reasons == ["Conflict", "Conflict", "Invalid"]


async def test_a_leader_is_deleted_by_uid_in_foreground() -> None:
    async with world() as w:
        leaving = obj("set-0", uid="leader-uid", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
        w.api.script("DELETE", LEADER, answer(leaving), refuse(404, "NotFound"), refuse(409, "Conflict"))
        assert isinstance(await w.outcome(DELETE), events.CommandSucceeded)
        asked = w.api.asked[0].json
        assert (asked["preconditions"], asked["propagationPolicy"]) == ({"uid": "leader-uid"}, "Foreground")
        assert w.facts() == ["PodObserved", "CommandSucceeded"]
        assert (await w.outcome(DELETE, command_id="e-2-0")).reason == "NotFound"
        assert (await w.outcome(DELETE, command_id="e-3-0")).reason == "Conflict"


async def test_a_status_is_replaced_whole_and_only_that_of_the_right_set() -> None:
    async with world() as w:
        w.api.script("PATCH", STATUS, answer(obj("set", uid="set-uid")), refuse(422, "Invalid"), refuse(422, "Invalid"))
        path = STATUS.removesuffix("/status")
        w.api.script("GET", path, answer(obj("set", uid="another")), answer(obj("set", uid="set-uid")))
        await w.outcome(status({"replicas": 1}))
        assert w.api.asked[0].json == [
            {"op": "test", "path": "/metadata/uid", "value": "set-uid"},
            {"op": "add", "path": "/status", "value": {"replicas": 1}},
        ]
        assert w.facts() == ["SetStatusObserved", "SetObserved", "CommandSucceeded"]
        assert (await w.outcome(status({}), command_id="e-2-0")).reason == "Conflict"
        assert (await w.outcome(status({}), command_id="e-3-0")).reason == "Invalid"


async def test_a_newer_status_overtakes_one_that_was_not_sent() -> None:
    answered = asyncio.Event()

    async def slowly(request: Any) -> Any:
        await answered.wait()
        return await answer(obj("set"))(request)

    async with world() as w:
        w.api.script("PATCH", STATUS, slowly, answer(obj("set", version="8")))
        w.executor.submit(SET, Issued(id="e-1-0", command=status({"replicas": 1})))
        await w.until(lambda: len(w.api.asked) == 1)
        w.executor.submit(SET, Issued(id="e-2-0", command=status({"replicas": 2})))
        w.executor.submit(SET, Issued(id="e-3-0", command=status({"replicas": 3})))
        answered.set()
        await w.until(lambda: w.executor.unfinished == 0)
        facts = [events.decode(record.data).fact for record in w.journal.events.records]
    outcomes = [(f.command_id, getattr(f, "reason", "")) for f in facts if hasattr(f, "command_id")]
    assert outcomes == [("e-1-0", ""), ("e-2-0", "Superseded"), ("e-3-0", "")]
    assert [asked.json[1]["value"] for asked in w.api.asked] == [{"replicas": 1}, {"replicas": 3}]
    assert w.sent == ["e-1-0", "e-3-0"]


async def test_an_answer_that_cannot_be_stored_is_told_and_does_not_hold_up_the_outcome(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with world() as w:
        append = w.journal.events.append

        async def refusing(messages: Any, **options: Any) -> Any:
            if any(".statefulset." in message.subject for message in messages):
                raise MessageRefused("too large")
            return await append(messages, **options)

        monkeypatch.setattr(w.journal.events, "append", refusing)
        w.api.script("POST", STATEFULSETS, answer(obj("set-0")))
        with capture_logs() as told:
            assert isinstance(await w.outcome(worker()), events.CommandSucceeded)
        assert [(line["event"], line["error"]) for line in told] == [("an observation cannot be stored", "too large")]


async def test_trouble_that_passes_is_no_failure() -> None:
    async with world() as w:
        w.api.script(
            "POST",
            STATEFULSETS,
            lost(),
            refuse(500, "InternalError"),
            refuse(429, "TooManyRequests", headers={"Retry-After": "9"}),
            answer(obj("set-0")),
        )
        assert isinstance(await w.outcome(worker()), events.CommandSucceeded)
        assert w.clock.slept == [1.0, 2.0, 9.0]
        assert w.sent == ["e-1-0"]


async def test_trouble_that_lasts_becomes_a_failure() -> None:
    async with world(tries_max=3) as w:
        w.api.always("POST", STATEFULSETS, refuse(500, "InternalError", "no webhook"))
        failed = await w.outcome(worker())
        assert (failed.code, failed.reason, failed.message) == (500, "InternalError", "no webhook")
        assert len(w.api.asked) == 3
        w.api.always("POST", STATEFULSETS, lost())
        unreachable = await w.outcome(worker(), command_id="e-2-0")
        assert (unreachable.code, unreachable.reason) == (503, "ServiceUnavailable")


async def test_a_server_that_asks_for_more_time_than_there_is_gets_a_failure_at_once() -> None:
    async with world(give_up_seconds=60.0) as w:
        w.api.script("POST", STATEFULSETS, refuse(429, "TooManyRequests", headers={"Retry-After": "3600"}))
        assert (await w.outcome(worker())).code == 429
        assert w.clock.slept == []


async def test_the_event_of_a_success_is_posted_before_the_outcome() -> None:
    async with world() as w:
        w.api.script("POST", REVISIONS, answer(obj("set-a-1", uid="revision-uid", data={}, revision=1)))
        w.api.script("POST", EVENTS, refuse(503, "ServiceUnavailable"), EXISTS)
        announce = record(related_kind="ControllerRevision", related_name="set-a-1")
        w.executor.submit(SET, Issued(id="e-1-0", command=revision({}), announce=announce))
        await w.until(lambda: w.executor.unfinished == 0)
        assert w.facts() == ["RevisionObserved", "CommandSucceeded"]
        first, second = (asked.json for asked in w.api.requests("POST", EVENTS))
    assert first["metadata"] == second["metadata"]
    assert first["metadata"]["name"].startswith("set.")
    assert first["related"] == {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "namespace": "ns",
        "name": "set-a-1",
        "uid": "revision-uid",
    }
    assert first["regarding"]["kind"] == "LeaderWorkerSet"
    assert first["regarding"]["uid"] == "set-uid"
    assert first["reportingController"] == "leaderworkerset"
    assert first["reportingInstance"] == "leaderworkerset-host"
    assert first["eventTime"] == "1970-01-01T00:16:40.000000Z"


async def test_an_event_that_is_refused_does_not_hold_up_the_outcome() -> None:
    async with world() as w:
        w.api.script("POST", STATEFULSETS, answer(obj("set-0")))
        w.api.script("POST", EVENTS, refuse(403, "Forbidden"))
        w.executor.submit(SET, Issued(id="e-1-0", command=worker(), announce=record()))
        await w.until(lambda: w.executor.unfinished == 0)
        assert w.facts()[-1] == "CommandSucceeded"


async def test_an_event_by_itself_has_an_outcome() -> None:
    async with world() as w:
        w.api.script("POST", EVENTS, answer({}), refuse(403, "Forbidden"))
        assert isinstance(await w.outcome(record("x" * 2000)), events.CommandSucceeded)
        assert len(w.api.asked[0].json["note"]) == 1024
        assert (await w.outcome(record(), command_id="e-2-0")).code == 403


def test_notes_are_cut_between_characters() -> None:
    assert cut("añb", bytes_max=2) == "a"
    assert cut("añb", bytes_max=3) == "añ"


async def test_a_timer_is_the_journals_and_has_no_outcome() -> None:
    async with world() as w:
        w.journal.events.unavailable = True
        timer = commands.SetTimer(timer="retry", fire_at_ms=5)
        w.executor.submit(SET, Issued(id="e-1-0", command=timer))
        await w.until(lambda: w.clock.slept)
        w.journal.events.unavailable = False
        await w.until(lambda: w.executor.unfinished == 0)
        assert w.facts() == []
        w.journal.advance_to(5_000_000)
        (fired,) = w.journal.events.records
        assert fired.subject == subjects.event_subject("c", SET, subjects.TIMER, "retry")
        assert events.decode(fired.data) == events.Envelope(at_ms=5, fact=events.TimerFired(timer="retry"))


async def test_one_target_in_order_different_targets_side_by_side() -> None:
    arrived: list[str] = []
    go = asyncio.Event()

    async def wait(request: Any) -> Any:
        arrived.append(request.path)
        await go.wait()
        return await answer(obj("x"))(request)

    async with world(concurrency=2) as w:
        for name in ("a", "b", "c"):
            w.api.always("DELETE", f"/api/v1/namespaces/ns/pods/{name}", wait)
        for number, name in enumerate(("a", "a", "b", "c")):
            command = commands.DeleteLeaderPod(name=name, uid=f"u{number}")
            w.executor.submit(SET, Issued(id=f"e-{number}-0", command=command))
        await w.until(lambda: len(arrived) == 2)
        assert arrived == ["/api/v1/namespaces/ns/pods/a", "/api/v1/namespaces/ns/pods/b"]
        go.set()
        await w.until(lambda: w.executor.unfinished == 0)
        uids = [a.json["preconditions"]["uid"] for a in w.api.requests("DELETE", "/api/v1/namespaces/ns/pods/a")]
        assert uids == ["u0", "u1"]


async def test_a_mark_writes_annotations_and_labels_of_the_leader_with_this_uid_and_nothing_else() -> None:
    mark = {"lws-events.io/kept-for-debugging": "true"}
    command = commands.MarkLeaderPod(name="set-0", uid="leader-uid", annotations=mark, labels=mark)
    async with world() as w:
        w.api.script("PATCH", LEADER, answer(obj("set-0", uid="leader-uid")), refuse(409, "Conflict"))
        assert isinstance(await w.outcome(command), events.CommandSucceeded)
        assert (await w.outcome(command, command_id="e-2-0")).reason == "Conflict"
        sent = w.api.requests("PATCH")[0]
        assert sent.json == {"metadata": {"uid": "leader-uid", "annotations": mark, "labels": mark}}
        assert sent.query == {"fieldManager": "lws"}
        assert w.facts() == ["PodObserved", "CommandSucceeded", "CommandFailed"]


async def test_a_command_that_is_submitted_again_is_carried_out_once_at_a_time() -> None:
    async with world() as w:
        w.api.script("DELETE", LEADER, answer(obj("set-0")), refuse(404, "NotFound"))
        for _ in range(3):
            w.executor.submit(SET, Issued(id="e-1-0", command=DELETE))
        await w.until(lambda: w.executor.unfinished == 0)
        assert len(w.api.asked) == 1
        await w.outcome(DELETE)  # after a restart: the stream keeps the first outcome
        assert w.facts().count("CommandSucceeded") == 1
        assert "CommandFailed" not in w.facts()


async def test_draining_finishes_what_is_under_way_and_takes_no_more() -> None:
    async with world() as w:
        w.api.script("DELETE", LEADER, answer(obj("set-0")))
        w.executor.submit(SET, Issued(id="e-1-0", command=DELETE))
        assert await w.executor.drain(timeout_seconds=5)
        assert w.facts()[-1] == "CommandSucceeded"
        w.executor.submit(SET, Issued(id="e-2-0", command=DELETE))
        assert w.executor.unfinished == 0


async def test_draining_leaves_what_takes_too_long() -> None:
    async def never(_: Any) -> Any:
        await asyncio.Event().wait()

    async with world() as w:
        w.api.script("DELETE", LEADER, never)
        w.executor.submit(SET, Issued(id="e-1-0", command=DELETE))
        await w.until(lambda: w.api.asked)
        assert not await w.executor.drain(timeout_seconds=0.01)
        assert w.facts() == []
