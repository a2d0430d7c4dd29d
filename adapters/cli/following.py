"""Follow one set in a journal that is being written: what was there is read first, then whatever comes.

It reads beside a running controller and never starts a server of its own, which would keep a controller from starting.
A connection that breaks is made again, also to a controller that was started anew on the same data directory with other
credentials, and reading goes on where it was.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from adapters.errors import NotRunning, WrongUsage
from adapters.journal.errors import JournalError
from adapters.journal.port import Journal, Record, Stream
from adapters.nats.connection import ConnectionSettings, connect
from adapters.nats.data_directory import DataDirectory
from adapters.nats.journal import open_journal_for_reading
from adapters.reading.reader import CONNECT_SECONDS, JournalReader, connection_settings
from adapters.reading.source import JournalSource
from lws_events import decisions, events, subjects
from lws_events.subjects import SetName
from projections.following import Arrived, Interleaving
from projections.journal import RecordedDecision, RecordedEvent

DECISION_SECONDS_MAX: Final = 1.0
"""How long an outcome waits for the decision before it: both are in the journal, and one reader is ahead."""

_RETRY_SECONDS_MIN: Final = 0.2
_RETRY_SECONDS_MAX: Final = 5.0
_WATCH_SECONDS: Final = 0.5
"""How often the data directory is asked whether another controller owns it."""

_QUEUE_MAX: Final = 64

Tell = Callable[[Arrived], None]


def require_growing(source: JournalSource) -> None:
    """Raise ``WrongUsage`` or ``NotRunning`` where nothing can be added to a journal."""
    if source.file is not None:
        raise WrongUsage(
            "an exported file does not grow", hint="leave out --follow, or follow the controller's journal"
        )
    if source.data_dir is not None:
        DataDirectory(source.data_dir).require_journal()
        _settings(source)


class Following:
    """Reads one set on and on. ``remark`` takes what a person should know besides."""

    def __init__(self, source: JournalSource, set_name: SetName, *, tell: Tell, remark: Callable[[str], None]) -> None:
        self._source = source
        self._set = set_name
        self._tell = tell
        self._remark = remark
        self._interleaving = Interleaving()
        self._next_event = 1
        self._next_decision = 1

    def catch_up(self, reader: JournalReader) -> None:
        """Tell what is there already."""
        for step in reader.steps_of(self._set):
            address = step.event.address
            if address is None or address.set_name != self._set:
                continue
            self._tell(Arrived(step.event))
            if step.decision is not None:
                self._tell(Arrived(step.event, step.decision))
            else:
                self._interleaving.note(step.event)
        self._next_event = reader.bounds.events + 1
        self._next_decision = reader.bounds.decisions + 1

    async def follow(self, cluster: str, *, seconds: float | None) -> None:
        """Tell what comes, for so long or until it is cancelled.

        Raises the errors of ``adapters.journal.errors`` where the first connection fails.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._for_ever(cluster)
        for arrived in self._interleaving.give_up():
            self._tell(arrived)

    async def _for_ever(self, cluster: str) -> None:
        delay, has_been_there = _RETRY_SECONDS_MIN, False
        while True:
            try:
                async with opened_live(self._source, cluster) as (journal, settings):
                    if has_been_there:
                        self._remark("the journal is there again")
                    delay, has_been_there = _RETRY_SECONDS_MIN, True
                    await self._read(journal, settings)
                    self._remark("another controller owns the data directory now; reading goes on there")
            except (JournalError, NotRunning) as error:
                if not has_been_there:
                    raise
                if delay == _RETRY_SECONDS_MIN:
                    self._remark(f"{error}; trying again")
                await asyncio.sleep(delay)
                delay = min(delay * 2, _RETRY_SECONDS_MAX)

    async def _read(self, journal: Journal, settings: ConnectionSettings) -> None:
        """Read both streams, until the data directory has another owner."""
        arriving: asyncio.Queue[tuple[bool, Sequence[Record]]] = asyncio.Queue(_QUEUE_MAX)
        of_events = subjects.set_filter(journal.cluster, self._set)
        of_decisions = subjects.decision_subject(journal.cluster, self._set)
        tasks = [
            asyncio.create_task(_queue(journal.events, of_events, self._next_event, arriving, is_event=True)),
            asyncio.create_task(_queue(journal.decisions, of_decisions, self._next_decision, arriving, is_event=False)),
            asyncio.create_task(self._take(arriving)),
            asyncio.create_task(until_another_owner(self._source, settings, remark=self._remark)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, arriving: "asyncio.Queue[tuple[bool, Sequence[Record]]]") -> None:
        while True:
            try:
                async with asyncio.timeout(DECISION_SECONDS_MAX if self._interleaving.waits else None):
                    is_event, batch = await arriving.get()
            except TimeoutError:
                told = self._interleaving.give_up()
            else:
                told = [arrived for record in batch for arrived in self._taken(record, is_event=is_event)]
            for arrived in told:
                self._tell(arrived)

    def _taken(self, record: Record, *, is_event: bool) -> list[Arrived]:
        if is_event:
            self._next_event = record.sequence + 1
            return self._interleaving.event(RecordedEvent(record.sequence, record.subject, events.decode(record.data)))
        self._next_decision = record.sequence + 1
        decision = decisions.decode(record.data)
        return self._interleaving.decision(RecordedDecision(record.sequence, record.subject, decision))


async def until_another_owner(
    source: JournalSource, settings: ConnectionSettings, *, remark: Callable[[str], None]
) -> None:
    """Return when another controller owns the data directory than the one of ``settings``."""
    if source.data_dir is None:
        await asyncio.Event().wait()
        return
    directory = DataDirectory(source.data_dir)
    is_away = False
    while (present := directory.published()) in (None, settings):
        if present is None and not is_away:
            remark("the controller has stopped; waiting for the next one")
        is_away = present is None
        await asyncio.sleep(_WATCH_SECONDS)


async def _queue(
    stream: Stream,
    subject: str,
    from_sequence: int,
    arriving: "asyncio.Queue[tuple[bool, Sequence[Record]]]",
    *,
    is_event: bool,
) -> None:
    batches = stream.read(from_sequence=from_sequence, subject_filter=subject, follow=True)
    async with contextlib.aclosing(batches):
        async for batch in batches:
            await arriving.put((is_event, batch))


@contextlib.asynccontextmanager
async def opened_live(source: JournalSource, cluster: str | None) -> AsyncIterator[tuple[Journal, ConnectionSettings]]:
    """The journal of a controller that runs, and how its server was reached."""
    settings = _settings(source)
    connection = await connect(settings, name="lws-events follow", timeout=CONNECT_SECONDS)
    try:
        yield await open_journal_for_reading(connection, cluster), settings
    finally:
        await connection.close()


def _settings(source: JournalSource) -> ConnectionSettings:
    if source.data_dir is None:
        return connection_settings(source)
    found = DataDirectory(source.data_dir).published()
    if found is None:
        raise NotRunning(
            f"no controller runs on data directory {source.data_dir}, so nothing new will come",
            hint="leave out --follow, or start the controller",
        )
    return found
