"""Certificates that this program makes, keeps in a Secret, renews and has the API server trust (spec 10.8).

Every replica does this, without election: the Secret's version decides who was first, the others take what they find.
What is found is checked on every pass, so an empty, foreign or edited Secret heals, and so does a webhook configuration
that was applied anew without its bundle. A renewed authority replaces the old one at once, as in the reference.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from adapters.webhooks.certificates import (
    LOOK_AHEAD,
    ServerIdentity,
    authority_is_usable,
    make_authority,
    make_server_certificate,
    server_is_usable,
)
from adapters.webhooks.errors import CertificateError
from adapters.webhooks.stores import SecretStore, WebhookConfigurations
from adapters.webhooks.tls import KeyPair, LiveCertificate

CA_CERTIFICATE: Final = "ca.crt"
CA_KEY: Final = "ca.key"
CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"

_WRITE_ATTEMPTS_MAX: Final = 10

_log = structlog.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class CertificateRotator:
    """Keeps the Secret, the certificate in use and the webhook configurations in step."""

    def __init__(
        self,
        secrets: SecretStore,
        configurations: WebhookConfigurations,
        live: LiveCertificate,
        *,
        identity: ServerIdentity,
        now: Callable[[], datetime] = _utc_now,
        interval_seconds: float = 30.0,
        retry_seconds: float = 2.0,
    ) -> None:
        """``interval_seconds``: how soon another replica's renewal, or an edit of Secret or configuration, is seen.

        A pass costs three reads of the API server and no write where nothing has changed. While there is a ``problem``
        the next pass comes after ``retry_seconds``.
        """
        self.problem = "no certificate has been made yet"
        """Why the API server cannot ask this server yet, in words for a readiness check; empty when it can."""
        self._secrets = secrets
        self._configurations = configurations
        self._live = live
        self._identity = identity
        self._now = now
        self._interval_seconds = interval_seconds
        self._retry_seconds = min(retry_seconds, interval_seconds)

    async def ensure(self) -> None:
        """One pass: a usable pair in the Secret and in use, its authority in the configurations.

        Raises:
            CertificateError: the Secret kept changing under our hands.
            KubernetesError: with the stores of ``cluster``, whatever they raise.
        """
        authority, server = await self._from_secret()
        # Trust before use: with the new certificate shown first, every review would fail until the injection.
        changed = await self._configurations.inject(authority.certificate)
        if changed:
            _log.info("the webhook configurations trust the authority now", webhooks=changed)
        if self._live.use(server):
            _log.info("the webhook certificate is in use", names=list(self._identity.dns_names))

    async def run(self) -> None:
        """Pass after pass, for ever. A pass that fails is logged, once; the certificate in use stays."""
        while True:
            problem = await self._pass()
            if problem and problem != self.problem:
                _log.warning("webhooks cannot be asked yet", problem=problem)
            self.problem = problem
            await asyncio.sleep(self._retry_seconds if problem else self._interval_seconds)

    async def _pass(self) -> str:
        """One pass; what is wrong after it."""
        try:
            await self.ensure()
        except Exception as error:  # whatever the cluster's answer was: the next pass tries again
            return f"the webhook certificate was not checked: {error}"
        missing = self._configurations.missing
        if missing:
            return f"not found: {', '.join(missing)}; install the manifests, or run with --no-webhooks"
        return ""

    async def _from_secret(self) -> tuple[KeyPair, KeyPair]:
        """Authority and server pair as the Secret holds them, renewed where they do not do."""
        for _ in range(_WRITE_ATTEMPTS_MAX):
            content = await self._secrets.read()
            data = {} if content is None else dict(content.data)
            found = _pair(data, CA_CERTIFICATE, CA_KEY), _pair(data, CERTIFICATE, KEY)
            authority, server = self._renewed(*found)
            if (authority, server) == found:
                return found
            data |= {
                CA_CERTIFICATE: authority.certificate,
                CA_KEY: authority.key,
                CERTIFICATE: server.certificate,
                KEY: server.key,
            }
            if await self._secrets.write(data, version=None if content is None else content.version):
                _log.info("the webhook certificate was renewed", new_authority=authority != found[0])
                return authority, server
        raise CertificateError(
            f"the Secret of the webhook certificate changed {_WRITE_ATTEMPTS_MAX} times while it was being written: "
            "is another controller writing it?"
        )

    def _renewed(self, authority: KeyPair, server: KeyPair) -> tuple[KeyPair, KeyPair]:
        now = self._now()
        at = now + LOOK_AHEAD
        if not authority_is_usable(authority, at=at):
            authority = make_authority(now=now)
        if not server_is_usable(server, authority, self._identity, at=at):
            server = make_server_certificate(authority, self._identity, now=now)
        return authority, server


def _pair(data: dict[str, bytes], certificate: str, key: str) -> KeyPair:
    return KeyPair(certificate=data.get(certificate, b""), key=data.get(key, b""))
