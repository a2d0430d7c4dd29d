"""The stream of lifecycle events, ``LWS_LIFECYCLE_<cluster>``: derived from the journal, and no part of it.

It drops the oldest when it is full, and is created by who publishes, so that nobody has it who does not ask for it. How
old events may become is the business of who publishes: JetStream itself would drop the last one as well, by which it is
known how far publishing has come.
"""

from typing import Any, NamedTuple

from adapters.journal.port import Stream
from adapters.nats.connection import Connection
from adapters.nats.stream import NatsStream
from adapters.nats.stream_names import StreamNames
from adapters.nats.streams import DEDUP_WINDOW_SECONDS, ensure_stream, require_server


class LifecycleLimits(NamedTuple):
    """What the stream holds at most; the oldest events make room."""

    size_bytes: int
    events: int | None = None


async def open_lifecycle_stream(
    connection: Connection, cluster: str, *, limits: LifecycleLimits, replicas: int = 1
) -> Stream:
    """The stream with these limits, created if need be. Raises as ``adapters.nats.streams.ensure_streams``."""
    await require_server(connection)
    names = StreamNames.of(cluster)
    await ensure_stream(connection, _config(names, limits, replicas))
    return NatsStream(connection, names.lifecycle, names.lifecycle_root)


def _config(names: StreamNames, limits: LifecycleLimits, replicas: int) -> dict[str, Any]:
    return {
        "name": names.lifecycle,
        "subjects": [f"{names.lifecycle_root}.>"],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "max_bytes": limits.size_bytes,
        "max_msgs": -1 if limits.events is None else limits.events,
        "num_replicas": replicas,
        "duplicate_window": DEDUP_WINDOW_SECONDS * 1_000_000_000,
        "allow_direct": True,
        "allow_atomic": True,
    }
