"""Epochs of a journal, in their order: in which of them a sequence of EVENTS means what.

A stream that has lost its tail hands its sequences out again, in a new epoch. Decisions about what was lost stay in
DECISIONS: they come before those of the new epoch, and their causes are not the events that have the numbers now.
"""

import contextlib
from typing import Self

import msgspec

from adapters.journal.epoch import is_told_again
from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Journal
from lws_events import events
from lws_events.events import EpochStarted
from lws_events.subjects import epoch_subject

BEFORE_ALL = -1
"""Order of an epoch whose beginning the journal does not have any more."""


class Epochs:
    """What is known of them when it was read."""

    def __init__(self, began: dict[str, int]) -> None:
        self._began = began
        self._orders = {epoch: order for order, epoch in enumerate(began)}

    @classmethod
    async def of(cls, journal: Journal) -> Self:
        """All epochs of a journal. Raises ``JournalUnavailable``, ``JournalDamaged``."""
        began: dict[str, int] = {}
        reading = journal.events.read(subject_filter=epoch_subject(journal.cluster), follow=False)
        async with contextlib.aclosing(reading) as batches:
            async for batch in batches:
                for record in batch:
                    try:
                        fact = events.decode(record.data).fact
                    except msgspec.DecodeError as error:
                        raise JournalDamaged(f"event {record.sequence} cannot be read: {error}") from error
                    if isinstance(fact, EpochStarted):
                        told_again = is_told_again(record.message_id)
                        began.setdefault(fact.epoch, 0 if told_again else record.sequence)
        return cls(began)

    def knows(self, epoch: str) -> bool:
        """Whether the journal has its beginning."""
        return epoch in self._began

    def key(self, epoch: str, sequence: int) -> tuple[int, int]:
        """What decisions are ordered by: their epoch, then their cause."""
        return self._orders.get(epoch, BEFORE_ALL), sequence

    def present_key(self, sequence: int) -> tuple[int, int]:
        """The same for the event that has this sequence now."""
        begun = [order for epoch, order in self._orders.items() if self._began[epoch] <= sequence]
        return max(begun, default=BEFORE_ALL), sequence

    def has(self, epoch: str, sequence: int) -> bool:
        """Whether the event that has this sequence now is the one that had it in this epoch."""
        return self.present_key(sequence) == self.key(epoch, sequence)
