"""How often groups of each set were recreated lately, from the decisions of the last day; nothing else is read."""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from adapters.reading.reader import JournalReader
from adapters.web.desk import Desk
from adapters.web.places import decisions_since
from lws_events import decisions, subjects
from lws_events.decisions import GroupRecreationStarted
from lws_events.subjects import SetName

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
_READ_MAX: Final = 200_000
"""Decisions that are looked through at first: beyond, what is counted is of less than a day."""
_MARK: Final = b'"GroupRecreationStarted"'


class Counted(NamedTuple):
    """Recreations of a set's groups."""

    hour: int
    day: int


class Restarts:
    """Counts on from where it was. Times are those at which the journal stored the decisions."""

    def __init__(self, desk: Desk, *, as_of_ms: Callable[[], int]) -> None:
        self._desk = desk
        self._as_of_ms = as_of_ms
        self._through = -1
        self._of: dict[SetName, deque[int]] = {}

    async def refresh(self) -> None:
        """Take in what was decided since."""
        await self._desk.ask(self._go_on)

    def of(self, name: SetName) -> Counted:
        """Of one set, up to now."""
        now_ms, times = self._as_of_ms(), list(self._of.get(name, ()))  # at once: the desk may add to it
        return Counted(
            sum(at_ms >= now_ms - HOUR_MS for at_ms in times), sum(at_ms >= now_ms - DAY_MS for at_ms in times)
        )

    def _go_on(self, reader: JournalReader) -> None:
        last = reader.bounds.decisions
        if self._through < 0 or last < self._through:
            self._of = {}
            since = decisions_since(reader, (self._as_of_ms() - DAY_MS) * 1_000_000)
            self._through = max(since - 1, last - _READ_MAX, 0)
        if self._through >= last:
            return
        stream = reader.journal.decisions
        for record in reader.each(stream.read(from_sequence=self._through + 1, to_sequence=last, follow=False)):
            self._desk.rest()
            if _MARK not in record.data:
                continue
            address = subjects.parse(record.subject)
            begun = sum(isinstance(fact, GroupRecreationStarted) for fact in decisions.decode(record.data).facts)
            if address is not None:
                self._of.setdefault(address.set_name, deque()).extend([record.at_ns // 1_000_000] * begun)
        self._through = last
        oldest = self._as_of_ms() - DAY_MS
        for times in self._of.values():
            while times and times[0] < oldest:
                times.popleft()
