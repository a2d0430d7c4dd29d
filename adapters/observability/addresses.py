"""Addresses to listen on as the reference writes them: ``:8443``, ``127.0.0.1:8443``, ``[::1]:8443``, ``0``."""

import ipaddress
from typing import NamedTuple

OFF = "0"


class Address(NamedTuple):
    """Where a server listens. ``host`` is empty for all addresses."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine (in a cluster: this pod) can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_address(text: str) -> Address | None:
    """The address; None where the server is switched off. Raises ``ValueError``."""
    if text == OFF:
        return None
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdecimal() or int(port) > 65535 or (":" in host and bare == host):
        raise ValueError('must be an address such as ":8443", "127.0.0.1:8443" or "[::1]:8443", or "0" for off')
    return Address(bare, int(port))
