"""What all seals together say of a journal: the running hash at many places, and what is wrong with the seals.

A seal that was changed, or is missing, is found by the chain of seals; what it said is then taken from the seal behind
it, which repeats the hash at which it begins.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from adapters.journal.chain import START
from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Record
from adapters.journal.seals.locating import SEAL_CHANGED, SEALS_MISSING, Kind
from adapters.journal.seals.model import (
    EDGE,
    LOST_TAIL,
    SEALED,
    Seal,
    Sealed,
    SealedStream,
    decode,
    digest,
    part,
    unpack_marks,
)


class Checkpoint(NamedTuple):
    """A place of a stream of which the running hash is sealed."""

    through: int
    hash: str
    seal: int
    """Number of the seal that says so."""
    at_ms: int
    since_ms: int
    """When the seal before it was written; 0: it is the first."""
    marks: Sequence[int] = ()
    """Of all records since the checkpoint before."""


class SealBreak(NamedTuple):
    """What is wrong with the seals themselves."""

    kind: Kind
    first: int
    last: int
    """Numbers of the seals."""
    text: str


class LostTail(msgspec.Struct, frozen=True):
    """The end of a stream was lost, and it went on from there with a new epoch."""

    stream: SealedStream
    after: int
    """The last record of which it is proven that it was not lost."""
    sealed_through: int
    """How far it had been sealed before."""
    epoch: str
    """The one that began then."""
    seal: int
    """The first seal after that."""


class Course(NamedTuple):
    """What is known of one stream."""

    start: tuple[int, str] | None
    """The last sequence before what is sealed, and the running hash there; None: nothing is sealed."""
    checkpoints: list[Checkpoint]
    edges: dict[int, str]
    """Running hash at places where the journal was about to begin."""


class Seals:
    """All seals of a journal, read one after the other (``take``, then ``courses``)."""

    def __init__(self) -> None:
        self.breaks: list[SealBreak] = []
        self.lost_tails: list[LostTail] = []
        self.count = 0
        self.newest: Seal | None = None
        """The last one that seals something."""
        self.stored: list[tuple[Seal, str]] = []
        """Those that can be relied on, and their hashes."""
        self._expected = 1

    def take(self, record: Record) -> None:
        """The next seal."""
        self.count += 1
        if record.sequence != self._expected:
            missing = (self._expected, record.sequence - 1)
            self.breaks.append(SealBreak(SEALS_MISSING, *missing, f"{_numbers(*missing)} missing"))
        self._expected = record.sequence + 1
        try:
            seal = decode(record.data)
        except JournalDamaged:
            self._changed(record.sequence, f"seal {record.sequence} cannot be read")
            return
        if seal.number != record.sequence:
            self._changed(record.sequence, f"seal {record.sequence} says that it is seal {seal.number}")
            return
        if self.stored and self.stored[-1][0].number == seal.number - 1 and self.stored[-1][1] != seal.previous:
            before, _ = self.stored.pop()
            self._changed(before.number, f"seal {before.number} was changed: seal {seal.number} names another hash")
        elif seal.number == 1 and seal.previous != START:
            self._changed(1, "seal 1 was changed: it names one before it")
        self.stored.append((seal, digest(record.data)))
        if seal.kind != EDGE:
            self.newest = seal

    def courses(self) -> dict[SealedStream, Course]:
        """What all of them say of each stream."""
        return {kind: self._course(kind) for kind in SEALED}

    def _course(self, kind: SealedStream) -> Course:
        start: tuple[int, str] | None = None
        checkpoints: list[Checkpoint] = []
        edges: dict[int, str] = {}
        since_ms = 0
        for seal, _ in self.stored:
            sealed = part(seal, kind)
            if seal.kind == EDGE:
                edges[sealed.through] = sealed.hash
                continue
            if start is None:
                start = (sealed.after, sealed.before)
                if sealed.before != START:  # what came before was sealed by a seal that is missing or was changed
                    checkpoints.append(Checkpoint(*start, seal.number, seal.at_ms, since_ms))
            through = checkpoints[-1].through if checkpoints else start[0]
            if seal.kind == LOST_TAIL and sealed.after < through:
                self.lost_tails.append(LostTail(kind, sealed.after, through, seal.epoch, seal.number))
                checkpoints = [one for one in checkpoints if one.through <= sealed.after]
                through = checkpoints[-1].through if checkpoints else start[0]
            if sealed.after > through:  # the seal in between cannot be relied on
                checkpoints.append(Checkpoint(sealed.after, sealed.before, seal.number, seal.at_ms, since_ms))
            elif not _continues(sealed, checkpoints, start):
                self._changed(seal.number, f"seal {seal.number} does not go on from the one before ({kind})")
            if sealed.through > sealed.after:
                marks = unpack_marks(sealed.marks)
                checkpoints.append(Checkpoint(sealed.through, sealed.hash, seal.number, seal.at_ms, since_ms, marks))
            since_ms = seal.at_ms
        return Course(start, checkpoints, edges)

    def _changed(self, number: int, text: str) -> None:
        self.breaks.append(SealBreak(SEAL_CHANGED, number, number, text))


def _continues(sealed: Sealed, checkpoints: Sequence[Checkpoint], start: tuple[int, str]) -> bool:
    at = (checkpoints[-1].through, checkpoints[-1].hash) if checkpoints else start
    return at == (sealed.after, sealed.before)


def _numbers(first: int, last: int) -> str:
    return f"seal {first} is" if first == last else f"seals {first} to {last} are"
