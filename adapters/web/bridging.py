"""A journal of another thread's loop, for reading in this one: only what the bus itself does happens over there.

A connection belongs to the loop that it was made in. Whatever is made of what it brings (snapshots that are unpacked,
states that are decoded) must not take that loop's time, for a controller's decisions run in it.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import Any, Final, NoReturn, TypeVar

from adapters.journal.errors import JournalReadOnly
from adapters.journal.logs import LogStore
from adapters.journal.port import Journal, Latest, Message, Record, Stream, StreamInfo

IO_SECONDS_MAX: Final = 30.0

_T = TypeVar("_T")


class _There:
    """The other loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Over there, waited for here. Raises ``TimeoutError``."""
        async with asyncio.timeout(IO_SECONDS_MAX):
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


class BridgedStream:
    """One stream, to be read."""

    def __init__(self, stream: Stream, there: _There) -> None:
        self.name = stream.name
        self.root = stream.root
        self._stream = stream
        self._there = there

    async def latest(self, subject_filter: str, *, up_to: int | None = None) -> Latest:
        return await self._there.do(self._stream.latest(subject_filter, up_to=up_to))

    async def read(
        self,
        *,
        from_sequence: int = 1,
        to_sequence: int | None = None,
        subject_filter: str | None = None,
        follow: bool,
    ) -> AsyncGenerator[Sequence[Record], None]:
        batches = self._stream.read(
            from_sequence=from_sequence, to_sequence=to_sequence, subject_filter=subject_filter, follow=follow
        )
        try:
            while (batch := await self._there.do(_next(batches))) is not None:
                yield batch
        finally:
            await self._there.do(batches.aclose())

    async def last_sequence(self) -> int:
        return await self._there.do(self._stream.last_sequence())

    async def info(self) -> StreamInfo:
        return await self._there.do(self._stream.info())

    async def append(
        self,
        messages: Sequence[Message],  # noqa: ARG002
        *,
        expected_last_sequence: int | None = None,  # noqa: ARG002
        atomic: bool = True,  # noqa: ARG002
    ) -> NoReturn:
        self._refuse()

    async def purge(self, *, before: int, subject_filter: str | None = None) -> NoReturn:  # noqa: ARG002
        self._refuse()

    async def schedule(self, subject: str, *, fire_at_ns: int, data: bytes) -> NoReturn:  # noqa: ARG002
        self._refuse()

    async def cancel(self, subject: str) -> NoReturn:  # noqa: ARG002
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise JournalReadOnly(f"stream {self.name} is only read here")


class _BridgedLogs:
    def __init__(self, logs: LogStore, there: _There) -> None:
        self._logs = logs
        self._there = there

    async def get(self, reference: str) -> bytes | None:
        return await self._there.do(self._logs.get(reference))

    async def put(self, reference: str, text: bytes) -> NoReturn:  # noqa: ARG002
        raise JournalReadOnly(f"the log {reference} is not kept: logs are only read here")


def bridged(journal: Journal, loop: asyncio.AbstractEventLoop) -> Journal:
    """The same journal for another loop than its own, which is ``loop``."""
    there = _There(loop)

    def stream(one: Stream | None) -> BridgedStream | None:
        return None if one is None else BridgedStream(one, there)

    return Journal(
        cluster=journal.cluster,
        events=BridgedStream(journal.events, there),
        decisions=BridgedStream(journal.decisions, there),
        logs=None if journal.logs is None else _BridgedLogs(journal.logs, there),
        snapshots=stream(journal.snapshots),
        audit=stream(journal.audit),
        seals=stream(journal.seals),
    )


async def _next(batches: AsyncGenerator[Sequence[Record], None]) -> Sequence[Record] | None:
    return await anext(batches, None)
