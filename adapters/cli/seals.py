"""``lws-events journal seal``, and what seals prove in words, for every command that checks them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.options import Output, OutputOption, help_text, reads_journal
from adapters.errors import NoSuchThing
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from adapters.journal.archive.checking import Check, Checked
    from adapters.journal.seals.findings import SealNote
    from adapters.journal.seals.walking import Break, Range
    from adapters.reading.reader import JournalReader

SealOption = Annotated[
    str | None,
    typer.Option(
        "--seal",
        metavar="HASH",
        help="Prove the journal by the seal of this hash, which was noted elsewhere.",
        show_default=False,
    ),
]

_WORDS = {
    "changed": "was changed",
    "removed": "was removed",
    "inserted": "was put in",
    "reordered": "is not in its place",
    "seal-changed": "the seal was changed, or all of them were changed with care",
    "unknown": "something was changed, removed or put in",
}


@reads_journal
def seal(source: JournalSource, output: OutputOption = Output.TABLE) -> None:
    """Print the newest seal: note its hash where whoever can write the journal cannot write.

    A controller seals its journal every minute or thousand events, and logs each seal. `journal check --seal HASH` and
    `audit --seal HASH` prove later that nothing up to there was changed, removed or put in.

    Examples:

      lws-events journal seal
      lws-events journal seal -o json --nats-url nats://bus:4222 >> /elsewhere/seals.jsonl
      lws-events journal check --seal 3f0c9a1be2d4
    """
    from adapters.cli.printing import console, print_json
    from adapters.reading.reader import open_for_reading

    with open_for_reading(source) as reader:
        found = newest_seal(reader)
    if found is None:
        raise NoSuchThing(
            f"the journal of cluster {reader.cluster!r} has no seal",
            hint="a controller seals it while it leads; an archive has running hashes of its own (journal check)",
        )
    if output is Output.JSON:
        print_json({"cluster": reader.cluster, **_note_json(found)})
        return
    console().print(f"{_sealed(found)}\n{found.hash}", markup=False)


def newest_seal(reader: "JournalReader") -> "SealNote | None":
    """The last seal that seals something; None without one. Raises ``JournalDamaged`` where it cannot be read."""
    from adapters.journal.errors import JournalMissing
    from adapters.journal.seals.findings import SealNote
    from adapters.journal.seals.model import newest

    if reader.journal.seals is None:
        return None
    try:
        found = reader.wait(newest(reader.journal.seals))
    except JournalMissing:
        return None
    if found is None or found.sealing is None:
        return None
    return SealNote.of(found.sealing)


def check_lines(check: "Check") -> Iterator[str]:
    """What was found, for people."""
    yield _stream_line(check.events)
    yield _stream_line(check.decisions)
    seals = check.seals
    if seals.newest is None:
        yield "seals: none: nothing but a hash that was noted shows whether the journal was changed"
    else:
        yield f"seals: {seals.count:,}, the newest is {_sealed(seals.newest)}, hash {seals.newest.hash}"
        proven = [f"{kind} {_ranges(ranges)}" for kind, ranges in sorted(seals.proven.items(), reverse=True) if ranges]
        if proven:
            yield f"  as they were sealed: {', '.join(proven)}"
        if any(seals.unsealed.values()):
            counted = f"{seals.unsealed['events']:,} events, {seals.unsealed['decisions']:,} decisions"
            yield f"  not sealed yet: {counted}"
    yield from seal_lines(check)


def seal_lines(check: "Check") -> Iterator[str]:
    """What the seals say that is out of the ordinary, for people."""
    seals = check.seals
    for lost in seals.lost_tails:
        yield (
            f"  {lost.stream} from {lost.after + 1} on, sealed up to {lost.sealed_through}, were lost with the end of "
            f"the stream, and epoch {lost.epoch} began: no sign of a change"
        )
    for one in seals.breaks:
        yield f"  BROKEN: {break_words(one)}"
    if seals.more_breaks:
        yield f"  and {seals.more_breaks} more ranges that are not as they were sealed"
    if seals.noted is not None and not seals.noted_problem:
        whether = "but see above" if seals.breaks else "and everything up to there is as it was"
        yield f"  the noted hash is that of {_sealed(seals.noted)}, {whether}"
    elif seals.noted_problem:
        yield f"  BROKEN: {seals.noted_problem}"


def break_words(one: "Break") -> str:
    """One break in a sentence: what, where, when."""
    from projections.explain import timestamp

    if one.stream == "seals":
        return one.because
    kind = one.stream.removesuffix("s")
    what = f"{kind} {one.at} {_WORDS[one.kind]}" if one.at else _WORDS[one.kind]
    place = f"between {one.stream} {one.first} and {one.last}"
    since = f", after {timestamp(one.since_ms)}" if one.since_ms else ""
    return f"{what} ({place}, sealed by seal {one.seal} of {timestamp(one.until_ms)}{since})"


def _stream_line(one: "Checked") -> str:
    compared = f", {one.compared:,} compared with the archive" if one.compared else ""
    text = f"{one.stream}: {one.first}-{one.last}{compared}, hash {one.hash or 'unknown: it began before'}"
    return f"{text}\n  {one.problem}" if one.problem else text


def _sealed(note: "SealNote") -> str:
    from projections.explain import timestamp

    return (
        f"seal {note.number} of {timestamp(note.at_ms)}, through event {note.events:,} and decision {note.decisions:,}"
    )


def _ranges(ranges: "list[Range]") -> str:
    return " and ".join(f"{one.first}-{one.last}" for one in ranges)


def _note_json(note: "SealNote") -> dict[str, object]:
    from projections.explain import timestamp

    return {
        "number": note.number,
        "hash": note.hash,
        "at": timestamp(note.at_ms),
        "at_ms": note.at_ms,
        "events": note.events,
        "decisions": note.decisions,
    }


def add_to(app: typer.Typer) -> None:
    """Add the command to ``lws-events journal``."""
    app.command("seal", help=help_text(seal))(seal)
