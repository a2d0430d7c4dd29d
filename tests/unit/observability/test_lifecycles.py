"""Durations and counts of groups and rollouts follow from the lifecycle facts, also over a change of the leader."""

from adapters.observability.metrics import Metrics
from adapters.observability.sets import SETS_MAX
from lws_events.decisions import (
    MACHINE_VERSION,
    ConditionChanged,
    Decision,
    GroupChanged,
    GroupRecreationStarted,
    LifecycleFact,
    RolloutBlocked,
    RolloutStepped,
)
from lws_events.machine.spec import SetSpec
from lws_events.machine.state import Aggregate, Counts
from lws_events.subjects import SetName
from tests.unit.cli.recreated_group import recreated_group

SAMPLE = SetName("default", "sample")


def _decision(*facts: LifecycleFact) -> Decision:
    return Decision(epoch="e", cause=1, machine=MACHINE_VERSION, facts=facts)


def _changed(before: str, after: str, group: str = "sample-0") -> GroupChanged:
    return GroupChanged(group=group, before=before, after=after)


def _recreation(failure: str = "deleted") -> GroupRecreationStarted:
    return GroupRecreationStarted(
        group="sample-0", leader="sample-0", leader_uid="u", failed_pod="p", failed_uid="v", failure=failure
    )


def _value(metrics: Metrics, metric: str, **labels: str) -> float | None:
    value: float | None = metrics.registry.get_sample_value(f"lws_events_{metric}", labels)
    return value


def _lived(metrics: Metrics, *moments: tuple[int, LifecycleFact]) -> None:
    for seconds, fact in moments:
        metrics.decided(SAMPLE, _decision(fact), at_ms=seconds * 1000)


def test_until_a_group_is_ready() -> None:
    metrics = Metrics()
    assert _value(metrics, "group_ready_seconds_count", after="creation") == 0
    _lived(
        metrics,
        (10, _changed("Absent", "Scheduling")),
        (12, _changed("Scheduling", "Starting")),
        (40, _changed("Starting", "Ready")),
        (50, _changed("Ready", "Degraded")),
        (90, _changed("Degraded", "Ready")),
    )
    assert _value(metrics, "group_ready_seconds_count", after="creation") == 1
    assert _value(metrics, "group_ready_seconds_sum", after="creation") == 30


def test_until_a_recreated_group_is_ready() -> None:
    """From the failure on, whatever it passes through."""
    metrics = Metrics()
    _lived(
        metrics,
        (100, _recreation()),
        (100, _changed("Ready", "Recreating")),
        (105, _changed("Recreating", "Terminating")),
        (110, _changed("Terminating", "Absent")),
        (111, _changed("Absent", "Scheduling")),
        (160, _changed("Scheduling", "Ready")),
    )
    assert _value(metrics, "group_ready_seconds_sum", after="recreation") == 60
    assert _value(metrics, "group_ready_seconds_count", after="creation") == 0
    assert _value(metrics, "group_recreations_total", failure="deleted") == 1


def test_a_group_that_went_away_before_it_was_ready_is_not_measured() -> None:
    metrics = Metrics()
    _lived(
        metrics,
        (1, _changed("Absent", "Scheduling")),
        (2, _changed("Scheduling", "Absent")),
        (100, _changed("Absent", "Starting")),
        (103, _changed("Starting", "Ready")),
    )
    assert _value(metrics, "group_ready_seconds_sum", after="creation") == 3


def test_rollouts() -> None:
    metrics = Metrics()
    metrics.watch_sets(lambda: {SAMPLE: Aggregate(SAMPLE)})
    updating = {"condition": "UpdateInProgress"}
    blocked = RolloutBlocked(key="k", partition=1, groups=("sample-0",), count=1)
    stepped = RolloutStepped(
        key="k", partition_before=1, partition=0, replicas_before=1, replicas=1, because="it is ready"
    )
    _lived(metrics, (5, ConditionChanged(**updating, status="True")), (6, blocked))
    assert _value(metrics, "rollouts_in_progress") == 1
    assert _value(metrics, "rollouts_blocked") == 1
    _lived(metrics, (7, stepped))
    assert _value(metrics, "rollouts_blocked") == 0
    _lived(metrics, (25, ConditionChanged(**updating, status="False")))
    assert _value(metrics, "rollout_seconds_sum") == 20
    assert _value(metrics, "rollouts_in_progress") == 0
    assert _value(metrics, "lifecycle_facts_total", fact="RolloutBlocked") == 1


def test_what_began_under_another_leader_ends_with_its_whole_duration_and_is_not_counted_again() -> None:
    metrics = Metrics()
    metrics.recalled(SAMPLE, _decision(_recreation(), _changed("Ready", "Recreating")), at_ms=1_000)
    _lived(metrics, (61, _changed("Scheduling", "Ready")))
    assert _value(metrics, "group_ready_seconds_sum", after="recreation") == 60
    assert _value(metrics, "group_recreations_total", failure="deleted") is None


def test_reasons_of_the_cluster_are_bounded() -> None:
    metrics = Metrics()
    _lived(metrics, *((number, _recreation(f"failed (Reason{number})")) for number in range(40)))
    assert _value(metrics, "group_recreations_total", failure="failed (Reason31)") == 1
    assert _value(metrics, "group_recreations_total", failure="other") == 8


def _aggregate(name: SetName, *, replicas: int, ready: int) -> Aggregate:
    return Aggregate(name, spec=SetSpec(replicas=replicas), totals=Counts(ready=ready, updated=1))


def test_sets_are_told_of_by_name_by_the_leader_as_long_as_they_are_there() -> None:
    metrics = Metrics()
    sets = {SAMPLE: _aggregate(SAMPLE, replicas=3, ready=2)}
    metrics.watch_sets(lambda: sets)
    of_sample = {"namespace": "default", "name": "sample"}
    assert _value(metrics, "set_groups", **of_sample, state="wanted") == 3
    assert _value(metrics, "set_groups", **of_sample, state="ready") == 2
    assert _value(metrics, "set_groups", **of_sample, state="updated") == 1
    assert _value(metrics, "sets") == 1
    metrics.leads("lease", leads=False)
    assert _value(metrics, "set_groups", **of_sample, state="ready") is None
    metrics.leads("lease", leads=True)
    sets.clear()
    assert _value(metrics, "set_groups", **of_sample, state="ready") is None
    assert _value(metrics, "sets") == 0


def test_not_more_than_so_many_sets_are_told_of() -> None:
    metrics = Metrics()
    names = [SetName("default", f"set-{number:04}") for number in range(SETS_MAX + 7)]
    sets = {name: _aggregate(name, replicas=1, ready=1) for name in reversed(names)}
    metrics.watch_sets(lambda: sets)
    [family] = [family for family in metrics.registry.collect() if family.name == "lws_events_set_groups"]
    assert len(family.samples) == 3 * SETS_MAX
    assert family.samples[0].labels["name"] == "set-0000"
    assert _value(metrics, "sets_without_series") == 7
    assert _value(metrics, "sets") == SETS_MAX + 7


def test_what_is_known_of_a_set_ends_with_it() -> None:
    metrics = Metrics()
    sets = {SAMPLE: Aggregate(SAMPLE)}
    metrics.watch_sets(lambda: sets)
    _lived(metrics, (1, ConditionChanged(condition="UpdateInProgress", status="True")))
    sets.clear()
    assert _value(metrics, "rollouts_in_progress") == 0


def test_a_recorded_journal_and_its_numbers_agree() -> None:
    journal = recreated_group()
    metrics = Metrics()
    for step in journal.steps:
        if step.decision is not None:
            metrics.decided(SAMPLE, step.decision, at_ms=step.event.envelope.at_ms)
    facts = [fact for recorded in journal.decisions for fact in recorded.decision.facts]
    started = sum(isinstance(fact, GroupRecreationStarted) for fact in facts)
    changed = sum(isinstance(fact, GroupChanged) for fact in facts)
    assert _value(metrics, "lifecycle_facts_total", fact="GroupChanged") == changed > 1
    assert _value(metrics, "lifecycle_facts_total", fact="GroupRecreationStarted") == started == 1
