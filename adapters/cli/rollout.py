"""``lws-events rollout``: look at a rollout that is under way, from wherever the journal can be reached."""

from typing import Annotated

import typer

from adapters.cli.options import NamespaceOption, Output, OutputOption, SetArgument, help_text, reads_journal
from adapters.reading.source import JournalSource

app = typer.Typer(no_args_is_help=True, help="Follow rollouts.")

StallOption = Annotated[
    str,
    typer.Option(
        "--stall-after",
        metavar="DURATION",
        help="It has stalled when nothing came forward for so long: no step, no further group updated or ready.",
    ),
]
TimeoutOption = Annotated[
    str | None,
    typer.Option(
        "--timeout", metavar="DURATION", help="Give up after so long, whatever happens.", show_default="never"
    ),
]


@reads_journal
def follow(
    *,
    source: JournalSource,
    set_name: SetArgument,
    namespace: NamespaceOption = None,
    stall_after: StallOption = "10m",
    timeout: TimeoutOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the rollout of a set that is under way, from its beginning, until it has ended.

    It can be left and taken up again at any time, on any machine that reaches the journal. Nothing is written.

    Exit codes: 0 done, or none is under way; 1 failed; 5 stalled, with the groups that hold it; 6 timed out.

    Examples:

      lws-events rollout follow default/sample
      lws-events rollout follow default/sample --stall-after 5m --timeout 1h
      lws-events rollout follow sample -n default --nats-url nats://bus:4222 -o json
    """
    from adapters.cli.following import require_growing
    from adapters.cli.printing import remark
    from adapters.cli.watching_rollouts import EXITS, Goal, Limits, RolloutWatch
    from adapters.reading.reader import open_for_reading
    from projections.rollout_progress import DONE

    limits, as_json = Limits.of(stall_after, timeout), output is Output.JSON
    require_growing(source)
    with open_for_reading(source) as reader:
        found = reader.find_set(set_name, namespace=namespace)
    watch = RolloutWatch(source, found, limits=limits, as_json=as_json)
    end, is_past = watch.until_ended(Goal(), is_news=False)
    if is_past and end.how == DONE:
        watch.print_none(end)
        return
    if is_past:
        remark("it had ended before it was looked at")
    watch.print_end(end)
    raise typer.Exit(EXITS[end.how])


app.command("follow", help=help_text(follow))(follow)
