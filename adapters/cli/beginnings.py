"""Say so when a question reaches back behind the beginning of a journal: silence would be taken for an answer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapters.reading.reader import JournalReader
    from projections.replay import Until


def tell_of_the_beginning(
    reader: "JournalReader",
    *points: "Until",
    since_ms: int | None = None,
    from_sequence: int = 0,
    is_whole: bool = False,
) -> dict[str, Any] | None:
    """Tell it on standard error, if a point lies before the first event, or everything is asked for.

    ``since_ms``, ``from_sequence``: from when on something is asked for. Returns where the journal begins, for JSON;
    None where nothing is missing. Raises ``JournalDamaged``, ``JournalUnavailable``.
    """
    from adapters.cli.printing import remark
    from adapters.journal.extents import first_event_ms
    from projections.explain import timestamp

    first = reader.wait(reader.journal.events.info()).first_sequence
    if first <= 1:
        return None
    at_ms = reader.wait(first_event_ms(reader.journal.events)) or 0
    is_asked_for = (
        is_whole
        or (since_ms is not None and since_ms < at_ms)
        or 0 < from_sequence < first
        or any(one.sequence is not None and one.sequence < first for one in points)
        or any(one.at_ms is not None and one.at_ms < at_ms for one in points)
    )
    if not is_asked_for:
        return None
    remark(
        f"the journal begins at #{first} ({timestamp(at_ms)}): what was before was purged; if it was archived, "
        "`lws-events journal restore --from PLACE FILE` brings it back"
    )
    return {"sequence": first, "at": timestamp(at_ms), "at_ms": at_ms}
