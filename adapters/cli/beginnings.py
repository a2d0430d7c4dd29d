"""Say so when a question reaches back behind the beginning of a journal: silence would be taken for an answer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapters.cli.reading import JournalReader
    from lws_events.subjects import SetName
    from projections.journal import Step
    from projections.replay import Until


def known_before(reader: "JournalReader", name: "SetName | None") -> "list[Step]":
    """The last observations of objects that the journal no longer has, as steps without decisions: they come first.

    Raises ``JournalDamaged``, ``JournalUnavailable``.
    """
    import msgspec

    from adapters.journal.errors import JournalDamaged
    from adapters.journal.snapshots.last_known import put_aside
    from lws_events import events, subjects
    from projections.journal import RecordedEvent, Step

    wanted = f"{reader.journal.events.root}.>" if name is None else subjects.set_filter(reader.cluster, name)
    found: list[Step] = []
    for record in reader.wait(put_aside(reader.journal, wanted)):
        try:
            envelope = events.decode(record.data)
        except msgspec.DecodeError as error:
            raise JournalDamaged(f"what was put aside of {record.subject} cannot be read: {error}") from error
        found.append(Step(RecordedEvent(record.sequence, record.subject, envelope), None))
    return found


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
