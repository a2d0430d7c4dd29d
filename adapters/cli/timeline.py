"""``lws-events timeline``: what happened to a set or group."""

from typing import Annotated

import typer

from adapters.cli.errors import NoSuchThing
from adapters.cli.options import (
    GroupOption,
    JournalSource,
    NamespaceOption,
    Output,
    OutputOption,
    SetArgument,
    reads_journal,
)

AllOption = Annotated[bool, typer.Option("--all", help="Also routine: status writes, posted events, timers.")]


@reads_journal
def command(
    *,
    source: JournalSource,
    set_name: SetArgument,
    group: GroupOption = None,
    namespace: NamespaceOption = None,
    routine: AllOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what happened to a set, or to one of its groups, and because of what.

    Each line carries the sequence of its event; [bold]replay --step[/bold] shows what the event changed.

    Examples:

      lws-events timeline default/sample
      lws-events timeline sample --group 0
      lws-events timeline default/sample -g sample-2 -o json
    """
    from adapters.cli.printing import console, entry_json, entry_lines, print_json_array
    from adapters.cli.reading import open_for_reading
    from projections.timeline import timeline

    with open_for_reading(source) as reader:
        name = reader.find_set(set_name, namespace=namespace)
        entries = timeline(reader.steps_of(name), name, group=group, routine=routine)
        if output is Output.JSON:
            print_json_array(entry_json(entry) for entry in entries)
            return
        screen, told = console(), False
        for line in entry_lines(entries):
            screen.print(line)
            told = True
    if not told and group is not None:
        raise NoSuchThing(f"nothing is recorded about group {group} of {name}", hint=f"lws-events timeline {name}")
