"""Group commit: many publishers, one append and one fsync at a time.

A fact that comes while nothing is under way goes out at once, alone. What comes during an append waits for its end and
then goes out as one batch, so a storm of facts costs one fsync per batch instead of one each, and nobody waits for a
timer. There is one append at a time: the order of the calls is the order of the stream. While the journal is
unavailable or full the same batch is sent again, under the same ids, until it is stored; meanwhile the queue fills and
publishers wait. It does not change what is published, and it keeps nothing on disk: what was not acknowledged is the
publisher's to publish again after a crash.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import structlog

from adapters.journal.errors import Fenced, JournalError, JournalUnavailable, MessageRefused
from adapters.journal.port import BATCH_MESSAGES_MAX, Message, Stream

QUEUE_MESSAGES_MAX: Final = 10_000
"""Facts that may wait: a few seconds of the fastest storm, some megabytes."""

BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bounds the time of one append, hence what a later fact waits."""

_RETRY_SECONDS_MIN: Final = 0.02
_RETRY_SECONDS_MAX: Final = 2.0
_CLOSE_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)


class _Waiting(NamedTuple):
    message: Message
    stored: asyncio.Future[int]


class GroupCommit:
    """Writer of one stream, for one event loop. Use ``async with GroupCommit(stream) as writer``."""

    def __init__(
        self,
        stream: Stream,
        *,
        queue_messages_max: int = QUEUE_MESSAGES_MAX,
        batch_messages_max: int = BATCH_MESSAGES_MAX,
        batch_bytes_max: int = BATCH_BYTES_MAX,
        retry_seconds_max: float = _RETRY_SECONDS_MAX,
    ) -> None:
        self._stream = stream
        self._room = asyncio.Semaphore(queue_messages_max)
        self._batch_messages_max = batch_messages_max
        self._batch_bytes_max = batch_bytes_max
        self._retry_seconds_max = retry_seconds_max
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._writer: asyncio.Task[None] | None = None
        self.trouble: JournalUnavailable | None = None
        """Why the journal does not take what is published, while it does not."""
        self.batches = 0
        """Appends that succeeded, for metrics and tests."""

    @property
    def healthy(self) -> bool:
        """False while an append is being retried."""
        return self.trouble is None

    @property
    def waiting(self) -> int:
        """Messages that are not stored yet."""
        return len(self._queue)

    async def publish(self, message: Message) -> int:
        """Store the message and return its sequence (of a duplicate: the one it already has).

        Waits as long as the journal is unavailable. Giving up (cancellation) does not take the message back. Raises
        ``MessageRefused``, ``Fenced`` (about this message), and ``JournalUnavailable`` only when the writer is closed.
        """
        return await asyncio.shield(await self.submit(message))

    async def submit(self, message: Message) -> asyncio.Future[int]:
        """Put the message in the queue, waiting for room; the future is its sequence, as ``publish`` returns it.

        For publishers that keep an order among their own messages and need not wait for each.
        """
        if message.message_id is None:
            raise MessageRefused(f"{message.subject}: a message that may be sent again needs a message id")
        if self._closing or self._writer is None:
            raise JournalUnavailable(f"the writer of stream {self._stream.name} is closed")
        await self._room.acquire()
        if self._closing:
            self._room.release()
            raise JournalUnavailable(f"the writer of stream {self._stream.name} was closed while waiting for room")
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        stored.add_done_callback(self._settle)
        self._queue.append(_Waiting(message, stored))
        self._arrived.set()
        return stored

    async def close(self, *, timeout: float = _CLOSE_SECONDS) -> None:
        """Take no more, store what waits if that is possible in time, and fail the rest with ``JournalUnavailable``."""
        self._closing = True
        self._arrived.set()
        if self._writer is not None:
            await asyncio.wait({self._writer}, timeout=timeout)
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write())
        self._writer.add_done_callback(self._writer_ended)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                batch = self._next_batch()
                await self._append(batch)
                for _ in batch:  # only now: what fails to close in time is failed from the queue
                    self._queue.popleft()
            if self._closing:
                return

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size_bytes = 0
        for waiting in self._queue:
            size_bytes += len(waiting.message.data)
            if batch and (len(batch) >= self._batch_messages_max or size_bytes > self._batch_bytes_max):
                break
            batch.append(waiting)
        return batch

    async def _append(self, batch: Sequence[_Waiting]) -> None:
        """Settle every message of the batch. One that is refused or fenced does not take the others with it."""
        try:
            sequences = await self._append_until_stored([waiting.message for waiting in batch])
        except (MessageRefused, Fenced) as error:
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for waiting in batch:
                await self._append([waiting])
            return
        except JournalError as error:
            for waiting in batch:
                _fail(waiting, error)
            return
        for waiting, sequence in zip(batch, sequences, strict=True):
            if not waiting.stored.done():
                waiting.stored.set_result(sequence)

    async def _append_until_stored(self, messages: Sequence[Message]) -> Sequence[int]:
        delay = _RETRY_SECONDS_MIN
        while True:
            try:
                appended = await self._stream.append(messages, atomic=False)
            except JournalUnavailable as error:
                if self.trouble is None or str(self.trouble) != str(error):
                    _log.warning("journal unavailable, retrying", stream=self._stream.name, error=str(error))
                self.trouble = error
                await asyncio.sleep(delay)
                delay = min(delay * 2, self._retry_seconds_max)
            else:
                if self.trouble is not None:
                    _log.info("journal available again", stream=self._stream.name)
                self.trouble = None
                self.batches += 1
                return appended.sequences

    def _writer_ended(self, writer: asyncio.Task[None]) -> None:
        """Nobody may wait for a writer that is gone, whether it was closed or has a defect."""
        self._closing = True
        defect = None if writer.cancelled() else writer.exception()
        if defect is not None:
            _log.error("writer ended", stream=self._stream.name, error=repr(defect))
        while self._queue:
            _fail(self._queue.popleft(), JournalUnavailable(f"not stored before the writer ended ({defect!r})"))

    def _settle(self, stored: asyncio.Future[int]) -> None:
        self._room.release()
        if not stored.cancelled():
            stored.exception()  # a publisher that went away does not ask


def _fail(waiting: _Waiting, error: JournalError) -> None:
    if not waiting.stored.done():
        waiting.stored.set_exception(error)
