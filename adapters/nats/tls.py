"""TLS towards a NATS server."""

import ssl
from pathlib import Path

from adapters.journal.errors import UnsuitableServer


def tls_context(
    ca_file: Path | None, cert_file: Path | None, key_file: Path | None, *, wanted: bool
) -> ssl.SSLContext | None:
    """None unless TLS is ``wanted`` or files are given. Raises ``UnsuitableServer`` for files that cannot be used."""
    if not wanted and not any((ca_file, cert_file, key_file)):
        return None
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if cert_file is not None:
            context.load_cert_chain(cert_file, key_file)
    except (OSError, ssl.SSLError) as error:
        raise UnsuitableServer(f"TLS files for NATS cannot be used: {error}") from error
    return context
