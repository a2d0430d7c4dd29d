"""The two places in the cluster that certificate rotation writes to, as ports, with their in-memory doubles.

``cluster`` has the real ones. A write is refused, not forced, when somebody else was faster: several replicas rotate
the same Secret without election.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class SecretContent(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a Secret, and the version to write it back against."""

    data: Mapping[str, bytes]
    version: str


class SecretStore(Protocol):
    """One Secret."""

    async def read(self) -> SecretContent | None:
        """The present content; None where the Secret does not exist."""

    async def write(self, data: Mapping[str, bytes], *, version: str | None) -> bool:
        """Replace the data of that version, or create the Secret where ``version`` is None.

        False where the Secret has changed, or come into being, in the meantime: read again.
        """


class WebhookConfigurations(Protocol):
    """The mutating and the validating webhook configuration."""

    @property
    def missing(self) -> Sequence[str]:
        """What did not exist at the last injection: nobody asks this server until it is installed."""

    async def inject(self, ca_bundle: bytes) -> int:
        """Make every webhook of both trust this bundle (PEM). How many webhooks changed; 0 writes nothing."""


class InMemorySecretStore:
    """A Secret for tests and for programs without a cluster."""

    def __init__(self, content: Mapping[str, bytes] | None = None) -> None:
        self._content = None if content is None else SecretContent(data=dict(content), version="1")

    async def read(self) -> SecretContent | None:
        """The present content."""
        return self._content

    async def write(self, data: Mapping[str, bytes], *, version: str | None) -> bool:
        """Replace the content if the version is the present one."""
        present = None if self._content is None else self._content.version
        if version != present:
            return False
        self._content = SecretContent(data=dict(data), version=str(int(present or "0") + 1))
        return True


class InMemoryWebhookConfigurations:
    """Remembers what was injected."""

    def __init__(self) -> None:
        self.ca_bundle = b""
        self.missing: Sequence[str] = ()

    async def inject(self, ca_bundle: bytes) -> int:
        """One webhook, so to speak."""
        changed = int(ca_bundle != self.ca_bundle)
        self.ca_bundle = ca_bundle
        return changed
