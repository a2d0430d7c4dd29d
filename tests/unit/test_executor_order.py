"""The executor: order, retries, commands that come again, and the end."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.journal.errors import MessageRefused
from lws_events import commands, events
from lws_events.decisions import Issued
from tests.unit.executor_world import DELETE, LEADER, SET, STATEFULSETS, STATUS, obj, status, worker, world
from tests.unit.scripted_api import answer, lost, refuse


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
