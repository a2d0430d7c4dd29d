"""Numbers follow from what the engine, the API client and the webhook server tell."""

from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Message
from adapters.kubernetes.client import RequestMeter
from adapters.observability.metrics import ApiMeter, Metrics
from adapters.observability.timed_journal import timed
from lws_events.events import SUPERSEDED, CommandFailed, CommandSucceeded, Envelope
from lws_events.subjects import SetName
from projections.journal import Step
from tests.unit.cli.recreated_group import recreated_group


class Clock:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _tell(metrics: Metrics, steps: list[Step]) -> None:
    for step in steps:
        metrics.event_folded(step.event.envelope)
        if step.decision is not None:
            metrics.decided(SetName("default", "sample"), step.decision, at_ms=step.event.envelope.at_ms)


def test_a_whole_journal() -> None:
    journal = recreated_group()
    metrics = Metrics()
    _tell(metrics, journal.steps)
    value = metrics.registry.get_sample_value
    assert value("lws_events_decisions_total") == len(journal.decisions)
    assert value("lws_events_group_recreations_total", {"failure": "deleted"}) == 1
    assert value("lws_events_events_total", {"kind": "PodDeleted"}) == 2
    deleted = {"command": "DeleteLeaderPod", "outcome": "succeeded"}
    assert value("lws_events_commands_total", deleted) == 1
    outcomes = sum(isinstance(event.envelope.fact, CommandSucceeded) for event in journal.events)
    success = {"controller": "leaderworkerset", "result": "success"}
    assert value("controller_runtime_reconcile_total", success) == outcomes > 0
    assert value("controller_runtime_reconcile_total", success | {"result": "error"}) == 0


def test_how_long_commands_take_and_that_they_fail() -> None:
    journal = recreated_group()
    clock = Clock()
    metrics = Metrics(monotonic=clock)
    decision = next(recorded.decision for recorded in journal.decisions if recorded.decision.commands)
    metrics.decided(SetName("default", "sample"), decision, at_ms=0)
    clock.now = 0.25
    for issued in decision.commands:
        fact = CommandFailed(command_id=issued.id, target="x", code=409, reason="Conflict")
        metrics.event_folded(Envelope(at_ms=0, fact=fact))
    value = metrics.registry.get_sample_value
    controller = {"controller": "leaderworkerset"}
    assert value("controller_runtime_reconcile_errors_total", controller) == len(decision.commands)
    assert value("controller_runtime_reconcile_time_seconds_sum", controller) == 0.25 * len(decision.commands)


def test_a_command_that_was_superseded_is_no_error() -> None:
    metrics = Metrics()
    fact = CommandFailed(command_id="x", target="x", code=0, reason=SUPERSEDED)
    metrics.event_folded(Envelope(at_ms=0, fact=fact))
    value = metrics.registry.get_sample_value
    assert value("lws_events_commands_total", {"command": "unknown", "outcome": "superseded"}) == 1
    assert value("controller_runtime_reconcile_total", {"controller": "leaderworkerset", "result": "error"}) == 0
    assert value("controller_runtime_reconcile_errors_total", {"controller": "leaderworkerset"}) == 0


def test_an_outcome_of_before_the_start_is_counted() -> None:
    metrics = Metrics()
    metrics.event_folded(Envelope(at_ms=0, fact=CommandSucceeded(command_id="earlier", target="x")))
    unknown = {"command": "unknown", "outcome": "succeeded"}
    assert metrics.registry.get_sample_value("lws_events_commands_total", unknown) == 1


def test_api_requests() -> None:
    metrics = Metrics()
    meter: RequestMeter = ApiMeter(metrics, host="api:6443")
    meter.count(method="GET", resource="pods", code=200)
    meter.count(method="GET", resource="pods", code=0)
    value = metrics.registry.get_sample_value
    assert value("rest_client_requests_total", {"code": "200", "host": "api:6443", "method": "GET"}) == 1
    assert value("rest_client_requests_total", {"code": "<error>", "host": "api:6443", "method": "GET"}) == 1


def test_webhooks_exist_with_zero_before_the_first_request() -> None:
    metrics = Metrics()
    metrics.webhook_registered("/mutate--v1-pod")
    value = metrics.registry.get_sample_value
    labels = {"webhook": "/mutate--v1-pod", "code": "200"}
    assert value("controller_runtime_webhook_requests_total", labels) == 0
    metrics.observe("/mutate--v1-pod", 200, 0.003)
    assert value("controller_runtime_webhook_requests_total", labels) == 1
    bucket = {"webhook": "/mutate--v1-pod", "le": "0.005"}
    assert value("controller_runtime_webhook_latency_seconds_bucket", bucket) == 1


async def test_appends_are_timed_and_the_journal_is_the_same() -> None:
    metrics = Metrics()
    memory = MemoryJournal()
    journal = timed(memory.journal, metrics)
    subject = f"{journal.events.root}.epoch"
    await journal.events.append([Message(subject, b"{}", "id")])
    assert await journal.events.last_sequence() == 1
    assert [record.data for batch in [b async for b in journal.events.read(follow=False)] for record in batch] == [
        b"{}"
    ]
    assert journal.events.name == memory.events.name
    value = metrics.registry.get_sample_value
    assert value("lws_events_journal_append_seconds_count", {"stream": "events"}) == 1
    await journal.events.schedule(subject, fire_at_ns=5, data=b"t")
    await journal.events.cancel(subject)
    assert memory.events.next_timer_ns() is None
    assert value("lws_events_journal_append_seconds_count", {"stream": "decisions"}) is None


def test_how_late_events_are_decided_about() -> None:
    metrics = Metrics(now_ms=lambda: 5_250)
    metrics.event_folded(Envelope(at_ms=5_000, fact=CommandSucceeded(command_id="x", target="x")))
    metrics.event_folded(Envelope(at_ms=9_000, fact=CommandSucceeded(command_id="y", target="x")))  # clocks differ
    value = metrics.registry.get_sample_value
    assert value("lws_events_event_lag_seconds_sum") == 0.25
    assert value("lws_events_event_lag_seconds_bucket", {"le": "0.005"}) == 1


def test_commands_are_counted_when_they_are_decided() -> None:
    metrics = Metrics()
    journal = recreated_group()
    _tell(metrics, journal.steps)
    issued = [command for recorded in journal.decisions for command in recorded.decision.commands]
    deletions = sum(type(command.command).__name__ == "DeleteLeaderPod" for command in issued)
    labels = {"command": "DeleteLeaderPod"}
    assert metrics.registry.get_sample_value("lws_events_commands_issued_total", labels) == deletions == 1
