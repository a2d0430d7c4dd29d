"""Tells browsers which sets have changed, so that they ask again: as server-sent events, and only while one listens.

The journal is looked at twice a second, and only the subjects of what has come are read. What is told is that something
changed, not what: a browser that was away has missed nothing once it has asked.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import msgspec
import structlog

from adapters.journal.errors import JournalError
from adapters.journal.port import Journal
from adapters.web.errors import Busy
from adapters.web.settled import DECIDING_MS
from lws_events import subjects

_log = structlog.get_logger(__name__)

LISTENERS_MAX: Final = 64
_LOOK_SECONDS: Final = 0.5
_READ_MAX: Final = 5_000
"""Events behind each other whose subjects are read; of more it is told that any set may have changed."""
_SETTLED_LOOKS: Final = int(DECIDING_MS / 1000 / _LOOK_SECONDS) + 1
"""After so many looks a change is told again: by then what was decided about it is in every answer."""


class Told(msgspec.Struct, frozen=True):
    """One message. ``sets`` is None where any may have changed; ``trouble`` says why the journal cannot be read."""

    sequence: int
    sets: tuple[str, ...] | None = ()
    trouble: str = ""
    ends: bool = False
    """Nothing more will be told: the server stops."""


class Changes:
    """Of one journal."""

    def __init__(self, journal: Journal, *, grows: bool) -> None:
        self.grows = grows
        self._journal = journal
        self._listeners: set[asyncio.Queue[Told]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._seen = 0
        self._again: list[set[str] | None] = []

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[asyncio.Queue[Told]]:
        """A queue of what is told while the block runs. Raises ``Busy``."""
        if len(self._listeners) >= LISTENERS_MAX:
            raise Busy(f"{LISTENERS_MAX} browsers listen already", hint="close one of the pages")
        queue: asyncio.Queue[Told] = asyncio.Queue(1)
        self._listeners.add(queue)
        if self._looking is None and self.grows:
            self._looking = asyncio.create_task(self._look(), name="changes for the web page")
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
            if not self._listeners:
                await self.close()

    async def close(self) -> None:
        """Look no more."""
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    def end(self) -> None:
        """Let everybody go who listens, so that the server need not wait for them."""
        self._tell(Told(self._seen, ends=True))

    async def _look(self) -> None:
        trouble = ""
        self._seen = 0
        while True:
            try:
                await self._look_once()
                trouble = ""
            except JournalError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    _log.warning("the web page cannot look at the journal", error=trouble)
                self._tell(Told(self._seen, None, trouble))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look_once(self) -> None:
        last = await self._journal.events.last_sequence()
        if not self._seen or last < self._seen or last - self._seen > _READ_MAX:
            fresh: set[str] | None = None
        else:
            fresh = await self._sets_behind(self._seen, last)
        self._seen = last
        self._again.append(fresh)
        due = self._again.pop(0) if len(self._again) > _SETTLED_LOOKS else set()
        changed = None if fresh is None or due is None else fresh | due
        if changed is None or changed:
            self._tell(Told(last, None if changed is None else tuple(sorted(changed))))

    async def _sets_behind(self, seen: int, last: int) -> set[str]:
        found: set[str] = set()
        if last == seen:
            return found
        reading = self._journal.events.read(from_sequence=seen + 1, to_sequence=last, follow=False)
        async with contextlib.aclosing(reading) as batches:
            async for batch in batches:
                addresses = (subjects.parse(record.subject) for record in batch)
                found |= {str(address.set_name) for address in addresses if address is not None}
        return found

    def _tell(self, told: Told) -> None:
        """To everybody; what a slow listener has not taken yet becomes one message with this one."""
        for queue in self._listeners:
            waiting = queue.get_nowait() if queue.full() else None
            queue.put_nowait(told if waiting is None else _joined(waiting, told))


def _joined(one: Told, other: Told) -> Told:
    sets = None if one.sets is None or other.sets is None else tuple(sorted({*one.sets, *other.sets}))
    return Told(other.sequence, sets, other.trouble, one.ends or other.ends)
