"""TLS versions and cipher suites by the names that Kubernetes programs use, as settings of our servers (spec 10.3).

Names are those of the IANA registry as Go knows them, insecure ones included; OpenSSL has other names for the same
suites. The suites of TLS 1.3 cannot be chosen, neither in Go nor here: naming them is allowed and changes nothing,
unless nothing else is named, which leaves TLS 1.3 alone. Messages are the reference's.
"""

import ssl
from collections.abc import Sequence
from typing import Final

from adapters.webhooks.tls import TlsSettings

_VERSIONS: Final = {"VersionTLS12": ssl.TLSVersion.TLSv1_2, "VersionTLS13": ssl.TLSVersion.TLSv1_3}
_TOO_OLD: Final = ("VersionTLS10", "VersionTLS11")
_OF_TLS13: Final = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
_OPENSSL_NAMES: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA": "ECDHE-ECDSA-RC4-SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA": "ECDHE-RSA-DES-CBC3-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA": "ECDHE-RSA-RC4-SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA": "DES-CBC3-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_RC4_128_SHA": "RC4-SHA",
}
_FAILED: Final = "unable to parse TLS options from configuration"
_PLEASE: Final = "Please use VersionTLS12 or VersionTLS13"


def tls_settings(*, minimum_version: str, suites: Sequence[str]) -> TlsSettings:
    """What a server is to accept. Empty: TLS 1.2, and the suites that OpenSSL takes by default.

    Raises ``ValueError`` for what cannot be done, with the reference's message.
    """
    if minimum_version in _TOO_OLD:
        raise ValueError(f"{_FAILED}: invalid minVersion. {_PLEASE}")
    if minimum_version and minimum_version not in _VERSIONS:
        raise ValueError(f'{_FAILED}: invalid minVersion: unknown tls version "{minimum_version}". {_PLEASE}')
    minimum = _VERSIONS[minimum_version or "VersionTLS12"]
    if not suites:
        return TlsSettings(minimum_version=minimum)
    if minimum is ssl.TLSVersion.TLSv1_3:
        raise ValueError(f"{_FAILED}: cipher suites may not be specified when minVersion is 'VersionTLS13'")
    for suite in suites:
        if suite not in _OF_TLS13 and not _is_there(suite):
            known = ", ".join(sorted([*_OF_TLS13, *filter(_is_there, _OPENSSL_NAMES)]))
            raise ValueError(
                f"{_FAILED}: invalid cipher suites: Cipher suite {suite} not supported or doesn't exist. "
                f"There are: {known}"
            )
    chosen = [_OPENSSL_NAMES[suite] for suite in suites if suite not in _OF_TLS13]
    if not chosen:
        return TlsSettings(minimum_version=ssl.TLSVersion.TLSv1_3)
    return TlsSettings(minimum_version=minimum, ciphers=":".join(chosen))


def _is_there(suite: str) -> bool:
    """Whether it is known by that name, and this build of OpenSSL has it: RC4 and 3DES are gone from most."""
    if suite not in _OPENSSL_NAMES:
        return False
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(_OPENSSL_NAMES[suite])
    except ssl.SSLError:
        return False
    return True
