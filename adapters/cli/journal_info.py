"""``lws-events journal info``: what a journal is, wherever it is; and what an archive holds."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapters.cli.options import Output, OutputOption, help_text, reads_journal
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from adapters.journal.inspecting import Inspection, KeepInfo, Moment
    from adapters.journal.port import StreamInfo
    from adapters.reading.reader import JournalReader

ArchiveOption = Annotated[
    str | None,
    typer.Option(
        "--archive",
        metavar="PLACE",
        help="What this archive holds, instead: a directory, or s3://bucket/prefix.",
        show_default=False,
    ),
]


@reads_journal
def info(source: JournalSource, archive: ArchiveOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show what the journal is: how much, since when, its snapshots, limits, seals, index, and which sets.

    Examples:

      lws-events journal info
      lws-events journal info --file incident.jsonl.gz -o json
      lws-events journal info --archive s3://backup/journal
    """
    from adapters.cli.printing import console, print_json
    from adapters.reading.reader import open_for_reading

    if archive is not None:
        answer = asyncio.run(_archived(archive, source.cluster))
        lines = _archive_lines(answer)
    else:
        with open_for_reading(source) as reader:
            inspection, more = _inspected(reader, source)
        answer = _answer(inspection) | more
        lines = _lines(inspection, more)
    if output is Output.JSON:
        print_json(answer)
        return
    screen = console()
    for line in lines:
        screen.print(line, markup=False, soft_wrap=True)


def _inspected(reader: "JournalReader", source: JournalSource) -> "tuple[Inspection, dict[str, Any]]":
    from adapters.cli.selecting import wall_ms
    from adapters.journal.inspecting import inspect

    now_ms = None if source.file is not None else wall_ms()
    found = reader.wait(inspect(reader.journal, now_ms=now_ms))
    return found, {"index": _index(source), "sets": [str(name) for name in reader.set_names()]}


def _answer(found: "Inspection") -> dict[str, Any]:
    """As JSON has it: the shape of before, and what was added."""
    import msgspec

    answer = msgspec.structs.asdict(found)
    seal = answer.pop("newest_seal")
    answer["seals"] = {"count": answer["seals"], "newest": seal, "problem": answer.pop("seals_problem")}
    return answer


def _index(source: JournalSource) -> dict[str, Any] | None:
    """Of a file: its index, and whether it is used."""
    from adapters.journal.index.directory import index_path
    from adapters.journal.index.reading import open_index

    if source.file is None or not index_path(source.file).exists():
        return None
    place = index_path(source.file)
    is_used = open_index(source.file) is not None
    return {"path": str(place), "size_bytes": place.stat().st_size, "used": is_used}


def _lines(found: "Inspection", more: dict[str, Any]) -> Iterator[str]:
    yield f"cluster {found.cluster}, epoch {found.epoch or 'none yet'}"
    yield _stream(found.events, "")
    yield _stream(found.decisions, "")
    if found.begins is not None and found.ends is not None:
        yield f"events: from {_moment(found.begins)} to {_moment(found.ends)}"
    if found.is_purged:
        yield (
            f"  what was before event {found.events.first_sequence:,} was purged; if it was archived, "
            "`journal restore` brings it back"
        )
    if found.audit is not None:
        yield _stream(found.audit, " of purged events, for audit")
    yield from _snapshots(found)
    yield from _limits(found.keeps)
    yield _seals(found)
    if more["index"] is not None:
        used = "" if more["index"]["used"] else ", of another file: not used"
        yield f"index: {more['index']['path']}, {more['index']['size_bytes']:,} bytes{used}"
    yield f"sets: {', '.join(more['sets']) or 'none'}"


def _stream(info: "StreamInfo", what: str) -> str:
    limit = "no limit"
    if info.size_bytes_max > 0:
        limit = f"{info.size_bytes / info.size_bytes_max:.0%} of its limit of {info.size_bytes_max:,}"
    messages = f"{info.messages:,} messages{what}, sequences {info.first_sequence}-{info.last_sequence}"
    return f"{info.name}: {messages}, {info.size_bytes:,} bytes ({limit})"


def _moment(moment: "Moment") -> str:
    from projections.explain import timestamp

    return f"#{moment.sequence} ({timestamp(moment.at_ms)})"


def _snapshots(found: "Inspection") -> Iterator[str]:
    snapshots = found.snapshots
    if snapshots is None or (snapshots.newest is None and not snapshots.problem):
        yield "snapshots: none"
        return
    if snapshots.newest is None:
        yield f"snapshots: cannot be used: {snapshots.problem}"
        return
    behind = found.events.last_sequence - snapshots.newest.sequence
    yield (
        f"snapshots: of {_count_of(snapshots.sets, 'set')}, through {_moment(snapshots.newest)}, {behind:,} events "
        f"behind, {snapshots.size_bytes:,} bytes"
    )
    if snapshots.places:
        yield f"  the journal can also begin at {', '.join(f'#{place}' for place in snapshots.places)}"


def _limits(keeps: "tuple[KeepInfo, ...] | None") -> Iterator[str]:
    if keeps is None:
        return
    if not keeps:
        yield "kept: everything"
        return
    told = [_kept(one) for one in keeps]
    yield f"kept at least: {'; '.join(told)}"


def _kept(one: "KeepInfo") -> str:
    share = one.used / one.at_least if one.at_least else 0.0
    if one.limit == "age_seconds":
        return f"{one.at_least / 3600:g} h (there are {one.used / 3600:.1f}, {share:.0%})"
    unit = "events" if one.limit == "events" else "bytes of events"
    return f"{one.at_least:,.0f} {unit} (there are {one.used:,.0f}, {share:.0%})"


def _seals(found: "Inspection") -> str:
    from projections.explain import timestamp

    seal = found.newest_seal
    if found.seals_problem:
        return f"seals: {found.seals:,}; {found.seals_problem}"
    if seal is None:
        return "seals: none"
    return (
        f"seals: {found.seals:,}, the newest of {timestamp(seal.at_ms)}, through event {seal.events:,} and decision "
        f"{seal.decisions:,}"
    )


def _count_of(count: int, what: str) -> str:
    """A number of things in words."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


async def _archived(place: str, cluster: str | None) -> dict[str, Any]:
    from adapters.journal.archive.restoring import archived_cluster
    from adapters.journal.archive.segments import archived_snapshots, segments, summary
    from adapters.journal.archive.store import open_store

    async with open_store(place) as store:
        cluster = await archived_cluster(store, cluster, place=place)
        return {
            "archive": place,
            "cluster": cluster,
            "events": summary(await segments(store, cluster, "events")),
            "decisions": summary(await segments(store, cluster, "decisions")),
            "seals": summary(await segments(store, cluster, "seals")),
            "snapshots": len(await archived_snapshots(store, cluster)),
        }


def _archive_lines(answer: dict[str, Any]) -> Iterator[str]:
    yield f"archive {answer['archive']} of cluster {answer['cluster']}"
    for kind in ("events", "decisions"):
        one = answer[kind]
        yield f"{kind}: {one.first}-{one.last} in {_count_of(one.segments, 'segment')}, hash {one.hash}"
    yield f"seals: {answer['seals'].last:,}"
    if answer["snapshots"]:
        yield f"begins from snapshots: what was before event {answer['events'].first:,} was purged unarchived"


def add_to(app: typer.Typer) -> None:
    """Add the command to ``lws-events journal``."""
    app.command("info", help=help_text(info))(info)
