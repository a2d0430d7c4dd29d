"""Metrics of one process, with names that dashboards of other controllers know (spec 10.6) and our own.

``Metrics`` owns a registry of its own: two controllers in one process (tests, the demo) do not share numbers. Nothing
here is read back by the program. It is what the engine and the webhook server ask for in their ports
(``EngineMetrics``, ``RequestMetrics``), and the API client through ``ApiMeter``. Labels have few distinct values: never
a name of a set.
"""

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from lws_events.commands import SetTimer
from lws_events.decisions import Decision, GroupRecreationStarted
from lws_events.events import SUPERSEDED, CommandFailed, CommandSucceeded, Envelope
from lws_events.subjects import SetName

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_CONTROLLER: Final = "leaderworkerset"
_RESULTS: Final = ("success", "error", "requeue", "requeue_after")
_WEBHOOK_CODES: Final = ("200", "500")
_RECREATION_FAILURES_MAX: Final = 32
"""Bound of the label ``failure``: reasons of the cluster are words of its own."""

_FAST_SECONDS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """All metrics of one controller or webhook server."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._in_flight: dict[str, tuple[str, float]] = {}
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._events = Counter(
            "lws_events_events", "Events taken in from the journal, by fact.", ["kind"], registry=registry
        )
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
        for result in _RESULTS:
            self._reconciles.labels(_CONTROLLER, result)
        self._reconcile_errors.labels(_CONTROLLER)
        self._failures: set[str] = set()

    def event_folded(self, envelope: Envelope) -> None:
        """The engine took an event in. An outcome ends the command that it is about."""
        fact = envelope.fact
        self._events.labels(type(fact).__name__).inc()
        if isinstance(fact, CommandSucceeded):
            self._ended(fact.command_id, "succeeded")
        elif isinstance(fact, CommandFailed):
            self._ended(fact.command_id, "superseded" if fact.reason == SUPERSEDED else "failed")

    def decided(self, set_name: SetName, decision: Decision) -> None:  # noqa: ARG002 (never a label)
        """The engine recorded a decision: counts it and the recreations that it begins; its commands begin."""
        self._decisions.inc()
        now = self._monotonic()
        for issued in decision.commands:
            if not isinstance(issued.command, SetTimer):
                self._in_flight[issued.id] = (type(issued.command).__name__, now)
        for fact in decision.facts:
            if isinstance(fact, GroupRecreationStarted):
                self._recreations.labels(self._failure(fact.failure)).inc()

    def appended(self, stream: str, *, seconds: float) -> None:
        """An append to ``events`` or ``decisions`` was acknowledged."""
        self._append.labels(stream).observe(seconds)

    def api_request(self, *, method: str, host: str, code: int) -> None:
        """The API server answered; code 0: it did not."""
        self._requests.labels("<error>" if code == 0 else str(code), host, method).inc()

    def leads(self, name: str, *, leads: bool) -> None:
        """Whether this process holds the Lease ``name``."""
        self._leader.labels(name).set(1 if leads else 0)

    def gang_scheduling(self, problem: Callable[[], str]) -> None:
        """Gang scheduling is on. ``problem``: why PodGroups cannot be followed, empty while they can."""
        failing = Gauge(
            "lws_events_gang_scheduling_failing",
            "1 while the API server does not let PodGroups be followed.",
            registry=self.registry,
        )
        failing.set_function(lambda: 1 if problem() else 0)

    def webhook_registered(self, path: str) -> None:
        """A webhook is served: its numbers exist from now on, with 0 (spec 10.6)."""
        for code in _WEBHOOK_CODES:
            self._webhook_requests.labels(path, code)

    def observe(self, path: str, code: int, seconds: float) -> None:
        """An admission request was answered. A denial counts as 200, as in the reference."""
        self._webhook_requests.labels(path, str(code)).inc()
        self._webhook_seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """All of it in the text format of Prometheus."""
        return generate_latest(self.registry)

    def _ended(self, command_id: str, outcome: str) -> None:
        """One of before this process began has no known kind and no beginning; to be superseded is no error."""
        kind, began = self._in_flight.pop(command_id, ("unknown", None))
        failed = outcome == "failed"
        self._commands.labels(kind, outcome).inc()
        self._reconciles.labels(_CONTROLLER, "error" if failed else "success").inc()
        if failed:
            self._reconcile_errors.labels(_CONTROLLER).inc()
        if began is not None:
            self._reconcile_seconds.labels(_CONTROLLER).observe(self._monotonic() - began)

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
