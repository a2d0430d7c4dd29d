"""A journal whose appends are timed; everything else is handed on untouched.

It wraps the streams, so that neither the bus adapter nor the group commit needs to know of metrics.
"""

import time
from collections.abc import AsyncGenerator, Callable, Sequence

from adapters.journal.port import Appended, EventStream, Journal, Latest, Message, Record, Stream, StreamInfo
from adapters.observability.metrics import Metrics


def timed(journal: Journal, metrics: Metrics) -> Journal:
    """The same journal; ``metrics`` learns how long each acknowledged append took."""
    return Journal(
        journal.cluster,
        _TimedEventStream(journal.events, lambda seconds: metrics.appended("events", seconds=seconds)),
        _TimedStream(journal.decisions, lambda seconds: metrics.appended("decisions", seconds=seconds)),
        journal.logs,
        journal.snapshots,
        journal.audit,
        journal.seals,
    )


class _TimedStream:
    def __init__(self, stream: Stream, observe: Callable[[float], None]) -> None:
        self._stream = stream
        self._observe = observe

    @property
    def name(self) -> str:
        return self._stream.name

    @property
    def root(self) -> str:
        return self._stream.root

    async def append(
        self, messages: Sequence[Message], *, expected_last_sequence: int | None = None, atomic: bool = True
    ) -> Appended:
        began = time.monotonic()
        appended = await self._stream.append(messages, expected_last_sequence=expected_last_sequence, atomic=atomic)
        self._observe(time.monotonic() - began)
        return appended

    async def latest(self, subject_filter: str, *, up_to: int | None = None) -> Latest:
        return await self._stream.latest(subject_filter, up_to=up_to)

    def read(
        self,
        *,
        from_sequence: int = 1,
        to_sequence: int | None = None,
        subject_filter: str | None = None,
        follow: bool,
    ) -> AsyncGenerator[Sequence[Record], None]:
        return self._stream.read(
            from_sequence=from_sequence, to_sequence=to_sequence, subject_filter=subject_filter, follow=follow
        )

    async def purge(self, *, before: int, subject_filter: str | None = None) -> None:
        await self._stream.purge(before=before, subject_filter=subject_filter)

    async def last_sequence(self) -> int:
        return await self._stream.last_sequence()

    async def info(self) -> StreamInfo:
        return await self._stream.info()


class _TimedEventStream(_TimedStream):
    def __init__(self, stream: EventStream, observe: Callable[[float], None]) -> None:
        super().__init__(stream, observe)
        self._timers = stream

    async def schedule(self, subject: str, *, fire_at_ns: int, data: bytes) -> None:
        await self._timers.schedule(subject, fire_at_ns=fire_at_ns, data=data)

    async def cancel(self, subject: str) -> None:
        await self._timers.cancel(subject)
