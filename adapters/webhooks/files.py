"""Certificates from a directory: ``tls.crt`` and ``tls.key``, reloaded when their content changes.

The directory is usually a mounted Secret that somebody else (cert-manager) fills. It is read at intervals rather than
watched, because the kubelet swaps a symbolic link above the files. A pair that does not match is a swap in progress:
the old one stays until the next look.
"""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from adapters.webhooks.errors import CertificateError
from adapters.webhooks.tls import KeyPair, LiveCertificate

CERTIFICATE_FILE: Final = "tls.crt"
KEY_FILE: Final = "tls.key"

_log = structlog.get_logger(__name__)


class CertificateFiles:
    """Keeps a ``LiveCertificate`` equal to the files of a directory."""

    def __init__(
        self, directory: Path, live: LiveCertificate, *, of: str = "webhook", interval_seconds: float = 5.0
    ) -> None:
        """``interval_seconds``: how soon a change is seen. Two small files are read each time."""
        self._of = of
        self._directory = directory
        self._live = live
        self._interval_seconds = interval_seconds

    def load(self) -> bool:
        """Read the files once; True if the certificate in use changed.

        Raises:
            CertificateError: a file is missing or the pair is unusable.
        """
        try:
            pair = KeyPair(
                certificate=(self._directory / CERTIFICATE_FILE).read_bytes(),
                key=(self._directory / KEY_FILE).read_bytes(),
            )
        except OSError as error:
            raise CertificateError(
                f"cannot read the {self._of} certificate: {error}; put {CERTIFICATE_FILE} and {KEY_FILE} into "
                f"{self._directory}, or let this program manage its certificates"
            ) from error
        return self._live.use(pair)

    async def run(self) -> None:
        """Look at the files for ever. What goes wrong is logged once and tried again at the next look."""
        complaint = ""
        while True:
            await asyncio.sleep(self._interval_seconds)
            try:
                changed = await asyncio.to_thread(self.load)
            except CertificateError as error:
                if str(error) != complaint:
                    _log.warning(f"the {self._of} certificate was not reloaded", error=str(error))
                complaint = str(error)
                continue
            complaint = ""
            if changed:
                _log.info(f"the {self._of} certificate was reloaded", directory=str(self._directory))
