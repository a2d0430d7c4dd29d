"""Metrics of one process, with names that dashboards of other controllers know (spec 10.6) and our own.

``Metrics`` owns a registry of its own: two controllers in one process (tests, the demo) do not share numbers. Nothing
here is read back by the program. Labels have few distinct values: never a set's or a pod's name.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from lws_events.decisions import Decision, GroupRecreationStarted

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_CONTROLLER: Final = "leaderworkerset"
_RESULTS: Final = ("success", "error", "requeue", "requeue_after")
_WEBHOOK_CODES: Final = ("200", "500")
_RECREATION_FAILURES_MAX: Final = 32
"""Bound of the label ``failure``: reasons of the cluster are words of its own."""

_FAST_SECONDS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """All metrics of one controller or webhook server."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._events = Counter("lws_events_published", "Facts appended to the journal.", ["kind"], registry=registry)
        self._decisions = Counter("lws_events_decisions", "Decisions recorded.", registry=registry)
        self._commands = Counter(
            "lws_events_commands", "Outcomes of commands.", ["command", "outcome"], registry=registry
        )
        self._recreations = Counter(
            "lws_events_group_recreations",
            "Groups recreated as a whole, by the failure.",
            ["failure"],
            registry=registry,
        )
        self._append = Histogram(
            "lws_events_journal_append_seconds",
            "From an append to its acknowledgement, which means: on disk.",
            ["stream"],
            buckets=_FAST_SECONDS,
            registry=registry,
        )
        self._lag = Gauge("lws_events_journal_lag", "Events recorded but not folded yet.", registry=registry)
        self._requests = Counter(
            "rest_client_requests", "Requests to the API server.", ["code", "host", "method"], registry=registry
        )
        self._leader = Gauge(
            "leader_election_master_status", "1 while this process leads.", ["name"], registry=registry
        )
        self._reconciles = Counter(
            "controller_runtime_reconcile",
            "Commands by outcome, under the name that dashboards of reconciling controllers use.",
            ["controller", "result"],
            registry=registry,
        )
        self._reconcile_errors = Counter(
            "controller_runtime_reconcile_errors", "Commands that failed.", ["controller"], registry=registry
        )
        self._reconcile_seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "From the decision of a command to its outcome.",
            ["controller"],
            registry=registry,
        )
        self._webhook_requests = Counter(
            "controller_runtime_webhook_requests", "Admission requests.", ["webhook", "code"], registry=registry
        )
        self._webhook_seconds = Histogram(
            "controller_runtime_webhook_latency_seconds",
            "How long admission took.",
            ["webhook"],
            buckets=_FAST_SECONDS,
            registry=registry,
        )
        self._webhooks_in_flight = Gauge(
            "controller_runtime_webhook_requests_in_flight", "Admission under way.", ["webhook"], registry=registry
        )
        for result in _RESULTS:
            self._reconciles.labels(_CONTROLLER, result)
        self._failures: set[str] = set()

    def event_published(self, kind: str) -> None:
        """A fact was appended; ``kind`` is the fact's name."""
        self._events.labels(kind).inc()

    def decision_recorded(self, decision: Decision) -> None:
        """A decision was appended: counts it, and the recreations that it begins."""
        self._decisions.inc()
        for fact in decision.facts:
            if isinstance(fact, GroupRecreationStarted):
                self._recreations.labels(self._failure(fact.failure)).inc()

    def command_ended(self, command: str, *, outcome: str, seconds: float) -> None:
        """A command has an outcome: ``succeeded`` or ``failed``. ``command`` is its kind."""
        self._commands.labels(command, outcome).inc()
        self._reconciles.labels(_CONTROLLER, "error" if outcome == "failed" else "success").inc()
        if outcome == "failed":
            self._reconcile_errors.labels(_CONTROLLER).inc()
        self._reconcile_seconds.labels(_CONTROLLER).observe(seconds)

    def appended(self, stream: str, *, seconds: float) -> None:
        """An append to ``events`` or ``decisions`` was acknowledged."""
        self._append.labels(stream).observe(seconds)

    def lag(self, events: int) -> None:
        """How many recorded events have not been folded yet."""
        self._lag.set(events)

    def api_request(self, *, method: str, host: str, code: int) -> None:
        """The API server answered; code 0: it did not."""
        self._requests.labels("<error>" if code == 0 else str(code), host, method).inc()

    def leads(self, name: str, *, leads: bool) -> None:
        """Whether this process holds the Lease ``name``."""
        self._leader.labels(name).set(1 if leads else 0)

    def webhook_registered(self, path: str) -> None:
        """A webhook is served: its numbers exist from now on, with 0 (spec 10.6)."""
        for code in _WEBHOOK_CODES:
            self._webhook_requests.labels(path, code)
        self._webhooks_in_flight.labels(path).set(0)

    def webhook_started(self, path: str) -> None:
        """An admission request has come in."""
        self._webhooks_in_flight.labels(path).inc()

    def webhook_ended(self, path: str, *, code: int, seconds: float) -> None:
        """It was answered. A denial counts as 200, as in the reference."""
        self._webhooks_in_flight.labels(path).dec()
        self._webhook_requests.labels(path, str(code)).inc()
        self._webhook_seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """All of it in the text format of Prometheus."""
        return generate_latest(self.registry)

    def _failure(self, failure: str) -> str:
        if failure in self._failures or len(self._failures) < _RECREATION_FAILURES_MAX:
            self._failures.add(failure)
            return failure
        return "other"


class ApiMeter:
    """Counts requests of one API client; ``adapters.kubernetes.client.RequestMeter`` is what it fits."""

    def __init__(self, metrics: Metrics, *, host: str) -> None:
        self._metrics = metrics
        self._host = host

    def count(self, *, method: str, resource: str, code: int) -> None:  # noqa: ARG002 (not a label of this metric)
        """One request was answered, or failed (code 0)."""
        self._metrics.api_request(method=method, host=self._host, code=code)
