"""The program ``lws-events``: its commands, and what becomes of errors.

Nothing heavy is imported here: ``lws-events --help`` must answer at once.
"""

import io
import os
import sys
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from adapters.cli import (
    audit,
    crd,
    demo,
    deploy,
    events,
    journal,
    replay,
    rollout,
    run,
    shadow,
    status,
    timeline,
    ui,
    verify,
    what_if,
    why,
)
from adapters.cli.go_flags import GoFlagsCommand
from adapters.cli.options import help_text
from adapters.errors import OK, explain

_HELP: Final = """
A LeaderWorkerSet controller whose memory is a journal: every group restart, placement and rollout step has a recorded
cause.

[bold]Try it[/bold] without a cluster, then with yours:

  lws-events demo
  lws-events run --kubeconfig ~/.kube/config --no-webhooks

[bold]Roll out[/bold] and watch it, group by group:

  lws-events deploy -f sample.yaml --follow
  lws-events rollout follow default/sample

[bold]Ask the journal[/bold] what happened, and why:

  lws-events status
  lws-events timeline default/sample --group 0
  lws-events why default/sample/0
  lws-events why-not default/sample-0-1
  lws-events replay default/sample --at 2026-01-01T12:00:00Z
  lws-events verify
  lws-events what-if -f changed.yaml
  lws-events audit --since 24h
  lws-events events --follow -o json
  lws-events ui

[bold]Take it with you[/bold], as a back-up or a bug report; every command above also reads the file:

  lws-events journal export incident.jsonl.gz
  lws-events verify --file incident.jsonl.gz

[bold]Exit codes[/bold]: 0 done; 1 failed, or verify found differences; 2 wrong usage; 3 bus or cluster out of reach;
4 not in the journal; 5 a rollout stalled; 6 it timed out; 130 interrupted.
"""


class _Commands(TyperGroup):
    """The root of all commands: the border at which errors become one line, a hint and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Defects keep their traceback."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except BrokenPipeError:
            # the reader of a pipe (``| head``) has seen enough; Python must not complain again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(OK) from None
        except (Exception, KeyboardInterrupt) as error:
            explained = explain(error)
            if explained is None:
                raise
            code, message, hint = explained
            typer.echo(f"lws-events: {message}", err=True)
            if hint:
                typer.echo(f"  hint: {hint}", err=True)
            raise typer.Exit(code) from error


app = typer.Typer(
    cls=_Commands, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False, help=_HELP
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from lws_events import __version__
        from lws_events.decisions import MACHINE_VERSION

        typer.echo(f"lws-events {__version__} (state machine {MACHINE_VERSION})")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


app.command("run", cls=GoFlagsCommand, rich_help_panel="Run", help=help_text(run.command))(run.command)
for _panel, _name, _command in (
    ("Run", "demo", demo.command),
    ("Run", "deploy", deploy.command),
    ("Ask the journal", "status", status.command),
    ("Ask the journal", "timeline", timeline.command),
    ("Ask the journal", "events", events.command),
    ("Ask the journal", "why", why.command),
    ("Ask the journal", "why-not", why.why_not),
    ("Ask the journal", "replay", replay.command),
    ("Ask the journal", "verify", verify.command),
    ("Ask the journal", "what-if", what_if.command),
    ("Ask the journal", "ui", ui.command),
):
    app.command(_name, rich_help_panel=_panel, help=help_text(_command))(_command)
app.add_typer(audit.app, name="audit", rich_help_panel="Ask the journal")
app.add_typer(rollout.app, name="rollout", rich_help_panel="Run")
app.add_typer(shadow.app, name="shadow", rich_help_panel="Run")
app.add_typer(journal.app, name="journal", rich_help_panel="Keep the journal")
app.add_typer(crd.app, name="crd", rich_help_panel="Install")


def main() -> None:
    """Entry point of the program. It writes UTF-8 in any locale, as kubectl does, and as JSON must be."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    app(prog_name="lws-events")


def manager() -> None:
    """Entry point ``manager``: ``lws-events run`` as the Deployment of the reference calls it."""
    app(["run", *sys.argv[1:]], prog_name="lws-events")
