"""Publishes lifecycle events on a stream of the bus, in the background, each of them once.

How far it has come is in that stream itself: the last message's id names the event. A publisher reads that message, and
appends what follows under the fence that the message is the last one still. So nothing is left out and nothing comes
twice, however long a publisher was away, and while two of them believe to be the one; no window of deduplication is
relied on. An append without an answer is no different from one that was fenced: the stream is asked again.

Events older than ``keep_ms`` are removed here, and never the last one. It never raises: publishing is a by-product, and
the controller goes on without.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from adapters.journal.errors import Fenced, JournalError
from adapters.journal.port import Journal, Message, Stream
from adapters.kubernetes.pace import BackOff, Clock
from adapters.lifecycle_events.errors import PositionError
from adapters.lifecycle_events.positions import FIRST, Positions, Start
from adapters.lifecycle_events.reading import lifecycle_events
from projections.lifecycle import CONTENT_TYPE, CloudEvent, EventId, encode, nats_subject, parse_id

_log = structlog.get_logger(__name__)

OpenStream = Callable[[], Awaitable[Stream]]

_EVENTS_PER_APPEND: Final = 200
_LOOK_SECONDS: Final = 10.0
"""How often it is looked how far behind it is, and for events that are too old."""

_REST_FACTOR: Final = 3.0
_REST_SECONDS_MAX: Final = 1.0
"""Catching up leaves most of the time to the engine, which shares the event loop."""

_FOREIGN_MAX: Final = 1000
"""How many messages of somebody else may have come behind the last event."""

_BACK_OFF: Final = BackOff(initial_seconds=0.5)


class LifecyclePublisher:
    """Publishes while ``run`` runs: for one leader after the other, if need be."""

    def __init__(self, journal: Journal, open_stream: OpenStream, *, keep_ms: int | None, clock: Clock) -> None:
        """``open_stream`` may fail, and is then called again. ``keep_ms``: None for as long as there is room."""
        self._journal = journal
        self._open_stream = open_stream
        self._keep_ms = keep_ms
        self._clock = clock
        self._positions = Positions(journal, grows=True)
        self.trouble = ""
        """Why nothing can be published right now; empty when it can."""
        self.through = 0
        """Last decision whose events are published."""
        self.behind = 0
        """How many decisions were left when it was looked."""
        self.on_published: Callable[[CloudEvent], None] = lambda _: None
        """Told of each event that is on the stream by our doing."""

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            began = self._clock.monotonic()
            try:
                await self._publish()
            except Fenced as error:
                _log.info("lifecycle events: somebody else publishes too; going on after the last one", why=str(error))
                failures += 1
            except (JournalError, PositionError) as error:
                failures = self._failed(error, failures, began)
            except Exception as error:
                # A defect here must not be the end of a controller that does its work.
                _log.exception("lifecycle events cannot be published")
                failures = self._failed(error, failures, began)
            await self._clock.sleep(_BACK_OFF.delay_seconds(max(failures, 1), clock=self._clock))

    def _failed(self, error: Exception, failures: int, began: float) -> int:
        """Count failures in a row, and tell of the first."""
        if not self.trouble:
            _log.warning("lifecycle events are not published for now", error=str(error) or type(error).__name__)
        self.trouble = str(error) or type(error).__name__
        has_worked = self._clock.monotonic() - began > _BACK_OFF.cap_seconds
        return 1 if has_worked else failures + 1

    async def _publish(self) -> None:
        stream = await self._open_stream()
        last = await stream.last_sequence()
        start = await self._start(await _last_event(stream, last) if last else None)
        self.through = start.sequence - 1
        looking = asyncio.create_task(self._look_after(stream))
        try:
            await self._relay(start, stream, last)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _relay(self, start: Start, stream: Stream, last: int) -> None:
        async with contextlib.aclosing(lifecycle_events(self._journal, start, follow=True)) as batches:
            async for events, through in batches:
                began = self._clock.monotonic()
                for first in range(0, len(events), _EVENTS_PER_APPEND):
                    some = events[first : first + _EVENTS_PER_APPEND]
                    appended = await stream.append([_message(one) for one in some], expected_last_sequence=last)
                    last = appended.last_sequence
                    for event in some:
                        self.on_published(event)
                self.through, self.trouble = through, ""
                spent = self._clock.monotonic() - began
                await self._clock.sleep(min(spent * _REST_FACTOR, _REST_SECONDS_MAX))

    async def _start(self, seen: EventId | None) -> Start:
        """After the last event that is on the stream; without one, what the journal has that is not too old."""
        if seen is None:
            if self._keep_ms is None:
                return FIRST
            return await self._positions.at_time(self._clock.now_ms() - self._keep_ms)
        try:
            return await self._positions.after(seen)
        except PositionError as error:
            _log.warning("lifecycle events may have a gap: the journal was purged, or is another", why=str(error))
            return FIRST

    async def _look_after(self, stream: Stream) -> None:
        while True:
            with contextlib.suppress(JournalError):  # publishing meets it as well, and tells of it
                self.behind = max(0, await self._journal.decisions.last_sequence() - self.through)
                if self.behind == 0:
                    self.trouble = ""
                if self._keep_ms is not None:
                    await expire(stream, before_ms=self._clock.now_ms() - self._keep_ms)
            await self._clock.sleep(_LOOK_SECONDS)


async def expire(stream: Stream, *, before_ms: int) -> None:
    """Remove what was published before a time, but for the last message. Raises ``JournalUnavailable``."""
    info = await stream.info()
    if info.messages <= 1:
        return
    keep_from = info.first_sequence
    async with contextlib.aclosing(stream.read(from_sequence=info.first_sequence, follow=False)) as batches:
        async for batch in batches:
            young = next((record.sequence for record in batch if record.at_ns // 1_000_000 >= before_ms), None)
            keep_from = batch[-1].sequence if young is None else young
            if young is not None:
                break
    if keep_from > info.first_sequence:
        await stream.purge(before=keep_from)


async def _last_event(stream: Stream, last: int) -> EventId | None:
    """The last event on a stream that ends with this message; None where there is none.

    Messages of others should not be there, and are passed over.
    """
    for first in (last, last - _FOREIGN_MAX):
        reading = stream.read(from_sequence=max(first, 1), to_sequence=last, follow=False)
        async with contextlib.aclosing(reading) as batches:
            found = [parse_id(record.message_id or "") async for batch in batches for record in batch]
        known = [one for one in found if one is not None]
        if known:
            return known[-1]
    return None


def _message(event: CloudEvent) -> Message:
    return Message(nats_subject(event), encode(event), event.id, content_type=CONTENT_TYPE)
