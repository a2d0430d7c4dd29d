"""Journals that are none, or not any more: every command says what is wrong and where, and guesses nothing."""

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from adapters.cli import main
from adapters.journal.memory import MemoryStream
from adapters.journal.port import Message, Stream
from adapters.journal.seals.sealing import Sealing
from adapters.journal.transfer import export_journal
from adapters.nats import wire
from adapters.nats.connection import Connection, connect
from adapters.nats.embedded import EmbeddedServer
from tests.integration.test_journal_life import opened
from tests.journals.recording import FOLDER
from tests.tampering import grow, sealed

WHOLE = (FOLDER / "force_deleted_worker_recreates_its_group.jsonl.gz").read_bytes()
TEXT = gzip.decompress(WHOLE)
COMMANDS = (
    ("journal", "info"),
    ("journal", "check"),
    ("journal", "seal"),
    ("audit",),
    ("why", "sample"),
    ("replay", "sample"),
)


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(main.app, arguments)


def flipped(data: bytes, at: int, bit: int = 0x10) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("cut.jsonl.gz", WHOLE[:4000], "cannot be unpacked after line"),
        ("flipped.jsonl.gz", flipped(WHOLE, len(WHOLE) // 2), "flipped.jsonl.gz"),
        ("end.jsonl.gz", flipped(WHOLE, len(WHOLE) - 6), "cannot be unpacked"),
        ("cut.jsonl", TEXT[:9000], "is cut off"),
        ("unended.jsonl", b"".join(TEXT.splitlines(keepends=True)[:-1]), "its last line is missing"),
        ("other.json", b'{"apiVersion":"v1","kind":"List","items":[]}\n', "this is no journal"),
        ("newer.jsonl", TEXT.replace(b'"version":1', b'"version":9', 1), "version 9 of the format"),
        ("empty.jsonl", b"", "is empty"),
        ("empty.jsonl.gz", b"", "is empty"),
        ("text.jsonl.gz", b"hello\n", "cannot be unpacked"),
    ],
)
def test_files_that_are_no_journal_are_told_with_their_place(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for command in COMMANDS:
        result = ask(*command, "--file", str(path))
        assert (result.exit_code, result.stdout) == (1, ""), command
        assert expected in result.stderr, command
        assert str(path) in result.stderr, command


def test_a_directory_that_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    for command in COMMANDS:
        result = ask(*command, "--data-dir", str(tmp_path))
        assert (result.exit_code, result.stdout) == (4, ""), command
        assert "holds no journal" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


async def test_streams_of_somebody_else(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path) as server:
        connection = await connect(server.settings)
        try:
            for kind in ("EVENTS", "DECISIONS"):
                await _create(connection, f"LWS_{kind}_x", f"orders.{kind}.>")
                await _create(connection, f"LWS_{kind}_y", f"lws.{kind.lower()}.y.>")
                await connection.publish(f"lws.{kind.lower()}.y.1.default.sample.set.x", b'{"order":1}')
            for command in COMMANDS:
                foreign = await asyncio.to_thread(ask, *command, "--cluster", "x", "--data-dir", str(tmp_path))
                assert (foreign.exit_code, foreign.stdout) == (4, ""), command
                assert "stream LWS_EVENTS_x is not a journal's" in foreign.stderr
            for command in (("journal", "info"), ("audit",), ("status",)):
                foreign = await asyncio.to_thread(ask, *command, "--cluster", "y", "--data-dir", str(tmp_path))
                assert foreign.exit_code == 1, command
                assert "cannot be read" in foreign.stderr
            checked = await asyncio.to_thread(ask, "journal", "check", "--cluster", "y", "--data-dir", str(tmp_path))
            assert checked.exit_code == 1
            assert "events 1 cannot be read" in checked.stdout
        finally:
            await connection.close()


async def _create(connection: Connection, name: str, subject: str) -> None:
    config = {"name": name, "subjects": [subject], "storage": "file", "retention": "limits", "allow_direct": True}
    await wire.api(connection, f"STREAM.CREATE.{name}", config)


async def test_a_sealed_file_shows_a_change_that_can_be_read(tmp_path: Path) -> None:
    memory = await sealed((6, 6))
    whole, forged = tmp_path / "whole.jsonl", tmp_path / "forged.jsonl"
    await export_journal(memory.journal, whole)
    forged.write_bytes(whole.read_bytes().replace(b'"uid":"5"', b'"uid":"6"'))
    for command in (("journal", "check"), ("audit",), ("audit", "report")):
        assert (await asyncio.to_thread(ask, *command, "--file", str(whole))).exit_code == 0, command
        result = await asyncio.to_thread(ask, *command, "--file", str(forged))
        assert result.exit_code == 1, command
        assert "BROKEN: event 5 was changed (between events 1 and 7, sealed by seal 1 of" in result.output
    noted = await asyncio.to_thread(ask, "journal", "seal", "--file", str(whole))
    hashed = noted.stdout.split()[-1]
    proven = await asyncio.to_thread(ask, "journal", "check", "--seal", hashed, "--file", str(whole))
    assert "the noted hash is that of seal 2" in proven.stdout
    assert "and everything up to there is as it was" in proven.stdout
    lost = await asyncio.to_thread(ask, "audit", "--seal", "0" * 64, "--file", str(whole))
    assert lost.exit_code == 1
    assert "no seal of this journal has the hash" in lost.stderr
    assert (await asyncio.to_thread(ask, "audit", "--no-check", "--file", str(forged))).exit_code == 0
    assert (await asyncio.to_thread(ask, "audit", "sample", "--check", "--file", str(forged))).exit_code != 0


def _in_a_block(data: bytes) -> bytes:
    """One bit of the body of an event in the middle, wherever the server has put it."""
    return flipped(data, data.index(b'"uid":"30"') + 8, 0x01)


def _cut_off(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize("damage", [_in_a_block, _cut_off], ids=["bit", "cut"])
async def test_a_damaged_block_of_a_server_is_seen(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    async with opened(tmp_path) as (_, _, journal):
        memory = await sealed(())
        await grow(memory, 50)
        await _copy(memory.events, journal.events)
        await _copy(memory.decisions, journal.decisions)
        sealing = Sealing(journal, now_ms=lambda: 1)
        await sealing.take_up()
        await sealing.seal_all()
    _damage(tmp_path, damage)
    result = await asyncio.to_thread(ask, "journal", "check", "--data-dir", str(tmp_path))
    assert result.exit_code == 1, result.output
    assert "BROKEN: event " in result.stdout


def _damage(data_dir: Path, damage: Callable[[bytes], bytes]) -> None:
    (block,) = data_dir.rglob("LWS_EVENTS_test/msgs/1.blk")
    block.write_bytes(damage(block.read_bytes()))
    for index in block.parent.glob("index.db"):
        index.unlink()


async def _copy(source: MemoryStream, target: Stream) -> None:
    for record in source.records:
        await target.append([Message(record.subject, record.data)])
