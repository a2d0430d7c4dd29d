"""An indexed journal file answers as the same file without index, and an index of another file is not believed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.journal.epoch import ensure_epoch
from adapters.journal.errors import JournalDamaged
from adapters.journal.file import open_file
from adapters.journal.index import writing
from adapters.journal.index.directory import index_path
from adapters.journal.index.reading import open_index
from adapters.journal.index.writing import build_index
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Journal, Message, Record, Stream
from adapters.journal.transfer import export_journal

CLUSTER = "test"
SETS = ("default.a", "default.a%2Eb", "other.a")


def event(of_set: str, kind: str, name: str) -> str:
    return f"lws.events.{CLUSTER}.7.{of_set}.{kind}.{name}"


def decision(of_set: str) -> str:
    return f"lws.decisions.{CLUSTER}.7.{of_set}"


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    journal = MemoryJournal(CLUSTER).journal
    await ensure_epoch(journal.events, CLUSTER, new_epoch="first", at_ms=1)
    for number in range(60):
        of_set = SETS[number % 3]
        kind, name = ("set", "a") if number % 4 == 0 else ("pod", f"a-{number % 5}")
        await journal.events.append([Message(event(of_set, kind, name), b'{"n":%d}' % number, f"e{number}")])
        await journal.decisions.append([Message(decision(of_set), b'{"cause":%d}' % number, f"d{number}")])
    exported = tmp_path / "journal.jsonl.gz"
    await export_journal(journal, exported)
    return exported


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_SEGMENT_BYTES", 40)
    monkeypatch.setattr(writing, "_WAITING_BYTES_MAX", 60)


async def read(stream: Stream, subject_filter: str, first: int, last: int | None) -> list[Record]:
    batches = stream.read(from_sequence=first, to_sequence=last, subject_filter=subject_filter, follow=False)
    return [record async for batch in batches for record in batch]


FILTERS: list[tuple[Callable[[Journal], Stream], str]] = [
    (lambda journal: journal.events, f"lws.events.{CLUSTER}.7.default.a.>"),
    (lambda journal: journal.events, f"lws.events.{CLUSTER}.7.default.a%2Eb.pod.a-1"),
    (lambda journal: journal.events, f"lws.events.{CLUSTER}.epoch"),
    (lambda journal: journal.events, f"lws.events.{CLUSTER}.7.default.nobody.>"),
    (lambda journal: journal.events, f"lws.events.{CLUSTER}.*.*.*.pod.*"),
    (lambda journal: journal.events, f"lws.events.{CLUSTER}.>"),
    (lambda journal: journal.decisions, decision("other.a")),
    (lambda journal: journal.decisions, f"lws.decisions.{CLUSTER}.>"),
]


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize(("stream", "subject_filter"), FILTERS, ids=[each[1] for each in FILTERS])
@pytest.mark.parametrize("bounds", [(1, None), (17, 40), (3, 3)])
async def test_an_index_changes_no_answer(
    path: Path, stream: Callable[[Journal], Stream], subject_filter: str, bounds: tuple[int, int | None]
) -> None:
    plain = open_file(path)
    expected = await read(stream(plain), subject_filter, *bounds)
    latest = await stream(plain).latest(subject_filter)
    build_index(path)
    indexed = open_file(path)
    assert await read(stream(indexed), subject_filter, *bounds) == expected
    assert await stream(indexed).latest(subject_filter) == latest
    assert await stream(indexed).info() == await stream(plain).info()


async def test_sets_and_sequences_are_found_without_reading_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, every = f"lws.events.{CLUSTER}.*.*.*.set.*", f"lws.events.{CLUSTER}.>"
    expected, one = await open_file(path).events.latest(wanted), await read(open_file(path).events, every, 31, 31)
    build_index(path)

    def unreadable(*_: object, **__: object) -> None:
        raise AssertionError("the journal file was read")

    monkeypatch.setattr("adapters.journal.file.read_file", unreadable)
    opened = open_file(path)
    assert await opened.events.latest(wanted) == expected
    assert one
    assert await read(opened.events, every, 31, 31) == one
    assert await read(opened.events, f"lws.events.{CLUSTER}.7.default.a.>", 1, None)


def test_an_index_of_another_file_is_ignored(path: Path) -> None:
    build_index(path)
    assert open_index(path) is not None
    path.write_bytes(path.read_bytes() + b"x")
    assert open_index(path) is None


@pytest.mark.parametrize("cut", [0, 5, 100])
def test_half_an_index_is_ignored(path: Path, cut: int) -> None:
    place = build_index(path)
    place.write_bytes(place.read_bytes()[:cut])
    assert open_index(path) is None


def test_a_directory_that_was_changed_is_ignored(path: Path) -> None:
    place = build_index(path)
    data = bytearray(place.read_bytes())
    data[-40] ^= 1
    place.write_bytes(data)
    assert open_index(path) is None


async def test_a_damaged_segment_says_what_to_do(path: Path) -> None:
    place = build_index(path)
    data = bytearray(place.read_bytes())
    data[20] ^= 255
    place.write_bytes(data)
    opened = open_file(path)
    with pytest.raises(
        JournalDamaged, match="delete it"
    ):  # the epoch is the first record, so it is in the first segment
        await read(opened.events, f"lws.events.{CLUSTER}.epoch", 1, None)


def test_a_damaged_journal_gets_no_index(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(JournalDamaged):
        build_index(path)
    assert not index_path(path).exists()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_an_index_is_for_its_owner_only(path: Path) -> None:
    assert build_index(path).stat().st_mode & 0o077 == 0
