"""The past of the sets that are being looked at: their state at any moment, and their latest history.

A few sets are remembered, the last ones that were asked for. Everything here runs in the desk's thread, except that the
public methods are awaited in the loop.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple, TypeVar

from adapters.reading.reader import JournalReader
from adapters.replaying.opening import Beginning, beginning_of
from adapters.web.desk import Desk
from adapters.web.errors import NotThere
from adapters.web.history import History
from adapters.web.places import decisions_from
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName
from projections.debugger import Debugger
from projections.journal import Step
from projections.replay import State, Until

_REMEMBERED_MAX: Final = 4
"""Sets: each costs some megabytes."""

_T = TypeVar("_T")


class Moment(NamedTuple):
    """A set at a moment, with the history that leads to it."""

    state: Aggregate | None
    """None where nothing was known of the set."""
    sequence: int
    """Of the set's last event up to it."""
    at_ms: int
    history: History
    unknown_before: int
    """First event of a journal that begins in the middle without a snapshot; 0 where nothing is missing."""
    replayed: Callable[[], State]
    """As ``lws-events replay`` shows it."""


class _Replay:
    """A debugger that reads with whichever reader is there."""

    def __init__(self, reader: JournalReader, set_name: SetName, *, rest: Callable[[], None]) -> None:
        self.reader = reader
        self.through = 0
        """What stands behind it in the journal is not settled yet."""
        self.beginning: Beginning = beginning_of(reader, set_name)

        def steps(*, after: int, epoch: str) -> Iterator[Step]:
            decided = decisions_from(self.reader, after + 1)
            read = self.reader.steps_of(
                set_name, to_sequence=self.through, after=after, epoch=epoch, decisions_from=decided
            )
            for step in read:
                rest()
                yield step

        self.debugger = Debugger(steps, set_name, beginning=self.beginning.fleet)


class Past:
    """Of one journal. ``now_ms``: None for a journal that nobody writes."""

    def __init__(self, desk: Desk, *, now_ms: Callable[[], int] | None) -> None:
        self._desk = desk
        self._now_ms = now_ms
        self._histories: OrderedDict[tuple[SetName, int | None], History] = OrderedDict()
        self._replays: OrderedDict[SetName, _Replay] = OrderedDict()
        self._read_to = 0

    async def of(
        self, name: SetName, question: Callable[[History, JournalReader], _T], *, until: int | None = None
    ) -> _T:
        """Ask the latest history of a set; with ``until`` the one that ends there, if the latest begins later.

        Raises ``NotThere`` for a set that the journal knows nothing of.
        """

        def answer(reader: JournalReader) -> _T:
            return question(self._history(reader, name, until=until), reader)

        return await self._desk.ask(answer)

    async def at(self, name: SetName, until: Until, question: Callable[[Moment], _T]) -> _T:
        """Ask about a moment: the last event of the set up to a sequence or a time. Raises ``NotThere``."""
        return await self._desk.ask(partial(self._at, name, until, question))

    def _at(self, name: SetName, until: Until, question: Callable[[Moment], _T], reader: JournalReader) -> _T:
        latest = self._history(reader, name)
        known = latest.last_before(until.at_ms) if until.sequence is None and until.at_ms is not None else 0
        wanted = Until(known) if known else until
        replay = self._replay(reader, name, through=latest.through)
        debugger = replay.debugger
        debugger.go_to(wanted)
        history = self._history(reader, name, until=debugger.sequence)
        here = debugger.here() if debugger.position else None
        return question(
            Moment(
                state=debugger.aggregate,
                sequence=debugger.sequence,
                at_ms=max(until.at_ms or 0, here.at_ms if here is not None else 0),
                history=history,
                unknown_before=replay.beginning.unknown_before,
                replayed=debugger.here,
            )
        )

    def _replay(self, reader: JournalReader, name: SetName, *, through: int) -> _Replay:
        found = self._replays.pop(name, None)
        if found is None:
            found = _Replay(reader, name, rest=self._desk.rest)
        else:
            found.reader = reader
            found.debugger.read_on()
        found.through = through
        _remember(self._replays, name, found)
        return found

    def _history(self, reader: JournalReader, name: SetName, *, until: int | None = None) -> History:
        if reader.bounds.events < self._read_to:  # its tail is lost: other events have these sequences now
            self._histories.clear()
            self._replays.clear()
        self._read_to = reader.bounds.events
        latest = self._caught_up(reader, name, until=None)
        if until is None or until >= latest.first:
            return latest
        return self._caught_up(reader, name, until=until)

    def _caught_up(self, reader: JournalReader, name: SetName, *, until: int | None) -> History:
        key = (name, until)
        history = self._histories.pop(key, None) or History(name, until=until)
        now_ms = None if self._now_ms is None or until is not None else self._now_ms()
        history.catch_up(reader, now_ms=now_ms, rest=self._desk.rest)
        if not history.through and until is None:
            raise NotThere(f"the journal knows no set {name}", hint="the sets that it knows are at /ui/api/v1/sets")
        _remember(self._histories, key, history)
        return history


_K = TypeVar("_K")
_V = TypeVar("_V")


def _remember(known: "OrderedDict[_K, _V]", key: _K, value: _V) -> None:
    known[key] = value
    while len(known) > _REMEMBERED_MAX:
        known.popitem(last=False)
