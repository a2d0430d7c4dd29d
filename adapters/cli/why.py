"""``lws-events why`` and ``why-not``: the causal chain behind what happened, and the reason for what did not."""

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.options import GroupOption, NamespaceOption, Output, OutputOption, reads_journal
from adapters.errors import NoSuchThing, WrongUsage
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from adapters.cli.subject import Subject
    from adapters.reading.reader import JournalReader
    from projections.why.decision import Point
    from projections.why.model import Chain


class Kind(StrEnum):
    """Kinds of chains (``projections.why.model.KINDS``)."""

    RECREATION = "recreation"
    REPLACEMENT = "replacement"
    ENDED = "ended"
    FAILURE = "failure"
    OBJECT = "object"
    ROLLOUT = "rollout"


SubjectArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SET|SET/GROUP|POD",
        help="[bold]namespace/set[/bold], [bold]namespace/set/group[/bold] or [bold]namespace/pod[/bold]; "
        "the namespace may be left out where that is clear.",
        show_default=False,
    ),
]
WhyNotArgument = Annotated[
    str,
    typer.Argument(
        metavar="POD|SET/GROUP|SET",
        help="[bold]namespace/pod[/bold], [bold]namespace/set/group[/bold] or [bold]namespace/set[/bold].",
        show_default=False,
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME|SEQUENCE",
        help="Explain the decision at this sequence or time, else the last one before it.",
        show_default=False,
    ),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME|SEQUENCE",
        help="As of this sequence or time; of a pod, only its end at or before it, else the first one after.",
        show_default="the end",
    ),
]
KindOption = Annotated[
    list[Kind] | None, typer.Option("--kind", help="Only these; may be given again.", show_default="all")
]
LastOption = Annotated[
    int | None, typer.Option("--last", min=1, metavar="N", help="Only the last N.", show_default="all")
]
LogsOption = Annotated[bool, typer.Option("--logs", help="Show captured logs whole, not their last lines alone.")]


@reads_journal
def command(
    *,
    source: JournalSource,
    subject: SubjectArgument = None,
    group: GroupOption = None,
    namespace: NamespaceOption = None,
    at: AtOption = None,
    kind: KindOption = None,
    last: LastOption = None,
    logs: LogsOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show why things happened: cause in the cluster, fact, decision with its rule, command, outcome, recovery.

    A chain for every end of a group, every failure that was left alone, every rollout. Times are seconds since the
    chain began, numbers are sequences of events: [bold]replay --step[/bold] and [bold]timeline[/bold] show them too.

    Examples:

      lws-events why default/sample/0
      lws-events why default/sample-0-1 --logs
      lws-events why sample --kind recreation --last 1
      lws-events why sample --at 2026-01-01T03:12:00Z
      lws-events why sample --at 118 -o json
    """
    from adapters.cli.beginnings import tell_of_the_beginning
    from adapters.cli.chains import chain_lines, log_lines
    from adapters.cli.printing import console, print_json_array, remark
    from adapters.cli.replay import tell_of_the_end
    from adapters.reading.moments import parse_at
    from adapters.reading.reader import open_for_reading
    from projections.why.as_json import chain_json

    with open_for_reading(source) as reader:
        meant = _subject(reader, subject, namespace=namespace, group=group, at=at)
        tell_of_the_end(reader, parse_at(at))
        tell_of_the_beginning(reader, parse_at(at), is_whole=at is None and last is None)
        found = _chains(reader, meant, at=at, kinds=kind or (), last=last)
        if output is Output.JSON:
            print_json_array(chain_json(one, texts=reader.log_texts(one.logs) if logs else ()) for one in found)
            return
        screen, told = console(), False
        for one in found:
            for line in chain_lines(one):
                screen.print(line)
            for line in log_lines(one, reader.log_texts(one.logs), lines_max=None if logs else _LOG_LINES):
                screen.print(line)
            told = True
    if not told:
        remark(f"nothing is recorded that would need a reason: {_words(meant)}")


_LOG_LINES = 10


@reads_journal
def why_not(
    *,
    source: JournalSource,
    subject: WhyNotArgument,
    group: GroupOption = None,
    namespace: NamespaceOption = None,
    at: UntilOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show why nothing happened: which decision followed from the end of a pod, or what a group waits for.

    The journal is folded as the controller folded it, so that the answer is the one that its state machine has.

    Examples:

      lws-events why-not default/sample-0-1 --at 2026-01-01T03:12:00Z
      lws-events why-not default/sample/3
      lws-events why-not sample
    """
    from itertools import chain

    from adapters.cli.beginnings import tell_of_the_beginning
    from adapters.cli.chains import verdict_lines, waiting_lines
    from adapters.cli.printing import console, print_json, remark
    from adapters.cli.replay import tell_of_the_end
    from adapters.cli.selecting import wall_ms
    from adapters.reading.beginnings import known_before
    from adapters.reading.moments import parse_at
    from adapters.reading.reader import open_for_reading
    from adapters.replaying.opening import beginning_of
    from projections.groups import group_of_object
    from projections.why.as_json import verdict_json, waiting_json
    from projections.why.verdict import Verdict, verdicts
    from projections.why.waits import waits

    until = None if at is None else _point(at)
    now_ms = wall_ms() if until is None and source.file is None else 0
    with open_for_reading(source) as reader:
        meant = _subject(reader, subject, namespace=namespace, group=group, at=None)
        tell_of_the_end(reader, parse_at(at))
        begins = tell_of_the_beginning(reader, parse_at(at), is_whole=at is None and meant.pod is not None)
        name, pod = meant.set_name, meant.pod
        judged: list[Verdict] = []
        if pod is not None:
            past = chain(known_before(reader, name), reader.steps_of(name))
            judged = verdicts(past, name, pod, at=until, beginning=beginning_of(reader, name).fleet)
        of_group = meant.group if pod is None else group_of_object(name, pod)
        begun = beginning_of(reader, name).fleet
        steps = reader.steps_of(name)
        waiting = waits(steps, name, group=of_group, until=until, now_ms=now_ms, beginning=begun)
    if output is Output.JSON:
        answer = {"verdicts": [verdict_json(one) for one in judged], "waiting": [waiting_json(one) for one in waiting]}
        print_json(answer if begins is None else answer | {"journal_begins": begins})
        return
    screen = console()
    for verdict in judged:
        for line in verdict_lines(verdict):
            screen.print(line)
    if pod is not None and not judged:
        remark(f"no failure and no deletion of a pod {pod} is recorded")
    for one in waiting:
        for line in waiting_lines(one):
            screen.print(line)
    if not waiting:
        remark(f"no group of {name} waits for anything: all are ready")


def _subject(
    reader: "JournalReader", text: str | None, *, namespace: str | None, group: str | None, at: str | None
) -> "Subject":
    from adapters.cli.subject import Subject, find_subject
    from lws_events import subjects

    if text is not None:
        return find_subject(reader, text, namespace=namespace, group=group)
    if at is None:
        raise WrongUsage("why needs to know of what", hint="name a set, SET/GROUP or POD, or give --at SEQUENCE")
    known = reader.set_names()
    if len(known) == 1:
        return Subject(known[0], group=group)
    address = subjects.parse(reader.subject_of_event(int(at))) if at.isdecimal() else None
    if address is None:
        there = ", ".join(map(str, known)) or "none"
        raise WrongUsage(f"--at {at} could be about several sets", hint=f"name one of them: {there}")
    return Subject(address.set_name, group=group)


def _chains(
    reader: "JournalReader", meant: "Subject", *, at: str | None, kinds: tuple[str, ...] | list[Kind], last: int | None
) -> Iterator["Chain"]:
    from collections import deque
    from itertools import chain

    from adapters.cli.printing import remark
    from adapters.reading.beginnings import known_before
    from projections.why.decision import decision_at
    from projections.why.stories import stories

    steps = chain(known_before(reader, meant.set_name), reader.steps_of(meant.set_name))
    if at is not None:
        found = decision_at(steps, meant.set_name, _point(at), group=meant.group, pod=meant.pod)
        if found is None:
            raise NoSuchThing(f"nothing was ever decided: {_words(meant)}")
        if _is_after(found, _point(at)):
            remark("nothing was decided by then; what is shown is the first decision after it")
        return iter([found])
    chains = stories(steps, meant.set_name, group=meant.group, pod=meant.pod, kinds=kinds)
    return chains if last is None else iter(deque(chains, maxlen=last))


def _is_after(chain: "Chain", point: "Point") -> bool:
    """Whether what was decided is later than the point that was asked about."""
    decided = [link for link in chain.links if link.kind in ("decision", "command")]
    if point.sequence is not None:
        return all(link.sequence > point.sequence for link in decided)
    return point.at_ms is not None and all(link.at_ms > point.at_ms for link in decided)


def _point(at: str) -> "Point":
    from adapters.reading.moments import parse_at
    from projections.why.decision import Point

    until = parse_at(at)
    return Point(sequence=until.sequence, at_ms=until.at_ms)


def _words(meant: "Subject") -> str:
    if meant.pod is not None:
        return f"pod {meant.pod} of {meant.set_name}"
    return f"group {meant.group} of {meant.set_name}" if meant.group is not None else str(meant.set_name)
