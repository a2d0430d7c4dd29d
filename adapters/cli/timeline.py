"""``lws-events timeline``: what happened to a set, group or pod; past or live; as lines, JSON or a page."""

import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.options import GroupOption, NamespaceOption, Output, reads_journal
from adapters.errors import NoSuchThing, WrongUsage
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from adapters.cli.selecting import Asked
    from adapters.cli.subject import Subject
    from adapters.reading.reader import JournalReader
    from projections.entries import Entry, Selection


class TimelineOutput(StrEnum):
    """How to print."""

    TABLE = Output.TABLE
    JSON = Output.JSON
    HTML = "html"


SubjectArgument = Annotated[
    str,
    typer.Argument(
        metavar="SET|SET/GROUP|POD",
        help="[bold]namespace/set[/bold], [bold]namespace/set/group[/bold] or [bold]namespace/pod[/bold]; "
        "the namespace may be left out where that is clear.",
        show_default=False,
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="Also routine: status writes, posted events, timers.")]
OnlyOption = Annotated[
    str | None,
    typer.Option(
        "--only",
        metavar="KINDS",
        help="Some of restarts, failures, rollouts, waits, conditions, groups, pods, commands; separated by commas.",
        show_default="all",
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME|DURATION",
        help="Not what was before: a time (UTC without an offset), or a duration such as 2h that counts back from now, "
        "in an exported file from the set's last event.",
        show_default="the beginning",
    ),
]
UntilOption = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME|DURATION", help="Not what was after; as --since.", show_default="the end"),
]
FromSequenceOption = Annotated[
    int, typer.Option("--from-sequence", min=0, metavar="N", help="Only from this event on, for example to go on with.")
]
FollowOption = Annotated[
    bool, typer.Option("--follow", "-f", help="Go on with what happens, until --until, --for or Ctrl-C.")
]
ForOption = Annotated[
    str | None,
    typer.Option("--for", metavar="DURATION", help="With --follow: end after so long.", show_default=False),
]
OutputOption = Annotated[
    TimelineOutput,
    typer.Option("--output", "-o", help="For people, for programs (with --follow as JSON Lines), or as one web page."),
]


@reads_journal
def command(
    *,
    source: JournalSource,
    subject: SubjectArgument,
    group: GroupOption = None,
    namespace: NamespaceOption = None,
    only: OnlyOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    from_sequence: FromSequenceOption = 0,
    follow: FollowOption = False,
    for_: ForOption = None,
    routine: AllOption = False,
    output: OutputOption = TimelineOutput.TABLE,
) -> None:
    """Show what happened to a set, to one of its groups or to a pod, and because of what.

    Each line carries the sequence of its event; [bold]replay --step[/bold] shows what the event changed. With
    [bold]-o html[/bold] it is a page of one file, with a picture to zoom and search, that can be kept and sent.

    Examples:

      lws-events timeline default/sample
      lws-events timeline sample/0 --only restarts,waits --since 2h
      lws-events timeline default/sample-0-1 --since 2026-01-01T03:00:00Z --until 2026-01-01T03:30:00Z
      lws-events timeline default/sample -o html > incident.html
      lws-events timeline default/sample --follow
      lws-events timeline default/sample --follow --from-sequence 1234 -o json
    """
    from adapters.cli.beginnings import tell_of_the_beginning
    from adapters.cli.printing import remark
    from adapters.cli.selecting import Asked
    from adapters.reading.reader import open_for_reading

    asked = Asked(subject, group, namespace, only, since, until, from_sequence)
    if follow:
        if output is TimelineOutput.HTML:
            raise WrongUsage("a page is made when what it shows is over", hint="leave out --follow or -o html")
        _follow(source, asked, for_, routine=routine, output=output)
        return
    if for_ is not None:
        raise WrongUsage("--for ends --follow, which is not given", hint="the past ends by itself; see --until")
    if output is TimelineOutput.HTML and sys.stdout.isatty():
        raise WrongUsage("a web page is not for a terminal", hint=f"lws-events timeline {subject} -o html > page.html")
    with open_for_reading(source) as reader:
        meant = asked.find(reader)
        now_ms = asked.now_ms(reader, meant, is_file=source.file is not None)
        selection = asked.selection(meant, now_ms=now_ms)
        tell_of_the_beginning(
            reader, since_ms=selection.since_ms, from_sequence=from_sequence, is_whole=asked.reaches_back
        )
        if output is TimelineOutput.HTML:
            sys.stdout.write(_page(reader, source, meant, selection, routine=routine))
            return
        told = _print(reader, meant, selection, routine=routine, output=output)
    if not told and meant.group is not None and asked.is_whole:
        hint = f"lws-events timeline {meant.set_name}"
        raise NoSuchThing(f"nothing is recorded about group {meant.group} of {meant.set_name}", hint=hint)
    if not told:
        remark("nothing of what is asked for is recorded: look at --since, --until and --only")


def _print(
    reader: "JournalReader", meant: "Subject", selection: "Selection", *, routine: bool, output: TimelineOutput
) -> bool:
    """Whether there was anything to print for people."""
    from itertools import chain

    from adapters.cli.printing import console, entry_json, entry_lines, print_json_array
    from adapters.reading.beginnings import known_before
    from projections.timeline import timeline

    steps = chain(known_before(reader, meant.set_name), reader.steps_of(meant.set_name))
    told = timeline(steps, meant.set_name, selection=selection, routine=routine)
    entries = (entry for entry in told if entry.sequence)  # what was known before did not happen then
    if output is TimelineOutput.JSON:
        print_json_array(entry_json(entry) for entry in entries)
        return True
    return _print_lines(console(), entry_lines(entries))


def _print_lines(screen: "Console", lines: Iterable["Text"]) -> bool:
    """Whether there were any. Where there is no terminal there is nothing to lay out, which takes most of the time."""
    told = False
    for line in lines:
        if screen.is_terminal:
            screen.print(line)
        else:
            sys.stdout.write(line.plain + "\n")
        told = True
    return told


def _page(
    reader: "JournalReader", source: JournalSource, meant: "Subject", selection: "Selection", *, routine: bool
) -> str:
    from adapters.pages.timeline import timeline_page
    from adapters.reading.beginnings import known_before
    from projections.journal import about
    from projections.lanes import Lanes
    from projections.timeline import Timeline

    fold = Timeline(meant.set_name, selection=selection, routine=routine)
    lanes = Lanes(meant.set_name, group=selection.group, pod=selection.pod)
    entries: list[Entry] = []
    for step in known_before(reader, meant.set_name):
        fold.add(step)
    for step in about(reader.steps_of(meant.set_name), meant.set_name):
        entries += fold.add(step)
        lanes.add(step)
    return timeline_page(
        meant.set_name,
        picture=lanes.picture(since_ms=selection.since_ms, until_ms=selection.until_ms),
        entries=entries,
        group=(selection.group or "") if meant.pod is None else "",
        pod=meant.pod or "",
        file="" if source.file is None else source.file.name,
    )


def _follow(source: JournalSource, asked: "Asked", for_: str | None, *, routine: bool, output: TimelineOutput) -> None:
    import asyncio

    from adapters.cli.following import Following, require_growing
    from adapters.cli.printing import console, entry_json, entry_lines, print_json, remark
    from adapters.cli.selecting import wall_ms
    from adapters.reading.beginnings import known_before
    from adapters.reading.moments import seconds_ms
    from adapters.reading.reader import open_for_reading
    from projections.following import Arrived
    from projections.timeline import Timeline

    require_growing(source)
    seconds = None if for_ is None else seconds_ms(for_, "--for") / 1000
    screen = console()
    with open_for_reading(source) as reader:
        meant = asked.find(reader)
        selection = asked.selection(meant, now_ms=wall_ms())
        fold = Timeline(meant.set_name, selection=selection, routine=routine)

        def tell(arrived: Arrived) -> None:
            event, decision = arrived
            entries = fold.add_event(event) if decision is None else fold.add_decision(event, decision)
            if output is TimelineOutput.JSON:
                for entry in entries:
                    print_json(entry_json(entry))
            else:
                _print_lines(screen, entry_lines(entries))
            if entries:
                sys.stdout.flush()

        for step in known_before(reader, meant.set_name):
            fold.add(step)
        following = Following(source, meant.set_name, tell=tell, remark=remark)
        following.catch_up(reader)
        cluster = reader.cluster
    if selection.until_ms is not None:
        rest = max(selection.until_ms - wall_ms(), 0) / 1000
        seconds = rest if seconds is None else min(rest, seconds)
    asyncio.run(following.follow(cluster, seconds=seconds))
