"""What a consumer asks for, in the words of a query or of a command line: which events, and from where.

Names that are not known are refused: a filter with a slip of the pen would otherwise give everything.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from adapters.journal.port import Journal
from adapters.lifecycle_events.positions import FIRST, Positions, Start
from projections.lifecycle import TYPE_NAMES, EventId, Wanted, is_sequence, is_type, parse_id, short_type

LAST_EVENT_ID: Final = "Last-Event-ID"
START: Final = "start"
NOW: Final = "now"
_FILTERS: Final = ("namespace", "set", "group", "type")
PARAMETERS: Final = (*_FILTERS, "after", "from")

_FROM_HINT: Final = "start, now, a sequence of EVENTS such as 1234, or a time such as 2026-01-01T12:00:00Z"


class BadQuery(Exception):  # noqa: N818 - says what it is
    """The query cannot be meant like this. ``hint`` says how it can."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Query(NamedTuple):
    """What is asked for. ``after`` beats ``from_``."""

    wanted: Wanted
    after: EventId | None = None
    from_: str = NOW
    resumes: bool = False
    """Whether a client has come back after its connection had ended."""

    async def start(self, journal: Journal, *, grows: bool) -> Start:
        """Where to begin. Raises ``PositionGone``, ``PositionUnknown``, ``BadQuery``, ``JournalUnavailable``."""
        positions = Positions(journal, grows=grows)
        if self.after is not None:
            return await positions.after(self.after)
        if self.from_ == START:
            return FIRST
        if self.from_ == NOW:
            return await positions.now()
        if is_sequence(self.from_):
            return await positions.at_event(int(self.from_))
        return await positions.at_time(_time_ms(self.from_))


def parse_query(query: "Mapping[str, str]", *, last_event_id: str | None = None) -> Query:
    """From the parameters of a request; ``last_event_id`` beats ``after``. Raises ``BadQuery``."""
    unknown = [name for name in query if name not in PARAMETERS]
    if unknown:
        raise BadQuery(f"unknown parameter {unknown[0]!r}", hint=f"known are {', '.join(PARAMETERS)}")
    place = query.get("from", NOW)
    if place not in (START, NOW) and not is_sequence(place):
        _time_ms(place)
    return Query(
        parse_wanted(
            namespace=query.get("namespace", ""),
            set_=query.get("set", ""),
            group=query.get("group", ""),
            types=query.get("type", "").split(","),
        ),
        after=parse_after(last_event_id or query.get("after", "")),
        from_=place,
        resumes=bool(last_event_id),
    )


def parse_wanted(*, namespace: str, set_: str, group: str, types: Sequence[str]) -> Wanted:
    """Filters; ``set_`` may have its namespace with it. Raises ``BadQuery``."""
    before, _, name = set_.rpartition("/")
    if before and namespace not in ("", before):
        raise BadQuery(f"the set is in namespace {before}, not in {namespace}", hint="leave out one of the two")
    short = tuple(short_type(one.strip()) for one in types if one.strip())
    for one in short:
        if not is_type(one):
            raise BadQuery(f"there is no type {one!r}", hint=f"types, or their beginnings: {', '.join(TYPE_NAMES)}")
    return Wanted(namespace=before or namespace, set=name, group=group, types=short)


def parse_after(text: str) -> EventId | None:
    """The id of the last event that was seen; None for an empty text. Raises ``BadQuery``."""
    if not text:
        return None
    seen = parse_id(text)
    if seen is None:
        raise BadQuery(f"{text!r} is no id of an event", hint="an id is <epoch>-<sequence>-<index>, as of the event")
    return seen


def _time_ms(text: str) -> int:
    """Milliseconds since the Unix epoch of a time, UTC without an offset. Raises ``BadQuery``."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadQuery(f"{text!r} is no place to begin", hint=_FROM_HINT) from None
