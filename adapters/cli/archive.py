"""``lws-events journal archive|restore|check``: the journal in a safe place, back from there, and unchanged."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.options import Output, OutputOption, help_text, reads_journal
from adapters.cli.seals import SealOption
from adapters.errors import FAILED
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from adapters.journal.archive.checking import Check
    from adapters.reading.reader import JournalReader

PlaceOption = Annotated[
    str,
    typer.Option("--to", metavar="PLACE", help="A directory, or s3://bucket/prefix.", show_default=False),
]
FromOption = Annotated[
    str,
    typer.Option("--from", metavar="PLACE", help="A directory, or s3://bucket/prefix.", show_default=False),
]
ClusterOption = Annotated[
    str | None,
    typer.Option("--cluster", help="Whose journal, if there are several in that place.", show_default=False),
]
TargetArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="Where to; .gz at its end: compressed.", show_default=False)
]
ArchiveOption = Annotated[
    str | None,
    typer.Option("--archive", metavar="PLACE", help="Compare with this archive, too.", show_default=False),
]


@reads_journal
def archive(source: JournalSource, to: PlaceOption, output: OutputOption = Output.TABLE) -> None:
    """Bring an archive up to date: what is in the journal and not yet there is added, in segments with a running hash.

    It can be cut off and called again. Keep the hashes that it prints somewhere else: whoever has them can prove that
    nothing up to there was changed. A controller archives by itself what it is about to purge (run --journal-archive).

    Examples:

      lws-events journal archive --to /backup/journal
      lws-events journal archive --to s3://backup/journal --nats-url nats://bus:4222
    """
    from adapters.cli.printing import console, print_json
    from adapters.journal.archive.segments import Archived, Archiver
    from adapters.journal.archive.store import open_store
    from adapters.reading.reader import open_for_reading

    with open_for_reading(source) as reader:

        async def bring_up() -> "dict[str, Archived]":
            async with open_store(to) as store:
                return await Archiver(reader.journal, store).run()

        done = reader.wait(bring_up())
    if output is Output.JSON:
        print_json({"archive": to, **done})
        return
    for kind, one in sorted(done.items()):
        console().print(
            f"{kind}: {one.first}-{one.last} in {one.segments:,} segments, hash {one.hash}",
            markup=False,
            soft_wrap=True,
        )


def restore(
    place: FromOption, path: TargetArgument, cluster: ClusterOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Write what is archived to one file, checking the running hash of every record.

    Every command reads the file with --file; `lws-events journal import` makes a journal of it again.

    Examples:

      lws-events journal restore --from s3://backup/journal journal.jsonl.gz
      lws-events journal import journal.jsonl.gz --data-dir ./restored
    """
    import asyncio

    from adapters.cli.printing import console, print_json
    from adapters.journal.archive.restoring import archived_cluster, restore_file
    from adapters.journal.archive.store import open_store
    from adapters.journal.transfer import Transferred

    async def write() -> Transferred:
        async with open_store(place) as store:
            return await restore_file(store, await archived_cluster(store, cluster, place=place), path)

    done = asyncio.run(write())
    if output is Output.JSON:
        print_json({"file": str(path), "events": done.events, "decisions": done.decisions})
    else:
        console().print(f"restored {done.events:,} events and {done.decisions:,} decisions: {path}", markup=False)


@reads_journal
def check(
    source: JournalSource,
    archive: ArchiveOption = None,
    seal: SealOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show whether a journal is what it was: complete, readable, as it was sealed, the same as its archive.

    A break in the running hash is shown with its place. Whoever can write the journal can write its seals anew:
    [bold]--seal[/bold] proves it by one that was noted elsewhere (`journal seal`). Exit code 1: something is wrong.

    Examples:

      lws-events journal check
      lws-events journal check --seal 3f0c9a1be2d4
      lws-events journal check --archive s3://backup/journal -o json
    """
    from adapters.cli.printing import console, print_json
    from adapters.cli.seals import check_lines
    from adapters.reading.reader import open_for_reading

    with open_for_reading(source) as reader:
        found = checked(reader, archive=archive, seal=seal)
    if output is Output.JSON:
        print_json(
            {"sound": found.is_sound, "events": found.events, "decisions": found.decisions, "seals": found.seals}
        )
    else:
        for line in check_lines(found):
            console().print(line, markup=False, soft_wrap=True)
    if not found.is_sound:
        raise typer.Exit(FAILED)


def checked(reader: "JournalReader", *, archive: str | None, seal: str | None) -> "Check":
    """The journal, its seals, and its archive where one is given. Raises as the journal and the archive do."""
    from adapters.journal.archive.checking import Check, check_journal
    from adapters.journal.archive.restoring import archived_cluster
    from adapters.journal.archive.store import open_store

    async def compared() -> Check:
        if archive is None:
            return await check_journal(reader.journal, noted=seal or "")
        async with open_store(archive) as store:
            await archived_cluster(store, reader.cluster, place=archive)  # else there is nothing to compare with
            return await check_journal(reader.journal, store, noted=seal or "")

    return reader.wait(compared())


def add_to(app: typer.Typer) -> None:
    """Add the commands to ``lws-events journal``."""
    app.command("archive", help=help_text(archive))(archive)
    app.command("restore", help=help_text(restore))(restore)
    app.command("check", help=help_text(check))(check)
