"""The report of the audit as tables for people and as Markdown for a review."""

from collections.abc import Iterable, Iterator

from adapters.cli.audit_output import printable
from projections.audit.report import SetReport


def lines_of(report: SetReport) -> Iterator[tuple[str, str]]:
    """What a report says, in words: name and value."""
    yield "restarts of groups", _counted(report.restarts, report.restarts_by_reason)
    yield "leaders replaced by rollouts", str(report.leaders_replaced)
    yield (
        "time to ready",
        f"p50 {_seconds(report.ready_p50_ms)}, p99 {_seconds(report.ready_p99_ms)} of {report.groups_ready}",
    )
    yield (
        "unavailability",
        f"{report.pod_ms_lost / 1000:.3f} pod-seconds, {report.group_ms_lost / 1000:.3f} group-seconds",
    )
    yield (
        "rollouts",
        f"{report.rollouts} complete, p50 {_seconds(report.rollout_p50_ms)}, longest "
        f"{_seconds(report.rollout_max_ms)}; {report.rollouts_not_complete} not complete",
    )
    yield "changes of the spec", _counted(report.spec_changes, report.spec_changes_by_user)


def table(reports: Iterable[SetReport]) -> Iterator[str]:
    """Lines for people."""
    for report in reports:
        yield printable(f"{report.namespace}/{report.set}")
        for name, value in lines_of(report):
            yield printable(f"  {name:<28}  {value}")


def markdown(reports: Iterable[SetReport]) -> Iterator[str]:
    """A section with a table for each set."""
    for report in reports:
        yield f"## {_escaped(f'{report.namespace}/{report.set}')}"
        yield ""
        yield "| | |"
        yield "|---|---|"
        for name, value in lines_of(report):
            yield f"| {name} | {_escaped(value)} |"
        yield ""


def _counted(total: int, parts: dict[str, int]) -> str:
    named = ", ".join(f"{count} × {name}" for name, count in parts.items())
    return f"{total} ({named})" if named else str(total)


def _seconds(milliseconds: int | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds / 1000:.3f} s"


def _escaped(text: str) -> str:
    """Names and failures are of others: no markup, no links, no cells of their own."""
    escaped = printable(text).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{one}" if one in "\\|`*_[]" else one for one in escaped)
