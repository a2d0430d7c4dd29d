"""The latest past of one set: what a timeline, causal chains and lanes need, folded once and then further and further.

It begins some thousands of events ago, not at the beginning of the journal: what every object was just before is taken
from the last observation of each. All of it lives in the desk's thread.
"""

from array import array
from collections import deque
from collections.abc import Iterator
from typing import Final

from adapters.reading.beginnings import known_before
from adapters.reading.reader import JournalReader
from adapters.web.desk import Rest
from adapters.web.places import decisions_from, epoch_before, first_of_window
from adapters.web.settled import Settling
from lws_events import events, subjects
from lws_events.decisions import GroupChanged
from lws_events.subjects import SetName
from projections.entries import RESTART, Entry
from projections.groups import group_token
from projections.journal import RecordedEvent, Step, about
from projections.lanes import Lanes
from projections.timeline import Timeline
from projections.why.model import Chain
from projections.why.stories import Stories

EVENTS_MAX: Final = 20_000
"""Events of the set that a history begins with."""
_ENTRIES_MAX: Final = 40_000
_CHAINS_MAX: Final = 1_000


class History:
    """Fold of one set. ``until``: it ends there, and does not grow."""

    def __init__(self, set_name: SetName, *, until: int | None = None) -> None:
        self.set_name = set_name
        self.first = 0
        """The event that it begins with."""
        self.from_ms = 0
        self.through = 0
        """The last event that was taken in."""
        self.at_ms = 0
        self.entries: deque[Entry] = deque(maxlen=_ENTRIES_MAX)
        self.lanes = Lanes(set_name)
        self.changes: dict[str, list[tuple[int, int]]] = {}
        """Group → sequence and time of each change of its life."""
        self._sequences = array("Q")
        self._times_ms = array("Q")
        self._until = until
        self._timeline = Timeline(set_name)
        self._stories = Stories(set_name)
        self._chains: deque[Chain] = deque(maxlen=_CHAINS_MAX)
        self._decided = 0
        self._epoch = ""

    def catch_up(self, reader: JournalReader, *, now_ms: int | None, rest: Rest) -> None:
        """Take in what has come. ``now_ms``: None for a journal that nobody writes."""
        if not self.first:
            self._begin(reader)
        settling = Settling(reader, now_ms=now_ms)
        steps = reader.steps_of(
            self.set_name,
            to_sequence=self._until,
            after=max(self.through, self.first - 1),
            epoch=self._epoch,
            decisions_from=self._decided + 1,
        )
        for step in about(settling.only(self._watched(steps), rest=rest), self.set_name):
            self._add(step)

    def last_before(self, at_ms: int) -> int:
        """The last event recorded not later than a time, as a replay until then has it; 0 where none is known here."""
        for index in range(len(self._times_ms) - 1, -1, -1):
            if self._times_ms[index] <= at_ms:
                return self._sequences[index]
        return 0

    def chains(self) -> list[Chain]:
        """Those that are over, then the others."""
        return [*self._chains, *self._stories.unfinished()]

    def since(self, group: str, *, until: int) -> tuple[int, int]:
        """Sequence and time of the last change of a group's life up to an event; zeros where that is not known."""
        found = [one for one in self.changes.get(group, ()) if one[0] <= until]
        return found[-1] if found else (0, 0)

    def restarts(self, *, from_ms: int, until: int) -> int:
        """How many groups were recreated since a time, up to an event."""
        return sum(one.kind == RESTART and one.at_ms >= from_ms and one.sequence <= until for one in self.entries)

    def _begin(self, reader: JournalReader) -> None:
        last = reader.bounds.events if self._until is None else min(self._until, reader.bounds.events)
        self.first = first_of_window(reader, self.set_name, last=last, events_max=EVENTS_MAX)
        if self.first <= 1:
            return
        self._epoch = epoch_before(reader, self.first)
        self._decided = decisions_from(reader, self.first) - 1
        for step in known_before(reader, self.set_name):  # of events that were purged
            self._fold(step)
        own = subjects.set_filter(reader.cluster, self.set_name)
        for record in reader.wait(reader.journal.events.latest(own, up_to=self.first - 1)).records:
            event = RecordedEvent(record.sequence, record.subject, events.decode(record.data))
            if subjects.parse(event.subject) is not None:
                self._fold(Step(event, None))

    def _watched(self, steps: Iterator[Step]) -> Iterator[Step]:
        """Where to go on next time."""
        for step in steps:
            fact = step.event.envelope.fact
            if isinstance(fact, events.EpochStarted):
                self._epoch = fact.epoch
            yield step

    def _add(self, step: Step) -> None:
        event = step.event
        self.through, self.at_ms = event.sequence, max(self.at_ms, event.envelope.at_ms)
        self.from_ms = self.from_ms or event.envelope.at_ms
        self._sequences.append(event.sequence)
        self._times_ms.append(max(event.envelope.at_ms, 0))
        if step.recorded is not None:
            self._decided = max(self._decided, step.recorded.sequence)
            for fact in step.recorded.decision.facts:
                if isinstance(fact, GroupChanged):
                    token = group_token(self.set_name, fact.group)
                    self.changes.setdefault(token, []).append((event.sequence, event.envelope.at_ms))
        entries, chains = self._fold(step)
        self.entries.extend(entries)
        self._chains.extend(chains)

    def _fold(self, step: Step) -> tuple[list[Entry], list[Chain]]:
        self.lanes.add(step)
        return self._timeline.add(step), self._stories.add(step)
