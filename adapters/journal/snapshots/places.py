"""The places at which a journal can begin: generations that are kept besides the newest, oldest first.

A place is listed when its generation is complete, and unlisted before it is removed.
"""

from contextlib import aclosing
from typing import Final

import msgspec

from adapters.journal.errors import JournalMissing
from adapters.journal.port import Stream
from adapters.journal.retention.limits import Place
from adapters.journal.snapshots import documents

_PLACES: Final = ("places",)
_DECODER: Final = msgspec.json.Decoder(list[Place])


async def places(snapshots: Stream) -> list[Place]:
    """Those that are listed. A list that cannot be read is none. Raises ``JournalUnavailable``."""
    try:
        async with aclosing(documents.read(snapshots, _PLACES)) as found:
            listed = [document.data async for document in found]
    except JournalMissing:
        return []
    try:
        return _DECODER.decode(listed[-1]) if listed else []
    except msgspec.DecodeError:
        return []


async def add_place(snapshots: Stream, place: Place) -> list[Place]:
    """List a generation that is complete; returns the list. Raises as an append does."""
    others = [one for one in await places(snapshots) if one.sequence != place.sequence]
    listed = sorted([*others, place], key=lambda one: one.sequence)
    await documents.write(snapshots, _PLACES, msgspec.json.encode(listed))
    return listed


async def forget_before(snapshots: Stream, first: Place) -> None:
    """Remove all generations before one. Raises as an append does."""
    listed = await places(snapshots)
    old = [place for place in listed if place.sequence < first.sequence]
    if not old:
        return
    await documents.write(snapshots, _PLACES, msgspec.json.encode([one for one in listed if one not in old]))
    for place in old:
        await documents.remove(snapshots, (place.generation,))
