"""Writes of an instance that may not lead any more are held back, however late it notices; and dead connections are."""

import asyncio
import socket
from typing import Any

import pytest

from adapters.journal.group_commit import GroupCommit
from adapters.journal.memory import MemoryJournal
from adapters.kubernetes import connections
from adapters.kubernetes.errors import NotLeading
from adapters.kubernetes.executor import Executor
from adapters.kubernetes.observer import Observer
from lws_events import commands
from lws_events.decisions import Issued
from lws_events.subjects import SetName
from tests.unit.scripted_api import ScriptedApi, answer
from tests.unit.virtual_clocks import LeapingClock


async def test_only_writes_are_held_back_and_only_those_of_the_fenced_client() -> None:
    leads = True
    async with ScriptedApi() as api, api.client() as client:
        fenced = client.writing_while(lambda: leads)
        for method in ("GET", "POST"):
            api.always(method, "/x", answer({}))
        await fenced.request("POST", "/x", body=b"{}")
        leads = False
        with pytest.raises(NotLeading, match="POST /x: not sent"):
            await fenced.request("POST", "/x", body=b"{}")
        await fenced.request("GET", "/x")
        await client.request("POST", "/x", body=b"{}")
        assert [asked.method for asked in api.asked] == ["POST", "GET", "POST"]


async def test_it_is_asked_when_the_connection_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may have been stopped while the connection was being made."""
    leads, make = True, connections.probed_socket

    def stopped_meanwhile(address: Any) -> socket.socket:
        nonlocal leads
        leads = False
        return make(address)

    monkeypatch.setattr(connections, "probed_socket", stopped_meanwhile)
    async with ScriptedApi() as api, api.client() as client:
        with pytest.raises(NotLeading):
            await client.writing_while(lambda: leads).request("DELETE", "/x", body=b"{}")
        assert api.asked == []


async def test_it_is_asked_once_more_when_the_request_goes_out() -> None:
    answers = iter([True, False])
    async with ScriptedApi() as api, api.client() as client:
        async with asyncio.timeout(5):
            with pytest.raises(NotLeading):
                await client.writing_while(lambda: next(answers)).request("DELETE", "/x", body=b"{}")
        assert api.asked == []
        api.always("GET", "/x", answer({}))
        assert await client.request("GET", "/x") == b"{}"


async def test_a_command_that_is_held_back_has_no_outcome_and_may_be_taken_again() -> None:
    journal, clock, name = MemoryJournal("c"), LeapingClock(), SetName("default", "set")
    issued = Issued(id="e-1-0", command=commands.DeleteLeaderPod(name="set-0", uid="u"))
    async with ScriptedApi() as api, api.client() as client, GroupCommit(journal.events) as writer:
        observer = Observer(client, journal.events, writer, cluster="c", clock=clock)
        executor = Executor(
            client.writing_while(lambda: False),
            writer,
            journal.events,
            cluster="c",
            observe=observer.observed,
            has_missed=observer.has_missed,
            clock=clock,
            instance="host",
        )
        executor.submit(name, issued)
        async with asyncio.timeout(5):
            while executor.unfinished:
                await asyncio.sleep(0.001)
        await executor.drain(timeout_seconds=1)
        assert api.asked == []
    assert journal.events.records == []


def test_dead_connections_are_noticed() -> None:
    with connections.probed_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
