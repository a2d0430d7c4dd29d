"""Metrics of one process, with names that dashboards of other controllers know (spec 10.6) and our own.

``Metrics`` owns a registry of its own: two controllers in one process (tests, the demo) do not share numbers. Nothing
here is read back by the program. It is what the engine and the webhook server ask for in their ports
(``EngineMetrics``, ``RequestMetrics``), and the API client through ``ApiMeter``. Labels have few distinct values; only
``sets`` names sets, up to a limit.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from adapters.observability.journal_life import JournalLife
from adapters.observability.lifecycles import Lifecycles
from adapters.observability.sets import SetCollector
from lws_events.commands import SetTimer
from lws_events.decisions import Decision
from lws_events.events import SUPERSEDED, CommandFailed, CommandSucceeded, Envelope
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_CONTROLLER: Final = "leaderworkerset"
_RESULTS: Final = ("success", "error", "requeue", "requeue_after")
_WEBHOOK_CODES: Final = ("200", "500")

_FAST_SECONDS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LAG_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Metrics:
    """All metrics of one controller or webhook server."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic, now_ms: Callable[[], int] = _now_ms) -> None:
        self._monotonic = monotonic
        self._now_ms = now_ms
        self._in_flight: dict[str, tuple[str, float]] = {}
        self._leads = True
        self._sets: Callable[[], Mapping[SetName, Aggregate]] | None = None
        self._life: JournalLife | None = None
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._events = Counter(
            "lws_events_events", "Events taken in from the journal, by fact.", ["kind"], registry=registry
        )
        self._decisions = Counter("lws_events_decisions", "Decisions recorded.", registry=registry)
        self._commands = Counter(
            "lws_events_commands",
            "Outcomes of commands: `succeeded`, `failed`, `superseded`.",
            ["command", "outcome"],
            registry=registry,
        )
        self._issued = Counter(
            "lws_events_commands_issued", "Commands decided, timers included.", ["command"], registry=registry
        )
        self._lag = Histogram(
            "lws_events_event_lag_seconds",
            "From the recording of an event until it was taken in.",
            buckets=_LAG_SECONDS,
            registry=registry,
        )
        self._lifecycles = Lifecycles(registry)
        self._append = Histogram(
            "lws_events_journal_append_seconds",
            "From an append to its acknowledgement, which means: on disk.",
            ["stream"],
            buckets=_FAST_SECONDS,
            registry=registry,
        )
        self._requests = Counter(
            "rest_client_requests",
            "Requests to the API server; code `<error>`: no answer.",
            ["code", "host", "method"],
            registry=registry,
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
            "controller_runtime_webhook_requests",
            "Admission requests; a denial counts as 200.",
            ["webhook", "code"],
            registry=registry,
        )
        self._webhook_seconds = Histogram(
            "controller_runtime_webhook_latency_seconds",
            "How long admission took.",
            ["webhook"],
            buckets=_FAST_SECONDS,
            registry=registry,
        )
        self._requests_dropped = Counter(
            "lws_events_admission_requests_dropped",
            "Requests of users that admission told of and that will not be in the journal.",
            registry=registry,
        )
        for result in _RESULTS:
            self._reconciles.labels(_CONTROLLER, result)
        self._reconcile_errors.labels(_CONTROLLER)

    def event_folded(self, envelope: Envelope) -> None:
        """The engine took an event in. An outcome ends the command that it is about."""
        fact = envelope.fact
        self._events.labels(type(fact).__name__).inc()
        self._lag.observe(max(0, self._now_ms() - envelope.at_ms) / 1000)
        if isinstance(fact, CommandSucceeded):
            self._ended(fact.command_id, "succeeded")
        elif isinstance(fact, CommandFailed):
            self._ended(fact.command_id, "superseded" if fact.reason == SUPERSEDED else "failed")

    def decided(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """The engine recorded a decision about an event of that time; its commands begin."""
        self._decisions.inc()
        now = self._monotonic()
        for issued in decision.commands:
            kind = type(issued.command).__name__
            self._issued.labels(kind).inc()
            if not isinstance(issued.command, SetTimer):
                self._in_flight[issued.id] = (kind, now)
        self._lifecycles.decided(set_name, decision, at_ms=at_ms)

    def recalled(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """The engine read a decision of the past: counted already, but what it began may end now."""
        self._lifecycles.recalled(set_name, decision, at_ms=at_ms)

    def watch_sets(self, sets: Callable[[], Mapping[SetName, Aggregate]]) -> None:
        """From now on these are the sets that are told of by name, while this process leads."""
        if self._sets is None:
            self.registry.register(
                SetCollector(lambda: self._sets() if self._sets and self._leads else None, self._lifecycles)
            )
        self._sets = sets

    def appended(self, stream: str, *, seconds: float) -> None:
        """An append to ``events`` or ``decisions`` was acknowledged."""
        self._append.labels(stream).observe(seconds)

    def api_request(self, *, method: str, host: str, code: int) -> None:
        """The API server answered; code 0: it did not."""
        self._requests.labels("<error>" if code == 0 else str(code), host, method).inc()

    def leads(self, name: str, *, leads: bool) -> None:
        """Whether this process holds the Lease ``name``."""
        self._leads = leads
        self._leader.labels(name).set(1 if leads else 0)

    def gang_scheduling(self, problem: Callable[[], str]) -> None:
        """Gang scheduling is on. ``problem``: why PodGroups cannot be followed, empty while they can."""
        failing = Gauge(
            "lws_events_gang_scheduling_failing",
            "1 while the API server does not let PodGroups be followed.",
            registry=self.registry,
        )
        failing.set_function(lambda: 1 if problem() else 0)

    def journal_life(self) -> JournalLife:
        """Metrics of the journal's own life, which exist from now on."""
        self._life = self._life or JournalLife(self.registry)
        return self._life

    def webhook_registered(self, path: str) -> None:
        """A webhook is served: its numbers exist from now on, with 0 (spec 10.6)."""
        for code in _WEBHOOK_CODES:
            self._webhook_requests.labels(path, code)

    def observe(self, path: str, code: int, seconds: float) -> None:
        """An admission request was answered. A denial counts as 200, as in the reference."""
        self._webhook_requests.labels(path, str(code)).inc()
        self._webhook_seconds.labels(path).observe(seconds)

    def requests_dropped(self, count: int) -> None:
        """So many requests of users will not be recorded."""
        self._requests_dropped.inc(count)

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


class ApiMeter:
    """Counts requests of one API client; ``adapters.kubernetes.client.RequestMeter`` is what it fits."""

    def __init__(self, metrics: Metrics, *, host: str) -> None:
        self._metrics = metrics
        self._host = host

    def count(self, *, method: str, resource: str, code: int) -> None:  # noqa: ARG002 (not a label of this metric)
        """One request was answered, or failed (code 0)."""
        self._metrics.api_request(method=method, host=self._host, code=code)
