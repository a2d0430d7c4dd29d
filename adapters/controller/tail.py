"""Ask again and again whether the server still has the end of the journal."""

from typing import Final

from adapters.controller.engine import Engine
from adapters.journal.errors import JournalUnavailable
from adapters.kubernetes.pace import Clock

_TAIL_SECONDS: Final = 10.0
"""How soon a server that lost the end of the journal is noticed; it costs one small request."""


async def watch_tail(engine: Engine, *, clock: Clock) -> None:
    """Until cancelled. Raises what ``Engine.require_tail`` raises, but for a server that is away."""
    while True:
        await clock.sleep(_TAIL_SECONDS)
        try:
            await engine.require_tail()
        except JournalUnavailable:
            continue  # whoever needs it right now says so
