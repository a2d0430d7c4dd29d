"""``lws-events status``: sets, or the groups and pods of one, as the journal knows them."""

from itertools import chain
from typing import Annotated

import typer

from adapters.cli.options import NamespaceOption, Output, OutputOption, reads_journal
from adapters.cli.replay import AtOption, tell_of_the_end
from adapters.reading.moments import parse_at
from adapters.reading.source import JournalSource

OptionalSet = Annotated[
    str | None, typer.Argument(metavar="[SET]", help="One set with its pods; without it, all sets.", show_default=False)
]


@reads_journal
def command(
    *,
    source: JournalSource,
    set_name: OptionalSet = None,
    namespace: NamespaceOption = None,
    at: AtOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show all sets, or one set with its pods, as kubectl would print them: now, or at any point of the past.

    Ages count from the first observation.

    Examples:

      lws-events status
      lws-events status default/sample --at 2026-01-01T12:00:00Z
    """
    from adapters.cli.beginnings import tell_of_the_beginning
    from adapters.cli.printing import console, pod_group_table, pod_table, print_json, set_table
    from adapters.errors import NoSuchThing
    from adapters.reading.beginnings import known_before
    from adapters.reading.reader import open_for_reading
    from projections.journal import pair
    from projections.replay import END
    from projections.status import status, status_of_steps

    until = parse_at(at)
    with open_for_reading(source) as reader:
        name = None if set_name is None else reader.find_set(set_name, namespace=namespace)
        tell_of_the_beginning(reader, until)
        tell_of_the_end(reader, until)
        if name is None:
            steps = pair(reader.events(to_sequence=until.sequence), reader.decisions())
        else:
            steps = reader.steps_of(name, to_sequence=until.sequence)
        if name is None and until == END and output is Output.TABLE and source.file is None:
            fold = status(reader.events_of_sets())  # no pod is shown
        else:
            known = known_before(reader, name)
            fold = status_of_steps(step for step in chain(known, steps) if until.includes(step.event))
    wanted = fold.names() if name is None else [name]
    rows = [row for row in map(fold.row, wanted) if row is not None]
    if name is not None and not rows:
        raise NoSuchThing(f"{name} is not there any more, or not yet", hint=f"lws-events timeline {name}")
    if output is Output.JSON:
        print_json(rows if name is None else rows[0])
        return
    screen = console()
    screen.print(set_table(rows))
    if name is not None:
        screen.print()
        screen.print(pod_table(rows[0].pods))
        for group in rows[0].groups:
            if group.note:
                screen.print(f"\n{group.note}")
        if any(group.pod_group for group in rows[0].groups):
            screen.print()
            screen.print(pod_group_table(rows[0].groups))
