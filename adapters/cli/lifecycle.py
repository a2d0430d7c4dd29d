"""Print lifecycle events of a journal: those that are there, or also those that come."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Final

from rich.text import Text

from adapters.cli.following import opened_live, until_another_owner
from adapters.cli.printing import console, print_json, remark
from adapters.errors import NoSuchThing, NotRunning
from adapters.journal.errors import JournalError
from adapters.journal.port import Journal
from adapters.lifecycle_events.errors import PositionError
from adapters.lifecycle_events.positions import Start
from adapters.lifecycle_events.queries import Query
from adapters.lifecycle_events.reading import Batch, lifecycle_events
from adapters.reading.moments import seconds_ms
from adapters.reading.reader import JournalReader
from adapters.reading.source import JournalSource
from projections.lifecycle import CloudEvent, parse_id, short_type

_RETRY_SECONDS_MIN: Final = 0.2
_RETRY_SECONDS_MAX: Final = 5.0

Print = Callable[[CloudEvent], None]


def print_events(reader: JournalReader, query: Query, *, is_file: bool, as_json: bool) -> None:
    """Those that are there. Raises ``NoSuchThing`` for a place that the journal does not have."""
    tell = _printer(as_json=as_json)
    journal, told = reader.journal, 0
    with _in_words():
        start = reader.wait(query.start(journal, grows=not is_file))
        reading = lifecycle_events(journal, start, wanted=query.wanted, follow=False)
        try:
            while (batch := reader.wait(_next(reading))) is not None:
                for event in batch.events:
                    tell(event)
                    told += 1
        finally:
            reader.wait(reading.aclose())
    if not told and not as_json:
        remark("nothing of what is asked for is recorded")


def follow_events(source: JournalSource, cluster: str, query: Query, *, for_: str | None, as_json: bool) -> None:
    """Also those that come, for so long or until it is interrupted. A journal that goes away is waited for."""
    seconds = None if for_ is None else seconds_ms(for_, "--for") / 1000
    with _in_words(), contextlib.suppress(TimeoutError):
        asyncio.run(_for_a_while(_Follower(source, cluster, query, _printer(as_json=as_json)), seconds))


async def _for_a_while(follower: "_Follower", seconds: float | None) -> None:
    async with asyncio.timeout(seconds):
        await follower.for_ever()


class _Follower:
    """Follows a journal through restarts of its server, and goes on after what it has told."""

    def __init__(self, source: JournalSource, cluster: str, query: Query, tell: Print) -> None:
        self._source = source
        self._cluster = cluster
        self._query = query
        self._tell = tell
        self._start: Start | None = None

    async def for_ever(self) -> None:
        delay, has_been_there = _RETRY_SECONDS_MIN, False
        while True:
            try:
                async with opened_live(self._source, self._cluster) as (journal, settings):
                    if has_been_there:
                        remark("the journal is there again")
                    delay, has_been_there = _RETRY_SECONDS_MIN, True
                    reading = asyncio.create_task(self._read(journal))
                    owner = asyncio.create_task(until_another_owner(self._source, settings, remark=remark))
                    try:
                        done, _ = await asyncio.wait({reading, owner}, return_when=asyncio.FIRST_COMPLETED)
                        for task in done:
                            task.result()
                    finally:
                        reading.cancel()
                        owner.cancel()
                        await asyncio.gather(reading, owner, return_exceptions=True)
            except (JournalError, NotRunning) as error:
                if not has_been_there:
                    raise
                if delay == _RETRY_SECONDS_MIN:
                    remark(f"{error}; trying again")
                await asyncio.sleep(delay)
                delay = min(delay * 2, _RETRY_SECONDS_MAX)

    async def _read(self, journal: Journal) -> None:
        if self._start is None or self._query.after is not None:
            self._start = await self._query.start(journal, grows=True)
        # Before anything was told "now" stays what it was when it was asked for, whatever breaks meanwhile.
        reading = lifecycle_events(journal, self._start, wanted=self._query.wanted, follow=True)
        async with contextlib.aclosing(reading):
            async for batch in reading:
                for event in batch.events:
                    self._tell(event)
                    self._query = self._query._replace(after=parse_id(event.id))


def event_line(event: CloudEvent) -> Text:
    """One line for people."""
    data = event.data
    group = f"group {data.group}" if isinstance(data.group, str) else "set"
    line = Text(f"{event.time} {'#' + str(data.cause.sequence):>7}  {data.namespace}/{data.set}  ")
    line.append(f"{group:<10}", style="bold" if group != "set" else "")
    line.append(f"{short_type(event.type)}: ", style="cyan")
    line.append(data.what)
    if data.cause.what:
        line.append(f"  ← {data.cause.what}", style="dim")
    return line


def _printer(*, as_json: bool) -> Print:
    screen = console()

    def tell(event: CloudEvent) -> None:
        if as_json:
            print_json(event)
        elif screen.is_terminal:
            screen.print(event_line(event))
        else:  # nothing to lay out, which takes most of the time
            sys.stdout.write(event_line(event).plain + "\n")
        sys.stdout.flush()

    return tell


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except PositionError as error:
        raise NoSuchThing(str(error), hint=error.hint) from error


async def _next(reading: AsyncGenerator[Batch, None]) -> Batch | None:
    return await anext(reading, None)
