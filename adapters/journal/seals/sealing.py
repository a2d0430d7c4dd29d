"""Write seals: what has come since the last one is read back from the streams, hashed, and sealed.

The running hash is that of ``adapters.journal.chain``, which an archive has as well: each covers the one before, so
that whoever takes over goes on from the last seal and reads only what came later. A seal is fenced by the end of the
stream of seals: of two leaders one is refused, and looks again. It can be cut off anywhere without harm: what was not
sealed is sealed next time.
"""

from collections.abc import Callable
from contextlib import aclosing
from typing import Final, NamedTuple

from adapters.journal.chain import START, link
from adapters.journal.epoch import current_epoch
from adapters.journal.port import Journal, Message, Stream
from adapters.journal.seals.model import (
    EDGE,
    GOES_ON,
    LOST_TAIL,
    SEALED,
    Seal,
    Sealed,
    SealedStream,
    SealKind,
    StoredSeal,
    digest,
    encode,
    mark,
    newest,
    pack_marks,
    part,
    read_seals,
    subject_of,
)
from lws_events.decisions import MACHINE_VERSION

RECORDS_MAX: Final = 1000
"""Of each stream in one seal: bounds what a change is located in, and what is read at a take-over."""


class Place(NamedTuple):
    """A place in a stream, and the running hash there."""

    sequence: int
    hash: str


class Sealing:
    """Seals one journal. ``take_up`` comes first, and again after whatever is raised."""

    def __init__(self, journal: Journal, *, now_ms: Callable[[], int]) -> None:
        assert journal.seals is not None, "a journal without a place for seals cannot be sealed"
        self._journal = journal
        self._seals = journal.seals
        self._now_ms = now_ms
        self.last: StoredSeal | None = None
        """The newest seal that seals something."""
        self.problem = ""
        """Why the last seal is not that of this journal, if so: somebody has changed it."""
        self._before: StoredSeal | None = None
        self._through = 0
        """Where the stream of seals ends."""
        self._places: dict[SealedStream, Place] = {}
        self._kind: SealKind = GOES_ON

    async def take_up(self) -> None:
        """Go on from the newest seal, after having looked whether it is still right.

        Raises ``JournalUnavailable``, and ``JournalDamaged`` where the newest seal cannot be read.
        """
        self._through = await self._seals.last_sequence()
        found = await newest(self._seals)
        self._before = found.any if found else None
        self.last = found.sealing if found else None
        self._kind, self.problem = GOES_ON, ""
        if self.last is None:
            self._places = {kind: await self._first(kind) for kind in SEALED}
            return
        seal = self.last.seal
        self._places = {kind: Place(part(seal, kind).through, part(seal, kind).hash) for kind in SEALED}
        changed = [kind for kind in SEALED if not await self._holds(kind, part(seal, kind))]
        if not changed:
            return
        if await self._epoch() == seal.epoch:
            self.problem = f"the {' and the '.join(changed)} are not what seal {seal.number} has sealed"
            return
        self._kind = LOST_TAIL
        for kind in changed:
            self._places[kind] = await self._last_right(kind)

    async def seal(self) -> Seal | None:
        """Seal what is there now, or the first part of it; None where nothing has come since the last seal.

        Raises ``Fenced`` (somebody else has sealed), ``JournalUnavailable``, ``JournalFull``.
        """
        bounds = await self._bounds()
        if self._kind == GOES_ON and all(bounds[kind] <= self._places[kind].sequence for kind in SEALED):
            return None
        parts = {
            kind: await self._sealed(kind, place, min(bounds[kind], place.sequence + RECORDS_MAX))
            for kind, place in self._places.items()
        }
        seal = await self._append(self._kind, parts)
        self._kind = GOES_ON
        self.last = self._before
        self._places = {kind: Place(one.through, one.hash) for kind, one in parts.items()}
        return seal

    async def seal_all(self) -> None:
        """Seal what is there now; what comes meanwhile may never end. Raises as ``seal``."""
        bounds = await self._bounds()
        while await self.seal() is not None and any(self._places[kind].sequence < bounds[kind] for kind in SEALED):
            pass

    async def seal_edge(self, *, events: int, decisions: int) -> None:
        """Say what the running hashes are before these first records, because all before them is about to go.

        Raises as ``seal``.
        """
        await self.seal_all()
        edges: dict[SealedStream, int] = {"events": max(events - 1, 0), "decisions": max(decisions - 1, 0)}
        parts: dict[SealedStream, Sealed] = {}
        for kind, edge in edges.items():
            through = max(edge, (await self._first(kind)).sequence)
            reached = await self._sealed(kind, await self._nearest(kind, through), through)
            parts[kind] = Sealed(after=through, before=reached.hash, through=through, hash=reached.hash)
        await self._append(EDGE, parts)

    async def _bounds(self) -> dict[SealedStream, int]:
        """Where the streams end now."""
        bounds: dict[SealedStream, int] = {"decisions": await self._journal.decisions.last_sequence()}
        bounds["events"] = await self._journal.events.last_sequence()
        return bounds

    async def _append(self, kind: SealKind, parts: dict[SealedStream, Sealed]) -> Seal:
        before = self._before
        seal = Seal(
            number=self._through + 1,
            previous=before.hash if before else START,
            at_ms=self._now_ms(),
            machine=MACHINE_VERSION,
            epoch=await self._epoch(),
            kind=kind,
            events=parts["events"],
            decisions=parts["decisions"],
        )
        body = encode(seal)
        message = Message(subject_of(self._journal.cluster, kind), body, f"seal/{digest(body)}")
        await self._seals.append([message], expected_last_sequence=self._through)
        self._through = seal.number
        self._before = StoredSeal(seal, digest(body))
        return seal

    async def _sealed(self, kind: SealedStream, place: Place, through: int) -> Sealed:
        hashed, marks = place.hash, list[int]()
        through = max(through, place.sequence)
        if through > place.sequence:
            reading = self._stream(kind).read(from_sequence=place.sequence + 1, to_sequence=through, follow=False)
            async with aclosing(reading) as batches:
                async for batch in batches:
                    for record in batch:
                        hashed = link(hashed, record)
                        marks.append(mark(record))
        return Sealed(after=place.sequence, before=place.hash, through=through, hash=hashed, marks=pack_marks(marks))

    async def _holds(self, kind: SealedStream, sealed: Sealed) -> bool:
        """Whether what a seal says of a stream is so; where too much was purged it cannot be told, and holds."""
        info = await self._stream(kind).info()
        if info.last_sequence < sealed.through:
            return False
        place = Place(sealed.after, sealed.before)
        if info.first_sequence > sealed.after + 1:
            edge = (await self._places_of(kind)).get(info.first_sequence - 1)
            if edge is None:
                return True
            place = Place(info.first_sequence - 1, edge)
        return (await self._sealed(kind, place, sealed.through)).hash == sealed.hash

    async def _first(self, kind: SealedStream) -> Place:
        """Before the first record: a journal that was purged before it was ever sealed has no earlier hash."""
        first = (await self._stream(kind).info()).first_sequence
        return Place(max(first - 1, 0), START)

    async def _last_right(self, kind: SealedStream) -> Place:
        """The end of the last seal that still holds, of those of which anything is left."""
        first = await self._first(kind)
        async with aclosing(read_seals(self._seals)) as stored:
            parts = [part(one.seal, kind) async for one in stored]
        for sealed in reversed(parts):
            if first.sequence < sealed.through > sealed.after and await self._holds(kind, sealed):
                return Place(sealed.through, sealed.hash)
        return Place(first.sequence, (await self._places_of(kind)).get(first.sequence, first.hash))

    async def _nearest(self, kind: SealedStream, through: int) -> Place:
        """The last place before a sequence of which the running hash is known and from which on all is there."""
        first = await self._first(kind)
        places = {first.sequence: first.hash} | await self._places_of(kind)
        sequence = max(one for one in places if first.sequence <= one <= through)
        return Place(sequence, places[sequence])

    async def _places_of(self, kind: SealedStream) -> dict[int, str]:
        """Running hashes at all places where a seal says it; what was lost with a tail is not among them."""
        places: dict[int, str] = {}
        async with aclosing(read_seals(self._seals)) as stored:
            async for one in stored:
                sealed = part(one.seal, kind)
                if one.seal.kind == LOST_TAIL:
                    places = {sequence: hashed for sequence, hashed in places.items() if sequence <= sealed.after}
                places |= {sealed.after: sealed.before, sealed.through: sealed.hash}
        return places

    async def _epoch(self) -> str:
        epoch = await current_epoch(self._journal.events, self._journal.cluster)
        return epoch.epoch if epoch else ""

    def _stream(self, kind: SealedStream) -> Stream:
        return self._journal.events if kind == "events" else self._journal.decisions
