"""Print the answers of ``what-if`` for people: what admission says, the sum of it, then the timeline."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from adapters.what_if.asking import Assumed, SetTold, Told
from adapters.what_if.questions import Verdict
from adapters.what_if.steps import Step, seconds

_CHANGES_MAX: Final = 40


def forecast_lines(told: Told) -> Iterator[Text]:
    """An answer, from what is asked to the timeline of each set."""
    yield Text(f"What if {told.question}?", style="bold")
    yield Text(f"  from       {told.state}")
    yield Text(f"  nodes      {told.nodes}, {told.nodes_origin}")
    yield Text(f"  assumed    a group is ready after {_assumed(told.time_to_ready, 'groups')}")
    yield Text(f"             a pod ends within {_assumed(told.time_to_stop, 'pods')}")
    if told.verdict is not None:
        yield Text()
        yield from _verdict(told.verdict)
    if not told.sets and (told.verdict is None or told.verdict.accepted):
        yield Text("\nNothing happens to any set.")
    for one in told.sets:
        yield Text()
        yield from _set(one)


def _assumed(time: Assumed, what: str) -> str:
    if time.origin == "recorded":
        tail = f", p99 {seconds(time.p99_seconds)}" if time.p99_seconds is not None else ""
        return f"{seconds(time.seconds)} (median of {time.samples} recorded {what}{tail})"
    return f"{seconds(time.seconds)} ({'as given' if time.origin == 'given' else 'nothing is recorded'})"


def _verdict(verdict: Verdict) -> Iterator[Text]:
    if not verdict.accepted:
        yield Text("Admission rejects it:", style="bold red")
        for message in verdict.messages:
            yield Text(f"  {message}")
        return
    what = "accepts the new set" if verdict.operation == "CREATE" else "accepts it"
    yield Text(f"Admission {what}" + (", with warnings:" if verdict.warnings else "."), style="bold")
    for warning in verdict.warnings:
        yield Text(f"  {warning}", style="yellow")
    for title, lines in (
        ("changed", [str(change) for change in verdict.changes]),
        ("filled in", list(verdict.defaulted)),
    ):
        for line in lines[:_CHANGES_MAX]:
            yield Text(f"  {title:<10} {line}")
        if len(lines) > _CHANGES_MAX:
            yield Text(f"  {title:<10} and {len(lines) - _CHANGES_MAX} more")
    if verdict.operation == "UPDATE" and not verdict.changes:
        yield Text("  changed    nothing")


def _set(told: SetTold) -> Iterator[Text]:
    found, summary = told.forecast, told.forecast.summary
    if found.finishes and not found.steps:
        yield Text(f"{found.set_name}: no pod restarts, comes or goes.", style="bold")
        return
    yield Text(f"{found.set_name}: {_headline(told)}", style="bold" if found.finishes else "bold red")
    for hold in found.holds:
        yield Text(f"  held by    {hold}")
    if found.restarts:
        order = [one.group for one in found.restarts]
        ordered = ", in this order" if len(order) > 1 else ""
        yield Text(f"  restart    {_groups(order)}{ordered}; {summary.down_max} down at once at most")
    for title, groups in (
        ("come", found.created_groups),
        ("go", found.removed_groups),
        ("surge", found.surge_groups),
        ("untouched", found.unaffected_groups),
    ):
        if groups:
            yield Text(f"  {title:<10} {_groups(groups)}")
    yield Text(
        f"  ready      {summary.ready_before} groups before, {summary.ready_min} at least, {summary.ready_max} at "
        f"most, {summary.ready_after} after"
    )
    missing = f", {summary.pods_missing} missing" if summary.pods_missing else ""
    yield Text(
        f"  pods       {summary.pods_replaced} replaced, {summary.pods_created} new, {summary.pods_removed} removed"
        f"{missing}; {summary.pod_seconds_lost:,.0f} pod-seconds lost"
    )
    if found.placement is not None:
        place = found.placement
        taken = f", {place.taken_by_others} taken by other sets" if place.taken_by_others else ""
        fits = "" if place.needed <= place.free else ": too few"
        yield Text(f"  placement  {place.needed} of {place.topology} needed, {place.domains} there{taken}{fits}")
        if not place.domains:
            yield Text("             no node is known to have this label: give --nodes", style="yellow")
    yield Text()
    for step in found.steps:
        yield _step_line(step)


def _headline(told: SetTold) -> str:
    found, summary = told.forecast, told.forecast.summary
    if not found.finishes:
        last = found.steps[-1].at_seconds if found.steps else summary.duration_seconds
        return f"does not get there; nothing happens any more after {seconds(last)}"
    count = summary.restarts
    what = f"{count} restart{'' if count == 1 else 's'}" if count else "no group restarts"
    slow = f" (p99 {seconds(told.duration_p99_seconds)})" if told.duration_p99_seconds is not None else ""
    return f"{what}, done after {seconds(summary.duration_seconds)}{slow}"


def _step_line(step: Step) -> Text:
    line = Text(f"  {'t+' + seconds(step.at_seconds):>14}  ")
    line.append(f"{'set' if step.group is None else f'group {step.group}':<10}", style="bold")
    line.append(step.what)
    return line.append(f"  [{step.ready_groups} ready]", style="dim")


def _groups(groups: Sequence[int]) -> str:
    """Runs of neighbours are written as such: ``groups 9-5, 3``."""
    runs: list[list[int]] = []
    for group in groups:
        if runs and abs(group - runs[-1][-1]) == 1 and _goes_on(runs[-1], group):
            runs[-1].append(group)
        else:
            runs.append([group])
    shown = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return f"group{'' if len(groups) == 1 else 's'} {', '.join(shown)}"


def _goes_on(run: Sequence[int], group: int) -> bool:
    return len(run) == 1 or group - run[-1] == run[-1] - run[-2]
