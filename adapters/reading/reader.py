"""Open a journal wherever it is and read it as plain iterables, which is what the projections take.

The streams are asynchronous; here one event loop runs for each batch, in this thread, so that nothing is read ahead of
what a projection asks for: memory stays bounded.
"""

import asyncio
import contextlib
import heapq
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import msgspec

from adapters.errors import NoSuchThing
from adapters.journal.audit.reading import is_told_of
from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Journal, Record, Stream
from adapters.journal.snapshots.last_known import last_known, put_aside
from adapters.reading.source import JournalSource
from lws_events import decisions, events, subjects
from lws_events.subjects import SetName
from projections.journal import RecordedDecision, RecordedEvent, Step, pair
from projections.why.model import Log

if TYPE_CHECKING:
    from adapters.nats.connection import Connection, ConnectionSettings

CONNECT_SECONDS = 3.0
"""A person waits for the answer; a server that takes longer to greet will not be a pleasure to read from."""

_T = TypeVar("_T")


class Bounds(NamedTuple):
    """Last sequences to read. Taken in this order, the events include the causes of all decisions."""

    decisions: int
    events: int


class Runs(Protocol):
    """Where coroutines of a journal run: ``asyncio.Runner`` in this thread, or a loop in another."""

    def run(self, coro: Coroutine[Any, Any, _T]) -> _T:
        """To its end."""


class JournalReader:
    """A journal as plain iterables. Made by ``open_for_reading``."""

    def __init__(self, journal: Journal, runner: Runs) -> None:
        self._journal = journal
        self._runner = runner
        self._open: list[AsyncGenerator[Sequence[Any], None]] = []
        self.cluster = journal.cluster
        self.bounds = Bounds(
            decisions=self.wait(journal.decisions.last_sequence()),
            events=self.wait(journal.events.last_sequence()),
        )

    def wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run to its end."""
        return self._runner.run(coroutine)

    @property
    def journal(self) -> Journal:
        """Both streams."""
        return self._journal

    def events(
        self, subject_filter: str | None = None, *, from_sequence: int = 1, to_sequence: int | None = None
    ) -> Iterator[RecordedEvent]:
        """Events up to a sequence (default: the last one when the journal was opened)."""
        last = self.bounds.events if to_sequence is None else min(to_sequence, self.bounds.events)
        for record in self._records(self._journal.events, subject_filter, last, first=from_sequence):
            yield _event(record)

    def decisions(self, subject_filter: str | None = None, *, from_sequence: int = 1) -> Iterator[RecordedDecision]:
        """Decisions up to the last one when the journal was opened."""
        last = self.bounds.decisions
        for record in self._records(self._journal.decisions, subject_filter, last, first=from_sequence):
            yield RecordedDecision(record.sequence, record.subject, _decoded(record, decisions.decode, "decision"))

    def steps_of(
        self,
        set_name: SetName,
        *,
        to_sequence: int | None = None,
        after: int = 0,
        epoch: str = "",
        decisions_from: int = 1,
    ) -> Iterator[Step]:
        """Everything about one set, with the beginnings of epochs in between.

        ``after``: from the event behind this one, where the journal was in ``epoch``. ``decisions_from``: the first
        decision about such an event is known not to be before this one.
        """
        first, set_filter = after + 1, subjects.set_filter(self.cluster, set_name)
        epochs = self.events(subjects.epoch_subject(self.cluster), from_sequence=first, to_sequence=to_sequence)
        own = self.events(set_filter, from_sequence=first, to_sequence=to_sequence)
        merged: Iterable[RecordedEvent] = heapq.merge(epochs, own, key=lambda event: event.sequence)
        decided = self.decisions(subjects.decision_subject(self.cluster, set_name), from_sequence=decisions_from)
        return pair(merged, decided, epoch=epoch or None)

    def events_of_sets(self) -> Iterator[RecordedEvent]:
        """What tells of sets as a whole: their own events, their last statuses, and the last event, for its time.

        A server finds these few by their subjects; a file would have to be read through for each kind.
        """
        sets, statuses = (
            subjects.observations_filter(self.cluster, kind) for kind in (subjects.SET, subjects.SET_STATUS)
        )
        for record in self.wait(put_aside(self._journal, sets)):  # what the journal itself no longer has
            yield _event(record)
        yield from self.events(sets)
        for record in self.wait(last_known(self._journal, statuses)):
            yield _event(record)
        yield from self.events(from_sequence=self.bounds.events)

    def subject_of_event(self, sequence: int) -> str:
        """Subject of the event of a sequence; empty where there is none."""
        batches = self._journal.events.read(from_sequence=sequence, to_sequence=sequence, follow=False)
        try:
            records = self.wait(_next(batches)) or ()
        finally:
            self.wait(batches.aclose())
        return records[0].subject if records else ""

    def log_texts(self, logs: Sequence[Log]) -> list[str | None]:
        """What is kept of captured logs; None for what is not kept, or not with this journal."""
        store = self._journal.logs
        found = [self.wait(store.get(log.reference)) if store is not None and log.reference else None for log in logs]
        return [None if text is None else text.decode(errors="replace") for text in found]

    def set_names(self) -> list[SetName]:
        """All sets that the journal ever saw, sorted."""
        wanted = subjects.observations_filter(self.cluster, subjects.SET)
        addresses = [subjects.parse(record.subject) for record in self.wait(last_known(self._journal, wanted))]
        return sorted({address.set_name for address in addresses if address is not None})

    def find_set(self, text: str, *, namespace: str | None) -> SetName:
        """The set that a person means by ``namespace/name`` or ``name``. Raises ``NoSuchThing``, which lists the sets.

        A name alone is looked for in ``namespace``, else in ``default``, else wherever it is the only one.
        """
        before, _, name = text.rpartition("/")
        known = self.set_names()
        if before or namespace:
            candidates = [SetName(before or namespace or "", name)]
        else:
            named = [one for one in known if one.name == name]
            candidates = named if len(named) == 1 else [SetName("default", name)]
        if candidates[0] in known or self._is_told_of(candidates[0]):
            return candidates[0]
        there = ", ".join(map(str, known)) or "none"
        raise NoSuchThing(
            f"no LeaderWorkerSet {candidates[0]} in the journal of cluster {self.cluster!r}",
            hint=f"sets in this journal: {there}",
        )

    def _is_told_of(self, set_name: SetName) -> bool:
        """Whether there is any event about a set: its object may have been recorded before the journal begins."""
        found = self._records(self._journal.events, subjects.set_filter(self.cluster, set_name), self.bounds.events)
        with contextlib.closing(found):
            return next(found, None) is not None or self.wait(is_told_of(self._journal, set_name))

    def _records(
        self, stream: Stream, subject_filter: str | None, last: int, *, first: int = 1
    ) -> Generator[Record, None, None]:
        if last < first:
            return
        yield from self.each(
            stream.read(from_sequence=first, to_sequence=last, subject_filter=subject_filter, follow=False)
        )

    def each(self, batches: AsyncGenerator[Sequence[_T], None]) -> Generator[_T, None, None]:
        """What a reading gives, one after the other, read as it is asked for."""
        self._open.append(batches)
        try:
            while (batch := self.wait(_next(batches))) is not None:
                yield from batch
        finally:
            self._close(batches)

    def close(self) -> None:
        """Close what was not read to its end: a suspended reading would be ended after its event loop."""
        for batches in list(self._open):
            self._close(batches)

    def _close(self, batches: AsyncGenerator[Sequence[Any], None]) -> None:
        if batches in self._open:
            self._open.remove(batches)
            self.wait(batches.aclose())


@contextlib.contextmanager
def open_for_reading(source: JournalSource) -> Iterator[JournalReader]:
    """The journal as it is; appends are refused. Raises the errors of ``adapters.journal.errors``."""
    from adapters.observability.logs import configure_tool_logs

    configure_tool_logs()
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        try:
            journal = runner.run(open_journal_of(source, stack))
            with contextlib.closing(JournalReader(journal, runner)) as reader:
                yield reader
        finally:
            runner.run(stack.aclose())


def connection_settings(source: JournalSource) -> "ConnectionSettings":
    """How to reach the server of ``--nats-url``."""
    from adapters.nats.connection import ConnectionSettings

    assert source.nats_url is not None, "the journal is not on a server of its own"
    return ConnectionSettings(
        url=source.nats_url,
        user=source.nats_user,
        password=source.nats_password,
        token=source.nats_token,
        credentials_file=source.nats_creds,
        tls_ca_file=source.nats_tls_ca,
        tls_cert_file=source.nats_tls_cert,
        tls_key_file=source.nats_tls_key,
    )


async def open_journal_of(source: JournalSource, stack: contextlib.AsyncExitStack) -> Journal:
    """The journal as it is, until ``stack`` ends. Raises the errors of ``adapters.journal.errors``."""
    if source.file is not None:
        from adapters.journal.file import open_file

        return open_file(source.file)
    from adapters.nats.connection import connect
    from adapters.nats.embedded import server_for_reading
    from adapters.nats.journal import open_journal_for_reading

    if source.data_dir is not None:
        settings = await stack.enter_async_context(server_for_reading(source.data_dir))
    else:
        settings = connection_settings(source)
    connection = await connect(settings, name="lws-events tools", timeout=CONNECT_SECONDS)
    stack.push_async_callback(connection.close)
    return await open_journal_for_reading(connection, source.cluster or await _only_cluster(connection))


async def _only_cluster(connection: "Connection") -> str:
    from adapters.nats.streams import clusters, require_server

    await require_server(connection)
    present = await clusters(connection)
    return present[0] if len(present) == 1 else "default"


async def _next(batches: AsyncGenerator[Sequence[_T], None]) -> Sequence[_T] | None:
    return await anext(batches, None)


def _event(record: Record) -> RecordedEvent:
    return RecordedEvent(record.sequence, record.subject, _decoded(record, events.decode, "event"))


def _decoded(record: Record, decode: Callable[[bytes], _T], what: str) -> _T:
    try:
        return decode(record.data)
    except msgspec.DecodeError as error:
        raise JournalDamaged(f"{what} {record.sequence} on {record.subject} cannot be read: {error}") from error
