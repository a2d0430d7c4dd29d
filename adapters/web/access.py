"""Who may see the page: whoever knows the token, as ``Authorization: Bearer`` or by a cookie that a login has set.

The cookie is made from the token, so that nothing is kept here and a rotated token ends all logins. A token file that
cannot be read any more leaves the last token in force and is warned of.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from adapters.web.errors import WebError

_log = structlog.get_logger(__name__)

COOKIE: Final = "lws-events-ui"
TOKEN_LENGTH_MIN: Final = 16
_READ_AGAIN_SECONDS: Final = 1.0


class TokenFile:
    """The token in a file, read again when the file has changed. Raises ``WebError`` where there is none at first."""

    def __init__(self, path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._asked_at = monotonic()
        self._stamp = self._stamped()
        self._token = self._read()
        self._warned = ""

    @property
    def token(self) -> bytes:
        """As it is now, at most a second old."""
        now = self._monotonic()
        if now - self._asked_at >= _READ_AGAIN_SECONDS:
            self._asked_at = now
            self._refresh()
        return self._token

    def _refresh(self) -> None:
        try:
            stamp = self._stamped()
            if stamp != self._stamp:
                self._token = self._read()
                self._stamp = stamp
                _log.info("the token of the web page has changed", file=str(self._path))
            self._warned = ""
        except WebError as error:
            if str(error) != self._warned:
                _log.warning("the token of the web page cannot be read again; the last one holds", error=str(error))
            self._warned = str(error)

    def _stamped(self) -> tuple[int, int, int]:
        try:
            status = self._path.stat()
        except OSError as error:
            raise self._refused(f"cannot be read: {error.strerror}") from error
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> bytes:
        try:
            token = self._path.read_bytes().strip()
        except OSError as error:
            raise self._refused(f"cannot be read: {error.strerror}") from error
        if len(token) < TOKEN_LENGTH_MIN:
            raise self._refused(f"has {len(token)} characters: a token has at least {TOKEN_LENGTH_MIN}")
        return token

    def _refused(self, why: str) -> WebError:
        return WebError(f"the token file {self._path} {why}", hint="write one with: openssl rand -hex 24 > FILE")


class Access:
    """Lets requests in. Without ``tokens`` everybody is let in, which is for loopback alone."""

    def __init__(self, tokens: TokenFile | None) -> None:
        self._tokens = tokens

    @property
    def needs_token(self) -> bool:
        """Whether not everybody is let in."""
        return self._tokens is not None

    def admits(self, *, authorization: str = "", cookie: str = "") -> bool:
        """By either of the two."""
        if self._tokens is None:
            return True
        kind, _, presented = authorization.partition(" ")
        by_header = kind.lower() == "bearer" and self.is_token(presented.strip())
        return by_header or hmac.compare_digest(cookie.encode(), self.cookie.encode())

    def is_token(self, text: str) -> bool:
        """Compared in constant time."""
        token = b"" if self._tokens is None else self._tokens.token
        return bool(token) and hmac.compare_digest(text.encode(), token)

    @property
    def cookie(self) -> str:
        """What a login sets: worth nothing without this token, and does not tell it."""
        token = b"" if self._tokens is None else self._tokens.token
        return hmac.new(token, b"lws-events web page, login", hashlib.sha256).hexdigest()
