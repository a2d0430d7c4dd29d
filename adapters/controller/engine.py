"""The engine: folds the journal, decides after every event, records the decisions and hands out their commands.

Order is everything here. The journal has a decision before the cluster sees its effect; decisions are fenced by the
last sequence of their stream, so that of two instances that both believe to lead only one gets a decision recorded.
After a start the commands still in flight are exactly those to be carried out (again): they are idempotent.

While another instance leads, ``follow`` takes in what that one has decided, so that ``run`` has only the rest to read.
Both begin from snapshots where there are some that can be relied on (docs/decisions/0009).
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

import structlog

from adapters.controller.fence import FencedDecisions
from adapters.controller.neighbours import EngineMetrics, Executor, Position
from adapters.controller.recorded import RecordedDecisions, decision_at
from adapters.controller.unfinished import resubmit
from adapters.journal.epoch import epochs
from adapters.journal.errors import JournalDamaged, JournalUnavailable
from adapters.journal.port import Journal, Message, Record
from adapters.journal.snapshots.beginning import begin
from adapters.journal.snapshots.generations import Ahead
from lws_events import decisions, events, subjects
from lws_events.decisions import Decision
from lws_events.fleet import Fleet
from lws_events.snapshots import record_digest
from lws_events.subjects import SetName, decision_subject

_log = structlog.get_logger(__name__)

_RETRY_SECONDS_MIN: Final = 0.05
_RETRY_SECONDS_MAX: Final = 2.0
_FOLLOW_SECONDS: Final = 1.0
"""How far a standby is behind: what it has not read costs it time when it takes over."""

_FOLD_AT_ONCE: Final = 256
"""Events folded without letting other tasks run: about ten milliseconds, so that health checks and watches go on."""


class _Contradicted(JournalUnavailable):
    """A decision was recorded about an event that a snapshot has already taken in without one."""


class Engine:
    """Runs one journal's fleet. One engine at a time may write decisions; the fence sees to it."""

    def __init__(self, journal: Journal, executor: Executor, *, metrics: EngineMetrics) -> None:
        self.fleet = Fleet()
        self.caught_up = asyncio.Event()
        """Set once everything that was in the journal at the start has been taken in, and what was in flight is
        being carried out."""
        self._trouble = ""
        self._journal = journal
        self._executor = executor
        self._metrics = metrics
        self._fence = FencedDecisions(journal.decisions)
        self._unwritten: list[tuple[SetName, Decision, int]] = []
        self._recalled_through = 0
        """Sequence of the last recorded decision that was taken in."""
        self._last: Record | None = None
        """The last event that was taken in, also by a snapshot."""
        self._begun = False
        self._trusts_snapshots = True
        self._ahead: Mapping[SetName, Ahead] = {}
        self._settled = asyncio.Event()
        self.changed: set[SetName] = set()
        """Sets that an event was about since somebody has taken them out (``sweeping``)."""

    @property
    def trouble(self) -> str:
        """Why decisions wait, or the journal cannot be read, while that is so."""
        return self._fence.trouble or self._trouble

    @property
    def position(self) -> Position | None:
        """Where the engine is; None before the first event, and while a decision is not recorded yet."""
        if not self._settled.is_set() or self._last is None or self._last.sequence != self.fleet.sequence:
            return None
        digest = record_digest(self._last.subject, self._last.data)
        return Position(self.fleet.epoch, self.fleet.sequence, self._fence.through, digest)

    async def settled(self) -> None:
        """Wait until everything that was decided is recorded."""
        await self._settled.wait()

    async def follow(self) -> None:
        """Take in what another instance has decided, until cancelled. Decides nothing, hands out nothing."""
        while True:
            try:
                await self._follow_on()
                self._trouble = ""
            except JournalUnavailable as error:
                self._trouble = str(error)
                if isinstance(error, _Contradicted):
                    self._trusts_snapshots = False
                    self._begin_anew()
            await asyncio.sleep(_FOLLOW_SECONDS)

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
                self._trouble = str(error)
                self._trusts_snapshots &= not isinstance(error, _Contradicted)
                _log.warning("the journal broke off while it was being read; once more", error=str(error))
            await asyncio.sleep(delay_seconds)
            delay_seconds = min(delay_seconds * 2, _RETRY_SECONDS_MAX)
            self._begin_anew()

    async def _follow_on(self) -> None:
        """Go on to the event of the last decision: about later ones it is not known what, if anything, follows."""
        present = await self._journal.decisions.last_sequence()
        if present == self._recalled_through:
            return
        await self._begin()
        decided = await decision_at(self._journal.decisions, present)
        known = await self._known_epochs()
        if decided is None or not known or decided.epoch != known[-1]:
            return  # its event may be lost
        async with (
            contextlib.aclosing(self._recorded(known)) as recorded,
            contextlib.aclosing(self._unread(decided.cause)) as unread,
        ):
            async for record in unread:
                await self._recall(record, recorded, decide=False)

    async def _begin(self) -> None:
        """Go on from what was read before, if it is still the same journal; else from snapshots, or from its start."""
        await self._require_same_past()
        if self._begun:
            return
        restored = await begin(self._journal, from_newest=self._trusts_snapshots)
        if restored is not None:
            self.fleet, self._recalled_through = restored.fleet, restored.decisions
            self._ahead, self._last = restored.ahead, restored.last
            _log.info("begins from snapshots", sequence=self.fleet.sequence, sets=len(self.fleet.aggregates))
        self._begun = True

    async def _known_epochs(self) -> list[str]:
        known = [epoch async for epoch in epochs(self._journal.events, self._journal.cluster)]
        return known if not self.fleet.epoch or self.fleet.epoch in known else [self.fleet.epoch, *known]

    async def _require_same_past(self) -> None:
        """Begin anew where the journal does not have any more what was read from it."""
        last = self._last
        if last is None:
            return
        reading = self._journal.events.read(from_sequence=last.sequence, to_sequence=last.sequence, follow=False)
        async with contextlib.aclosing(reading) as batches:
            found = [record async for batch in batches for record in batch]
        if [(record.at_ns, record.subject) for record in found] != [(last.at_ns, last.subject)]:
            _log.warning("the journal has lost its tail; it is read again", sequence=last.sequence)
            self._begin_anew()

    def _begin_anew(self) -> None:
        self.fleet = Fleet()
        self._unwritten = []
        self._recalled_through = 0
        self._last = None
        self._begun = False
        self._ahead = {}
        self.changed = set()

    def _recorded(self, known: Sequence[str]) -> RecordedDecisions:
        recorded = RecordedDecisions(self._journal.decisions, epochs=known, after=self._recalled_through)
        if self.fleet.epoch:
            recorded.epoch_started(self.fleet.epoch)
        return recorded

    async def _unread(self, past: int) -> AsyncGenerator[Record, None]:
        """Events after those that were taken in, up to one. Raises ``JournalDamaged`` where some are missing."""
        if past <= self.fleet.sequence:
            return
        first = (await self._journal.events.info()).first_sequence
        if first > self.fleet.sequence + 1:
            self._begin_anew()
            raise JournalUnavailable(f"the journal now begins at event {first}: it was purged while it was read")
        reading = self._journal.events.read(from_sequence=self.fleet.sequence + 1, to_sequence=past, follow=False)
        async with contextlib.aclosing(reading) as batches:
            async for batch in batches:
                for record in batch:
                    if record.sequence != self.fleet.sequence + 1:
                        raise JournalDamaged(
                            f"stream {self._journal.events.name}: the events from {self.fleet.sequence + 1} to "
                            f"{record.sequence - 1} are missing: a part of its storage is lost or damaged"
                        )
                    yield record
                await asyncio.sleep(0)

    async def _recover(self) -> int:
        """Fold what is there with the decisions that were recorded; decide about what nobody decided about."""
        await self._begin()
        await self._fence.take_up()
        past = await self._journal.events.last_sequence()
        known = await self._known_epochs()
        async with (
            contextlib.aclosing(self._recorded(known)) as recorded,
            contextlib.aclosing(self._unread(past)) as unread,
        ):
            async for record in unread:
                await self._recall(record, recorded, decide=True)
        self._trouble = ""
        await self._write()
        self._settled.set()
        unfinished = resubmit(self.fleet, self._executor)
        _log.info("caught up with the journal", sequence=past, sets=len(self.fleet.aggregates), in_flight=unfinished)
        self.caught_up.set()
        return past

    async def _recall(self, record: Record, recorded: RecordedDecisions, *, decide: bool) -> None:
        envelope = events.decode(record.data)
        if isinstance(envelope.fact, events.EpochStarted):
            recorded.epoch_started(envelope.fact.epoch)
        decision = await recorded.take(record.sequence)
        address = subjects.parse(record.subject)
        ahead = self._ahead.get(address.set_name) if address is not None else None
        if ahead is not None and record.sequence <= ahead.sequence:
            if decision is not None and recorded.through > ahead.decisions:
                raise _Contradicted(f"event {record.sequence}: its snapshot knows nothing of the decision about it")
            self.fleet.pass_over(record.sequence)
            self._recalled_through = recorded.through
            self._keep(record)
        elif decide and decision is None and await recorded.is_exhausted():
            self._step(record, envelope)
        else:
            self.fleet.recall(record.sequence, record.subject, envelope, decision)
            self._recalled_through = recorded.through
            self._note(record)
            if decision is not None and address is not None:
                self._metrics.recalled(address.set_name, decision, at_ms=envelope.at_ms)

    async def _live(self, batch: Sequence[Record]) -> None:
        for start in range(0, len(batch), _FOLD_AT_ONCE):
            self._settled.clear()
            for record in batch[start : start + _FOLD_AT_ONCE]:
                self._step(record, events.decode(record.data))
            written = await self._write()
            self._settled.set()
            for set_name, decision in written:
                for issued in decision.commands:
                    self._executor.submit(set_name, issued)
            await asyncio.sleep(0)

    def _step(self, record: Record, envelope: events.Envelope) -> None:
        self._metrics.event_folded(envelope)
        stepped = self.fleet.step(record.sequence, record.subject, envelope)
        self._note(record)
        if stepped is not None:
            self._unwritten.append((*stepped, envelope.at_ms))

    def _keep(self, record: Record) -> None:
        if self._last is None or self._last.sequence < record.sequence:  # a snapshot may be ahead
            self._last = record

    def _note(self, record: Record) -> None:
        self._keep(record)
        address = subjects.parse(record.subject)
        if address is not None:
            self.changed.add(address.set_name)

    async def _write(self) -> list[tuple[SetName, Decision]]:
        """Record the decisions made since the last call, and return them. Waits as long as the journal is away."""
        if not self._unwritten:
            return []
        written, self._unwritten = self._unwritten, []
        cluster = self._journal.cluster
        messages = [
            Message(decision_subject(cluster, set_name), decisions.encode(decision), decision.message_id)
            for set_name, decision, _ in written
        ]
        await self._fence.append(messages)
        for set_name, decision, at_ms in written:
            self._metrics.decided(set_name, decision, at_ms=at_ms)
        return [(set_name, decision) for set_name, decision, _ in written]
