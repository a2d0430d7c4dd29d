"""How an append is sent to one server and to a cluster: a fence by message id is not for a cluster."""

from typing import Any, cast

import msgspec
import pytest

from adapters.journal.port import Message
from adapters.nats.connection import Connection
from adapters.nats.stream import NatsStream


class _Answer:
    def __init__(self, sequence: int) -> None:
        self.data = msgspec.json.encode({"stream": "S", "seq": sequence})


class _Server:
    """Takes everything, and remembers the headers."""

    def __init__(self, *, clustered: bool) -> None:
        self.is_clustered = clustered
        self.headers: list[dict[str, str]] = []

    async def request(self, subject: str, data: bytes, *, headers: Any = None, **_: Any) -> _Answer:
        self.headers.append(headers or {})
        return _Answer(len(self.headers))

    async def publish(self, subject: str, data: bytes = b"", *, headers: Any = None, **_: Any) -> None:
        self.headers.append(headers or {})

    def served(self, *, served: bool) -> None:
        assert served


@pytest.mark.parametrize("clustered", [False, True])
async def test_a_few_messages(clustered: bool) -> None:
    server = _Server(clustered=clustered)
    stream = NatsStream(cast(Connection, server), "S", "root")
    appended = await stream.append(
        [Message(f"root.{number}", b"", f"id-{number}") for number in range(3)], atomic=False
    )
    assert list(appended.sequences) == [1, 2, 3]
    fenced_by_id = [headers.get("Nats-Expected-Last-Msg-Id") for headers in server.headers]
    in_a_batch = [headers.get("Nats-Batch-Sequence") for headers in server.headers]
    if clustered:
        assert (fenced_by_id, in_a_batch) == ([None] * 3, ["1", "2", "3"])
    else:
        assert (fenced_by_id, in_a_batch) == ([None, "id-0", "id-1"], [None] * 3)
