"""The limits in force, written down where a journal is, so that whoever reads it knows what will go.

They are the configuration of the leader, and decide nothing here.
"""

from contextlib import aclosing
from typing import Final

import msgspec

from adapters.journal.errors import JournalMissing
from adapters.journal.port import Stream
from adapters.journal.retention.limits import Limits
from adapters.journal.snapshots import documents

_NAME: Final = ("limits",)
_DECODER: Final = msgspec.json.Decoder(Limits)


async def state_limits(snapshots: Stream, limits: Limits) -> None:
    """Write them down, if others are. Raises as an append does."""
    if await stated_limits(snapshots) != limits:
        await documents.write(snapshots, _NAME, msgspec.json.encode(limits))


async def stated_limits(snapshots: Stream) -> Limits | None:
    """Those of the last leader; None where none has said, or in another shape. Raises ``JournalUnavailable``."""
    try:
        async with aclosing(documents.read(snapshots, _NAME)) as found:
            stated = [document.data async for document in found]
        return _DECODER.decode(stated[-1]) if stated else None
    except (JournalMissing, msgspec.DecodeError):
        return None
