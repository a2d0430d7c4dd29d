"""Generations of snapshots: the newest, from which a start begins, and those that are kept as places to begin at.

    <generation>.set.<namespace>.<name>   the snapshot of one set
    <generation>.sweep                    which snapshots belong together, stored when all of them are

A generation is rewritten set by set. Until its sweep is stored again the old one holds, with some sets that are ahead
of it: their events up to their own snapshot are passed over when folding. A generation that cannot be read exactly is
not used at all.
"""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Final, NamedTuple

from adapters.journal.errors import JournalMissing
from adapters.journal.port import Record, Stream
from adapters.journal.snapshots import documents
from lws_events.decisions import MACHINE_VERSION
from lws_events.fleet import Fleet
from lws_events.snapshots import (
    Snapshot,
    SnapshotUnusableError,
    Sweep,
    decode_snapshot,
    decode_sweep,
    encode_sweep,
    record_digest,
    restore,
)
from lws_events.subjects import SetName

NEWEST: Final = "newest"

_SET: Final = "set"
_SWEEP: Final = "sweep"


class Ahead(NamedTuple):
    """How far a set's snapshot is ahead of the sweep that it is used with."""

    sequence: int
    """Events of the set up to this one are in the snapshot."""
    decisions: int
    """Sequence of the last decision that was recorded by then."""


class Restored(NamedTuple):
    """A place in a journal to go on from."""

    fleet: Fleet
    """As of ``fleet.sequence``, but for the sets that are ahead."""
    decisions: int
    """Sequence of the last decision that is in it."""
    ahead: Mapping[SetName, Ahead]
    last: Record
    """The last event that any part of it has taken in."""


async def store_snapshot(stream: Stream, generation: str, name: SetName, data: bytes) -> None:
    """Put a set's snapshot in place of the one before. Raises as ``Stream.append``."""
    await documents.write(stream, (generation, _SET, *name), data)


async def store_sweep(stream: Stream, generation: str, sweep: Sweep) -> None:
    """Complete a generation: every set's snapshot is stored. Raises as ``Stream.append``."""
    await documents.write(stream, (generation, _SWEEP), encode_sweep(sweep))


async def forget_set(stream: Stream, generation: str, name: SetName) -> None:
    """Remove the snapshot of a set that is no more. Raises ``JournalUnavailable``."""
    await documents.remove(stream, (generation, _SET, *name))


async def stored_sweep(stream: Stream, generation: str) -> Sweep | None:
    """The record of the last complete sweep. Raises ``SnapshotUnusableError``, ``JournalUnavailable``."""
    try:
        async with aclosing(documents.read(stream, (generation, _SWEEP))) as found:
            sweeps = [document.data async for document in found]
    except JournalMissing:
        return None
    return decode_sweep(sweeps[-1]) if sweeps else None


async def stored_sets(stream: Stream, generation: str) -> dict[SetName, int]:
    """Which sets have a snapshot, and of which sequence. Raises ``SnapshotUnusableError``, ``JournalUnavailable``."""
    async with aclosing(documents.read(stream, (generation, _SET))) as found:
        return {SetName(*document.name[2:]): decode_snapshot(document.data).sequence async for document in found}


async def load(events: Stream, snapshots: Stream, generation: str, *, any_machine: bool) -> Restored | None:
    """Read a generation; None where there is none. ``any_machine``: also what other versions of the rules folded.

    Raises ``SnapshotUnusableError`` for whatever is not exactly what it should be, and ``JournalUnavailable``.
    """
    sweep = await stored_sweep(snapshots, generation)
    if sweep is None:
        return None
    _require_machine(sweep.machine, any_machine=any_machine)
    at_least = {SetName(namespace, name): sequence for namespace, name, sequence in sweep.sets}
    fleet, ahead = Fleet(), dict[SetName, Ahead]()
    last = (sweep.sequence, sweep.digest)
    async with aclosing(documents.read(snapshots, (generation, _SET))) as found:
        async for document in found:
            name = SetName(*document.name[2:])
            snapshot = decode_snapshot(document.data)
            if not _belongs(snapshot, name, at_least, sweep):
                continue
            _require_machine(snapshot.machine, any_machine=any_machine)
            state = restore(snapshot, name)
            if not state.is_empty:
                fleet.aggregates[name] = state
            if snapshot.sequence > sweep.sequence:
                ahead[name] = Ahead(snapshot.sequence, snapshot.decisions)
                last = max(last, (snapshot.sequence, snapshot.digest))
    missing = [str(name) for name in sorted(at_least) if name not in fleet.aggregates]
    if missing:
        raise SnapshotUnusableError(f"the snapshots of {', '.join(missing[:3])} are missing ({len(missing)} in all)")
    fleet.epoch, fleet.sequence = sweep.epoch, sweep.sequence
    fleet.aggregates = {name: fleet.aggregates[name] for name in sorted(fleet.aggregates)}
    return Restored(fleet, sweep.decisions, ahead, await _require_event(events, *last))


def _belongs(snapshot: Snapshot, name: SetName, at_least: Mapping[SetName, int], sweep: Sweep) -> bool:
    """Whether a snapshot is part of the generation; what is left of a set that is no more is not."""
    wanted = at_least.get(name)
    if wanted is None:
        return snapshot.sequence > sweep.sequence
    if snapshot.sequence < wanted:
        raise SnapshotUnusableError(f"the snapshot of {name} is of event {snapshot.sequence}, not of {wanted}")
    return True


def _require_machine(machine: str, *, any_machine: bool) -> None:
    if machine != MACHINE_VERSION and not any_machine:
        raise SnapshotUnusableError(f"it was folded by machine {machine}, this is {MACHINE_VERSION}")


async def _require_event(events: Stream, sequence: int, digest: str) -> Record:
    """The event, if the journal still has it: not if it has lost its tail, or is another one."""
    reading = events.read(from_sequence=sequence, to_sequence=sequence, follow=False)
    async with aclosing(reading) as batches:
        found = [record async for batch in batches for record in batch]
    if len(found) != 1 or record_digest(found[0].subject, found[0].data) != digest:
        raise SnapshotUnusableError(f"the journal does not have the event {sequence} that was taken in last")
    return found[0]
