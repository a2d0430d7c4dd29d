"""Archives of a journal: complete, taken up where they were cut off, and changed only noticeably."""

import gzip
from pathlib import Path

import pytest

from adapters.journal.archive.checking import check_journal
from adapters.journal.archive.errors import ArchiveDamaged, ArchiveUnavailable
from adapters.journal.archive.restoring import archived_cluster, restore_file
from adapters.journal.archive.segments import Archiver, read_archive, segments
from adapters.journal.archive.store import DirectoryStore
from adapters.journal.chain import START, link
from adapters.journal.file import open_file
from adapters.journal.file_format import read_file
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Record
from adapters.journal.retention.limits import Limits
from adapters.journal.transfer import export_journal
from tests.scenario import Scenario
from tests.unit.test_engine import append, running, until_folded
from tests.unit.test_retention import kept_within
from tests.unit.test_snapshots import states

SEGMENT_BYTES = 3_000


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    return told


@pytest.fixture
async def memory(scenario: Scenario) -> MemoryJournal:
    journal = MemoryJournal("test", now_ns=1_700_000_000_000_000_000)
    async with running(journal.journal) as (engine, _):
        await append(journal.journal, scenario)
        await until_folded(engine, scenario.sequence)
    return journal


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "archive")


async def archived(memory: MemoryJournal, store: DirectoryStore) -> list[str]:
    await Archiver(memory.journal, store, segment_bytes=SEGMENT_BYTES).run()
    return await store.names("")


async def test_an_archive_has_every_record_with_its_hash(memory: MemoryJournal, store: DirectoryStore) -> None:
    names = await archived(memory, store)
    assert len([name for name in names if name.startswith("test/events/")]) > 2
    found = [record async for record in read_archive(store, "test", "events")]
    assert found == list(memory.events.records)
    assert [record async for record in read_archive(store, "test", "decisions")] == list(memory.decisions.records)
    expected = START
    for record in memory.events.records:
        expected = link(expected, record)
    assert (await segments(store, "test", "events"))[-1].after == expected


async def test_it_goes_on_where_it_was_cut_off(
    memory: MemoryJournal, store: DirectoryStore, scenario: Scenario
) -> None:
    before = await archived(memory, store)
    assert await archived(memory, store) == before
    await append(memory.journal, scenario, end=1)
    for name in (await store.names("test/events/"))[-2:]:
        await store.delete(name)
    await archived(memory, store)
    assert [record async for record in read_archive(store, "test", "events")] == list(memory.events.records)


async def test_a_restored_file_is_the_exported_one(
    memory: MemoryJournal, store: DirectoryStore, tmp_path: Path
) -> None:
    await archived(memory, store)
    await export_journal(memory.journal, tmp_path / "exported.jsonl")
    done = await restore_file(store, await archived_cluster(store, None, place="x"), tmp_path / "restored.jsonl")
    assert (done.events, done.decisions) == (len(memory.events.records), len(memory.decisions.records))
    assert (tmp_path / "restored.jsonl").read_bytes() == (tmp_path / "exported.jsonl").read_bytes()


async def test_a_journal_that_was_purged_is_whole_with_its_archive(
    memory: MemoryJournal, store: DirectoryStore, tmp_path: Path
) -> None:
    await archived(memory, store)
    whole = list(memory.events.records)
    await memory.events.purge(before=9)
    await archived(memory, store)
    await restore_file(store, "test", tmp_path / "restored.jsonl")
    assert [found.record for found in read_file(tmp_path / "restored.jsonl", only="events")] == whole


async def test_a_journal_without_its_beginning_is_archived_with_its_snapshots(
    store: DirectoryStore, scenario: Scenario, tmp_path: Path
) -> None:
    memory = MemoryJournal("test")
    async with running(memory.journal) as (engine, _):
        await append(memory.journal, scenario, end=14)
        await until_folded(engine, 14)
        await kept_within(memory, engine, Limits(events=3))
        await append(memory.journal, scenario, start=14)
        await until_folded(engine, scenario.sequence)
        await kept_within(memory, engine, Limits(events=3))
        expected = states(engine)
    assert (await memory.events.info()).first_sequence == 14
    await archived(memory, store)
    for path in (tmp_path / "restored.jsonl.gz", tmp_path / "exported.jsonl.gz"):
        if path.name.startswith("restored"):
            await restore_file(store, "test", path)
        else:
            await export_journal(memory.journal, path)
        journal = open_file(path)
        assert journal.snapshots is not None
        from adapters.journal.snapshots.beginning import begin

        restored = await begin(journal, from_newest=False)
        assert restored is not None
        assert (restored.fleet.sequence, dict(restored.ahead)) == (14, {})
    assert expected != b"[]"


async def test_two_may_archive_the_same_journal_at_once(
    memory: MemoryJournal, scenario: Scenario, tmp_path: Path
) -> None:
    """Each has cut it in its own way, because neither saw what the other stored."""
    both, growing = DirectoryStore(tmp_path / "both"), MemoryJournal("test")
    for end, segment_bytes in ((9, 1_000), (len(memory.events.records), SEGMENT_BYTES)):
        alone = DirectoryStore(tmp_path / f"alone-{end}")
        await append(growing.journal, scenario, start=len(growing.events.records), end=end)
        await Archiver(growing.journal, alone, segment_bytes=segment_bytes).run()
        for name in await alone.names(""):
            await both.put(name, await alone.get(name))
    firsts = [name for name in await both.names("test/events/") if "/00000000000000000001-" in name]
    assert len(firsts) == 2
    assert [one async for one in read_archive(both, "test", "events")] == list(growing.events.records)
    await append(growing.journal, scenario, start=len(growing.events.records))
    await archived(growing, both)
    assert [one async for one in read_archive(both, "test", "events")] == list(growing.events.records)
    assert (await check_journal(growing.journal, both)).is_sound
    forged = firsts[0].replace(firsts[0].rpartition("-")[2], "0" * 64 + ".jsonl.gz")
    await both.put(forged, await both.get(firsts[0]))
    with pytest.raises(ArchiveDamaged, match="two segments have the same records"):
        await archived(growing, both)


async def test_what_was_purged_before_it_was_archived_is_told(memory: MemoryJournal, store: DirectoryStore) -> None:
    await archived(memory, store)
    for name in (await store.names("test/events/"))[1:]:
        await store.delete(name)
    await memory.events.purge(before=20)
    with pytest.raises(ArchiveDamaged, match="are no longer in the journal and were not archived"):
        await archived(memory, store)


async def test_another_journal_of_that_name_is_told(memory: MemoryJournal, store: DirectoryStore) -> None:
    await archived(memory, store)
    other = MemoryJournal("test")
    with pytest.raises(ArchiveDamaged, match="another journal's"):
        await archived(other, store)
    last = memory.events.records[-1]
    memory.events._records[-1] = Record(last.sequence, last.subject, b'{"at_ms":1}', last.at_ns)
    with pytest.raises(ArchiveDamaged, match="is another record in the archive"):
        await archived(memory, store)


def rewritten(packed: bytes, before: bytes, after: bytes) -> bytes:
    text = gzip.decompress(packed)
    assert before in text
    return gzip.compress(text.replace(before, after, 1))


@pytest.mark.parametrize("harm", ["changed", "cut off", "missing", "no segment", "renamed", "left out"])
async def test_tampering_shows(memory: MemoryJournal, store: DirectoryStore, harm: str) -> None:
    names = await archived(memory, store)
    name = [one for one in names if one.startswith("test/events/")][1]
    packed = await store.get(name)
    match harm:
        case "changed":
            await store.put(name, rewritten(packed, b'"uid":"', b'"uid":"x'))
        case "cut off":
            await store.put(name, packed[:-20])
        case "missing":
            await store.delete(name)
        case "no segment":
            await store.put(name, gzip.compress(b"{}\n"))
        case "renamed":
            await store.put(name[:-12] + "0" * 3 + name[-9:], packed)
            await store.delete(name)
        case _:
            lines = gzip.decompress(packed).splitlines(keepends=True)
            await store.put(name, gzip.compress(b"".join([*lines[:1], *lines[2:]])))
    with pytest.raises((ArchiveDamaged, ArchiveUnavailable)):
        _ = [record async for record in read_archive(store, "test", "events")]
    check = await check_journal(memory.journal, store)
    assert check.events.problem != ""
    assert check.decisions.problem == ""


async def test_a_check_finds_nothing_where_nothing_is_wrong(memory: MemoryJournal, store: DirectoryStore) -> None:
    await archived(memory, store)
    check = await check_journal(memory.journal, store)
    found = check.events
    assert check.is_sound
    assert found.compared == len(memory.events.records)
    assert found.hash == (await segments(store, "test", "events"))[-1].after
    assert (await check_journal(memory.journal)).events.hash == found.hash
    await memory.events.purge(before=9)
    purged = (await check_journal(memory.journal, store)).events
    assert (purged.first, purged.hash, purged.problem) == (9, found.hash, "")
    assert (await check_journal(memory.journal)).events.hash == ""


async def test_a_check_shows_what_was_changed_in_the_journal(memory: MemoryJournal, store: DirectoryStore) -> None:
    await archived(memory, store)
    changed = memory.events.records[11]
    memory.events._records[11] = Record(12, changed.subject, changed.data.replace(b"sample", b"simple"), changed.at_ns)
    found = (await check_journal(memory.journal, store)).events
    assert "events 12 is not what was archived" in found.problem
    assert found.compared == 11
    memory.events._records[11] = Record(12, changed.subject, b"{", changed.at_ns)
    assert "events 12 cannot be read" in (await check_journal(memory.journal)).events.problem
    del memory.events._records[11], memory.events._sequences[11]
    assert "events 12 to 12 are missing" in (await check_journal(memory.journal)).events.problem


async def test_an_archive_of_several_clusters_asks_which(memory: MemoryJournal, store: DirectoryStore) -> None:
    await archived(memory, store)
    other = MemoryJournal("other.one")
    await append(memory.journal, Scenario(), end=0)
    assert await archived_cluster(store, "test", place="p") == "test"
    await store.put("other%2Eone/events/x", b"")
    assert await archived_cluster(store, other.cluster, place="p") == "other.one"
    with pytest.raises(ArchiveDamaged, match=r"say which cluster.*other\.one, test"):
        await archived_cluster(store, None, place="p")
    with pytest.raises(ArchiveDamaged, match="no journal of cluster 'x'"):
        await archived_cluster(store, "x", place="p")
