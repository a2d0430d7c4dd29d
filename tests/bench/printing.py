"""The report as tables for people; the same report goes to a file as JSON for programs."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from tests.bench import workload
from tests.bench.figures import (
    ClusterRun,
    CostPerEvent,
    Latency,
    Machine,
    ProcessCost,
    Report,
    TakeOver,
)
from tests.bench.printing_journals import journal_tables

_NOTHING = "–"


def print_report(report: Report, console: Console) -> None:
    """One table for each: cluster runs side by side, the machine, the journal."""
    console.print(_machine(report.machine))
    if report.runs:
        console.print(_cluster(report.runs))
    if report.cost_per_event:
        console.print(_cost_per_event(report.cost_per_event))
    if report.take_over is not None:
        console.print(_take_over(report.take_over))
    for table in journal_tables(report):
        console.print(table)


def _machine(machine: Machine) -> str:
    return (
        f"lws-events {machine.lws_events}, Python {machine.python}, {machine.cores} cores, "
        f"{machine.memory_mib / 1024:.0f} GiB, {machine.system}; fsync p50 {machine.fsync_p50_ms:.1f} ms, "
        f"p99 {machine.fsync_p99_ms:.1f} ms"
    )


Row = tuple[str, Callable[[ClusterRun], str]]


def _cluster(runs: Sequence[ClusterRun]) -> Table:
    table = Table(title="On the real control plane", title_justify="left")
    table.add_column("")
    for run in runs:
        table.add_column(f"{run.controller}\n{run.groups} groups of {run.size}", justify="right")
    for title, rows in (
        ("Create", _CREATION),
        (f"Rolling update, {workload.MAX_UNAVAILABLE} of the groups at a time", _UPDATE),
        ("One worker of each group force-deleted", _FAILURE),
    ):
        table.add_row(f"[bold]{title}[/bold]")
        for label, show in rows:
            table.add_row(label, *(show(run) for run in runs))
        table.add_section()
    return table


_CREATION: tuple[Row, ...] = (
    ("seconds until Available", lambda run: _number(run.creation.available_seconds, 2)),
    ("  floor: the StatefulSets alone", lambda run: _number(run.creation.floor_seconds, 2)),
    ("  ratio to the floor", lambda run: _number(run.creation.ratio_to_floor, 2)),
    ("API writes", lambda run: str(run.creation.api_writes)),
    ("  per group", lambda run: _number(run.creation.api_writes_per_group, 2)),
    ("controller: CPU seconds", lambda run: _cpu(run.creation.controller)),
    ("  before the set came", lambda run: _number(run.creation.startup_cpu_seconds, 2)),
    ("  peak memory, MiB", lambda run: _memory(run.creation.controller)),
    ("its NATS server: CPU seconds", lambda run: _cpu(run.creation.nats)),
    ("  peak memory, MiB", lambda run: _memory(run.creation.nats)),
)
_UPDATE: tuple[Row, ...] = (
    ("seconds until all are updated and Available", lambda run: _number(run.rolling_update.updated_seconds, 2)),
    ("pods that are the same as before", lambda run: str(run.rolling_update.pods_kept)),
    ("API writes", lambda run: str(run.rolling_update.api_writes)),
    ("controller: CPU seconds", lambda run: _cpu(run.rolling_update.controller)),
    ("  peak memory, MiB", lambda run: _memory(run.rolling_update.controller)),
    ("its NATS server: CPU seconds", lambda run: _cpu(run.rolling_update.nats)),
)
_FAILURE: tuple[Row, ...] = (
    ("groups recreated", lambda run: f"{run.mass_failure.groups_recreated} of {run.groups}"),
    ("leader deletions", lambda run: str(run.mass_failure.leader_deletions)),
    ("seconds until all are back", lambda run: _number(run.mass_failure.recovered_seconds, 2)),
    ("API writes", lambda run: str(run.mass_failure.api_writes)),
    ("deletion seen to leader's sent, p50 / p99 ms", lambda run: _latency(run.mass_failure.seen_to_sent)),
    ("deletion made to leader's sent, p50 / p99 ms", lambda run: _latency(run.mass_failure.deleted_to_sent)),
    ("controller: CPU seconds", lambda run: _cpu(run.mass_failure.controller)),
    ("  peak memory, MiB", lambda run: _memory(run.mass_failure.controller)),
    ("its NATS server: CPU seconds", lambda run: _cpu(run.mass_failure.nats)),
)


def _cost_per_event(costs: Sequence[CostPerEvent]) -> Table:
    table = Table(title="The machine alone, CPU microseconds per event in a set of", title_justify="left")
    table.add_column("groups")
    for cost in costs:
        table.add_column(f"{cost.groups:,}", justify="right")
    table.add_row("while it comes up", *(f"{cost.created_us:.1f}" for cost in costs))
    table.add_row("while a few groups are recreated", *(f"{cost.recreated_us:.1f}" for cost in costs))
    table.add_row("while a few groups are rolled", *(f"{cost.rolled_us:.1f}" for cost in costs))
    return table


def _take_over(figures: TakeOver) -> Table:
    table = Table(title=f"The leader is killed, {figures.kills} times", title_justify="left")
    table.add_column("until the other instance writes")
    table.add_column("", justify="right")
    table.add_row("lease duration, seconds", f"{figures.lease_seconds:.0f}")
    table.add_row("seconds, median / longest", f"{figures.median_seconds:.2f} / {figures.max_seconds:.2f}")
    table.add_row("longest as a ratio to the lease duration", f"{figures.max_ratio_to_lease:.2f}")
    return table


def _number(value: float | None, digits: int) -> str:
    return _NOTHING if value is None else f"{value:.{digits}f}"


def _cpu(cost: ProcessCost | None) -> str:
    return _NOTHING if cost is None else f"{cost.cpu_seconds:.2f}"


def _memory(cost: ProcessCost | None) -> str:
    return _NOTHING if cost is None else f"{cost.rss_peak_mib:.0f}"


def _latency(latency: Latency | None) -> str:
    return _NOTHING if latency is None else f"{latency.p50_ms:.0f} / {latency.p99_ms:.0f}"
