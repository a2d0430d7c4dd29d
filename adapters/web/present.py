"""The present state of all sets: the one of the controller in this process, or one folded here, further each time."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Protocol, TypeVar

from adapters.journal.errors import JournalDamaged
from adapters.journal.snapshots.beginning import begin
from adapters.journal.snapshots.generations import Ahead
from adapters.reading.reader import JournalReader
from adapters.web.desk import Desk
from adapters.web.errors import Busy
from adapters.web.places import decisions_from, epoch_before
from adapters.web.settled import Settling
from lws_events.fleet import Fleet
from lws_events.subjects import SetName
from projections.journal import pair

NowMs = Callable[[], int]

_T = TypeVar("_T")
Pieces = Callable[[Fleet], Generator[None, None, _T]]
"""A question that lets others work whenever it yields."""


class Present(Protocol):
    """All sets as they are."""

    @property
    def as_of_ms(self) -> int:
        """How long things last is counted up to this time."""

    async def read(self, question: Pieces[_T]) -> _T:
        """Ask about the present state. Raises ``Busy`` while nothing is known yet."""


class OfController:
    """The state of the engine in this process, leading or following: it is at hand, and nothing is folded twice.

    It is read in the engine's own thread, piece by piece, and changes between the pieces as the cluster does.
    """

    def __init__(self, fleet: Callable[[], Fleet | None], *, now_ms: NowMs) -> None:
        self._fleet = fleet
        self._now_ms = now_ms

    @property
    def as_of_ms(self) -> int:
        return self._now_ms()

    async def read(self, question: Pieces[_T]) -> _T:
        fleet = self._fleet()
        if fleet is None:
            raise Busy("the controller is starting and knows of no sets yet", hint="ask again in a few seconds")
        pieces = question(fleet)
        while True:
            try:
                next(pieces)
            except StopIteration as answered:
                answer: _T = answered.value
                return answer
            await asyncio.sleep(0)


class Folded:
    """Folded from the journal, with the decisions that were recorded. ``now_ms``: None where nobody writes it."""

    def __init__(self, desk: Desk, *, now_ms: NowMs | None) -> None:
        self._fleet: Fleet | None = None
        self._desk = desk
        self._now_ms = now_ms
        self._ahead: Mapping[SetName, Ahead] = {}
        self._decisions = 0
        self._at_ms = 0

    @property
    def as_of_ms(self) -> int:
        return self._at_ms if self._now_ms is None else self._now_ms()

    async def read(self, question: Pieces[_T]) -> _T:
        return await self._desk.ask(partial(self._answer, question))

    def _answer(self, question: Pieces[_T], reader: JournalReader) -> _T:
        fleet = self._fleet
        if fleet is None or self._now_ms is not None:  # what nobody writes is read once
            fleet = self._go_on(reader)
        pieces = question(fleet)
        while True:
            try:
                next(pieces)
            except StopIteration as answered:
                answer: _T = answered.value
                return answer
            self._desk.rest()

    def _go_on(self, reader: JournalReader) -> Fleet:
        fleet = self._fleet
        if fleet is None or reader.bounds.events < fleet.sequence:
            fleet = self._begin(reader)
        self._fleet = None  # until all of it was taken in
        settling = Settling(reader, now_ms=None if self._now_ms is None else self._now_ms())
        steps = pair(
            reader.events(from_sequence=fleet.sequence + 1),
            reader.decisions(from_sequence=self._decisions + 1),
            epoch=fleet.epoch or None,
        )
        for step in settling.only(steps, rest=self._desk.rest):
            event, address = step.event, step.event.address
            ahead = self._ahead.get(address.set_name) if address is not None else None
            if ahead is not None and event.sequence <= ahead.sequence:
                fleet.pass_over(event.sequence)
            else:
                fleet.recall(event.sequence, event.subject, event.envelope, step.decision)
            self._at_ms = max(self._at_ms, event.envelope.at_ms)
            if step.recorded is not None:
                self._decisions = max(self._decisions, step.recorded.sequence)
        self._fleet = fleet
        return fleet

    def _begin(self, reader: JournalReader) -> Fleet:
        fleet = Fleet()
        self._ahead, self._decisions = {}, 0
        try:
            restored = reader.wait(begin(reader.journal))
        except JournalDamaged:
            # It begins in the middle without snapshots: what is known from there on is shown.
            first = reader.wait(reader.journal.events.info()).first_sequence
            fleet.epoch = epoch_before(reader, first)
            self._decisions = decisions_from(reader, first) - 1
            return fleet
        if restored is not None:
            fleet, self._ahead, self._decisions = restored.fleet, restored.ahead, restored.decisions
        return fleet
