"""``lws-events audit``: who changed what and when, what it caused, every command with its outcome; and a report."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from adapters.cli.options import help_text, reads_journal
from adapters.cli.seals import SealOption
from adapters.cli.timeline import SinceOption, UntilOption
from adapters.errors import FAILED, WrongUsage
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from adapters.reading.reader import JournalReader
    from lws_events.subjects import SetName
    from projections.audit.rows import Asked


class _RowsByDefault(TyperGroup):
    """``audit SET`` is ``audit rows SET``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command in front, unless there is one or help is asked for."""
        if not args or (args[0] not in self.commands and "--help" not in args):
            args = ["rows", *args]
        return super().parse_args(ctx, args)


class AuditOutput(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class ReportOutput(StrEnum):
    """How to print a report."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


_HELP = """Show who changed what and when, what it caused, and every command with its outcome.

[bold]audit[/bold] alone, or with a SET, prints rows: see [bold]audit rows --help[/bold]. A set that is called rows
or report is written with its namespace.

Examples:

  lws-events audit
  lws-events audit default/sample --kind change,effect
  lws-events audit --user alice --since 24h -o csv > audit.csv
  lws-events audit report default/sample --since 720h -o markdown
"""

app = typer.Typer(
    cls=_RowsByDefault,
    help="\n\n".join(one if one.startswith("  ") else one.replace("\n", " ") for one in _HELP.split("\n\n")),
    rich_markup_mode="rich",
)

SetArgument = Annotated[
    str | None,
    typer.Argument(metavar="SET", help="Only of [bold]namespace/name[/bold], or name.", show_default="all sets"),
]
NamespaceOption = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Only of sets in this namespace.", show_default="all")
]
UserOption = Annotated[
    str | None, typer.Option("--user", help="Only what this user changed, and the sum of its effects.")
]
KindOption = Annotated[
    str | None,
    typer.Option(
        "--kind",
        metavar="KINDS",
        help="Some of request, change, pod, restart, replacement, ready, rollout, capacity, command, effect; "
        "separated by commas.",
        show_default="all",
    ),
]
ArchiveOption = Annotated[
    str | None,
    typer.Option(
        "--archive",
        metavar="PLACE",
        help="First compare the journal with this archive (a directory, or s3://bucket/prefix) by the running hash.",
        show_default=False,
    ),
]
CheckOption = Annotated[
    bool | None,
    typer.Option(
        "--check/--no-check",
        help="Compare the running hash of the whole journal with its seals.",
        show_default="unless only one SET is read",
    ),
]
OutputOption = Annotated[
    AuditOutput, typer.Option("--output", "-o", help="For people, programs, spreadsheets or databases.")
]
ReportOutputOption = Annotated[
    ReportOutput, typer.Option("--output", "-o", help="For people, for programs, or for a review.")
]


@reads_journal
def rows(
    *,
    source: JournalSource,
    set_: SetArgument = None,
    namespace: NamespaceOption = None,
    user: UserOption = None,
    kind: KindOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    archive: ArchiveOption = None,
    seal: SealOption = None,
    check: CheckOption = None,
    output: OutputOption = AuditOutput.TABLE,
) -> None:
    """Print one row for each fact of audit, of each set in the order of the journal.

    A user is known where the webhooks of this controller admitted the change; else it is not recorded. The running
    hash is compared with the seals of the journal: a break is told on standard error, and the exit code is 1. Parquet
    needs an extra: pip install 'lws-events\\[parquet]'.

    Examples:

      lws-events audit default/sample --kind change,effect
      lws-events audit -n prod --user alice --since 24h -o jsonl
      lws-events audit --archive s3://backup/journal -o parquet > audit.parquet
    """
    from adapters.cli.audit_output import write
    from adapters.cli.audit_reading import begin_reading
    from adapters.reading.reader import open_for_reading

    kinds = _kinds(kind)
    with open_for_reading(source) as reader:
        is_sound = _is_sound(reader, archive=archive, seal=seal, asked=check, reads_all=set_ is None)
        name = None if set_ is None else reader.find_set(set_, namespace=namespace)
        asked = _asked(reader, source, name, since=since, until=until, namespace=namespace, user=user, kinds=kinds)
        write(begin_reading(reader).rows(name, asked), output)
    if not is_sound:
        raise typer.Exit(FAILED)


@reads_journal
def report(
    *,
    source: JournalSource,
    set_: SetArgument = None,
    namespace: NamespaceOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    seal: SealOption = None,
    check: CheckOption = None,
    output: ReportOutputOption = ReportOutput.TABLE,
) -> None:
    """Sum up each set over a period: restarts by reason, time to ready, unavailability, rollouts, changes by user.

    Examples:

      lws-events audit report
      lws-events audit report default/sample --since 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z
      lws-events audit report -n prod --since 720h -o markdown
    """
    from adapters.cli.audit_reading import begin_reading
    from adapters.cli.audit_report import markdown, table
    from adapters.cli.printing import print_json_array
    from adapters.reading.reader import open_for_reading
    from projections.audit.report import report as summed_up

    with open_for_reading(source) as reader:
        is_sound = _is_sound(reader, seal=seal, asked=check, reads_all=set_ is None)
        name = None if set_ is None else reader.find_set(set_, namespace=namespace)
        asked = _asked(reader, source, name, since=since, until=until, namespace=namespace)
        reports = summed_up(begin_reading(reader).rows(name, asked))
    if output is ReportOutput.JSON:
        print_json_array(reports)
    else:
        for line in markdown(reports) if output is ReportOutput.MARKDOWN else table(reports):
            sys.stdout.write(line + "\n")
    if not is_sound:
        raise typer.Exit(FAILED)


def _kinds(text: str | None) -> tuple[str, ...] | None:
    from projections.audit.rows import KINDS

    if text is None:
        return None
    kinds = tuple(one.strip() for one in text.split(",") if one.strip())
    unknown = [one for one in kinds if one not in KINDS]
    if unknown or not kinds:
        named = ", ".join(unknown) or "nothing"
        raise WrongUsage(f"--kind does not know {named}", hint=f"some of {', '.join(KINDS)}, separated by commas")
    return kinds


def _asked(
    reader: "JournalReader",
    source: JournalSource,
    name: "SetName | None",
    *,
    since: str | None,
    until: str | None,
    namespace: str | None,
    user: str | None = None,
    kinds: tuple[str, ...] | None = None,
) -> "Asked":
    """Durations count back from now; in a file, which is of the past, from its last event."""
    from adapters.cli.selecting import wall_ms
    from adapters.reading.moments import is_duration, moment_ms
    from lws_events.subjects import set_filter
    from projections.audit.rows import Asked

    now_ms = wall_ms()
    if source.file is not None and any(text is not None and is_duration(text) for text in (since, until)):
        read = reader.events(None if name is None else set_filter(reader.cluster, name))
        now_ms = max((event.envelope.at_ms for event in read), default=0)
    return Asked(
        namespace=namespace if name is None else None,
        user=user,
        kinds=kinds,
        since_ms=None if since is None else moment_ms(since, "--since", now_ms=now_ms),
        until_ms=None if until is None else moment_ms(until, "--until", now_ms=now_ms),
    )


def _is_sound(
    reader: "JournalReader",
    *,
    archive: str | None = None,
    seal: str | None = None,
    asked: bool | None = None,
    reads_all: bool,
) -> bool:
    """Whether the journal is as it was sealed, and the same as its archive; what is not is told.

    Not looked at where only one set is read and nobody has asked: it means to read everything.
    """
    if asked is False or not (reads_all or asked or archive or seal):
        return True
    from adapters.cli.archive import checked
    from adapters.cli.printing import remark
    from adapters.cli.seals import seal_lines

    found = checked(reader, archive=archive, seal=seal)
    for one in (found.events, found.decisions):
        if one.problem:
            remark(f"the running hash is broken: {one.problem}")
        elif archive is not None:
            remark(f"{one.stream} {one.first}-{one.last}: {one.compared} the same as archived, hash {one.hash}")
    for line in seal_lines(found):
        remark(line.strip())
    return found.is_sound


app.command("rows", help=help_text(rows))(rows)
app.command("report", help=help_text(report))(report)
