"""The end of a failed container's log is kept before its group is deleted: which one, how much, without secrets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from aiohttp import web

from adapters.journal.errors import JournalUnavailable
from adapters.journal.group_commit import GroupCommit
from adapters.journal.logs import MemoryLogs
from adapters.journal.memory import MemoryJournal
from adapters.kubernetes.executor import Executor
from adapters.kubernetes.log_capture import LogCapture, LogCaptureSettings
from adapters.kubernetes.observer import Observer
from lws_events import events, names, subjects
from lws_events.commands import CreateService, DeleteLeaderPod, target
from lws_events.decisions import Decision, GroupRecreationStarted, Issued, LeaderReplacementStarted
from lws_events.events import LogCaptured
from tests.unit.executor_world import SET, raw
from tests.unit.scripted_api import Respond, ScriptedApi, answer, refuse
from tests.unit.virtual_clocks import LeapingClock

POD: Final = "/api/v1/namespaces/ns/pods/set-0-1"
LOG: Final = f"{POD}/log"
DELETION: Final = Issued(id="e-7-0", command=DeleteLeaderPod(name="set-0", uid="leader"))
FAILURE: Final = GroupRecreationStarted(
    group="set-0", leader="set-0", leader_uid="leader", failed_pod="set-0-1", failed_uid="failed", failure="deleted"
)


def ended(at: str, code: int = 1) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "finishedAt": f"2026-01-01T00:00:{at}Z"}}


def pod(*statuses: dict[str, Any], uid: str = "failed", initial: tuple[dict[str, Any], ...] = ()) -> Respond:
    spec = {"containers": [{"name": "main"}, {"name": "side"}]}
    status = {"containerStatuses": list(statuses), "initContainerStatuses": list(initial)}
    return answer({"metadata": {"name": "set-0-1", "namespace": "ns", "uid": uid}, "spec": spec, "status": status})


def text(body: str) -> Respond:
    async def respond(_: web.Request) -> web.Response:
        return web.Response(body=body.encode())

    return respond


class Captured:
    """A capture of logs on a scripted API server."""

    def __init__(self, api: ScriptedApi, capture: LogCapture, store: MemoryLogs) -> None:
        self.api = api
        self.capture = capture
        self.store = store
        capture.decided(decision())

    async def fact(self) -> LogCaptured:
        """What is recorded before the deletion."""
        [message] = await self.capture.before(SET, DELETION)
        assert message.subject == subjects.event_subject("c", SET, subjects.LOG, "set-0-1")
        assert message.message_id == "e-7-0.log"
        fact = events.decode(message.data).fact
        assert isinstance(fact, LogCaptured)
        assert (fact.pod_uid, fact.command_id) == ("failed", DELETION.id)
        assert len(fact.reference and self.store.texts[fact.reference]) == fact.bytes
        return fact

    @property
    def kept(self) -> str:
        [found] = self.store.texts.values()
        return found.decode()

    @property
    def asked(self) -> dict[str, str]:
        return self.api.requests("GET", LOG)[-1].query


def decision(*facts: Any, issued: Issued = DELETION) -> Decision:
    return Decision(epoch="e", cause=7, machine="2", commands=(issued,), facts=facts or (FAILURE,))


@asynccontextmanager
async def captured(
    *logs: Respond, view: Respond | None = None, store: MemoryLogs | None = None, **settings: Any
) -> AsyncIterator[Captured]:
    kept = store or MemoryLogs()
    async with ScriptedApi() as api, api.client() as client:
        api.always("GET", POD, view or pod({"name": "main", "lastState": ended("10")}))
        api.script("GET", LOG, *logs)
        limits = LogCaptureSettings(**({"seconds_max": 5.0} | settings))
        yield Captured(api, LogCapture(client, kept, cluster="c", clock=LeapingClock(), settings=limits), kept)


async def test_of_a_container_that_restarted_it_is_the_log_before() -> None:
    async with captured(text("one\ntwo\n")) as world:
        fact = await world.fact()
        assert (fact.container, fact.previous, fact.lines, fact.bytes, fact.truncated) == ("main", True, 2, 8, False)
        assert fact.reference == "ns/set/set-0-1/main/e-7-0"
        assert world.kept == "one\ntwo\n"
        assert {"container": "main", "previous": "true", "tailLines": "201"}.items() <= world.asked.items()
        assert await world.capture.before(SET, DELETION) == [], "once for each deletion"


@pytest.mark.parametrize(
    ("view", "container", "previous"),
    [
        (pod({"name": "main", "state": ended("10")}, {"name": "side", "state": ended("20")}), "side", False),
        (pod({"name": "main", "lastState": ended("30")}, {"name": "side", "state": ended("20")}), "main", True),
        (pod({"name": "main", "state": {}}), "main", False),
        (pod(initial=({"name": "init", "state": ended("10")},)), "init", False),
        (pod(initial=({"name": "init", "state": ended("10", 0)},)), "main", False),
    ],
)
async def test_it_is_that_of_the_container_that_ended_last(view: Respond, container: str, previous: bool) -> None:
    async with captured(text("x\n"), view=view) as world:
        fact = await world.fact()
        assert (fact.container, fact.previous) == (container, previous)
        assert world.asked["container"] == container
        assert ("previous" in world.asked) == previous


async def test_a_log_before_the_restart_that_is_not_there_any_more_is_the_present_one() -> None:
    async with captured(refuse(400, "BadRequest", "previous terminated container not found"), text("now\n")) as world:
        await world.fact()
        assert world.kept == "now\n"
        assert "previous" not in world.asked


async def test_whole_lines_at_the_end_within_both_bounds() -> None:
    lines = [f"line {number}" for number in range(30)]
    async with captured(text("\n".join(lines)), lines_max=20, bytes_max=50) as world:
        fact = await world.fact()
        assert (fact.truncated, fact.lines) == (True, 6)
        assert world.kept.splitlines() == lines[-6:]
        assert world.asked["tailLines"] == "21"
    async with captured(text("\n".join(lines)), lines_max=3) as world:
        fact = await world.fact()
        assert (fact.truncated, world.kept.splitlines()) == (True, lines[-3:])
    async with captured(text("é" * 100), bytes_max=51) as world:
        fact = await world.fact()
        assert (fact.truncated, fact.lines, world.kept) == (True, 1, "é" * 25)
    async with captured(text("")) as world:
        fact = await world.fact()
        assert (fact.bytes, fact.lines, fact.truncated, fact.problem) == (0, 0, False, "")


async def test_secrets_are_left_out_before_anything_is_cut() -> None:
    secret = "password=" + "s3cret" * 20
    async with captured(text(f"user=jane {secret} id=4711\n"), bytes_max=41, redact=(r"id=\d+",)) as world:
        await world.fact()
        assert world.kept == "user=jane password=[redacted] [redacted]\n"


@pytest.mark.parametrize(
    ("view", "log", "problem"),
    [
        (refuse(404, "NotFound"), text("x"), "the pod is gone, and its log with it"),
        (pod(uid="another"), text("x"), "the pod is gone, and its log with it: another pod has its name"),
        (None, refuse(403, "Forbidden"), "the controller may not read logs: it needs the verb get for pods/log"),
        (None, refuse(500, "InternalError", "no kubelet"), "500 InternalError: no kubelet"),
        (answer(b"{"), text("x"), "the pod cannot be understood"),
    ],
)
async def test_where_there_is_no_log_it_says_why(view: Respond | None, log: Respond, problem: str) -> None:
    async with captured(log, view=view) as world:
        fact = await world.fact()
        assert fact.problem.startswith(problem)
        assert (fact.reference, fact.bytes, world.store.texts) == ("", 0, {})


async def test_a_pod_that_was_replaced_while_its_log_was_read_has_none() -> None:
    async with captured(text("the successor's\n")) as world:
        world.api.script("GET", POD, pod({"name": "main", "state": ended("10")}), pod(uid="another"))
        fact = await world.fact()
        assert fact.problem.endswith("another pod has its name")
        assert world.store.texts == {}


async def test_the_deletion_waits_no_longer_than_allowed() -> None:
    never = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    async with captured(hang, seconds_max=0.05) as world:
        began = asyncio.get_running_loop().time()
        fact = await world.fact()
        assert asyncio.get_running_loop().time() - began < 2.0
        assert fact.problem == "it did not come within 0.05 s, and the deletion did not wait longer"
        never.set()


class _Away(MemoryLogs):
    async def put(self, reference: str, text: bytes) -> None:
        raise JournalUnavailable(f"{reference} of {len(text)} bytes: the bus is away")


async def test_a_text_that_cannot_be_stored_has_no_reference() -> None:
    async with captured(text("x\n"), store=_Away()) as world:
        fact = await world.fact()
        assert (fact.reference, fact.problem.split(":")[0]) == ("", "it could not be stored")


async def test_the_executor_records_it_before_the_deletion_is_sent() -> None:
    clock, journal = LeapingClock(), MemoryJournal("c")
    leader = "/api/v1/namespaces/ns/pods/set-0"
    leader_meta = {"name": "set-0", "namespace": "ns", "uid": "leader", "labels": {names.SET_NAME: "set"}}
    async with ScriptedApi() as api, api.client() as client, GroupCommit(journal.events) as writer:
        api.always("GET", POD, pod({"name": "main", "lastState": ended("10")}))
        api.script("GET", LOG, text("the end\n"))
        api.script("DELETE", leader, answer({"metadata": leader_meta}))
        observer = Observer(client, journal.events, writer, cluster="c", clock=clock)
        capture = LogCapture(client, journal.logs, cluster="c", clock=clock, settings=LogCaptureSettings())
        capture.decided(decision())
        executor = Executor(
            client,
            writer,
            journal.events,
            cluster="c",
            observe=observer.observed,
            has_missed=observer.has_missed,
            clock=clock,
            preparation=capture,
        )
        executor.submit(SET, DELETION)
        assert await executor.drain(timeout_seconds=5.0)
    assert [(asked.method, asked.path) for asked in api.asked] == [
        ("GET", POD),
        ("GET", LOG),
        ("GET", POD),
        ("DELETE", leader),
    ]
    facts = [events.decode(record.data).fact for record in journal.events.records]
    assert [type(fact).__name__ for fact in facts] == ["LogCaptured", "PodObserved", "CommandSucceeded"]
    assert journal.logs.texts == {"ns/set/set-0-1/main/e-7-0": b"the end\n"}


async def test_only_deletions_because_of_a_failure_or_a_broken_leader_are_prepared() -> None:
    async with captured(text("x\n"), text("y\n")) as world:
        service = Issued(id="e-8-0", command=CreateService(name="s", owner_uid="o", manifest=raw({})))
        world.capture.decided(decision(issued=service))
        assert await world.capture.before(SET, service) == []
        again = Issued(id="e-9-0", command=DELETION.command)
        world.capture.decided(Decision(epoch="e", cause=9, machine="2", commands=(again,)))
        assert await world.capture.before(SET, again) == []
        replaced = LeaderReplacementStarted(group="set-0-1", leader_uid="failed", partition=0, because="down")
        deletion = Issued(id="e-10-0", command=DeleteLeaderPod(name="set-0-1", uid="failed"))
        world.capture.decided(decision(replaced, issued=deletion))
        [message] = await world.capture.before(SET, deletion)
        assert target(deletion.command) == "pod/set-0-1"
        assert "set-0-1" in message.subject
