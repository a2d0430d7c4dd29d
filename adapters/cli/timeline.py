"""``lws-events timeline`` and ``why``: what happened to a set or group, and the causal chain behind a recreation."""

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


@reads_journal
def why(
    *,
    source: JournalSource,
    set_name: SetArgument,
    group: GroupOption = None,
    namespace: NamespaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show why groups of a set were recreated: from the failed pod to the group that is ready again.

    And what was left alone: failures that ended no group, and objects that claim to be the set's and are not.

    Examples:

      lws-events why default/sample
      lws-events why sample --group 0 -o json
    """
    import msgspec

    from adapters.cli.printing import chain_lines, console, entry_lines, print_json_array, remark
    from adapters.cli.reading import open_for_reading
    from projections.chain import recreations
    from projections.left_alone import LeftAlone

    with open_for_reading(source) as reader:
        name = reader.find_set(set_name, namespace=namespace)
        alone = LeftAlone(name, group=group)
        found = recreations(alone.noting(reader.steps_of(name)), name, group=group)
        if output is Output.JSON:
            print_json_array(msgspec.structs.asdict(one) | {"elapsed_ms": one.elapsed_ms} for one in found)
            return
        screen, told = console(), False
        for one in found:
            for line in chain_lines(one):
                screen.print(line)
            told = True
        if alone.entries:
            screen.print("Left alone", style="bold")
        for line in entry_lines(alone.entries):
            screen.print(line)
    if not told:
        remark(f"no group of {name} was recreated" if group is None else f"group {group} of {name} was not recreated")
