"""``lws-events events``: lifecycle facts as CloudEvents, from any journal; past or live."""

from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.options import GroupOption, NamespaceOption, Output, reads_journal
from adapters.errors import WrongUsage
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from adapters.lifecycle_events.queries import Query
    from adapters.reading.reader import JournalReader


SetArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SET|SET/GROUP",
        help="Only of this set or group: [bold]namespace/set[/bold] or [bold]namespace/set/group[/bold].",
        show_default="all sets",
    ),
]
TypeOption = Annotated[
    str,
    typer.Option(
        "--type",
        "-t",
        metavar="TYPES",
        help="Only these types or beginnings of types, separated by commas: group.recreation, rollout.",
        show_default="all",
    ),
]
FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="start|now|SEQUENCE|TIME|DURATION",
        help="Where to begin: a sequence is that of an event, as timeline shows it; a duration counts back from now, "
        "in an exported file from the last event.",
    ),
]
AfterOption = Annotated[
    str,
    typer.Option("--after", metavar="ID", help="Go on after the event of this id, the last that you have seen."),
]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens, until --for or Ctrl-C.")]
ForOption = Annotated[
    str | None,
    typer.Option("--for", metavar="DURATION", help="With --follow: end after so long.", show_default=False),
]
SchemaOption = Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of an event, and nothing else.")]
OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="For people, or for programs: CloudEvents, one on each line.")
]


@reads_journal
def command(
    *,
    source: JournalSource,
    set_: SetArgument = None,
    group: GroupOption = None,
    namespace: NamespaceOption = None,
    types: TypeOption = "",
    from_: FromOption = "start",
    after: AfterOption = "",
    follow: FollowOption = False,
    for_: ForOption = None,
    schema: SchemaOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show lifecycle facts, as other programs get them: restarts, rollout steps, waits, conditions.

    They are those that the controller publishes on NATS (run --lifecycle-events) and serves over HTTP. Each has an id;
    who has seen one goes on after it with [bold]--after[/bold].

    Examples:

      lws-events events
      lws-events events default/sample --type group.recreation --from 24h
      lws-events events -o json --follow --from now
      lws-events events -o json --after 99a8f201-70-1
      lws-events events --schema > event.schema.json
    """
    if schema:
        from adapters.cli.printing import print_json
        from projections.lifecycle import schema as schema_of_event

        print_json(schema_of_event())
        return
    from adapters.cli.lifecycle import follow_events, print_events
    from adapters.reading.reader import open_for_reading

    if for_ is not None and not follow:
        raise WrongUsage("--for ends --follow, which is not given", hint="the past ends by itself")
    if follow:
        from adapters.cli.following import require_growing

        require_growing(source)
    with open_for_reading(source) as reader:
        is_file = source.file is not None
        query = _query(
            reader, set_, group, namespace, types=types, from_=_place(reader, from_, is_file=is_file), after=after
        )
        cluster = reader.cluster
        if not follow:
            print_events(reader, query, is_file=is_file, as_json=output is Output.JSON)
    if follow:
        follow_events(source, cluster, query, for_=for_, as_json=output is Output.JSON)


def _place(reader: "JournalReader", from_: str, *, is_file: bool) -> str:
    """A duration as the time that it means: it counts back from now, and a file is of the past."""
    from adapters.cli.selecting import wall_ms
    from adapters.reading.moments import is_duration, moment_ms
    from projections.explain import timestamp

    if from_.isdecimal() or not is_duration(from_):
        return from_
    now_ms = wall_ms()
    if is_file:
        last = reader.events(from_sequence=reader.bounds.events)
        now_ms = max((event.envelope.at_ms for event in last), default=now_ms)
    return timestamp(moment_ms(from_, "--from", now_ms=now_ms))


def _query(
    reader: "JournalReader",
    set_: str | None,
    group: str | None,
    namespace: str | None,
    *,
    types: str,
    from_: str,
    after: str,
) -> "Query":
    from adapters.cli.subject import find_subject
    from adapters.lifecycle_events.queries import BadQuery, parse_query

    asked = {"namespace": namespace or "", "group": group or "", "type": types, "from": from_, "after": after}
    if set_ is not None:
        meant = find_subject(reader, set_, namespace=namespace, group=group)
        if meant.pod is not None:
            raise WrongUsage(
                f"{set_} is a pod; lifecycle facts are about groups", hint=f"lws-events events {meant.set_name}"
            )
        asked |= {"namespace": meant.set_name.namespace, "set": meant.set_name.name, "group": meant.group or ""}
    try:
        return parse_query(asked)
    except BadQuery as error:
        raise WrongUsage(str(error), hint=error.hint) from error
