"""What the seals of a journal prove, what they do not, and where it breaks, as one answer.

Whoever can write the journal can write its seals, too, all of them anew. Against that helps one hash that was noted
elsewhere: the seal of that hash has to be among them.
"""

from collections.abc import Mapping
from typing import Final, Self

import msgspec

from adapters.journal.seals.course import LostTail, Seals
from adapters.journal.seals.locating import UNKNOWN
from adapters.journal.seals.model import SealedStream, StoredSeal
from adapters.journal.seals.walking import Break, Range, Walk

NOTED_DIGITS_MIN: Final = 12
"""Of a hash that was noted: less could be found by trying."""

_SHOWN_MAX: Final = 20


class SealNote(msgspec.Struct, frozen=True, kw_only=True):
    """A seal, in short."""

    number: int
    hash: str
    at_ms: int
    events: int
    """The last event that it covers."""
    decisions: int

    @classmethod
    def of(cls, stored: StoredSeal) -> Self:
        """In short."""
        seal = stored.seal
        return cls(
            number=seal.number,
            hash=stored.hash,
            at_ms=seal.at_ms,
            events=seal.events.through,
            decisions=seal.decisions.through,
        )


class SealFindings(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. JSON has it as it is here."""

    count: int
    """How many seals there are."""
    newest: SealNote | None = None
    proven: dict[str, list[Range]]
    """Of each stream, what is as it was sealed."""
    unsealed: dict[str, int]
    """Of each stream, how many records came after the newest seal."""
    breaks: list[Break] = []
    """What is not as it was sealed, the first of each stream first; at most 20."""
    more_breaks: int = 0
    lost_tails: list[LostTail] = []
    """Ends of streams that were lost with a disk, and after which a new epoch began. No sign of a change."""
    noted: SealNote | None = None
    """The seal of the hash that was given."""
    noted_problem: str = ""
    """Why that seal proves nothing."""


def findings(
    seals: Seals, walks: Mapping[SealedStream, Walk], *, epochs: Mapping[str, int], noted: str
) -> SealFindings:
    """``epochs``: the beginnings of epochs that were found; ``noted``: a hash, its beginning, or empty."""
    breaks = [
        Break(
            kind=one.kind,
            stream="seals",
            first=one.first,
            last=one.last,
            at=one.first,
            seal=one.first,
            because=one.text,
        )
        for one in seals.breaks
    ]
    for walk in walks.values():
        breaks += walk.breaks
    breaks += [
        Break(kind=UNKNOWN, stream=lost.stream, first=lost.after + 1, last=lost.sealed_through, seal=lost.seal)
        for lost in seals.lost_tails
        if lost.after >= walks[lost.stream].first and not _is_told(lost, seals, epochs)
    ]
    seal, problem = _noted(seals, noted)
    return SealFindings(
        count=seals.count,
        newest=_note(seals, seals.newest.number) if seals.newest else None,
        proven={kind: walk.proven for kind, walk in walks.items()},
        unsealed={kind: walk.unsealed for kind, walk in walks.items()},
        breaks=breaks[:_SHOWN_MAX],
        more_breaks=max(len(breaks) - _SHOWN_MAX, 0),
        lost_tails=seals.lost_tails,
        noted=seal,
        noted_problem=problem,
    )


def _is_told(lost: LostTail, seals: Seals, epochs: Mapping[str, int]) -> bool:
    """Whether an epoch began after it: that one, or that of a later loss, with which the first one may have gone."""
    after = {one.epoch: one.after for one in seals.lost_tails if one.stream == "events" and one.seal >= lost.seal}
    if lost.stream != "events":
        after.setdefault(lost.epoch, 0)
    return any(epochs.get(epoch, 0) > since for epoch, since in after.items())


def _noted(seals: Seals, noted: str) -> tuple[SealNote | None, str]:
    if not noted:
        return None, ""
    numbers = [seal.number for seal, hashed in seals.stored if hashed.startswith(noted.lower())]
    if len(noted) < NOTED_DIGITS_MIN or len(numbers) != 1:
        return None, (
            f"no seal of this journal has the hash {noted}: its seals were changed after it was noted, or it is "
            "another journal's"
        )
    seal = _note(seals, numbers[0])
    lost = [one for one in seals.lost_tails if one.seal > seal.number and one.after < getattr(seal, one.stream)]
    if lost:
        return seal, f"{lost[0].stream} from {lost[0].after + 1} on that it sealed were lost with the end of the stream"
    return seal, ""


def _note(seals: Seals, number: int) -> SealNote:
    return SealNote.of(next(StoredSeal(seal, hashed) for seal, hashed in seals.stored if seal.number == number))
