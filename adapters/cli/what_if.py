"""``lws-events what-if``: what a changed set, a drained node or a lost rack would do, tried out in virtual time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.options import NamespaceOption, Output, OutputOption, reads_journal
from adapters.cli.replay import tell_of_the_end
from adapters.errors import FAILED, NoSuchThing, PlainError, WrongUsage
from adapters.reading.moments import parse_at
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from adapters.simulation.objects import Object
    from adapters.what_if.asking import Request, State, Times, Told

_QUESTION = "What is asked"
_ASSUMED = "What is assumed"

SetArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SET",
        help="The set that is asked about; a manifest names its own.",
        show_default=False,
    ),
]
ManifestOption = Annotated[
    Path | None,
    typer.Option(
        "--filename",
        "-f",
        metavar="MANIFEST",
        help="A LeaderWorkerSet as it would be applied; - for standard input.",
        rich_help_panel=_QUESTION,
        show_default=False,
    ),
]
DrainOption = Annotated[
    list[str] | None,
    typer.Option("--drain", metavar="NODE", help="Drain a node.", rich_help_panel=_QUESTION, show_default=False),
]
LoseNodeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--lose-node",
        metavar="NODE",
        help="A node falls silent, and its pods with it.",
        rich_help_panel=_QUESTION,
        show_default=False,
    ),
]
LoseOption = Annotated[
    list[str] | None,
    typer.Option(
        "--lose",
        metavar="TOPOLOGY=VALUE",
        help="All nodes with this label fall silent, for example topology.kubernetes.io/rack=r3.",
        rich_help_panel=_QUESTION,
        show_default=False,
    ),
]
RemovedOption = Annotated[
    str | None,
    typer.Option(
        "--node-removed-after",
        metavar="DURATION",
        help="After this time somebody, or the cloud, deletes the Node objects of lost nodes.",
        rich_help_panel=_ASSUMED,
        show_default="never",
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME|SEQUENCE", help="Begin with a state of the past.", show_default="the end of the journal"
    ),
]
ReadyOption = Annotated[
    str | None,
    typer.Option(
        "--time-to-ready",
        metavar="DURATION",
        help="How long a group takes to be ready.",
        rich_help_panel=_ASSUMED,
        show_default="the median recorded, else 60s",
    ),
]
StopOption = Annotated[
    str | None,
    typer.Option(
        "--time-to-stop",
        metavar="DURATION",
        help="How long a pod takes to end, at most its grace period.",
        rich_help_panel=_ASSUMED,
        show_default="the median recorded, else 10s",
    ),
]
NodesOption = Annotated[
    Path | None,
    typer.Option(
        "--nodes",
        exists=True,
        dir_okay=False,
        help="The cluster's nodes, as `kubectl get nodes -o yaml` writes them.",
        rich_help_panel=_ASSUMED,
        show_default="those that pods were on",
    ),
]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        exists=True,
        dir_okay=False,
        help="Begin with a cluster as its API server lists it, instead of a journal. Nothing is written there.",
        show_default=False,
    ),
]


@reads_journal
def command(
    *,
    source: JournalSource,
    set_name: SetArgument = None,
    filename: ManifestOption = None,
    drain: DrainOption = None,
    lose_node: LoseNodeOption = None,
    lose: LoseOption = None,
    namespace: NamespaceOption = None,
    at: AtOption = None,
    kubeconfig: KubeconfigOption = None,
    nodes: NodesOption = None,
    time_to_ready: ReadyOption = None,
    time_to_stop: StopOption = None,
    node_removed_after: RemovedOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what a change would do: what admission says, which groups restart, in which order, for how long.

    The state of the journal (or of a cluster, with [bold]--kubeconfig[/bold]) is rebuilt in the simulated cluster,
    where the real rules run in virtual time. Nothing is written anywhere. Without a change: what is still to come.

    Exit code 0: accepted, and it comes to its end. Exit code 1: rejected by admission, or it never gets there; what
    holds it is said.

    Examples:

      lws-events what-if -f changed.yaml
      lws-events what-if -f changed.yaml --at 2026-01-01T03:00:00Z -o json
      lws-events what-if --drain node-7 --nodes nodes.yaml
      lws-events what-if --lose topology.kubernetes.io/rack=r3 --node-removed-after 5m
      lws-events what-if default/sample --kubeconfig ~/.kube/config --time-to-ready 4m
    """
    from adapters.kubernetes.context_namespace import namespace_of_context
    from adapters.what_if.asking import Request, Times
    from adapters.what_if.inventory import InventoryError, read_nodes
    from adapters.what_if.questions import NoSuchSetError, QuestionError, read_manifest

    _require_sense(kubeconfig=kubeconfig, at=at, removed_after=node_removed_after, lost=bool(lose_node or lose))
    times = Times(
        ready_seconds=_seconds("--time-to-ready", time_to_ready),
        end_seconds=_seconds("--time-to-stop", time_to_stop),
    )
    try:
        request = Request(
            set_name=set_name,
            namespace=namespace,
            context_namespace=namespace_of_context(kubeconfig) if kubeconfig is not None else None,
            manifest=read_manifest(_text(filename), path=str(filename)) if filename is not None else None,
            drain=tuple(drain or ()),
            lose_nodes=tuple(lose_node or ()),
            lose_labels=tuple(lose or ()),
            removed_after_seconds=_seconds("--node-removed-after", node_removed_after),
        )
        given = read_nodes(nodes) if nodes is not None else []
        state = _of_journal(source, at, given) if kubeconfig is None else _of_cluster(kubeconfig, given)
        told = _told(state, request, times)
    except NoSuchSetError as error:
        raise NoSuchThing(str(error)) from error
    except (QuestionError, InventoryError) as error:
        raise PlainError(str(error)) from error
    _print(told, output)
    if not told.finishes:
        raise typer.Exit(FAILED)


def _require_sense(*, kubeconfig: Path | None, at: str | None, removed_after: str | None, lost: bool) -> None:
    if kubeconfig is not None and at is not None:
        raise WrongUsage("--at needs a journal: a cluster only knows its present", hint="leave --kubeconfig out")
    if removed_after is not None and not lost:
        raise WrongUsage("--node-removed-after is about lost nodes", hint="add --lose-node or --lose")


def _print(told: "Told", output: Output) -> None:
    from adapters.cli.forecasts import forecast_lines
    from adapters.cli.printing import console, print_json

    if output is Output.JSON:
        print_json(told)
        return
    screen = console()
    for line in forecast_lines(told):
        screen.print(line)


def _told(state: "State", request: "Request", times: "Times") -> "Told":
    from adapters.cli.printing import progress
    from adapters.what_if.asking import ask_twice

    with progress("groups ready again", total=state.groups) as advance:
        return ask_twice(state, request, times=times, on_progress=advance)


def _text(path: Path) -> str:
    import sys

    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text()
    except UnicodeDecodeError as error:
        raise PlainError(f"{path} cannot be read: {error}") from error


def _of_journal(source: JournalSource, at: str | None, nodes: "list[Object]") -> "State":
    from adapters.cli.printing import progress
    from adapters.journal.snapshots.beginning import begin
    from adapters.reading.reader import open_for_reading
    from adapters.what_if.asking import OfJournal
    from adapters.what_if.past import Beginning, past_of
    from projections.journal import pair

    until = parse_at(at)
    with open_for_reading(source) as reader, progress("reading", total=reader.bounds.events) as advance:
        tell_of_the_end(reader, until)
        # A journal without its first events is read from the snapshots with which it begins.
        restored = reader.wait(begin(reader.journal, from_newest=False))
        beginning, decided, first, epoch = None, 0, 1, None
        if restored is not None:
            beginning = Beginning(restored.fleet, restored.last.at_ns // 1_000_000)
            decided, first, epoch = restored.decisions, restored.fleet.sequence + 1, restored.fleet.epoch
            if (until.sequence or first) < first - 1 or (until.at_ms or beginning.at_ms) < beginning.at_ms:
                raise NoSuchThing(f"the journal begins at event {first}: what was before is gone")
        steps = pair(
            reader.events(from_sequence=first, to_sequence=until.sequence),
            (recorded for recorded in reader.decisions() if recorded.sequence > decided),
            epoch=epoch,
        )
        return OfJournal(past_of(steps, until=until, beginning=beginning, on_progress=advance), nodes=nodes)


def _of_cluster(kubeconfig: Path, nodes: "list[Object]") -> "State":
    import asyncio
    import time

    from adapters.what_if.asking import OfCluster
    from adapters.what_if.listing import list_cluster

    found = asyncio.run(list_cluster(kubeconfig))
    return OfCluster(found, at_ms=time.time_ns() // 1_000_000, nodes=nodes)


def _seconds(option: str, text: str | None) -> float | None:
    from lws_events.durations import duration_ms

    if text is None:
        return None
    found = duration_ms(text)
    if found is None:
        raise WrongUsage(f"{option} {text!r} is no duration", hint="write one such as 90s, 5m or 1m30s")
    return found / 1000
