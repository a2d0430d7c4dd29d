"""Metrics of publishing lifecycle events, which exist only where they are published."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from adapters.lifecycle_events.publisher import LifecyclePublisher
from projections.lifecycle import TYPE_NAMES, CloudEvent, short_type


def measure(publisher: LifecyclePublisher, registry: CollectorRegistry) -> None:
    """From now on its doings are told in ``registry``."""
    published = Counter(
        "lws_events_lifecycle_events_published", "Lifecycle events published, by type.", ["type"], registry=registry
    )
    for name in TYPE_NAMES:
        published.labels(name)
    behind = Gauge(
        "lws_events_lifecycle_events_behind",
        "Decisions whose lifecycle events were not published yet when it was looked, some seconds ago.",
        registry=registry,
    )
    behind.set_function(lambda: publisher.behind)
    failing = Gauge(
        "lws_events_lifecycle_events_failing", "1 while lifecycle events cannot be published.", registry=registry
    )
    failing.set_function(lambda: 1 if publisher.trouble else 0)

    def count(event: CloudEvent) -> None:
        published.labels(short_type(event.type)).inc()

    publisher.on_published = count
