"""The port of the journal: what the observer, the engine and the executor need from an event stream, and no more.

A journal is two streams, EVENTS and DECISIONS. A stream is an ordered sequence of records that are never changed. This
module names no bus; ``adapters.nats`` implements it on JetStream, ``memory`` in this process, ``file`` reads an export.
``tests/contract/test_journal.py`` is the meaning of every sentence here.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Final, Protocol

import msgspec

from adapters.journal.logs import LogStore

BATCH_MESSAGES_MAX: Final = 1000
"""JetStream accepts no larger atomic batch; a longer append is split and is atomic only piece by piece."""


class Message(msgspec.Struct, frozen=True):
    """What is appended."""

    subject: str
    data: bytes
    message_id: str | None = None
    """Makes the append idempotent within the dedup window of the stream (two minutes). Without it a retry may store it
    twice."""
    expected_subject_sequence: int | None = None
    """Fence of one subject: refuse unless its last record has this sequence (0: it has none). In one append only the
    first message of a subject may have it."""
    content_type: str | None = None
    """Told in the header ``content-type`` to whoever reads on the bus by other means; a ``Record`` does not have it."""


class Record(msgspec.Struct, frozen=True):
    """What was stored."""

    sequence: int
    """From 1, growing."""
    subject: str
    data: bytes
    at_ns: int
    """When the journal stored it: nanoseconds since the Unix epoch by the journal's clock. For people only: an imported
    record gets a new one. What the machine may depend on is the time inside the event's body."""
    message_id: str | None = None


class Appended(msgspec.Struct, frozen=True):
    """The answer to an append; all of it is on disk (and on a quorum, if replicated) when it arrives."""

    sequences: Sequence[int]
    """One per message, in their order; of a duplicate, the sequence under which it is already stored."""
    duplicates: int = 0

    @property
    def first_sequence(self) -> int:
        """Sequence of the first message."""
        return self.sequences[0]

    @property
    def last_sequence(self) -> int:
        """Sequence of the last message."""
        return self.sequences[-1]


class Latest(msgspec.Struct, frozen=True):
    """The last record of each subject as of one sequence, ordered by sequence."""

    sequence: int
    records: Sequence[Record]


class StreamInfo(msgspec.Struct, frozen=True, kw_only=True):
    """State of a stream. ``size_bytes_max`` is -1 without a limit."""

    name: str
    first_sequence: int
    last_sequence: int
    messages: int
    size_bytes: int
    size_bytes_max: int
    created_at_ns: int


class Stream(Protocol):
    """One stream of a journal."""

    @property
    def name(self) -> str:
        """Name on the bus, for messages to people."""

    @property
    def root(self) -> str:
        """First tokens of every subject in it; ``root + ".>"`` is everything that a reader is shown."""

    async def append(
        self, messages: Sequence[Message], *, expected_last_sequence: int | None = None, atomic: bool = True
    ) -> Appended:
        """Store the messages next to each other, all or none (for each ``BATCH_MESSAGES_MAX`` of them).

        A message whose id is already stored is not stored again. If all are, the append was a retry and has succeeded;
        if only some are, the rest follows one by one in order. ``expected_last_sequence`` fences the whole append:
        nothing new is stored unless the stream ends there. Without ``atomic`` an error may leave the first few stored,
        which is faster for a few messages and enough for those who send the rest again; the order is kept.

        Raises ``JournalUnavailable`` (outcome unknown, retry), ``JournalFull``, ``Fenced``, ``MessageRefused``.
        """

    async def latest(self, subject_filter: str, *, up_to: int | None = None) -> Latest:
        """Last record of every subject that matches, as it was when ``up_to`` was the last sequence (default: now)."""

    def read(
        self,
        *,
        from_sequence: int = 1,
        to_sequence: int | None = None,
        subject_filter: str | None = None,
        follow: bool,
    ) -> AsyncGenerator[Sequence[Record], None]:
        """Records in order without a gap, as non-empty batches of whatever is there.

        With ``follow`` it goes on with what is appended later, at once, through restarts of the server and the network,
        and ends only after ``to_sequence``. Without, it ends at ``to_sequence`` or at what was last when it began,
        and raises ``JournalUnavailable`` where the journal is away for long.
        Close the iterator (``contextlib.aclosing``) when leaving early.
        """

    async def purge(self, *, before: int, subject_filter: str | None = None) -> None:
        """Remove the records below a sequence (of these subjects). What is left keeps its sequences, the next record
        gets the one that it would have got. Raises ``JournalUnavailable``.
        """

    async def last_sequence(self) -> int:
        """Sequence of the last record, of any kind; 0 in a stream that never had one."""

    async def info(self) -> StreamInfo:
        """State and limits."""


class Timers(Protocol):
    """Messages that the journal appends by itself at a later time, also after a crash."""

    async def schedule(self, subject: str, *, fire_at_ns: int, data: bytes) -> None:
        """Append ``data`` on ``subject`` at (not before) that time, once. Replaces the subject's earlier timer.

        A time in the past fires at once. Durable when it returns. A timer that fires is an ordinary record without id.
        """

    async def cancel(self, subject: str) -> None:
        """Forget the timer of ``subject``, if it has one. It may fire while it is being cancelled."""


class EventStream(Stream, Timers, Protocol):
    """The stream of events, which is also where timers live and fire."""


class Journal(msgspec.Struct, frozen=True):
    """Both streams of one cluster."""

    cluster: str
    events: EventStream
    decisions: Stream
    logs: LogStore | None = None
    """Where captured logs are kept; None where there is no such place, as with a file."""
    snapshots: Stream | None = None
    """What makes it possible to begin in the middle (``adapters.journal.snapshots``): the last record of each subject
    is kept. None where there are none, as with a file of before."""
    audit: Stream | None = None
    """What audit needs of events and decisions that were purged (``adapters.journal.audit``). None where there is no
    such place, as with a file of a journal that was never purged."""
    seals: Stream | None = None
    """What shows whether the journal was changed (``adapters.journal.seals``), one record after the other. None where
    there is no such place, as with a file of before."""
