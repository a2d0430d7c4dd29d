"""What the page's questions are answered from, put together once for one journal."""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from adapters.journal.port import Journal
from adapters.reading.reader import JournalReader
from adapters.web.changes import Changes
from adapters.web.desk import Desk
from adapters.web.past import Past
from adapters.web.present import Folded, OfController, Present
from adapters.web.restarts import Restarts
from lws_events.fleet import Fleet
from lws_events.subjects import SetName

_KNOWN_SECONDS: Final = 10.0


class Page(NamedTuple):
    """Everything that is asked."""

    journal: Journal
    desk: Desk
    present: Present
    past: Past
    restarts: Restarts
    changes: Changes
    names: "Names"
    source: str
    """What journal it is, in words."""
    grows: bool
    """Whether somebody may be writing it."""

    async def close(self) -> None:
        """End what runs for it."""
        await self.changes.close()
        await self.desk.close()


class Names:
    """Sets that the journal ever saw, at most some seconds old."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._names: list[SetName] = []
        self._asked_at: float | None = None

    async def all(self) -> list[SetName]:
        """Sorted. Raises ``Busy``."""
        now = asyncio.get_running_loop().time()
        if self._asked_at is None or now - self._asked_at >= _KNOWN_SECONDS:
            self._names = await self._desk.ask(JournalReader.set_names)
            self._asked_at = now
        return self._names


def page_of_controller(journal: Journal, *, fleet: Callable[[], Fleet | None], now_ms: Callable[[], int]) -> Page:
    """For a process whose engine has the present, and whose decisions come first."""
    desk = Desk(journal, in_loop=True, considerate=True)
    return _page(desk, OfController(fleet, now_ms=now_ms), source="this controller", now_ms=now_ms)


def page_of_journal(
    journal: Journal, *, source: str, in_loop: bool, considerate: bool, now_ms: Callable[[], int] | None
) -> Page:
    """For a process without an engine (see ``Desk``). ``now_ms``: None for a journal that nobody writes."""
    desk = Desk(journal, in_loop=in_loop, considerate=considerate)
    return _page(desk, Folded(desk, now_ms=now_ms), source=source, now_ms=now_ms)


def _page(desk: Desk, present: Present, *, source: str, now_ms: Callable[[], int] | None) -> Page:
    return Page(
        journal=desk.journal,
        desk=desk,
        present=present,
        past=Past(desk, now_ms=now_ms),
        restarts=Restarts(desk, as_of_ms=lambda: present.as_of_ms),
        changes=Changes(desk.journal, grows=now_ms is not None),
        names=Names(desk),
        source=source,
        grows=now_ms is not None,
    )
