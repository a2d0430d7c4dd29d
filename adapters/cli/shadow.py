"""``lws-events shadow``: decide everything, do nothing, and report what differs from what was done."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapters.cli.options import help_text, reads_journal
from adapters.cli.run_options import LogFormat, LogLevel
from adapters.errors import FAILED, NoSuchThing, WrongUsage
from adapters.reading.source import JournalSource, default_data_dir

if TYPE_CHECKING:
    from projections.shadow_report import Row, ShadowReport

_PLACES = {"LWS_EVENTS_DATA_DIR", "LWS_EVENTS_NATS_URL"}
_CLUSTER = "Kubernetes"
_JOURNAL = "Journal of the shadow"
_NATS = "Reaching NATS"
_SERVERS = "Health and metrics"
_LOGS = "Logs"


class ReportOutput(StrEnum):
    """How to print the report."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


def shadow(
    ctx: typer.Context,
    *,
    patience: Annotated[
        str,
        typer.Option(
            envvar="LWS_EVENTS_SHADOW_PATIENCE",
            help="How long whoever is in charge may take for what was decided here.",
        ),
    ] = "30s",
    kubeconfig: Annotated[
        Path | None,
        typer.Option(help="Default: in-cluster, then $KUBECONFIG, then ~/.kube/config.", rich_help_panel=_CLUSTER),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="Name of the cluster.", show_default="default", rich_help_panel=_CLUSTER),
    ] = None,
    gang_provider: Annotated[
        str | None,
        typer.Option(help="As whoever is in charge has it: volcano.", show_default="none", rich_help_panel=_CLUSTER),
    ] = None,
    gang_match_scheduler_name: Annotated[
        bool | None,
        typer.Option(
            "--gang-match-scheduler-name",
            help="As whoever is in charge has it.",
            show_default="off",
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where the embedded NATS server keeps it; not where a controller keeps its own.",
            show_default="$XDG_STATE_HOME/lws-events-shadow",
            rich_help_panel=_JOURNAL,
        ),
    ] = None,
    nats_url: Annotated[
        str | None,
        typer.Option(
            help="Use this NATS server, not an embedded one. The streams have names of their own.",
            show_default=False,
            rich_help_panel=_JOURNAL,
        ),
    ] = None,
    journal_bytes_max: Annotated[
        int | None, typer.Option(help="Limit of each stream.", show_default="10 GiB", rich_help_panel=_JOURNAL)
    ] = None,
    nats_creds: Annotated[
        Path | None, typer.Option(help="Credentials file (.creds).", show_default=False, rich_help_panel=_NATS)
    ] = None,
    nats_tls_ca: Annotated[
        Path | None, typer.Option(help="CA certificates to trust.", show_default=False, rich_help_panel=_NATS)
    ] = None,
    health_probe_bind_address: Annotated[
        str | None,
        typer.Option(help="Address of health and readiness; 0: off.", show_default=":8081", rich_help_panel=_SERVERS),
    ] = None,
    metrics_bind_address: Annotated[
        str,
        typer.Option(
            envvar="LWS_EVENTS_SHADOW_METRICS_BIND_ADDRESS",
            help="Address of /metrics, plain and for anybody who reaches it; 0: off.",
            rich_help_panel=_SERVERS,
        ),
    ] = "127.0.0.1:8080",
    log_level: Annotated[
        LogLevel | None,
        typer.Option(help="Show lines of this level and above.", show_default="info", rich_help_panel=_LOGS),
    ] = None,
    log_format: Annotated[
        LogFormat | None,
        typer.Option(help="console: for people; json: for collectors.", show_default="console", rich_help_panel=_LOGS),
    ] = None,
) -> None:
    """Run beside whoever is in charge of a cluster: decide everything, write nothing, find what differs.

    Beside the reference it shows what would change with a switch; beside ourselves, whether a new release decides as
    the old one does. It needs no right but get, list and watch, and keeps a journal of its own, which every command
    reads. Ask for the report at any time. Every setting is an environment variable as well. SIGTERM stops it.

    Examples:

      lws-events shadow --kubeconfig ~/.kube/config
      lws-events shadow --patience 1m --data-dir /var/lib/lws-events-shadow
      lws-events shadow report
    """
    if ctx.invoked_subcommand is not None:
        return
    given: dict[str, Any] = {
        "kubeconfig": kubeconfig,
        "cluster": cluster,
        "gang_provider": gang_provider,
        "gang_match_scheduler_name": gang_match_scheduler_name,
        "data_dir": data_dir if data_dir or nats_url or _PLACES & os.environ.keys() else _default_data_dir(),
        "nats_url": nats_url,
        "journal_bytes_max": journal_bytes_max,
        "nats_creds": nats_creds,
        "nats_tls_ca": nats_tls_ca,
        "health_probe_bind_address": health_probe_bind_address,
        "log_level": log_level,
        "log_format": log_format,
    }
    raise typer.Exit(
        _run(
            {name: value for name, value in given.items() if value is not None},
            patience=patience,
            metrics_bind_address=metrics_bind_address,
        )
    )


@reads_journal
def report(
    source: JournalSource,
    output: Annotated[
        ReportOutput, typer.Option("--output", "-o", help="For people, for programs, or as a page for a review.")
    ] = ReportOutput.TABLE,
    strict: Annotated[
        bool, typer.Option("--strict", help="Differences that are meant count as well: for a shadow beside ourselves.")
    ] = False,
) -> None:
    """Sum up what a shadow has compared and found: for a review before switching, while it runs or later.

    Differences from the reference that are meant are named as such and explained. Exit code 0: no difference that
    nobody has explained (with --strict: none at all). Exit code 1: there are.

    Examples:

      lws-events shadow report
      lws-events shadow report --data-dir /var/lib/lws-events-shadow -o markdown > review.md
      lws-events shadow report --file shadow.jsonl.gz -o json
      lws-events shadow report --strict
    """
    from adapters.cli.printing import print_json
    from adapters.reading.reader import open_for_reading
    from adapters.shadow.place import PREFIX
    from projections import shadow_report

    with open_for_reading(_shadows(source)) as reader:
        if not reader.cluster.startswith(PREFIX):
            raise NoSuchThing(
                f"the journal of cluster {reader.cluster!r} is that of a controller, not of a shadow",
                hint="give the --data-dir, or the exported --file, of lws-events shadow",
            )
        result = shadow_report.report(reader.cluster, reader.events(), reader.decisions())
    if output is ReportOutput.JSON:
        print_json(_as_json(result))
    elif output is ReportOutput.MARKDOWN:
        from projections.shadow_markdown import as_markdown

        typer.echo(as_markdown(result), nl=False)
    else:
        _print(result)
    if result.unexplained or (strict and result.meant):
        raise typer.Exit(FAILED)


app = typer.Typer(invoke_without_command=True, rich_markup_mode="rich", help=help_text(shadow))
app.callback()(shadow)
app.command("report", help=help_text(report))(report)


def _default_data_dir() -> Path:
    """Beside that of a controller, never the same."""
    place = default_data_dir()
    return place.with_name(f"{place.name}-shadow")


def _shadows(source: JournalSource) -> JournalSource:
    """The journal of the shadow, where that of a controller would be read by default."""
    from adapters.shadow.place import journal_name

    if source.data_dir == default_data_dir():
        source = source._replace(data_dir=_default_data_dir())
    if source.cluster is not None or source.nats_url is not None:
        source = source._replace(cluster=journal_name(source.cluster or "default"))
    return source


def _run(given: dict[str, Any], *, patience: str, metrics_bind_address: str) -> int:
    import asyncio

    from adapters.controller.tls_buffers import shrink_tls_buffers
    from adapters.observability.addresses import parse_address
    from adapters.observability.logs import configure_logs
    from adapters.settings.go_durations import duration_seconds
    from adapters.settings.loading import load_settings
    from adapters.shadow.process import ShadowSettings, run_until_signalled

    try:
        seconds = duration_seconds(patience)
        parse_address(metrics_bind_address)
    except ValueError as error:
        raise WrongUsage(str(error), hint="a duration such as 30s or 2m; an address such as 127.0.0.1:8080") from error
    if seconds <= 0:
        raise WrongUsage("--patience must be longer than nothing: whoever is in charge needs some time")
    fixed = {"webhooks": False, "leader_elect": False, "metrics_bind_address": "0"}
    settings = load_settings(flags=given | fixed, config=None)
    configure_logs(
        level=settings.log_level,
        format=settings.log_format,
        stack_traces=settings.log_stack_traces,
        time_as=settings.log_time,
    )
    shrink_tls_buffers()
    return asyncio.run(run_until_signalled(settings, ShadowSettings(seconds, metrics_bind_address)))


def _as_json(result: "ShadowReport") -> dict[str, Any]:
    import msgspec

    from projections.shadow_report import explanation

    summary: dict[str, Any] = msgspec.to_builtins(result)
    meant = {number: {"count": count, "why": explanation(number)} for number, count in result.meant.items()}
    totals = {"verdict": result.verdict, "commands": result.commands, "agreed": result.agreed, "meant": meant}
    return summary | totals


def _print(result: "ShadowReport") -> None:
    from adapters.cli.printing import console
    from adapters.shadow.place import PREFIX

    screen = console()
    style = "bold red" if result.unexplained else "bold green"
    screen.print(result.verdict, markup=False, style=style)
    screen.print(f"cluster {result.cluster.removeprefix(PREFIX)}, {result.since} to {result.until}", markup=False)
    screen.print(
        f"{result.sets} {'set' if result.sets == 1 else 'sets'}, {result.groups} groups, {result.events} events, "
        f"{result.decisions} decisions; "
        f"{result.commands} commands compared, {result.agreed} carried out alike, {result.waiting} still waited for",
        markup=False,
    )
    for kind, each in result.compared.items():
        not_done = f", {each.not_done} not done" if each.not_done else ""
        screen.print(f"  {kind:<26}{each.agreed} alike{not_done}", markup=False)
    for row in result.differences:
        _print_row(row)


def _print_row(row: "Row") -> None:
    from rich.text import Text

    from adapters.cli.printing import console
    from projections.shadow_report import explanation

    screen = console()
    line = Text(f"{row.at} {'#' + str(row.sequence):>7}  {row.set}  ")
    line.append(row.what, style="red" if row.matters else "yellow")
    line.append(f"  ← {row.because}" if row.because else "", style="dim")
    screen.print(line)
    for field in row.fields:
        text = f"    {field.path}: ours {field.ours or 'absent'}, theirs {field.theirs or 'absent'}"
        screen.print(text, markup=False)
    if row.rule:
        screen.print(f"    rule {row.rule}{f': {row.rule_says}' if row.rule_says else ''}", markup=False, style="dim")
    if row.known:
        screen.print(f"    meant ({row.known}): {explanation(row.known)}", markup=False, style="dim")
    if row.cause:
        screen.print(f"    lws-events why {row.set} --at {row.cause}", markup=False, style="dim")
