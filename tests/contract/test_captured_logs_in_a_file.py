"""Captured logs go with an exported journal where that is asked for, and come back with an import."""

import asyncio
from pathlib import Path

import pytest

from adapters.journal.errors import JournalDamaged, JournalReadOnly
from adapters.journal.file import open_file
from adapters.journal.log_file import FileLogs, export_logs, import_logs, logs_beside
from adapters.journal.logs import MemoryLogs
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Journal, Message
from adapters.journal.transfer import export_journal
from lws_events import events, subjects
from lws_events.subjects import SetName

SAMPLE = SetName("default", "sample")
KEPT = "default/sample/sample-0-1/main/e-1-0"
DROPPED = "default/sample/sample-1-1/main/e-2-0"


async def with_logs(texts: dict[str, bytes]) -> Journal:
    """A journal that tells of two logs and of one that did not come; which of them are kept is given."""
    journal = MemoryJournal("blue").journal
    for number, reference in enumerate((KEPT, DROPPED, "")):
        fact = events.LogCaptured(pod_uid=f"u{number}", command_id=f"e-{number}-0", reference=reference)
        body = events.encode(events.Envelope(at_ms=number, fact=fact))
        subject = subjects.event_subject("blue", SAMPLE, subjects.LOG, f"sample-{number}-1")
        await journal.events.append([Message(subject, body, f"e-{number}-0.log")])
    logs = MemoryLogs()
    for reference, text in texts.items():
        await logs.put(reference, text)
    return Journal(journal.cluster, journal.events, journal.decisions, logs)


async def test_what_is_still_kept_is_read_from_the_file(tmp_path: Path) -> None:
    journal = await with_logs({KEPT: "first line\n\u20ac second\n".encode(), "of/another/journal": b"not told of"})
    path = tmp_path / "incident.jsonl.gz"
    await export_journal(journal, path)
    assert open_file(path).logs is None, "a journal alone has none"
    assert await export_logs(journal, logs_beside(path)) == 1
    assert logs_beside(path).stat().st_mode & 0o077 == 0
    logs = open_file(path).logs
    assert logs is not None
    assert await logs.get(KEPT) == "first line\n\u20ac second\n".encode()
    assert await logs.get(DROPPED) is None
    with pytest.raises(JournalReadOnly):
        await logs.put(KEPT, b"changed")


async def test_an_import_puts_all_of_them_back(tmp_path: Path) -> None:
    path = tmp_path / "incident.jsonl.logs"
    assert await export_logs(await with_logs({KEPT: b"one", DROPPED: b"two"}), path) == 2
    target = MemoryLogs()
    assert await import_logs(path, target) == 2
    assert target.texts == {KEPT: b"one", DROPPED: b"two"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"{", "line 1"),
        (b'{"format":"lws-events-journal","version":1,"cluster":"blue"}\n', "this release reads 'lws-events-logs'"),
        (b'{"format":"lws-events-logs","version":2,"cluster":"blue"}\n', "of version 2"),
        (b'{"format":"lws-events-logs","version":1,"cluster":"blue"}\n{"reference":"a","te', "line 2"),
        (b'{"format":"lws-events-logs","version":1,"cluster":"blue"}\n{"reference":"a","text":"\xff"}', "line 2"),
    ],
)
async def test_a_file_that_is_none_or_cut_off_is_told_with_its_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "incident.jsonl.logs"
    path.write_bytes(content)
    target = MemoryLogs()
    with pytest.raises(JournalDamaged, match=complaint):
        await import_logs(path, target)
    assert target.texts == {}
    with pytest.raises(JournalDamaged, match=complaint):
        await FileLogs(path).get("a")


def test_an_export_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    async def export(path: Path) -> None:
        await export_logs(await with_logs({}), path)

    with pytest.raises(OSError, match=r"No such file.*/incident\.jsonl\.logs'"):
        asyncio.run(export(tmp_path / "nowhere" / "incident.jsonl.logs"))
    assert list(tmp_path.iterdir()) == []
