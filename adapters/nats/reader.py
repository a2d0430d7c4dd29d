"""Reading a stream in order, without a gap, for ever.

Three layers: ``read_records`` goes on from its position whenever a delivery ends (restart of the server, lost
connection, lost message); ``_Delivery`` is one ephemeral push consumer with flow control, which the server fills as
fast as we take it, so that a record is here as soon as it is stored; ``_parse`` reads one message. A gap is noticed by
the consumer's own numbering, in a message or in a heartbeat; silence for longer than heartbeats allow is a loss too.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final, NamedTuple

import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from adapters.journal.errors import JournalError, JournalMissing, JournalUnavailable
from adapters.journal.port import BATCH_MESSAGES_MAX, Record
from adapters.nats import wire
from adapters.nats.connection import Connection

_HEARTBEAT_SECONDS: Final = 1.0
_SILENCE_SECONDS_MAX: Final = 3.5
"""Three heartbeats missed, and a bit."""

_INACTIVE_SECONDS: Final = 10.0
"""After this the server forgets a consumer that nobody listens to."""

_RETRY_SECONDS_MIN: Final = 0.05
_RETRY_SECONDS_MAX: Final = 2.0
_SECOND_NS: Final = 1_000_000_000

_log = structlog.get_logger(__name__)


class _Delivered(NamedTuple):
    consumer_sequence: int
    pending: int
    record: Record


class _Interrupted(Exception):  # noqa: N818 - not an error: the reader begins again where it was
    """A delivery ended; what comes next must be asked for again."""


async def read_records(
    connection: Connection,
    stream: str,
    *,
    subject_filter: str,
    from_sequence: int,
    to_sequence: int | None,
    is_all: Callable[[int, int], Awaitable[bool]],
    patience_seconds: float | None,
) -> AsyncGenerator[Sequence[Record], None]:
    """Batches of records up to ``to_sequence``, or for ever.

    ``is_all(first, last)`` is asked when nothing is left to deliver: whether nothing of these sequences is to come.
    Raises ``JournalMissing``, and ``JournalUnavailable`` where it gets nowhere for ``patience_seconds`` (None: waits).
    """
    position = from_sequence
    delay = _RETRY_SECONDS_MIN
    failing_since: float | None = None
    while to_sequence is None or position <= to_sequence:
        delivery = _Delivery(connection, stream)
        try:
            await delivery.start(subject_filter, position)
            while to_sequence is None or position <= to_sequence:
                if to_sequence is not None and delivery.caught_up and await is_all(position, to_sequence):
                    return
                records = [r for r in await delivery.next() if to_sequence is None or r.sequence <= to_sequence]
                delay, failing_since = _RETRY_SECONDS_MIN, None
                if records:
                    position = records[-1].sequence + 1
                    yield records
                elif delivery.passed(to_sequence):
                    return
        except JournalMissing:
            raise
        except (JournalError, _Interrupted) as error:
            now = asyncio.get_running_loop().time()
            failing_since = now if failing_since is None else failing_since
            if patience_seconds is not None and now - failing_since > patience_seconds:
                raise JournalUnavailable(
                    f"stream {stream} cannot be read on from sequence {position}: {error}"
                ) from error
            _log.info("reading begins again", stream=stream, sequence=position, reason=str(error))
        finally:
            await delivery.stop()
        await asyncio.sleep(delay)
        delay = min(delay * 2, _RETRY_SECONDS_MAX)


class _Delivery:
    """One ephemeral push consumer, from creation to its first trouble."""

    def __init__(self, connection: Connection, stream: str) -> None:
        self._connection = connection
        self._stream = stream
        self._name = f"lws-{secrets.token_hex(8)}"
        self._arrived: deque[Msg] = deque()
        self._wake = asyncio.Event()
        self._lost = False
        self._subscription: Subscription | None = None
        self._expected = 1
        self._last_sequence = 0
        self._pending = 0

    @property
    def caught_up(self) -> bool:
        """Whether nothing was left to deliver when the last thing that was taken was sent."""
        return self._pending == 0 and not self._arrived

    def passed(self, to_sequence: int | None) -> bool:
        """Whether a record beyond the end was delivered."""
        return to_sequence is not None and self._last_sequence > to_sequence

    async def start(self, subject_filter: str, from_sequence: int) -> None:
        inbox = self._connection.new_inbox()
        self._connection.on_lost.add(self._on_lost)
        self._subscription = await self._connection.subscribe(inbox, self._on_message)
        config = {
            "name": self._name,
            "deliver_subject": inbox,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": max(from_sequence, 1),
            "ack_policy": "none",
            "max_deliver": 1,
            "filter_subject": subject_filter,
            "flow_control": True,
            "idle_heartbeat": int(_HEARTBEAT_SECONDS * _SECOND_NS),
            "inactive_threshold": int(_INACTIVE_SECONDS * _SECOND_NS),
            "mem_storage": True,
            "num_replicas": 1,
        }
        body = {"stream_name": self._stream, "config": config, "action": "create"}
        answer = await wire.api(self._connection, f"CONSUMER.CREATE.{self._stream}.{self._name}", body)
        self._pending = answer["num_pending"]

    async def next(self) -> list[Record]:
        """What has arrived, at once, or what arrives next; empty after a heartbeat. Raises ``_Interrupted``."""
        if not self._arrived:
            self._wake.clear()
            try:
                async with asyncio.timeout(_SILENCE_SECONDS_MAX):
                    await self._wake.wait()
            except TimeoutError:
                raise _Interrupted(f"nothing heard for {_SILENCE_SECONDS_MAX} s") from None
        records: list[Record] = []
        while self._arrived and len(records) < BATCH_MESSAGES_MAX:
            message = self._arrived.popleft()
            delivered = _parse(message)
            if delivered is None:
                await self._control(message)
                continue
            if delivered.consumer_sequence != self._expected:
                self._lost = True
                self._arrived.clear()
                break
            self._expected += 1
            self._last_sequence = delivered.record.sequence
            self._pending = delivered.pending
            records.append(delivered.record)
        if self._lost and not records:
            raise _Interrupted("the connection broke or a message was lost")
        return records

    async def stop(self) -> None:
        """Forget the consumer on both sides, as far as the connection allows."""
        self._connection.on_lost.discard(self._on_lost)
        if self._subscription is None:
            return
        with contextlib.suppress(Exception):  # whatever is wrong with it: the server forgets it by itself
            await self._subscription.unsubscribe()
            subject = f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}"
            await self._connection.publish(subject, reply=self._connection.new_inbox())

    async def _on_message(self, message: Msg) -> None:
        self._arrived.append(message)
        self._wake.set()

    def _on_lost(self) -> None:
        self._lost = True
        self._wake.set()

    async def _control(self, message: Msg) -> None:
        """Flow control is answered only when all before it was taken: this is what bounds the queue."""
        headers: dict[str, str] = message.headers or {}
        if message.reply:
            await self._connection.publish(message.reply)
            return
        stalled = headers.get("Nats-Consumer-Stalled")
        if stalled:
            await self._connection.publish(stalled)
        if int(headers.get("Nats-Last-Consumer", 0)) >= self._expected or headers.get("Status") not in (None, "100"):
            self._lost = True


def _parse(message: Msg) -> _Delivered | None:
    """One record; None for a control message. The reply subject of a delivery has all numbers (ADR-15)."""
    if not message.reply.startswith("$JS.ACK."):
        return None
    tokens = message.reply.split(".")
    sequence, consumer_sequence, at_ns, pending = tokens[5:9] if len(tokens) < 11 else tokens[7:11]
    headers = message.headers
    record = Record(
        int(sequence),
        message.subject,
        message.data,
        int(at_ns),
        headers.get(wire.MESSAGE_ID) if headers else None,
    )
    return _Delivered(int(consumer_sequence), int(pending), record)
