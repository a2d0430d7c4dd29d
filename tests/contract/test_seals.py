"""Seals on every kind of journal: written, cut, taken to a file, an archive and another server, and found again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.journal.archive.checking import check_journal
from adapters.journal.archive.restoring import restore_file
from adapters.journal.archive.segments import Archiver
from adapters.journal.archive.store import DirectoryStore
from adapters.journal.epoch import begin_epoch
from adapters.journal.errors import Fenced, ImportRefused
from adapters.journal.file import open_file
from adapters.journal.file_format import JournalFileWriter, read_file, read_header
from adapters.journal.index.writing import build_index
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Journal, Message
from adapters.journal.seals.locating import CHANGED
from adapters.journal.seals.model import StoredSeal, newest
from adapters.journal.seals.sealing import Sealing
from adapters.journal.seals.walking import Range
from adapters.journal.transfer import export_journal, import_journal
from lws_events import decisions, events, subjects
from lws_events.decisions import MACHINE_VERSION, Decision
from tests.contract.journals_under_test import CLUSTER, in_memory, on_nats
from tests.tampering import SAMPLE, changed


@pytest.fixture(params=[in_memory, on_nats], ids=["memory", "nats"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    async with request.param(tmp_path / "journal") as under_test:
        await begin_epoch(under_test.journal.events, CLUSTER, new_epoch="e1", at_ms=0)
        yield under_test.journal


async def _grow(journal: Journal, count: int) -> None:
    last = await journal.events.last_sequence()
    for number in range(last + 1, last + count + 1):
        fact = events.PodDeleted(uid=str(number), resource_version=str(number))
        subject = subjects.event_subject(CLUSTER, SAMPLE, subjects.POD, "sample-0")
        body = events.encode(events.Envelope(at_ms=number, fact=fact))
        await journal.events.append([Message(subject, body, str(number))])
        decision = Decision(epoch="e1", cause=number, machine=MACHINE_VERSION)
        await journal.decisions.append(
            [Message(subjects.decision_subject(CLUSTER, SAMPLE), decisions.encode(decision), decision.message_id)]
        )


async def _sealed(journal: Journal, *sizes: int) -> Sealing:
    sealing = Sealing(journal, now_ms=lambda: 1)
    await sealing.take_up()
    for size in sizes:
        await _grow(journal, size)
        await sealing.seal_all()
    return sealing


async def _newest(journal: Journal) -> StoredSeal:
    assert journal.seals is not None
    found = await newest(journal.seals)
    assert found is not None
    assert found.sealing is not None
    return found.sealing


async def test_a_journal_is_sealed_taken_up_and_fenced(journal: Journal) -> None:
    one = await _sealed(journal, 3, 2)
    await _sealed(journal, 4)
    await _grow(journal, 1)
    with pytest.raises(Fenced):
        await one.seal()
    await one.take_up()
    await one.seal_all()
    found = await check_journal(journal, noted=(await _newest(journal)).hash)
    assert found.is_sound, found
    assert found.seals.proven == {"events": [Range(1, 11)], "decisions": [Range(1, 10)]}


async def test_a_cut_journal_stays_proven_in_files_archives_and_elsewhere(journal: Journal, tmp_path: Path) -> None:
    sealing = await _sealed(journal, 6, 6)
    store, path = DirectoryStore(tmp_path / "archive"), tmp_path / "whole.jsonl.gz"
    await Archiver(journal, store).run()
    await sealing.seal_edge(events=5, decisions=4)
    await journal.events.purge(before=5)
    await journal.decisions.purge(before=4)
    await _grow(journal, 3)
    await sealing.seal_all()
    noted = (await _newest(journal)).hash
    proven = {"events": [Range(5, 16)], "decisions": [Range(4, 15)]}
    assert (await check_journal(journal, store, noted=noted)).seals.proven == proven
    exported = tmp_path / "cut.jsonl.gz"
    await export_journal(journal, exported)
    for _ in range(2):
        found = await check_journal(open_file(exported), noted=noted)
        assert found.is_sound, found
        assert found.seals.proven == proven
        build_index(exported)
    await Archiver(journal, store).run()
    await restore_file(store, CLUSTER, path)
    found = await check_journal(open_file(path), noted=noted)
    assert found.is_sound, found
    assert found.seals.proven == {"events": [Range(1, 16)], "decisions": [Range(1, 15)]}


async def test_an_imported_journal_is_sealed_on(journal: Journal, tmp_path: Path) -> None:
    source = MemoryJournal(CLUSTER)
    await begin_epoch(source.events, CLUSTER, new_epoch="e1", at_ms=0)
    await _sealed(source.journal, 4, 3)
    exported = tmp_path / "whole.jsonl"
    await export_journal(source.journal, exported)
    with pytest.raises(ImportRefused):
        await import_journal(exported, journal)
    target = MemoryJournal(CLUSTER)
    await import_journal(exported, target.journal)
    sealing = await _sealed(target.journal, 2)
    assert sealing.problem == ""
    found = await check_journal(target.journal, noted=(await _newest(source.journal)).hash)
    assert found.is_sound, found
    assert found.seals.proven["events"] == [Range(1, 10)]


async def test_a_change_in_a_file_is_found(journal: Journal, tmp_path: Path) -> None:
    await _sealed(journal, 6, 6)
    exported, forged = tmp_path / "whole.jsonl.gz", tmp_path / "forged.jsonl.gz"
    await export_journal(journal, exported)
    header = read_header(exported)
    with JournalFileWriter(forged, cluster=header.cluster, epoch=header.epoch) as writer:
        for _, kind, record in read_file(exported):
            writer.add(kind, changed(record) if (kind, record.sequence) == ("decisions", 8) else record)
    found = await check_journal(open_file(forged))
    assert [(one.kind, one.stream, one.at) for one in found.seals.breaks] == [(CHANGED, "decisions", 8)]
    assert found.seals.proven["decisions"] == [Range(1, 6)]
