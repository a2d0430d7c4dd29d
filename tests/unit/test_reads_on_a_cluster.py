"""Reading from a cluster: whoever answers may lag behind, and what was acknowledged is read all the same."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from adapters.journal.port import Record
from adapters.nats.connection import Connection
from adapters.nats.stream import NatsStream

LAST = 5


def _answer(body: Any) -> SimpleNamespace:
    return SimpleNamespace(data=msgspec.json.encode(body), headers=None)


class _Lagging:
    """A cluster whose leader has records 1 to 5; the server that delivers has fewer until it is asked about."""

    is_clustered = True

    def __init__(self, *, there: int, subjects: list[str]) -> None:
        """``there``: how many the delivering server has at first; ``subjects`` of all of them."""
        self.there = there
        self.subjects = subjects
        self.asked: list[int] = []
        self.on_lost: set[Callable[[], None]] = set()
        self._deliver: Callable[[Any], Awaitable[None]] | None = None
        self._first = 1
        self._delivered = 0

    def new_inbox(self) -> str:
        return "inbox"

    async def subscribe(self, _: str, deliver: Callable[[Any], Awaitable[None]]) -> SimpleNamespace:
        async def unsubscribe() -> None:
            pass

        self._deliver = deliver
        return SimpleNamespace(unsubscribe=unsubscribe)

    async def wait_connected(self) -> None:
        pass

    def served(self, *, served: bool) -> None:
        pass

    async def publish(self, subject: str, data: bytes = b"", *, reply: str = "") -> None:
        if subject.startswith("$JS.API.DIRECT.GET."):  # the last of each subject, as of the server that lags
            last = {self.subjects[number - 1]: number for number in range(1, self.there + 1)}
            assert self._deliver is not None
            for subject_, number in last.items():
                headers = {"Nats-Sequence": str(number), "Nats-Subject": subject_, "Nats-Time-Stamp": _TIME}
                await self._deliver(SimpleNamespace(data=b"", headers=headers))
            await self._deliver(SimpleNamespace(data=b"", headers={"Status": "204", "Nats-Num-Pending": "0"}))

    async def request(self, subject: str, data: bytes, **_: Any) -> SimpleNamespace:
        operation = subject.removeprefix("$JS.API.")
        if operation.startswith("STREAM.INFO."):
            state = {"first_seq": 1, "last_seq": LAST, "messages": LAST, "bytes": 0}
            cluster = {"leader": "n1"}
            return _answer({"state": state, "config": {"max_bytes": 0}, "created": _TIME, "cluster": cluster})
        if operation.startswith("STREAM.MSG.GET."):
            first = msgspec.json.decode(data)["seq"]
            self.asked.append(first)
            self._arrive()  # what lags comes after all
            return _answer(
                {"message": {"seq": first}} if first <= LAST else {"error": {"code": 404, "err_code": 10037}}
            )
        assert operation.startswith("CONSUMER.CREATE."), subject
        self._first = msgspec.json.decode(data)["config"]["opt_start_seq"]
        self._delivered = self._first - 1
        self._push()
        return _answer({"num_pending": 0})

    def _arrive(self) -> None:
        self.there = min(self.there + 2, LAST)
        asyncio.get_running_loop().call_soon(self._push)

    def _push(self) -> None:
        deliver, first = self._deliver, self._delivered + 1
        assert deliver is not None
        for number in range(first, self.there + 1):
            reply = f"$JS.ACK.S.C.1.{number}.{number - self._first + 1}.0.{self.there - number}"
            message = SimpleNamespace(subject=self.subjects[number - 1], data=b"", headers=None, reply=reply)
            asyncio.get_running_loop().create_task(cast(Any, deliver(message)))
        self._delivered = max(self._delivered, self.there)


_TIME = "2026-01-01T00:00:00Z"


async def _read(server: _Lagging, **bounds: int) -> list[int]:
    stream = NatsStream(cast(Connection, server), "S", "root")
    found: list[Record] = []
    async for batch in stream.read(follow=False, **bounds):
        found += batch
    return [record.sequence for record in found]


@pytest.mark.parametrize("there", range(LAST + 1))
async def test_a_reading_goes_to_its_end_also_where_the_server_lags_behind(there: int) -> None:
    server = _Lagging(there=there, subjects=[f"root.{number}" for number in range(LAST)])
    assert await _read(server) == [1, 2, 3, 4, 5]


async def test_a_reading_ends_where_nothing_more_is_wanted() -> None:
    server = _Lagging(there=3, subjects=["root.a"] * LAST)
    assert await _read(server, to_sequence=3) == [1, 2, 3]


@pytest.mark.parametrize("there", range(LAST + 1))
async def test_the_latest_records_are_those_that_were_acknowledged(there: int) -> None:
    server = _Lagging(there=there, subjects=["root.a", "root.b", "root.a", "root.c", "root.b"])
    latest = await NatsStream(cast(Connection, server), "S", "root").latest("root.>")
    assert [(record.subject, record.sequence) for record in latest.records] == [
        ("root.a", 3),
        ("root.c", 4),
        ("root.b", 5),
    ]


async def test_a_reading_waits_for_an_end_that_is_not_there_yet() -> None:
    server = _Lagging(there=LAST, subjects=["root.a"] * LAST)
    stream = NatsStream(cast(Connection, server), "S", "root")
    found: list[int] = []

    async def follow() -> None:
        async for batch in stream.read(to_sequence=LAST + 1, follow=True):
            found.extend(record.sequence for record in batch)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await follow()
    assert found == [1, 2, 3, 4, 5]
