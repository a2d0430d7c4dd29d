"""Go through one stream with its running hash and compare it with what was sealed, checkpoint after checkpoint.

Where it differs the hash of the seal is taken from there on, so that what comes later is proven by itself. Memory is
bounded by what one seal covers.
"""

from typing import Final

import msgspec

from adapters.journal.chain import START, link
from adapters.journal.port import Record
from adapters.journal.seals.course import Checkpoint, Course
from adapters.journal.seals.locating import REMOVED, UNKNOWN, Difference, Found, Kind, locate
from adapters.journal.seals.model import SealedStream, mark

_FOUND_MAX: Final = 10_000
"""Marks that are remembered: where seals are missing, the record that was changed is not looked for."""


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it was sealed."""

    kind: Kind
    stream: str
    """``events``, ``decisions`` or ``seals``."""
    first: int
    last: int
    """Between which sequences, or numbers of seals."""
    at: int = 0
    """The record itself; 0: not known."""
    seal: int = 0
    """The seal that it does not agree with."""
    since_ms: int = 0
    until_ms: int = 0
    """When the seals around it were written."""
    because: str = ""
    """What is wrong with a seal, in words."""


class Range(msgspec.Struct, frozen=True):
    """Successive records."""

    first: int
    last: int


class Walk:
    """One stream of a journal. ``take`` every record, then ``end``."""

    def __init__(self, kind: SealedStream, course: Course) -> None:
        self.breaks: list[Break] = []
        self.proven: list[Range] = []
        self.hash = ""
        """The running hash; empty where it is not known, because the journal begins later and nothing says it."""
        self.last = 0
        """Sequence of the last record."""
        self._kind = kind
        self._course = course
        self._ahead: list[Checkpoint] = []
        """Checkpoints that are still to come, the nearest at the end."""
        self._sealed: str | None = None
        """The running hash as it would be had nothing been changed; None: as ``hash``."""
        self._known = False
        self._through = 0
        """The last sequence that was compared."""
        self._found: list[Found] = []
        self._began = False
        self.first = 1
        """Sequence of the first record."""

    def take(self, record: Record) -> None:
        """The next record."""
        if not self._began:
            self._begin(record.sequence)
        while self._ahead and self._ahead[-1].through < record.sequence:  # also where its own record is not there
            self._compare(self._ahead.pop())
        if self.hash:
            self.hash = link(self.hash, record)
        if self._sealed is not None:
            self._sealed = link(self._sealed, record)
        if self._ahead and len(self._found) < _FOUND_MAX:
            self._found.append(Found(record.sequence, mark(record)))
        self.last = record.sequence
        while self._ahead and self._ahead[-1].through == record.sequence:
            self._compare(self._ahead.pop())

    def end(self) -> None:
        """Nothing comes any more."""
        if not self._began:
            self._begin(1)
        ahead = [one for one in self._ahead if one.seal]
        if ahead:
            self._differs(ahead[-1], last=ahead[0].through)

    @property
    def unsealed(self) -> int:
        """How many records came after the last that is sealed."""
        sealed = self._course.checkpoints[-1].through if self._course.checkpoints else 0
        return max(self.last - max(sealed, self.first - 1), 0)

    def _begin(self, first: int) -> None:
        self._began, self.first, before = True, first, first - 1
        self._through = before
        checkpoints, start = self._course.checkpoints, self._course.start
        known = {one.through: one.hash for one in checkpoints} | self._course.edges
        if start is not None:
            known.setdefault(*start)
        self.hash = known.get(before, START if before == 0 else "")
        self._known = bool(self.hash)
        gone = [one for one in checkpoints if one.through <= before]
        self._ahead = list(reversed(checkpoints[len(gone) :]))
        if start is not None and before < start[0] and start[1] == START:  # it was sealed from later on
            self._ahead.append(Checkpoint(*start, seal=0, at_ms=0, since_ms=0))
        elif start is not None and before > start[0] and before not in self._course.edges:
            begins = max([start[0], *(edge for edge in self._course.edges if edge < before)]) + 1
            sealed = next((one for one in checkpoints if one.through >= begins), None)
            if sealed is not None:
                self._break(REMOVED, sealed, first=begins, last=before, at=begins)

    def _compare(self, checkpoint: Checkpoint) -> None:
        hashed = self._sealed if self._sealed is not None else self.hash
        if self._known and checkpoint.seal:
            if hashed == checkpoint.hash:
                self._prove(self._through + 1, checkpoint.through)
            else:
                self._differs(checkpoint)
        # What a journal begins with may be proven by nothing; from here on it is.
        self._known = True
        self.hash = self.hash or checkpoint.hash
        self._sealed = None if self.hash == checkpoint.hash else checkpoint.hash
        self._through = checkpoint.through
        self._found = [one for one in self._found if one.sequence > checkpoint.through]

    def _differs(self, checkpoint: Checkpoint, *, last: int | None = None) -> None:
        after, through = self._through, checkpoint.through
        different = Difference(UNKNOWN, 0)
        if len(self._found) < _FOUND_MAX:
            found = [one for one in self._found if after < one.sequence <= through]
            different = locate(checkpoint.marks[-(through - after) :], found, after=after, through=through)
        self._break(different.kind, checkpoint, first=after + 1, last=last or through, at=different.sequence)

    def _prove(self, first: int, last: int) -> None:
        if self.proven and self.proven[-1].last == first - 1:
            first = self.proven.pop().first
        self.proven.append(Range(first, last))

    def _break(self, kind: Kind, checkpoint: Checkpoint, *, first: int, last: int, at: int) -> None:
        self.breaks.append(
            Break(
                kind=kind,
                stream=self._kind,
                first=first,
                last=last,
                at=at,
                seal=checkpoint.seal,
                since_ms=checkpoint.since_ms,
                until_ms=checkpoint.at_ms,
            )
        )
