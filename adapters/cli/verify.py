"""``lws-events verify``: recompute every decision of a journal and compare, with this release or with another one."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapters.cli.options import Output, OutputOption, reads_journal
from adapters.errors import FAILED
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from projections.verify import Difference, Verification

AgainstOption = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="PATH|VERSION",
        help="Another release: a source tree, a wheel, a virtual environment, an interpreter, or a version that pip "
        "can get. Its decisions are compared with this release's.",
        show_default=False,
    ),
]


@reads_journal
def command(*, source: JournalSource, against: AgainstOption = None, output: OutputOption = Output.TABLE) -> None:
    """Recompute all decisions of a journal with this version, and compare them with the recorded ones.

    With [bold]--against[/bold] another release runs beside this one, in a process of its own, on the same events and
    recorded decisions; the first different decision about each set is shown with both sides and the state before it.

    Exit code 0: no difference. Exit code 1: there are; the first is shown with its event and both sides. Exit code 3:
    the journal cannot be reached, or the other release cannot be run or does not know what the journal has. Events at
    the end that nobody has decided yet are no difference. A running controller is not disturbed.

    Examples:

      lws-events verify
      lws-events verify --file incident.jsonl.gz
      lws-events verify --against ../lws-events-next --file incident.jsonl.gz
      lws-events verify --against 0.2.0 -o json
      lws-events verify --nats-url nats://bus:4222 --cluster prod -o json
    """
    if against is not None:
        from adapters.cli.comparing import compare_with_release

        if compare_with_release(source, against, output=output):
            raise typer.Exit(FAILED)
        return
    from adapters.cli.printing import print_json, progress
    from adapters.journal.snapshots.beginning import begin
    from adapters.reading.reader import open_for_reading
    from lws_events.fleet import Fleet
    from projections.verify import verify

    with open_for_reading(source) as reader, progress("verifying", total=reader.bounds.events) as advance:
        # A journal without its first events is verified from the snapshots with which it begins.
        restored = reader.wait(begin(reader.journal, from_newest=False))
        fleet, decided = (restored.fleet, restored.decisions) if restored is not None else (Fleet(), 0)
        begins = fleet.sequence
        result = verify(
            (event for event in reader.events() if event.sequence > begins),
            (recorded for recorded in reader.decisions() if recorded.sequence > decided),
            fleet,
            on_step=advance,
        )
    if output is Output.JSON:
        print_json(_as_json(result))
    else:
        _print(result)
    if result.differences:
        raise typer.Exit(FAILED)


def _print(result: "Verification") -> None:
    from adapters.cli.printing import console, remark

    screen = console()
    screen.print(result.summary, markup=False, style="bold red" if result.differences else "bold green")
    if result.undecided:
        remark(f"{result.undecided} decisions about the last events are not recorded yet")
    if result.lost:
        remark(f"{result.lost} recorded decisions are about events that the journal no longer has")
    if result.first is not None:
        _print_difference(result.first)


def _print_difference(difference: "Difference") -> None:
    import msgspec

    from adapters.cli.printing import console, event_json

    screen = console()
    meanings = {
        "missing": "decided now, but no decision is recorded",
        "extra": "a decision is recorded, but none is made now",
        "changed": "the recorded decision is not the one made now",
        "orphan": "a decision is recorded for an event that is not there, or for the second time",
    }
    screen.print(f"\nFirst difference, at event {difference.cause}: {meanings[difference.kind]}", style="bold")
    sides = {
        "event": None if difference.event is None else event_json(difference.event),
        "recorded": difference.recorded,
        "recomputed": difference.recomputed,
    }
    for title, side in sides.items():
        text = "none" if side is None else msgspec.json.format(msgspec.json.encode(side), indent=2).decode()
        screen.print(f"{title}:", style="bold")
        screen.print(text, markup=False)
    for change in difference.changes:
        screen.print(f"  {change}", markup=False, style="yellow")


def _as_json(result: "Verification") -> dict[str, Any]:
    import msgspec

    from adapters.cli.printing import event_json

    answer = msgspec.structs.asdict(result) | {"summary": result.summary}
    first = result.first
    if first is not None:
        event = None if first.event is None else event_json(first.event)
        answer["first"] = msgspec.structs.asdict(first) | {"event": event}
    return answer
