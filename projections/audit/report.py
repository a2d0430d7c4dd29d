"""A report of each set over a period, summed up from the rows of its audit."""

from collections.abc import Iterable

import msgspec

from projections.audit.rollouts import COMPLETE
from projections.audit.rows import CAPACITY, CHANGE, READY, REPLACEMENT, RESTART, ROLLOUT, AuditRow
from projections.durations import P50, P99, percentile


class SetReport(msgspec.Struct, kw_only=True):
    """One set. Durations are milliseconds; None: there was nothing to measure."""

    namespace: str
    set: str
    restarts: int = 0
    restarts_by_reason: dict[str, int] = {}
    leaders_replaced: int = 0
    groups_ready: int = 0
    """How often a group became ready."""
    ready_p50_ms: int | None = None
    ready_p99_ms: int | None = None
    pod_ms_lost: int = 0
    group_ms_lost: int = 0
    rollouts: int = 0
    """Those that were completed in the period."""
    rollout_p50_ms: int | None = None
    rollout_max_ms: int | None = None
    rollouts_not_complete: int = 0
    """Overtaken, or going on at the end."""
    spec_changes: int = 0
    """Generations after the first."""
    spec_changes_by_user: dict[str, int] = {}


class _Sums:
    def __init__(self, row: AuditRow) -> None:
        self.report = SetReport(namespace=row.namespace, set=row.set, restarts_by_reason={}, spec_changes_by_user={})
        self.ready_ms: list[int] = []
        self.rollout_ms: list[int] = []
        self.changed_by = 0
        """Sequence of the last change: each of its fields has a row."""

    def add(self, row: AuditRow) -> None:
        report = self.report
        if row.kind == RESTART:
            report.restarts += 1
            report.restarts_by_reason[row.because] = report.restarts_by_reason.get(row.because, 0) + 1
        elif row.kind == REPLACEMENT:
            report.leaders_replaced += 1
        elif row.kind == READY:
            self.ready_ms.append(row.took_ms or 0)
        elif row.kind == CAPACITY and row.pod:
            report.pod_ms_lost += row.lost_ms or 0
        elif row.kind == CAPACITY:
            report.group_ms_lost += row.lost_ms or 0
        elif row.kind == ROLLOUT and row.outcome == COMPLETE:
            self.rollout_ms.append(row.took_ms or 0)
        elif row.kind == ROLLOUT:
            report.rollouts_not_complete += 1
        elif row.kind == CHANGE and row.path and row.sequence != self.changed_by:
            self.changed_by = row.sequence
            report.spec_changes += 1
            report.spec_changes_by_user[row.user] = report.spec_changes_by_user.get(row.user, 0) + 1

    def result(self) -> SetReport:
        report = self.report
        report.groups_ready, report.rollouts = len(self.ready_ms), len(self.rollout_ms)
        if self.ready_ms:
            report.ready_p50_ms, report.ready_p99_ms = percentile(self.ready_ms, P50), percentile(self.ready_ms, P99)
        if self.rollout_ms:
            report.rollout_p50_ms, report.rollout_max_ms = percentile(self.rollout_ms, P50), max(self.rollout_ms)
        report.restarts_by_reason = dict(sorted(report.restarts_by_reason.items()))
        report.spec_changes_by_user = dict(sorted(report.spec_changes_by_user.items()))
        return report


def report(rows: Iterable[AuditRow]) -> list[SetReport]:
    """One for each set that the rows are about, by name."""
    found: dict[tuple[str, str], _Sums] = {}
    for row in rows:
        key = (row.namespace, row.set)
        if key not in found:
            found[key] = _Sums(row)
        found[key].add(row)
    return [found[key].result() for key in sorted(found)]
