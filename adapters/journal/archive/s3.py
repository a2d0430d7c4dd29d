"""Blobs in a bucket of an S3-compatible store, over aiohttp, with requests signed by AWS Signature Version 4.

    s3://bucket/prefix                        Amazon S3
    s3://bucket/prefix?endpoint=http://host   another store, addressed by path

Credentials and region come from the usual variables: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``,
``AWS_SESSION_TOKEN``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``. What a store has to support: PUT, GET and DELETE of an
object, and ListObjectsV2.
"""

import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree import ElementTree

import aiohttp
from yarl import URL

from adapters.journal.archive.errors import ArchiveUnavailable

_SECONDS_MAX: Final = 60.0
_REGION: Final = "us-east-1"
_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

_ADVICE: Final = {
    "AccessDenied": "the key needs s3:ListBucket for the bucket, s3:PutObject and s3:GetObject for what is in it",
    "InvalidAccessKeyId": "AWS_ACCESS_KEY_ID is not known there",
    "SignatureDoesNotMatch": "AWS_SECRET_ACCESS_KEY or AWS_REGION is another one there",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "NoSuchBucket": "create the bucket first",
    "SlowDown": "try again later",
}
"""Code of an answer → what to do about it."""


@contextlib.asynccontextmanager
async def opened(place: str, *, environment: Mapping[str, str]) -> AsyncIterator["S3Store"]:
    """The store of an address. Raises ``ArchiveUnavailable`` where the address or the credentials are missing."""
    split = urlsplit(place)
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or _REGION
    endpoint = parse_qs(split.query).get("endpoint", [environment.get("AWS_ENDPOINT_URL", "")])[0]
    if not split.netloc:
        raise ArchiveUnavailable(f"{place}: the name of the bucket is missing")
    key, secret = (environment.get(name, "") for name in _KEYS)
    for name in _KEYS:
        if not environment.get(name):
            raise ArchiveUnavailable(f"{place}: {name} is not set")
    timeout = aiohttp.ClientTimeout(total=_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield S3Store(
            session,
            endpoint=(endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/"),
            bucket=split.netloc,
            prefix=split.path.strip("/"),
            signer=Signer(key, secret, environment.get("AWS_SESSION_TOKEN", ""), region),
        )


class Signer:
    """Signs requests with one pair of keys."""

    def __init__(self, key: str, secret: str, token: str, region: str) -> None:
        self._key = key
        self._secret = secret
        self._token = token
        self._region = region

    def headers(
        self, method: str, *, host: str, path: str, query: str, payload: bytes, now: datetime
    ) -> dict[str, str]:
        """Headers of a request whose path and query are encoded, the query sorted."""
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": host, "x-amz-content-sha256": hashlib.sha256(payload).hexdigest(), "x-amz-date": stamp}
        if self._token:
            headers["x-amz-security-token"] = self._token
        names = sorted(headers)
        signed = ";".join(names)
        canonical = "\n".join(
            [
                *(method, path, query),
                *(f"{name}:{headers[name]}" for name in names),
                *("", signed, headers["x-amz-content-sha256"]),
            ]
        )
        scope = f"{stamp[:8]}/{self._region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self._secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )
        return headers


class S3Store:
    """A bucket, or what begins with a prefix in it. Made by ``opened``."""

    def __init__(
        self, session: aiohttp.ClientSession, *, endpoint: str, bucket: str, prefix: str, signer: Signer
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._signer = signer

    async def put(self, name: str, data: bytes) -> None:
        """As of ``BlobStore``."""
        await self._request("PUT", self._prefix + name, payload=data)

    async def get(self, name: str) -> bytes:
        """As of ``BlobStore``."""
        return await self._request("GET", self._prefix + name)

    async def names(self, prefix: str) -> list[str]:
        """As of ``BlobStore``."""
        found: list[str] = []
        token = ""
        while True:
            query = {"list-type": "2", "prefix": self._prefix + prefix}
            if token:
                query["continuation-token"] = token
            page = _parsed(await self._request("GET", "", query=query))
            found += [key.removeprefix(self._prefix) for key in page.keys]
            token = page.next_token
            if not token:
                return sorted(found)

    async def delete(self, name: str) -> None:
        """As of ``BlobStore``."""
        await self._request("DELETE", self._prefix + name)

    async def _request(
        self, method: str, key: str, *, query: Mapping[str, str] | None = None, payload: bytes = b""
    ) -> bytes:
        path = quote(f"/{self._bucket}/{key}" if key else f"/{self._bucket}")
        text = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in sorted((query or {}).items()))
        base = urlsplit(self._endpoint)
        headers = self._signer.headers(
            method, host=base.netloc, path=path, query=text, payload=payload, now=datetime.now(tz=UTC)
        )
        url = URL(f"{self._endpoint}{path}" + (f"?{text}" if text else ""), encoded=True)
        place = f"s3://{self._bucket}/{key}"
        try:
            async with self._session.request(method, url, data=payload or None, headers=headers) as answer:
                body = await answer.read()
        except TimeoutError as error:
            why = f"not within {_SECONDS_MAX:.0f} s"
            raise ArchiveUnavailable(f"{place}: {self._endpoint} does not answer: {why}") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise ArchiveUnavailable(f"{place}: {self._endpoint} does not answer: {error}") from error
        if answer.status >= 300 and not (method == "DELETE" and answer.status == 404):
            reason = _reason(body)
            advice = f": {_ADVICE[reason]}" if reason in _ADVICE else ""
            raise ArchiveUnavailable(f"{place}: {method} was answered with {answer.status} {reason}".rstrip() + advice)
        return body


class _Page:
    def __init__(self, keys: list[str], next_token: str) -> None:
        self.keys = keys
        self.next_token = next_token


def _parsed(body: bytes) -> _Page:
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise ArchiveUnavailable(f"the list of objects cannot be read: {error}") from error
    keys = [element.text or "" for element in root.iter() if element.tag.rpartition("}")[2] == "Key"]
    tokens = [e.text or "" for e in root.iter() if e.tag.rpartition("}")[2] == "NextContinuationToken"]
    return _Page(keys, tokens[0] if tokens else "")


def _reason(body: bytes) -> str:
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return ""
    return next((element.text or "" for element in root.iter() if element.tag.rpartition("}")[2] == "Code"), "")
