"""The engine: folds the journal, decides after every event, records the decisions and hands out their commands.

Order is everything here. The journal has a decision before the cluster sees its effect; decisions are fenced by the
last sequence of their stream, so that of two instances that both believe to lead only one gets a decision recorded.
After a start the commands still in flight are exactly those to be carried out (again): they are idempotent.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from adapters.controller.recorded import RecordedDecisions
from adapters.journal.epoch import epochs
from adapters.journal.errors import Fenced, JournalDamaged, JournalUnavailable
from adapters.journal.port import Journal, Message, Record
from lws_events import decisions, events
from lws_events.commands import SetTimer
from lws_events.decisions import Decision, Issued
from lws_events.fleet import Fleet
from lws_events.subjects import SetName, decision_subject

_log = structlog.get_logger(__name__)

_RETRY_SECONDS_MIN: Final = 0.05
_RETRY_SECONDS_MAX: Final = 2.0
_FOLD_AT_ONCE: Final = 256
"""Events folded without letting other tasks run: about ten milliseconds, so that health checks and watches go on."""


class Executor(Protocol):
    """Where commands go. ``submit`` returns at once; the outcome comes back as an event."""

    def submit(self, set_name: SetName, issued: Issued, *, again: bool = False) -> None:
        """Carry out a command, now or when its turn comes. ``again``: it may have been carried out before a crash."""


class EngineMetrics(Protocol):
    """What the engine tells about its work."""

    def event_folded(self, envelope: events.Envelope) -> None:
        """An event was taken in."""

    def decided(self, set_name: SetName, decision: Decision) -> None:
        """A decision was recorded."""


class Engine:
    """Runs one journal's fleet. One engine at a time may write decisions; the fence sees to it."""

    def __init__(self, journal: Journal, executor: Executor, *, metrics: EngineMetrics) -> None:
        self.fleet = Fleet()
        self.caught_up = asyncio.Event()
        """Set once everything that was in the journal at the start has been taken in, and what was in flight is
        being carried out."""
        self.trouble = ""
        """Why decisions wait, while they do."""
        self._journal = journal
        self._executor = executor
        self._metrics = metrics
        self._decided_through = 0
        """Sequence of the last record of the DECISIONS stream: the fence of the next append."""
        self._unwritten: list[tuple[SetName, Decision]] = []

    async def run(self) -> None:
        """Take in the journal and go on with it until cancelled. Raises ``Fenced`` when another instance decides."""
        past = await self._recover_patiently()
        async with contextlib.aclosing(self._journal.events.read(from_sequence=past + 1, follow=True)) as batches:
            async for batch in batches:
                await self._live(batch)

    async def require_tail(self) -> None:
        """Raise ``JournalDamaged`` where the stream ends before what was read from it.

        A server that was not told to sync every write can lose its tail in a power failure. The sequences are handed
        out again, but a reader that goes on never sees them: the process must start anew, with a new epoch.
        """
        seen = self.fleet.sequence
        last = await self._journal.events.last_sequence()
        if last < seen:
            raise JournalDamaged(f"the journal has lost its tail: it ends at {last}, after {seen} had been read")

    async def _recover_patiently(self) -> int:
        """Recover, from the beginning again whenever the journal breaks off; returns the last sequence taken in."""
        delay_seconds = _RETRY_SECONDS_MIN
        while True:
            try:
                return await self._recover()
            except JournalUnavailable as error:
                self.trouble = str(error)
                _log.warning("the journal broke off while it was being read; once more", error=str(error))
            await asyncio.sleep(delay_seconds)
            delay_seconds = min(delay_seconds * 2, _RETRY_SECONDS_MAX)
            self.fleet = Fleet()
            self._unwritten = []

    async def _recover(self) -> int:
        """Fold what is there with the decisions that were recorded; decide about what nobody decided about."""
        stream = self._journal.events
        self._decided_through = await self._journal.decisions.last_sequence()
        past = await stream.last_sequence()
        known = [epoch async for epoch in epochs(stream, self._journal.cluster)]
        recorded = RecordedDecisions(self._journal.decisions, epochs=known)
        async with contextlib.aclosing(recorded):
            if past:
                async with contextlib.aclosing(stream.read(to_sequence=past, follow=False)) as batches:
                    async for batch in batches:
                        for record in batch:
                            await self._recall(record, recorded)
                        await asyncio.sleep(0)
        self.trouble = ""
        await self._write()
        unfinished = self._resubmit()
        _log.info("caught up with the journal", sequence=past, sets=len(self.fleet.aggregates), in_flight=unfinished)
        self.caught_up.set()
        return past

    async def _recall(self, record: Record, recorded: RecordedDecisions) -> None:
        envelope = events.decode(record.data)
        if isinstance(envelope.fact, events.EpochStarted):
            recorded.epoch_started(envelope.fact.epoch)
        decision = await recorded.take(record.sequence)
        if decision is None and await recorded.is_exhausted():
            self._step(record.sequence, record.subject, envelope)
        else:
            self.fleet.recall(record.sequence, record.subject, envelope, decision)

    async def _live(self, batch: Sequence[Record]) -> None:
        for start in range(0, len(batch), _FOLD_AT_ONCE):
            for record in batch[start : start + _FOLD_AT_ONCE]:
                self._step(record.sequence, record.subject, events.decode(record.data))
            for set_name, decision in await self._write():
                for issued in decision.commands:
                    self._executor.submit(set_name, issued)
            await asyncio.sleep(0)

    def _step(self, sequence: int, subject: str, envelope: events.Envelope) -> None:
        self._metrics.event_folded(envelope)
        stepped = self.fleet.step(sequence, subject, envelope)
        if stepped is not None:
            self._unwritten.append(stepped)

    async def _write(self) -> list[tuple[SetName, Decision]]:
        """Record the decisions made since the last call, and return them. Waits as long as the journal is away."""
        if not self._unwritten:
            return []
        written, self._unwritten = self._unwritten, []
        cluster = self._journal.cluster
        messages = [
            Message(decision_subject(cluster, set_name), decisions.encode(decision), decision.message_id)
            for set_name, decision in written
        ]
        await self._append(messages)
        for set_name, decision in written:
            self._metrics.decided(set_name, decision)
        return written

    async def _append(self, messages: list[Message]) -> None:
        """Append decisions behind the fence, waiting as long as the journal is away. Raises ``Fenced``.

        Another instance makes the very same decisions, so what is stored already may be its, or ours from an append
        whose acknowledgement was lost. Only after such an append does it count as ours.
        """
        delay_seconds = _RETRY_SECONDS_MIN
        sent_before = False
        while messages:
            try:
                appended = await self._journal.decisions.append(messages, expected_last_sequence=self._decided_through)
            except JournalUnavailable as error:
                sent_before = True
                self.trouble = str(error)
                _log.warning("decisions wait for the journal", decisions=len(messages), error=str(error))
                await asyncio.sleep(delay_seconds)
                delay_seconds = min(delay_seconds * 2, _RETRY_SECONDS_MAX)
            except Fenced as fenced:
                if not sent_before:
                    raise
                messages = await self._without_stored(messages, fenced)
            else:
                if appended.duplicates and not sent_before:
                    raise Fenced(
                        f"the decision about event {self.fleet.sequence} was recorded by somebody else",
                        expected=self._decided_through,
                        actual=appended.last_sequence,
                    )
                self._decided_through = max(self._decided_through, appended.last_sequence)
                break
        self.trouble = ""

    async def _without_stored(self, messages: list[Message], fenced: Fenced) -> list[Message]:
        """What is left to append where the fence was moved by ourselves; raises ``fenced`` where it was not.

        An append whose acknowledgement is lost may be sent again after the journal has forgotten its message ids.
        """
        stored, through = 0, self._decided_through
        try:
            reading = self._journal.decisions.read(from_sequence=self._decided_through + 1, follow=False)
            async with contextlib.aclosing(reading) as batches:
                async for batch in batches:
                    for record in batch:
                        if stored == len(messages) or not _is_stored_as(record, messages[stored]):
                            raise fenced
                        stored += 1
                    through = batch[-1].sequence
        except JournalUnavailable as error:
            _log.warning("decisions wait for the journal", decisions=len(messages), error=str(error))
            await asyncio.sleep(_RETRY_SECONDS_MIN)
            return messages
        if not stored:
            raise fenced
        self._decided_through = through
        return messages[stored:]

    def _resubmit(self) -> int:
        """Hand out again everything that has no outcome, timers included; returns how many commands that are."""
        unfinished = 0
        for name in sorted(self.fleet.aggregates):
            state = self.fleet.aggregates[name]
            for issued in state.in_flight.values():
                self._executor.submit(name, issued, again=True)
                unfinished += 1
            for timer, fire_at_ms in state.timers.items():
                command = SetTimer(timer=timer, fire_at_ms=fire_at_ms)
                # Of any set: an executor takes an id once.
                self._executor.submit(name, Issued(id=f"{self.fleet.epoch}-timer-{name}-{timer}", command=command))
        return unfinished


def _is_stored_as(record: Record, message: Message) -> bool:
    return (record.subject, record.data) == (message.subject, message.data)
