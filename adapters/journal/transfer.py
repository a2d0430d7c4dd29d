"""Export and import of a journal as it is: back-up, bug report and test fixture in one.

A journal without its first events begins from snapshots (docs/decisions/0009): then they are part of the file, before
everything else, and so are the facts of audit that were put aside.

An import restores what the machine depends on, the order, the sequences and the bodies, and refuses rather than restore
something else. Two things differ afterwards: the journal's own time stamps (``Record.at_ns``) are those of the import,
the times inside the bodies are what they were; and an id that a journal holds twice, which a stream accepts only with
two minutes between, gets its sequence added the second time.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

import msgspec

from adapters.journal.audit.reading import audit_end
from adapters.journal.epoch import current_epoch
from adapters.journal.errors import ImportRefused, JournalDamaged, JournalError
from adapters.journal.file_format import IN_FRONT, KINDS, JournalFileWriter, StreamKind, read_file, read_header
from adapters.journal.port import BATCH_MESSAGES_MAX, Journal, Message, Record, Stream
from adapters.journal.seals.model import sealed_up_to


class Transferred(msgspec.Struct, frozen=True, kw_only=True):
    """What was written. ``renamed_ids`` is about imports only."""

    events: int
    decisions: int
    renamed_ids: int = 0


class ImportInterrupted(JournalError):  # noqa: N818 - as the tree of adapters.journal.errors
    """The journal stopped taking records. ``imported`` is what it has taken."""

    def __init__(self, message: str, *, imported: Transferred) -> None:
        super().__init__(message)
        self.imported = imported


async def export_journal(journal: Journal, path: Path) -> Transferred:
    """Write both streams as they are now to a file (``.gz``: compressed), which appears when it is complete.

    Every decision's cause is in it. Raises ``JournalUnavailable``, and ``OSError`` about the file.
    """
    last_seal = await sealed_up_to(journal)  # first: what is sealed is in the file
    last_of_audit = await audit_end(journal)
    last_decision = await journal.decisions.last_sequence()  # before the events: no decision without its cause
    last_event = await journal.events.last_sequence()
    epoch = await current_epoch(journal.events, journal.cluster)
    counts: dict[StreamKind, int] = {"events": 0, "decisions": 0}
    with JournalFileWriter(path, cluster=journal.cluster, epoch=epoch.epoch if epoch else "") as writer:
        if journal.snapshots is not None and (await journal.events.info()).first_sequence > 1:
            async with aclosing(_records(journal.snapshots, await journal.snapshots.last_sequence())) as snapshots:
                async for record in snapshots:
                    writer.add("snapshots", record)
        in_front: tuple[tuple[StreamKind, Stream | None, int], ...] = (
            ("seals", journal.seals, last_seal),
            ("audit", journal.audit, last_of_audit),
        )
        for kind, stream, last in in_front:
            if stream is not None:
                async with aclosing(_records(stream, last)) as records:
                    async for record in records:
                        writer.add(kind, record)
        async with (
            aclosing(_records(journal.events, last_event)) as events,
            aclosing(_records(journal.decisions, last_decision)) as decisions,
        ):
            event, decision = await anext(events, None), await anext(decisions, None)
            while event is not None or decision is not None:
                if decision is None or (event is not None and event.at_ns <= decision.at_ns):
                    assert event is not None
                    writer.add("events", event)
                    counts["events"] += 1
                    event = await anext(events, None)
                else:
                    writer.add("decisions", decision)
                    counts["decisions"] += 1
                    decision = await anext(decisions, None)
    return Transferred(events=counts["events"], decisions=counts["decisions"])


async def import_journal(path: Path, journal: Journal) -> Transferred:
    """Restore a file into the empty streams of the same cluster. The whole file is checked before anything is written.

    Raises ``JournalDamaged`` and ``ImportRefused`` (nothing was imported), ``ImportInterrupted`` (a part was).
    """
    read_header(path)
    expected = restorable(path)
    await _require_target(path, journal, expected)
    target = _Import(journal, expected)
    try:
        for _, kind, record in read_file(path):
            await target.add(kind, record)
        await target.flush()
    except JournalError as error:
        done = target.imported
        raise ImportInterrupted(
            f"imported {done.events} of {expected.events} events and {done.decisions} of {expected.decisions} "
            f"decisions, then: {error}. Delete the streams (or take a new --data-dir) before importing again.",
            imported=done,
        ) from error
    return target.imported


class _Import:
    """Writes batches, each fenced by the sequence before it, so that every record gets the sequence it had."""

    def __init__(self, journal: Journal, expected: "_Expected") -> None:
        self._streams: dict[StreamKind, Stream] = {"events": journal.events, "decisions": journal.decisions}
        if journal.snapshots is not None:
            self._streams["snapshots"] = journal.snapshots
        if journal.seals is not None:
            self._streams["seals"] = journal.seals
        if journal.audit is not None:
            self._streams["audit"] = journal.audit
        self._waiting: dict[StreamKind, list[Message]] = {kind: [] for kind in KINDS}
        self._before = expected.before
        self._stored: dict[StreamKind, int] = dict(expected.before)
        self._ids: dict[StreamKind, set[str]] = {kind: set() for kind in KINDS}
        self._renamed_ids = 0

    @property
    def imported(self) -> Transferred:
        return Transferred(
            events=self._stored["events"] - self._before["events"],
            decisions=self._stored["decisions"] - self._before["decisions"],
            renamed_ids=self._renamed_ids,
        )

    async def add(self, kind: StreamKind, record: Record) -> None:
        message_id = record.message_id
        if message_id is not None:
            if message_id in self._ids[kind]:
                message_id = f"{message_id}#{record.sequence}"
                self._renamed_ids += 1
            self._ids[kind].add(message_id)
        self._waiting[kind].append(Message(record.subject, record.data, message_id))
        if len(self._waiting[kind]) >= BATCH_MESSAGES_MAX:
            await self._flush(kind)

    async def flush(self) -> None:
        for kind in self._streams:
            await self._flush(kind)

    async def _flush(self, kind: StreamKind) -> None:
        messages = self._waiting[kind]
        if not messages:
            return
        fence = None if kind == "snapshots" else self._stored[kind]
        appended = await self._streams[kind].append(messages, expected_last_sequence=fence)
        self._stored[kind] = appended.last_sequence
        self._waiting[kind] = []


async def _require_target(path: Path, journal: Journal, expected: "_Expected") -> None:
    header = read_header(path)
    if header.cluster != journal.cluster:
        raise ImportRefused(
            f"{path} is the journal of cluster {header.cluster!r}, the target is that of {journal.cluster!r}; "
            "nothing was imported"
        )
    before = expected.before
    targets: list[tuple[Stream, int]] = [(journal.events, before["events"]), (journal.decisions, before["decisions"])]
    targets += [(stream, 0) for stream in (journal.seals, journal.audit) if stream is not None]
    for stream, begins in targets:
        info = await stream.info()
        if info.messages or info.last_sequence not in (0, begins):
            raise ImportRefused(
                f"stream {stream.name} is not empty (it ends at {info.last_sequence}); nothing was imported"
            )
        if info.last_sequence != begins:
            raise ImportRefused(
                f"stream {stream.name} begins at 1, the file at {begins + 1}: import it into a new journal; "
                "nothing was imported"
            )


class _Expected(NamedTuple):
    """What a file holds, and the sequences before its first records."""

    events: int
    decisions: int
    before: dict[StreamKind, int]


def restorable(path: Path) -> _Expected:
    """Read the whole file: a stream gives sequences without a gap, and decisions name sequences.

    Raises ``JournalDamaged``.
    """
    last: dict[StreamKind, int] = dict.fromkeys(KINDS, 0)
    before: dict[StreamKind, int] = dict.fromkeys(KINDS, 0)
    try:
        for line, kind, record in read_file(path):
            begins = not last[kind] and bool(last["snapshots"]) and kind not in IN_FRONT
            if begins or kind in ("snapshots", "audit"):  # their sequences mean nothing
                before[kind] = record.sequence - 1 if begins else 0
            elif record.sequence != last[kind] + 1:
                raise JournalDamaged(
                    f"{path}, line {line}: {kind} go from sequence {last[kind]} to {record.sequence}; a journal with "
                    "a gap can be read from its file, but a stream cannot be given the same sequences",
                    line=line,
                )
            last[kind] = record.sequence
    except JournalDamaged as error:
        raise JournalDamaged(f"{error}; nothing was imported", line=error.line) from error
    counts = {kind: max(last[kind] - before[kind], 0) for kind in KINDS}
    return _Expected(counts["events"], counts["decisions"], before)


async def _records(stream: Stream, last: int) -> AsyncGenerator[Record, None]:
    if last == 0:
        return
    async with aclosing(stream.read(to_sequence=last, follow=False)) as batches:
        async for batch in batches:
            for record in batch:
                yield record
