"""How NATS is reached: addresses, and who we are."""

from pathlib import Path

import msgspec


class ConnectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the servers are and who we are. Everything but ``url`` is optional."""

    url: str
    """One or more, separated by commas; ``tls://`` asks for TLS."""
    user: str | None = None
    password: str | None = None
    token: str | None = None
    credentials_file: Path | None = None
    """A ``.creds`` file with a user's JWT and seed."""
    tls_ca_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None

    @property
    def place(self) -> str:
        """``url`` as it may be told: without users and passwords."""
        return ",".join(_without_user(url) for url in self.url.split(","))


def _without_user(url: str) -> str:
    scheme, separator, rest = url.rpartition("//")
    return scheme + separator + rest.rpartition("@")[2]
