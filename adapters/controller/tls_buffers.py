"""Keep a TLS connection from costing a quarter of a MiB.

asyncio gives each TLS connection a read buffer of 256 KiB, and each of its reads allocates as much again, although no
TLS record is larger than 16 KiB. The API server opens dozens of connections to the webhooks while pods come in a storm,
and the executor dozens to the API server: measured with 100 groups of 8, 22 of 124 MiB were these buffers. There is no
public setting for it; where the attribute should disappear one day, nothing but the saving is lost.
"""

from asyncio import sslproto
from typing import Any, Final

READ_BUFFER_BYTES: Final = 32 * 1024
"""Two records: large listings still come in few reads."""


def shrink_tls_buffers() -> None:
    """For all connections of this process that are opened from now on."""
    protocol: Any = sslproto.SSLProtocol
    protocol.max_size = READ_BUFFER_BYTES
