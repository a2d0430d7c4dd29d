"""The certificate that the server shows, replaceable while connections are open.

A handshake takes whatever certificate is current when it happens; connections that are up already keep theirs. A
replacement is loaded into a context of its own first, so that half of a new pair (files in the middle of a swap) never
reaches a client. TLS 1.2 is the oldest version, and HTTP/2 is not offered (spec 10.5).
"""

import asyncio
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from adapters.webhooks.errors import CertificateError


class KeyPair(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate chain and its private key, both PEM."""

    certificate: bytes
    key: bytes


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the server accepts. ``ciphers`` is a list in OpenSSL's words for TLS 1.2, empty for the default."""

    minimum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    ciphers: str = ""


class LiveCertificate:
    """Holds the certificate in use. ``context`` goes to the listener once; ``use`` changes what it shows."""

    def __init__(self, settings: TlsSettings | None = None) -> None:
        self._settings = settings or TlsSettings()
        self._current: ssl.SSLContext | None = None
        self._pair: KeyPair | None = None
        self.available = asyncio.Event()
        """Set once there is a certificate."""

    @property
    def pair(self) -> KeyPair | None:
        """The pair in use, None before the first."""
        return self._pair

    def use(self, pair: KeyPair) -> bool:
        """Show this pair from the next handshake on. False where it is in use already.

        Raises:
            CertificateError: the pair cannot be read, or certificate and key do not match; the old one stays.
        """
        if pair == self._pair:
            return False
        self._current = _server_context(pair, self._settings)
        self._pair = pair
        if not self.available.is_set():  # later pairs are loaded in a thread
            self.available.set()
        return True

    def context(self) -> ssl.SSLContext:
        """The listener's context. Every handshake is handed to the context of the current certificate.

        Raises:
            CertificateError: there is no certificate yet.
        """
        if self._pair is None:
            raise CertificateError("there is no certificate yet, load one before listening")
        listener = _server_context(self._pair, self._settings)
        listener.sni_callback = self._hand_over
        return listener

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        # Called for every handshake, also where the client names no server (it was given an IP address).
        if self._current is not None:
            connection.context = self._current


def _server_context(pair: KeyPair, settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = settings.minimum_version
    context.set_alpn_protocols(["http/1.1"])
    try:
        if settings.ciphers:
            context.set_ciphers(settings.ciphers)
        with _readable(pair.certificate.rstrip() + b"\n" + pair.key) as path:
            # Without a password callback OpenSSL would ask the terminal for the one of an encrypted key.
            context.load_cert_chain(path, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise CertificateError(f"the certificate and its key cannot be used together: {error}") from error
    return context


@contextmanager
def _readable(content: bytes) -> Iterator[str]:
    """A path from which OpenSSL, which reads only files, can read ``content``; in memory where the system can."""
    if hasattr(os, "memfd_create"):
        # The container's file system is read-only, and a key has no business on a disk.
        with os.fdopen(os.memfd_create("certificate"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "pair.pem"
        path.touch(mode=0o600)
        path.write_bytes(content)
        yield str(path)
