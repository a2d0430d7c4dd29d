"""Wiring of the publisher of lifecycle events, for those who ask for it."""

from typing import TYPE_CHECKING

from adapters.journal.port import Journal, Stream
from adapters.kubernetes.pace import SystemClock
from adapters.nats.connection import Connection
from adapters.observability.metrics import Metrics

if TYPE_CHECKING:
    from adapters.lifecycle_events.publisher import LifecyclePublisher
    from adapters.settings.controller import Settings


def lifecycle_publisher(
    settings: "Settings", journal: Journal, connection: Connection, metrics: Metrics
) -> "LifecyclePublisher | None":
    """The publisher of this process, which its leaders run one after the other; None where nothing is published."""
    if not settings.lifecycle_events:
        return None
    from adapters.lifecycle_events.metrics import measure
    from adapters.lifecycle_events.publisher import LifecyclePublisher
    from adapters.nats.lifecycle import LifecycleLimits, open_lifecycle_stream

    limits = LifecycleLimits(size_bytes=settings.lifecycle_events_bytes_max, events=settings.lifecycle_events_max)

    async def open_stream() -> Stream:
        return await open_lifecycle_stream(connection, journal.cluster, limits=limits, replicas=settings.nats_replicas)

    keep_ms = int(settings.lifecycle_events_keep * 1000) or None
    publisher = LifecyclePublisher(journal, open_stream, keep_ms=keep_ms, clock=SystemClock())
    measure(publisher, metrics.registry)
    return publisher
