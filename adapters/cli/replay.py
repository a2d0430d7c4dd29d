"""``lws-events replay``: the state of a set at any point of its past."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.errors import WrongUsage
from adapters.cli.options import (
    JournalSource,
    NamespaceOption,
    Output,
    OutputOption,
    SetArgument,
    reads_journal,
)

if TYPE_CHECKING:
    from projections.replay import Until

AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME|SEQUENCE",
        help="Stop there: a sequence of the events, or a time such as 2026-01-01T12:00:00Z (UTC without an offset).",
        show_default="the end",
    ),
]
StepOption = Annotated[bool, typer.Option("--step", help="Show each event, what was decided by it and what changed.")]


@reads_journal
def command(
    *,
    source: JournalSource,
    set_name: SetArgument,
    namespace: NamespaceOption = None,
    at: AtOption = None,
    step: StepOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what the controller knew of a set at a sequence or time.

    It folds the events and applies the decisions that were [bold]recorded[/bold], so that it shows what the controller
    of that time saw. A running controller is not disturbed.

    Examples:

      lws-events replay default/sample
      lws-events replay sample -n default --at 1234
      lws-events replay default/sample --step --file incident.jsonl.gz -o json
    """
    import yaml

    from adapters.cli.printing import console, event_json, print_json, print_json_array, remark, step_lines
    from adapters.cli.reading import open_for_reading
    from lws_events.fleet import Fleet
    from projections.difference import plain
    from projections.explain import timestamp
    from projections.replay import replay_steps, state_at

    until = parse_at(at)
    with open_for_reading(source) as reader:
        name = reader.find_set(set_name, namespace=namespace)
        steps = reader.steps_of(name, to_sequence=until.sequence)
        if step:
            replayed = replay_steps(steps, name, Fleet(), until=until)
            if output is Output.JSON:
                print_json_array(
                    {
                        "event": event_json(one.event),
                        "decision": None if one.recorded is None else one.recorded.decision,
                        "changes": one.changes,
                    }
                    for one in replayed
                )
            else:
                screen = console()
                for one in replayed:
                    for line in step_lines(one.event, one.recorded, one.changes):
                        screen.print(line)
            return
        state = state_at(steps, name, Fleet(), until=until)
    if output is Output.JSON:
        print_json({"at": timestamp(state.at_ms)} | plain(state))
        return
    if state.state is None:
        remark(f"{name} was not there (yet, or any more)")
    else:
        remark(f"{name} after event {state.sequence} of {timestamp(state.at_ms)}")
        console().print(yaml.safe_dump(state.state, sort_keys=False, allow_unicode=True), markup=False, end="")


def parse_at(text: str | None) -> "Until":
    """A sequence or a time. Raises ``WrongUsage`` for anything else."""
    from projections.replay import Until

    if text is None:
        return Until()
    if text.isdecimal():
        return Until(sequence=int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(
            f"--at {text!r} is neither a sequence nor a time",
            hint="write a number such as 1234, or a time such as 2026-01-01T12:00:00.250Z",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Until(at_ms=int(moment.timestamp() * 1000))
