"""Sweeps: every so many events the leader writes down the sets that have changed, so that a start need not fold them.

One set at a time, between two batches of the engine, at moments at which everything decided is recorded: what a
snapshot knows is exactly what the journal has. A sweep that is interrupted at any point leaves the one before in force
(docs/decisions/0009).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from adapters.controller.engine import Engine
from adapters.controller.neighbours import NO_METRICS, JournalLifeMetrics, Position
from adapters.journal.errors import JournalError, JournalUnavailable
from adapters.journal.port import Stream
from adapters.journal.retention.limits import Place
from adapters.journal.snapshots.generations import NEWEST, forget_set, store_snapshot, store_sweep, stored_sweep
from adapters.kubernetes.pace import Clock
from lws_events.decisions import MACHINE_VERSION
from lws_events.machine.state import Aggregate
from lws_events.snapshots import STATE_VERSION, SnapshotUnusableError, Sweep, take_snapshot
from lws_events.subjects import SetName

_log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 30.0
"""After a sweep that failed: it is a convenience, and the journal has other things to do then."""

_MOMENTS_MAX: Final = 1000
"""How many moments are waited for in which nothing is unrecorded."""


class Sweeper:
    """Takes the sweeps of one leader's engine. ``on_swept`` is called after each, before the next."""

    def __init__(
        self,
        engine: Engine,
        decisions: Stream,
        snapshots: Stream,
        *,
        clock: Clock,
        every_events: int,
        on_swept: Callable[["Sweeper"], Awaitable[None]] | None = None,
        metrics: JournalLifeMetrics = NO_METRICS,
    ) -> None:
        self._engine = engine
        self._decisions = decisions
        self._snapshots = snapshots
        self._clock = clock
        self._every_events = every_events
        self._on_swept = on_swept
        self._metrics = metrics
        self._stored: dict[SetName, int] | None = None
        """Sequence of the snapshot of every set that has one; None before that is known."""
        self._gone: dict[SetName, int] = {}
        """Sets that are no more, and as of when that is written down."""
        self._swept_through = 0

    async def run(self) -> None:
        """Until cancelled."""
        await self._engine.caught_up.wait()
        while True:
            try:
                await self._know_stored()
                if self._engine.fleet.sequence - self._swept_through >= self._every_events:
                    await self.sweep()
                    if self._on_swept is not None:
                        await self._on_swept(self)
            except JournalError as error:
                _log.warning("no snapshots could be taken; once more later", error=str(error))
                await self._clock.sleep(_RETRY_SECONDS)
            await self._clock.sleep(_LOOK_SECONDS)

    async def finish(self, *, seconds_max: float) -> None:
        """A last sweep when the engine has stopped, so that the next start has little to do."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._know_stored()
                if self._engine.position is not None and self._engine.fleet.sequence > self._swept_through:
                    await self.sweep()
        except (JournalError, TimeoutError) as error:
            _log.debug("no last snapshots were taken", error=str(error) or "it took too long")

    async def sweep(self) -> Sweep:
        """Write down what has changed. Raises ``JournalUnavailable`` and leaves the sweep before in force."""
        stored = await self._know_stored()
        began = self._clock.monotonic()
        begun = await self._moment()
        fleet = self._engine.fleet
        present = sorted(fleet.aggregates)
        changed, self._engine.changed = self._engine.changed, set()
        for name in sorted(changed):
            if name in stored and name not in fleet.aggregates:
                del stored[name]
                self._gone[name] = begun.sequence
        due = [name for name in present if name in changed or name not in stored]
        written: set[SetName] = set()
        try:
            for name in due:
                await self._write(name, stored)
                written.add(name)
            await self._require_alone()
            sweep = _sweep(begun, {name: stored[name] for name in present if name in stored})
            await store_sweep(self._snapshots, NEWEST, sweep)
        except BaseException:
            self._engine.changed |= changed - written
            raise
        self._swept_through = begun.sequence
        seconds = self._clock.monotonic() - began
        self._metrics.swept(sequence=begun.sequence, sets=len(sweep.sets), seconds=seconds, at_ms=self._clock.now_ms())
        _log.info("snapshots taken", sequence=begun.sequence, sets=len(sweep.sets), written=len(due))
        await self._forget_gone(begun.sequence)
        return sweep

    async def take_place(self) -> Sweep:
        """Write down all sets as they are at one moment, as a generation of their own. Raises ``JournalUnavailable``.

        Encoding them all costs the loop some five milliseconds for each thousand groups; it is seldom done.
        """
        moment = await self._moment()
        aggregates = self._engine.fleet.aggregates
        taken = {name: _snapshot(aggregates[name], moment) for name in sorted(aggregates)}
        generation = Place(moment.sequence, 0).generation
        for name, data in taken.items():
            await store_snapshot(self._snapshots, generation, name, data)
        await self._require_alone()
        sweep = _sweep(moment, dict.fromkeys(taken, moment.sequence))
        await store_sweep(self._snapshots, generation, sweep)
        return sweep

    async def _know_stored(self) -> dict[SetName, int]:
        if self._stored is None:
            try:
                sweep = await stored_sweep(self._snapshots, NEWEST)
            except SnapshotUnusableError:
                sweep = None
            self._stored = {SetName(namespace, name): at for namespace, name, at in sweep.sets} if sweep else {}
            self._swept_through = sweep.sequence if sweep else 0
        return self._stored

    async def _write(self, name: SetName, stored: dict[SetName, int]) -> None:
        moment = await self._moment()
        state = self._engine.fleet.aggregates.get(name)
        if state is None:  # gone since the sweep began: its last events are not to be folded into nothing
            stored.pop(name, None)
            self._gone[name] = moment.sequence
            state = Aggregate(name)
        else:
            stored[name] = moment.sequence
        await store_snapshot(self._snapshots, NEWEST, name, _snapshot(state, moment))

    async def _forget_gone(self, through: int) -> None:
        """Snapshots of sets that were gone before the sweep began are of no use any more."""
        stored = self._stored or {}
        for name in sorted(name for name, sequence in self._gone.items() if sequence <= through):
            if name not in stored:
                await forget_set(self._snapshots, NEWEST, name)
            del self._gone[name]

    async def _moment(self) -> Position:
        """A moment at which nothing is unrecorded; nothing is awaited between it and the use of what is known then."""
        for _ in range(_MOMENTS_MAX):
            await self._engine.settled()
            position = self._engine.position
            if position is not None:
                return position
            await asyncio.sleep(0)
        raise JournalUnavailable("there was no moment at which every decision was recorded")

    async def _require_alone(self) -> None:
        """Nobody else records decisions: then nothing is missing in what was written down."""
        last = await self._decisions.last_sequence()
        moment = await self._moment()
        if last > moment.decisions:
            raise JournalUnavailable("somebody else records decisions")


def _snapshot(state: Aggregate, moment: Position) -> bytes:
    return take_snapshot(
        state, epoch=moment.epoch, sequence=moment.sequence, decisions=moment.decisions, digest=moment.digest
    )


def _sweep(begun: Position, sets: dict[SetName, int]) -> Sweep:
    return Sweep(
        state_version=STATE_VERSION,
        machine=MACHINE_VERSION,
        epoch=begun.epoch,
        sequence=begun.sequence,
        decisions=begun.decisions,
        digest=begun.digest,
        sets=tuple((name.namespace, name.name, sequence) for name, sequence in sorted(sets.items())),
    )
