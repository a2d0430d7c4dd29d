"""Where the page is served: ``0`` for nowhere, ``8082`` on loopback, or an address as the other servers take them."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from adapters.observability.addresses import Address, parse_address

LOOPBACK: Final = "127.0.0.1"


def page_address(text: str) -> Address | None:
    """The address; None where the page is off. A bare port is one of loopback. Raises ``ValueError``."""
    if text.isdecimal() and int(text):
        text = f"{LOOPBACK}:{text}"
    try:
        return parse_address(text)
    except ValueError as error:
        raise ValueError(
            'must be a port of loopback such as "8082", an address such as "127.0.0.1:8082" or ":8082", or "0" for off'
        ) from error


def is_own_host(header: str) -> bool:
    """Whether a ``Host`` header names loopback.

    A page of another site may let its own name point here (DNS rebinding); its browser then says that name.
    """
    try:
        host = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
