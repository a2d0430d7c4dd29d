"""As much of an S3-compatible store as an archive uses, on loopback: it verifies signatures and pages its lists."""

import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import quote
from xml.sax.saxutils import escape

from aiohttp import web

KEY, SECRET = "AKIDEXAMPLE", "secret/with+signs"
BUCKET = "bucket"
PAGE = 3


class S3Double:
    """One bucket. ``refuse`` is for tests to set: every request is answered with it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refuse = 0
        self.endpoint = ""

    async def handle(self, request: web.Request) -> web.Response:
        payload = await request.read()
        if self.refuse:
            return web.Response(status=self.refuse, text="<Error><Code>SlowDown</Code></Error>")
        if not self._is_signed(request, payload):
            return web.Response(status=403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>")
        bucket, _, key = request.path.lstrip("/").partition("/")
        if bucket != BUCKET:
            return web.Response(status=404, text="<Error><Code>NoSuchBucket</Code></Error>")
        if request.method == "GET" and not key:
            return self._list(request)
        if request.method == "PUT":
            self.objects[key] = payload
            return web.Response()
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        if key not in self.objects:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        return web.Response(body=self.objects[key])

    def _list(self, request: web.Request) -> web.Response:
        begins, after = request.query["prefix"], request.query.get("continuation-token", "")
        keys = [key for key in sorted(self.objects) if key.startswith(begins) and key > after]
        page, rest = keys[:PAGE], keys[PAGE:]
        contents = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest else ""
        xmlns = "http://s3.amazonaws.com/doc/2006-03-01/"
        return web.Response(text=f'<ListBucketResult xmlns="{xmlns}">{contents}{token}</ListBucketResult>')

    def _is_signed(self, request: web.Request, payload: bytes) -> bool:
        """By the rules of Signature Version 4, written down once more."""
        scheme, _, fields = request.headers.get("authorization", "").partition(" ")
        parts = dict(field.strip().split("=", 1) for field in fields.split(","))
        key, date, region, service, kind = parts["Credential"].split("/")
        stamp = request.headers["x-amz-date"]
        age = datetime.now(tz=UTC) - datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        digest = hashlib.sha256(payload).hexdigest()
        if (key, service, kind) != (KEY, "s3", "aws4_request") or abs(age.total_seconds()) > 900:
            return False
        if scheme != "AWS4-HMAC-SHA256" or request.headers["x-amz-content-sha256"] != digest:
            return False
        names = parts["SignedHeaders"].split(";")
        query = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in sorted(request.query.items()))
        canonical = f"{request.method}\n{quote(request.path)}\n{query}\n"
        canonical += "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
        canonical += f"\n{parts['SignedHeaders']}\n{digest}"
        text = f"{scheme}\n{stamp}\n{date}/{region}/s3/aws4_request\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signing = ("AWS4" + SECRET).encode()
        for part in (date, region, "s3", "aws4_request"):
            signing = hmac.new(signing, part.encode(), "sha256").digest()
        return hmac.compare_digest(hmac.new(signing, text.encode(), "sha256").hexdigest(), parts["Signature"])


@contextlib.asynccontextmanager
async def s3_double() -> AsyncIterator[S3Double]:
    """A store that ends with the block."""
    double = S3Double()
    application = web.Application(client_max_size=64 * 1024**2)
    application.router.add_route("*", "/{tail:.*}", double.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        double.endpoint = f"http://{host}:{port}"
        yield double
    finally:
        await runner.cleanup()
