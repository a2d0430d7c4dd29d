"""``lws-events replay``: the state of a set at any point of its past, and a debugger to walk through it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapters.cli.options import NamespaceOption, Output, OutputOption, SetArgument, reads_journal
from adapters.errors import NoSuchThing, WrongUsage
from adapters.reading.moments import parse_at
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from adapters.reading.reader import JournalReader
    from projections.breakpoints import Breakpoint
    from projections.debugger import Debugger
    from projections.replay import ReplayedStep, State, Until

_POINT = "TIME|SEQUENCE"
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar=_POINT,
        help="Stop there: a sequence of the events, or a time such as 2026-01-01T12:00:00Z (UTC without an offset).",
        show_default="the end",
    ),
]
StepOption = Annotated[
    bool,
    typer.Option("--step", help="Each event, what was decided by it and what changed; on a terminal step by step."),
]
FromOption = Annotated[
    str | None, typer.Option("--from", metavar=_POINT, help="Steps from there on.", show_default="the beginning")
]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar=_POINT, help="Steps up to there.", show_default="the end")
]
BreakOption = Annotated[
    str | None,
    typer.Option(
        "--break-on",
        metavar="CONDITION",
        help="Stop at the first step that matches, and show it; with [bold]--step[/bold] into a pipe, show all of "
        "them. The conditions are below.",
        show_default=False,
    ),
]
DiffOption = Annotated[
    str | None,
    typer.Option("--diff", metavar="A..B", help="What changed between two points, as of --at.", show_default=False),
]


@reads_journal
def command(
    *,
    source: JournalSource,
    set_name: SetArgument,
    namespace: NamespaceOption = None,
    at: AtOption = None,
    step: StepOption = False,
    from_: FromOption = None,
    to: ToOption = None,
    break_on: BreakOption = None,
    diff: DiffOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what the controller knew of a set at a sequence or time, and walk through its past.

    It folds the events and applies the decisions that were [bold]recorded[/bold], so that it shows what the controller
    of that time saw. A running controller is not disturbed.

    Examples:

      lws-events replay default/sample
      lws-events replay sample -n default --at 1234
      lws-events replay default/sample --step
      lws-events replay default/sample --break-on 'restart|condition=Available=False'
      lws-events replay default/sample --diff 1200..1234
      lws-events replay default/sample --step --from 1200 --to 1234 --file incident.jsonl.gz -o json

    Conditions of --break-on ("," joins two that must both hold, "|" separates alternatives):

      restart, failure, decision, refused    a group is recreated; a pod failed; anything decided; a command failed
      command=DeleteLeaderPod                a command of this kind is given
      fact=RolloutBlocked                    a fact of this kind is recorded or decided
      pod=sample-0-1, group=0                it is about this pod, this group
      condition=Available=False              a condition of the set changes (to this status)

    Stepping on a terminal: n next, p previous, c on to the breakpoint, r back to it, b CONDITION set it, g POINT go to,
    s state, q quit; ? tells all.
    """
    import sys

    from adapters.cli.beginnings import tell_of_the_beginning
    from adapters.cli.printing import console
    from adapters.reading.reader import open_for_reading
    from adapters.replaying.opening import beginning_of, debugger_of

    points = _Points(at, from_, to, diff, stepping=step or break_on is not None)
    wanted = None if break_on is None else parse_break(break_on)
    with open_for_reading(source) as reader:
        name = reader.find_set(set_name, namespace=namespace)
        beginning = beginning_of(reader, name)
        past = debugger_of(reader, name, beginning)
        _tell_what_is_missing(beginning.unknown_before)
        tell_of_the_end(reader, points.at, points.to, *(points.diff or ()), *([points.from_] if points.from_ else []))
        begins = None
        if not beginning.unknown_before:
            asked = [points.at, points.to, *(points.diff or ()), *([points.from_] if points.from_ else [])]
            begins = tell_of_the_beginning(reader, *asked, is_whole=wanted is not None or (step and not points.from_))
        if points.diff is not None:
            _print_comparison(*past.compare(*points.diff), output=output)
        elif step and output is Output.TABLE and sys.stdin.isatty() and sys.stdout.isatty():
            from adapters.cli.stepping import Stepping

            Stepping(past, console(), point=parse_at, breakpoint_=wanted).run(points.from_)
        elif step:
            _print_steps(past, _steps(past, points, wanted), output=output)
        elif wanted is not None:
            first = next(_steps(past, points, wanted), None)
            if first is None:
                raise NoSuchThing(f"{break_on!r} never happens there", hint="look at other points: --from, --to")
            _print_step(past, first, output=output)
        else:
            past.go_to(points.at)
            _print_state(past.here(), str(name), begins, output=output)


class _Points:
    """The points of the options. Raises ``WrongUsage`` where they contradict each other."""

    def __init__(self, at: str | None, from_: str | None, to: str | None, diff: str | None, *, stepping: bool) -> None:
        if diff is not None and (stepping or at or from_ or to):
            raise WrongUsage("--diff names both points itself", hint="give --diff A..B alone")
        if (from_ or to) and not stepping:
            raise WrongUsage("--from and --to are for steps", hint="add --step or --break-on, or use --at")
        if at and to:
            raise WrongUsage("--at and --to name the same point", hint="give one of them")
        self.at = parse_at(at)
        self.from_ = None if from_ is None else parse_at(from_, option="--from")
        self.to = parse_at(to or at, option="--to" if to else "--at")
        self.diff = None if diff is None else _two_points(diff)


def _two_points(text: str) -> "tuple[Until, Until]":
    before, separator, after = text.partition("..")
    if not (before and separator and after):
        raise WrongUsage(f"--diff {text!r} does not name two points", hint="write A..B, for example 1200..1234")
    return parse_at(before, option="--diff"), parse_at(after, option="--diff")


def parse_break(text: str) -> "Breakpoint":
    """A condition of ``--break-on``. Raises ``WrongUsage``."""
    from projections.breakpoints import BreakpointError, parse_breakpoint

    try:
        return parse_breakpoint(text)
    except BreakpointError as error:
        raise WrongUsage(f"--break-on: {error}", hint=error.hint) from error


def _steps(past: "Debugger", points: _Points, wanted: "Breakpoint | None") -> "Iterator[ReplayedStep]":
    """From one point to the other, those that match."""
    if points.from_ is not None:
        past.go_before(points.from_)
    while (step := past.step() if wanted is None else past.run(wanted, until=points.to)) is not None:
        if points.to.includes(step.event):
            yield step
        elif points.to.sequence is not None:
            return


def _tell_what_is_missing(first: int) -> None:
    from adapters.cli.printing import remark

    if first:
        remark(
            f"the journal begins at event {first} and has no snapshot: what was before is unknown, and missing in all "
            "that follows"
        )


def _print_steps(past: "Debugger", steps: "Iterable[ReplayedStep]", *, output: Output) -> None:
    """The debugger stands behind each step while that is printed."""
    from adapters.cli.printing import print_json_array, remark
    from adapters.cli.stepping import step_json
    from projections.why.rules import Policies

    if output is Output.JSON:
        print_json_array(step_json(one, Policies(past.observed)) for one in steps)
        return
    told = False
    for one in steps:
        _print_step(past, one, output=output)
        told = True
    if not told:
        remark("nothing happened between these points")


def _print_step(past: "Debugger", step: "ReplayedStep", *, output: Output) -> None:
    from adapters.cli.printing import console, print_json
    from adapters.cli.stepping import step_json, step_lines
    from projections.why.rules import Policies

    if output is Output.JSON:
        print_json(step_json(step, Policies(past.observed)))
        return
    screen = console()
    for line in step_lines(step, Policies(past.observed)):
        screen.print(line)


def _print_state(state: "State", name: str, begins: dict[str, Any] | None, *, output: Output) -> None:
    from adapters.cli.printing import console, print_json, remark
    from projections.difference import plain
    from projections.explain import timestamp

    if output is Output.JSON:
        found = {"at": timestamp(state.at_ms)} | plain(state)
        print_json(found if begins is None else found | {"journal_begins": begins})
    elif state.state is None:
        remark(f"{name} was not there (yet, or any more)")
    else:
        import yaml

        remark(f"{name} after event {state.sequence} of {timestamp(state.at_ms)}")
        console().print(yaml.safe_dump(state.state, sort_keys=False, allow_unicode=True), markup=False, end="")


def _print_comparison(before: "State", after: "State", changes: tuple[object, ...], *, output: Output) -> None:
    from adapters.cli.printing import console, print_json, remark
    from projections.explain import timestamp

    ends = [{"sequence": one.sequence, "at": timestamp(one.at_ms), "at_ms": one.at_ms} for one in (before, after)]
    if output is Output.JSON:
        print_json({"set_name": before.set_name, "before": ends[0], "after": ends[1], "changes": changes})
        return
    first, second = (
        f"event {end['sequence']} of {end['at']}" if end["sequence"] else "before its first event" for end in ends
    )
    remark(f"{before.set_name} from {first} to {second}: {len(changes)} changes")
    for change in changes:
        console().print(str(change), markup=False)


def tell_of_the_end(reader: "JournalReader", *points: "Until") -> None:
    """Say where the journal ends if a point is asked for behind it: what is shown then is the end."""
    from adapters.cli.printing import remark

    last = reader.bounds.events
    if any(point.sequence is not None and point.sequence > last for point in points):
        remark(f"the journal ends at event {last}; nothing is known of what was behind it")
