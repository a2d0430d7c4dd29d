"""Lifecycle events of a journal from a place on: its past, and what comes."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Final, NamedTuple

import msgspec

from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Journal, Record
from adapters.lifecycle_events.causes import Causes
from adapters.lifecycle_events.epochs import Epochs
from adapters.lifecycle_events.positions import Start
from lws_events import decisions
from lws_events.decisions import Decision
from lws_events.subjects import SetName, decisions_filter, parse, set_filter
from projections.journal import RecordedDecision, RecordedEvent
from projections.lifecycle import CloudEvent, Wanted, cloud_events

ALL: Final = Wanted()
_DECISIONS_AT_ONCE: Final = 100
"""A few milliseconds of work, after which others have their turn: a controller decides in the same thread."""


class Batch(NamedTuple):
    """Some events, perhaps none, and the last decision that has been read."""

    events: tuple[CloudEvent, ...]
    through: int


async def lifecycle_events(
    journal: Journal, start: Start, *, wanted: Wanted = ALL, follow: bool, rest_factor: float = 0.0
) -> AsyncGenerator[Batch, None]:
    """Events in the order of the journal, without a gap. With ``follow`` it goes on with what is decided later.

    ``rest_factor``: how long it rests after some work, in units of that work; for a reader beside a controller.

    It reads no faster than it is asked. Close it (``contextlib.aclosing``) when leaving early. Raises
    ``JournalUnavailable``, and ``JournalDamaged`` for what cannot be read.
    """
    loop = asyncio.get_running_loop()
    of_set = SetName(wanted.namespace, wanted.set) if wanted.namespace and wanted.set else None
    past = await journal.events.last_sequence()
    known = _Known(journal, await Epochs.of(journal))
    of_events = None if of_set is None else set_filter(journal.cluster, of_set)
    of_decisions = decisions_filter(journal.cluster, namespace=wanted.namespace, name=wanted.set)
    reading = journal.decisions.read(from_sequence=start.sequence, subject_filter=of_decisions, follow=follow)
    async with (
        contextlib.aclosing(reading) as batches,
        Causes(journal.events, subject_filter=of_events, past=past) as causes,
    ):
        async for batch in batches:
            for first in range(0, len(batch), _DECISIONS_AT_ONCE):
                began = loop.time()
                some = batch[first : first + _DECISIONS_AT_ONCE]
                telling = [one for one in map(_decided, some) if _tells(one, wanted)]
                caused = await known.causes([one.recorded.decision for one in telling], causes)
                found: list[CloudEvent] = []
                for recorded, recorded_ms in telling:
                    found += cloud_events(
                        recorded,
                        caused.get(recorded.decision.message_id),
                        recorded_ms=recorded_ms,
                        wanted=wanted,
                        after_index=start.after_index if recorded.sequence == start.sequence else -1,
                    )
                worked_seconds = loop.time() - began
                yield Batch(tuple(found), some[-1].sequence)
                await asyncio.sleep(worked_seconds * rest_factor)


class _Known:
    """Epochs as far as they are known by now."""

    def __init__(self, journal: Journal, epochs: Epochs) -> None:
        self._journal = journal
        self._epochs = epochs

    async def causes(self, decided: Sequence[Decision], causes: Causes) -> dict[str, RecordedEvent]:
        """The causes of decisions, by the decisions' ids, without those that the journal does not have."""
        if not all(self._epochs.knows(decision.epoch) for decision in decided):
            self._epochs = await Epochs.of(self._journal)
        present = [decision for decision in decided if self._epochs.has(decision.epoch, decision.cause)]
        found = await causes.find(decision.cause for decision in present)
        return {decision.message_id: found[decision.cause] for decision in present if decision.cause in found}


class _Decided(NamedTuple):
    recorded: RecordedDecision
    recorded_ms: int


def _tells(decided: _Decided, wanted: Wanted) -> bool:
    recorded = decided.recorded
    address = parse(recorded.subject)
    return address is not None and any(wanted.has(address.set_name, fact) for fact in recorded.decision.facts)


def _decided(record: Record) -> _Decided:
    try:
        decision = decisions.decode(record.data)
    except msgspec.DecodeError as error:
        raise JournalDamaged(f"decision {record.sequence} on {record.subject} cannot be read: {error}") from error
    return _Decided(RecordedDecision(record.sequence, record.subject, decision), record.at_ns // 1_000_000)
