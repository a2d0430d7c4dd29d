"""How the page is used, and whether it fails: one counter, which exists where the page is served."""

from prometheus_client import CollectorRegistry, Counter


class PageMetrics:
    """Counts answers by their status: 500 is a defect, 503 a journal or a thread that could not answer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "lws_events_page_requests", "Requests to the web page, by the status of the answer.", ["code"],
            registry=registry,
        )  # fmt: skip

    def answered(self, status: int) -> None:
        """A request was answered; a stream counts when it ends."""
        self._requests.labels(str(status)).inc()
