"""What a place for archives promises (``adapters.journal.archive.store``): a directory, and an S3-compatible store."""

import contextlib
import errno
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.journal.archive import s3
from adapters.journal.archive.errors import ArchiveUnavailable
from adapters.journal.archive.s3 import Signer
from adapters.journal.archive.store import BlobStore, open_store
from tests.contract.s3_double import BUCKET, KEY, SECRET, S3Double, s3_double

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-1"}


@contextlib.asynccontextmanager
async def in_directory(tmp_path: Path) -> AsyncIterator[BlobStore]:
    async with open_store(str(tmp_path / "archive")) as store:
        yield store


@contextlib.asynccontextmanager
async def in_bucket(_: Path) -> AsyncIterator[BlobStore]:
    async with s3_double() as double, s3.opened(address(double), environment=ENVIRONMENT) as store:
        yield store


def address(double: S3Double, prefix: str = "some/prefix") -> str:
    return f"s3://{BUCKET}/{prefix}?endpoint={double.endpoint}"


@pytest.fixture(params=[in_directory, in_bucket], ids=["directory", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    async with request.param(tmp_path) as opened:
        yield opened


async def test_an_empty_place_has_nothing(store: BlobStore) -> None:
    assert await store.names("") == []
    with pytest.raises(ArchiveUnavailable):
        await store.get("a")


async def test_what_was_put_is_there(store: BlobStore) -> None:
    await store.put("a/1 +%.gz", b"one")
    await store.put("a/2", b"")
    await store.put("a/1 +%.gz", bytes(range(256)) * 1000)
    assert await store.get("a/1 +%.gz") == bytes(range(256)) * 1000
    assert await store.get("a/2") == b""


async def test_names_are_sorted_and_may_be_many(store: BlobStore) -> None:
    names = [f"b/{number:02d}" for number in range(10)]
    for name in reversed(names):
        await store.put(name, name.encode())
    await store.put("c/1", b"")
    assert await store.names("b/") == names
    assert await store.names("b/0") == names
    assert await store.names("") == [*names, "c/1"]


async def test_a_blob_that_is_not_there_can_be_deleted(store: BlobStore) -> None:
    await store.put("a/1", b"")
    await store.delete("a/1")
    await store.delete("a/1")
    assert await store.names("") == []


async def test_a_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    async with in_directory(tmp_path) as store:
        await store.put("a/b", b"secret")
    assert (tmp_path / "archive/a/b").stat().st_mode & 0o077 == 0
    assert (tmp_path / "archive/a").stat().st_mode & 0o077 == 0


async def test_a_directory_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file")
    async with in_directory(tmp_path) as store:
        with pytest.raises(ArchiveUnavailable, match=r"archive/a.*(Not a directory|File exists)"):
            await store.put("a/b", b"")


async def test_a_full_disk_says_so_and_is_not_filled_with_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with in_directory(tmp_path) as store:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(ArchiveUnavailable, match="No space left on device"):
            await store.put("a/b", b"half")
        monkeypatch.undo()
        assert [path for path in (tmp_path / "archive").rglob("*") if path.is_file()] == []
        await store.put("a/b", b"whole")
        assert await store.names("") == ["a/b"]


async def test_what_a_bucket_answers_is_told() -> None:
    async with s3_double() as double:
        async with s3.opened(address(double), environment=ENVIRONMENT) as store:
            double.refuse = 503
            with pytest.raises(ArchiveUnavailable, match="answered with 503 SlowDown: try again later"):
                await store.put("a", b"")
            double.refuse = 0
        wrong = {**ENVIRONMENT, "AWS_SECRET_ACCESS_KEY": "wrong"}
        async with s3.opened(address(double), environment=wrong) as store:
            with pytest.raises(ArchiveUnavailable, match="403 SignatureDoesNotMatch"):
                await store.names("")
    async with s3.opened("s3://b?endpoint=http://127.0.0.1:1", environment=ENVIRONMENT) as store:
        with pytest.raises(ArchiveUnavailable, match="does not answer"):
            await store.names("")


@pytest.mark.parametrize(
    ("place", "environment", "reason"),
    [
        ("s3:///prefix", ENVIRONMENT, "the name of the bucket is missing"),
        ("s3://bucket", {}, "AWS_ACCESS_KEY_ID is not set"),
    ],
)
async def test_an_address_that_is_none(place: str, environment: dict[str, str], reason: str) -> None:
    with pytest.raises(ArchiveUnavailable, match=reason):
        async with s3.opened(place, environment=environment):
            pass


async def test_another_kind_of_place_is_refused() -> None:
    with pytest.raises(ArchiveUnavailable, match="a directory or s3://bucket/prefix, not gs://"):
        async with open_store("gs://bucket"):
            pass


def test_a_signature_of_the_documentation_of_s3() -> None:
    """The example "GET Bucket (List Objects)" of the S3 API reference."""
    signer = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", "us-east-1")
    headers = signer.headers(
        "GET",
        host="examplebucket.s3.amazonaws.com",
        path="/",
        query="max-keys=2&prefix=J",
        payload=b"",
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert headers["authorization"].endswith("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
