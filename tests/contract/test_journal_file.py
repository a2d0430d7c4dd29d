"""A journal as a plain file: what is exported can be read, imported and compared, and a damaged file is refused."""

import gzip
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from adapters.journal.epoch import ensure_epoch
from adapters.journal.errors import ImportRefused, JournalDamaged, JournalReadOnly
from adapters.journal.file import open_file
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Journal, Message, Record, Stream
from adapters.journal.transfer import ImportInterrupted, Transferred, export_journal, import_journal
from tests.contract.journals_under_test import CLUSTER, JournalUnderTest, in_memory, on_nats

EVENT = f"lws.events.{CLUSTER}.7.default.sample"
DECISION = f"lws.decisions.{CLUSTER}.7.default.sample"


@pytest.fixture(params=[in_memory, on_nats], ids=["memory", "nats"])
async def under_test(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JournalUnderTest]:
    async with request.param(tmp_path / "data") as journal:
        yield journal


async def fill(journal: Journal) -> None:
    await ensure_epoch(journal.events, CLUSTER, new_epoch="first", at_ms=1)
    for number in range(30):
        name = number % 3
        event = Message(f"{EVENT}.pod.sample-{name}", b'{"number":%d,"text":"caf\xc3\xa9"}' % number, f"e{number}")
        await journal.events.append([event])
        await journal.decisions.append([Message(DECISION, b'{"cause":%d}' % (number + 2), f"d{number}")])
    await journal.events.append([Message(f"{EVENT}.pod.odd", data) for data in (b"", b"\xff\xfe", b'{"a":\n1}', b" 1")])


async def read_all(stream: Stream) -> list[Record]:
    return [record async for batch in stream.read(follow=False) for record in batch]


def without_time(records: list[Record]) -> list[tuple[int, str, bytes, str | None]]:
    return [(record.sequence, record.subject, record.data, record.message_id) for record in records]


@pytest.mark.parametrize("name", ["journal.jsonl", "journal.jsonl.gz"])
async def test_an_exported_journal_reads_like_the_original(
    under_test: JournalUnderTest, tmp_path: Path, name: str
) -> None:
    original = under_test.journal
    await fill(original)
    path = tmp_path / name
    assert await export_journal(original, path) == Transferred(events=35, decisions=30)
    assert path.stat().st_mode & 0o077 == 0
    opened = open_file(path)
    assert opened.cluster == CLUSTER
    assert await read_all(opened.events) == await read_all(original.events)
    assert await read_all(opened.decisions) == await read_all(original.decisions)
    for up_to in (None, 10):
        pods = f"lws.events.{CLUSTER}.*.*.*.pod.*"
        assert await opened.events.latest(pods, up_to=up_to) == await original.events.latest(pods, up_to=up_to)
    assert await opened.events.last_sequence() == 35
    assert (await opened.decisions.info()).messages == 30
    with pytest.raises(JournalReadOnly):
        await opened.events.append([Message(f"{EVENT}.pod.a", b"{}")])
    with pytest.raises(JournalReadOnly):
        await opened.events.schedule(f"{EVENT}.timer.a", fire_at_ns=1, data=b"{}")


async def test_an_imported_journal_is_the_exported_one(under_test: JournalUnderTest, tmp_path: Path) -> None:
    source = MemoryJournal(CLUSTER).journal
    await fill(source)
    path = tmp_path / "journal.jsonl.gz"
    exported = await export_journal(source, path)
    target = under_test.journal
    assert await import_journal(path, target) == exported
    for stream in ("events", "decisions"):
        restored = await read_all(getattr(target, stream))
        assert without_time(restored) == without_time(await read_all(getattr(source, stream)))
    assert not (await ensure_epoch(target.events, CLUSTER, new_epoch="second", at_ms=2)).started
    with pytest.raises(ImportRefused, match="not empty"):
        await import_journal(path, target)


async def test_ids_that_repeat_after_a_long_time_are_told_apart(under_test: JournalUnderTest, tmp_path: Path) -> None:
    source = MemoryJournal(CLUSTER)
    for minute in range(3):
        source.advance_to(minute * 180 * 1_000_000_000)
        await source.events.append([Message(f"{EVENT}.pod.a", b"%d" % minute, "same")])
    path = tmp_path / "journal.jsonl"
    await export_journal(source.journal, path)
    imported = await import_journal(path, under_test.journal)
    assert imported == Transferred(events=3, decisions=0, renamed_ids=2)
    assert [record.message_id for record in await read_all(under_test.journal.events)] == ["same", "same#2", "same#3"]


async def test_an_import_that_does_not_fit_says_how_far_it_came(under_test: JournalUnderTest, tmp_path: Path) -> None:
    source = MemoryJournal(CLUSTER).journal
    for start in range(0, 3000, 1000):
        await source.events.append([Message(f"{EVENT}.pod.a", b"{}", f"{start + n}") for n in range(1000)])
    path = tmp_path / "journal.jsonl"
    await export_journal(source, path)
    await under_test.limit(250_000)
    with pytest.raises(ImportInterrupted, match=r"imported \d000 of 3000 events") as interrupted:
        await import_journal(path, under_test.journal)
    assert interrupted.value.imported.events == await under_test.journal.events.last_sequence() > 0


async def test_a_journal_of_another_cluster_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    await export_journal(MemoryJournal("blue").journal, path)
    with pytest.raises(ImportRefused, match=r"'blue'.*'green'.*nothing was imported"):
        await import_journal(path, MemoryJournal("green").journal)


def _broken_json(lines: list[bytes]) -> list[bytes]:
    return [*lines[:5], lines[5][:-10] + b"\n", *lines[6:]]


def _wrong_type(lines: list[bytes]) -> list[bytes]:
    return [*lines[:5], lines[5].replace(b'"sequence":', b'"sequence":"x",', 1), *lines[6:]]


def _line_lost(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if not line.startswith(b'{"stream":"events","sequence":4,')]


def _line_repeated(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-1], lines[1], lines[-1]]


_HEADER = b'{"format":"lws-events-journal","version":1,"cluster":"test"}\n'


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_broken_json, r"line 6: .+"),
        (_wrong_type, r"line 6: .*sequence"),
        (_line_lost, r"line \d+: events go from sequence 3 to 5"),
        (_line_repeated, r"line 67: sequence 1 of events does not come after 35"),
        (lambda lines: lines[:-1], r"cut off after line 66"),
        (lambda lines: lines[:20], r"cut off after line 20"),
        (lambda lines: [], r"empty"),
        (lambda lines: lines[1:], r"line 1: this is no journal"),
        (lambda lines: [b'{"format":"x","version":1,"cluster":"test"}\n', *lines[1:]], r"line 1: the format is 'x'"),
        (lambda lines: [_HEADER.replace(b":1,", b":2,"), *lines[1:]], r"line 1: version 2 .* reads version 1"),
        (lambda lines: [*lines, lines[3]], r"line 68: something follows"),
        (lambda lines: [*lines[:-1], b'{"end":true,"events":35,"decisions":31}\n'], r"has 30 decisions.*says 31"),
    ],
)
async def test_a_damaged_file_is_refused_with_line_and_reason(
    tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]], reason: str
) -> None:
    source = MemoryJournal(CLUSTER).journal
    await fill(source)
    path = tmp_path / "journal.jsonl"
    await export_journal(source, path)
    damaged = damage(path.read_bytes().splitlines(keepends=True))
    path.write_bytes(b"".join(damaged))
    target = MemoryJournal(CLUSTER).journal
    with pytest.raises(JournalDamaged, match=reason):
        await import_journal(path, target)
    assert await target.events.last_sequence() == 0
    assert await target.decisions.last_sequence() == 0


async def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    source = MemoryJournal(CLUSTER).journal
    await fill(source)
    path = tmp_path / "journal.jsonl.gz"
    await export_journal(source, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(JournalDamaged, match=r"cannot be unpacked after line \d+"):
        open_file(path)
    path.write_bytes(gzip.compress(b"{}")[:-8] + b"12345678")
    with pytest.raises(JournalDamaged):
        open_file(path)


async def test_an_export_that_fails_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    source = MemoryJournal(CLUSTER)
    await fill(source.journal)
    await export_journal(source.journal, path)
    before = path.read_bytes()
    broken = Journal(CLUSTER, source.events, open_file(path).decisions)
    path.write_bytes(before[:-200])
    with pytest.raises(JournalDamaged):
        await export_journal(broken, path)
    assert path.read_bytes() == before[:-200]
    assert [entry.name for entry in os.scandir(tmp_path)] == [path.name]
